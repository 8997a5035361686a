"""The access token between two commands: a 0600 file, so that a second `oob` does not sign in again."""

from __future__ import annotations

import contextlib
from pathlib import Path

import msgspec

from outofband.core.secrets import write_private


class _Held(msgspec.Struct):
    token: str
    expires: float
    owner: str


class TokenCache:
    """One token in one file. `owner` names identity and server: a token for another is never given out."""

    def __init__(self, file: Path, owner: str) -> None:
        self._file = file
        self._owner = owner
        self._held: _Held | None = None

    def get(self, valid_until: float, refused: str | None = None) -> str | None:
        """The token, if it is good until `valid_until` (seconds since the epoch) and not the `refused` one.

        One that another `oob` put into the file meanwhile counts too.
        """
        if not self._will_do(self._held, valid_until, refused):
            self._held = self._read()
            if not self._will_do(self._held, valid_until, refused):
                return None
        assert self._held is not None
        return self._held.token

    def put(self, token: str, expires: float) -> None:
        self._held = _Held(token, expires, self._owner)
        # On a full or read-only disk the next command signs in again; that is no reason to fail this one.
        with contextlib.suppress(OSError):
            write_private(self._file, msgspec.json.encode(self._held))

    def _will_do(self, held: _Held | None, valid_until: float, refused: str | None) -> bool:
        if held is None or held.owner != self._owner or held.token == refused:
            return False
        return held.expires > valid_until

    def _read(self) -> _Held | None:
        try:
            return msgspec.json.decode(self._file.read_bytes(), type=_Held)
        except (OSError, msgspec.MsgspecError):
            return None
