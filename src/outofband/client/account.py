"""The files of the person who signed in with `oob login`: all 0600, in one folder of the state directory.

    profile.json    who, and where; written last: without it nobody is signed in
    trust.pem       the authorities trusted there
    refresh-token   good for the next access token, once: the control plane gives another with it
    token.json      the access token

Invariant: whoever uses the refresh token holds the lock and has put the next one in its place before anybody
else may look. Used twice it would end the sign-in, for that is how theft shows (RFC 9700 section 4.14.2).
"""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

import msgspec

from outofband.client.profile import PersonProfile, person_profile, private
from outofband.client.tokens import TokenCache
from outofband.core import clock
from outofband.core.errors import Fault
from outofband.core.paths import StateDir
from outofband.core.secrets import remove_private, write_private

LOCK_SECONDS = 45.0
"""Longer than one renewal may take."""
_POLL_SECONDS = 0.05


class _Kept(msgspec.Struct):
    owner: str
    token: str


class Account:
    """One state directory's place for a person. Paths and small files; nothing here talks to anybody."""

    def __init__(self, state: StateDir) -> None:
        self._state = state
        self._folder = state.account
        self.trust = self._folder / "trust.pem"
        self._profile = self._folder / "profile.json"
        self._refresh = self._folder / "refresh-token"
        self._access = self._folder / "token.json"

    @property
    def profile(self) -> PersonProfile | None:
        """Raises Fault StateUnsafe or AccountInvalid."""
        return person_profile(self._state)

    def access_token(self, profile: PersonProfile) -> TokenCache:
        return TokenCache(self._access, profile.owner)

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """One `oob` at a time. Raises Fault AnotherSignsIn when another holds it for LOCK_SECONDS."""
        with _writing(self._state.client):
            # One by one: `parents` gives the mode to the last folder only.
            self._state.root.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._state.client.mkdir(mode=0o700, exist_ok=True)
            # Beside the folder, not in it: who waits must not wait on a file that was removed.
            handle = os.open(
                self._state.client / "account.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600
            )
        try:
            _acquire(handle, self._state.client)
            yield
        finally:
            os.close(handle)

    def keep(self, profile: PersonProfile, trust: str, refresh_token: str) -> None:
        """Put a person in the place of whoever was there. Call with the lock held."""
        self.remove()
        with _writing(self._folder):
            write_private(self.trust, trust)
            self._write_refresh(profile, refresh_token)
            self._write_profile(profile)

    def update(self, profile: PersonProfile) -> None:
        """Write the profile of the same person anew."""
        with _writing(self._folder):
            self._write_profile(profile)

    def remove(self) -> None:
        """Forget the person. The profile goes first: half an account is nobody's. Call with the lock held."""
        with _writing(self._folder):
            for file in (self._profile, self._refresh, self._access, self.trust):
                remove_private(file)
            if self._folder.exists():
                self._folder.rmdir()

    def refresh_token(self, profile: PersonProfile) -> str | None:
        """The next refresh token of this very person; None when somebody else signed in, or nobody is."""
        try:
            kept = msgspec.json.decode(private(self._refresh), type=_Kept)
        except (msgspec.MsgspecError, Fault):
            return None
        return kept.token if kept.owner == profile.owner else None

    def replace_refresh_token(self, profile: PersonProfile, token: str) -> None:
        """Put the next one in its place, atomically. Raises Fault StateNotWritable."""
        with _writing(self._folder):
            self._write_refresh(profile, token)

    def _write_refresh(self, profile: PersonProfile, token: str) -> None:
        write_private(self._refresh, msgspec.json.encode(_Kept(profile.owner, token)))

    def _write_profile(self, profile: PersonProfile) -> None:
        write_private(self._profile, msgspec.json.format(msgspec.json.encode(profile, enc_hook=str)) + b"\n")


@contextlib.contextmanager
def _writing(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise Fault("StateNotWritable", path=str(folder), detail=error.strerror or str(error)) from error


def _acquire(handle: int, folder: Path) -> None:
    began = clock.monotonic()
    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            if clock.monotonic() - began > LOCK_SECONDS:
                raise Fault("AnotherSignsIn", path=str(folder), seconds=int(LOCK_SECONDS)) from error
            clock.pause(_POLL_SECONDS)
        else:
            return
