"""Files that prove that a program may have the host's tokens: it can read the folder that they are in.

Each is good for one request and for a minute. The folder is the agent's (or root's) alone to write; its
group, if agent.toml names one, may read it, and nobody else.
"""

from __future__ import annotations

import contextlib
import grp
import hmac
import os
import stat
import uuid
from pathlib import Path

from outofband.core import clock, secrets
from outofband.core.errors import Fault

LIFE_SECONDS = 60.0
MAX_FILES = 64
"""Open challenges; with more the oldest is forgotten."""
SUFFIX = ".key"
"""The only one that clients read."""


class KeyFiles:
    def __init__(self, folder: Path, group: str = "") -> None:
        self._folder = folder
        self._group = group
        self._open: dict[str, tuple[Path, float]] = {}
        """By secret: its file, and when it was made."""

    def prepare(self) -> None:
        """Make the folder, or check the one there is; remove what an earlier life left.

        Raises Fault TokenFolderUnsafe.
        """
        gid = self._gid()
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            # Not a link to somewhere else, whoever made it.
            handle = os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        except OSError as error:
            raise self._unsafe(f"it cannot be opened: {error.strerror}") from error
        try:
            found = os.fstat(handle)
            if found.st_uid not in (os.geteuid(), 0):
                raise self._unsafe("it belongs to another user")
            if found.st_uid == os.geteuid():
                if gid is not None:
                    os.fchown(handle, -1, gid)
                os.fchmod(handle, 0o750 if gid is not None else 0o700)
            elif stat.S_IMODE(found.st_mode) & 0o007:
                raise self._unsafe("everybody may read it or write to it")
            # Of the folder that was checked, whatever its path leads to by now.
            for name in os.listdir(handle):  # noqa: PTH208
                if name.startswith("oob-") and name.endswith(SUFFIX):
                    os.unlink(name, dir_fd=handle)
        except OSError as error:
            raise self._unsafe(error.strerror or str(error)) from error
        finally:
            os.close(handle)

    def make(self) -> Path:
        """A new file. Raises OSError when the folder takes none."""
        self._forget(clock.monotonic())
        path = self._folder / f"oob-{uuid.uuid4()}{SUFFIX}"
        secret, gid = secrets.token(), self._gid()
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        with os.fdopen(handle, "w") as file:
            if gid is not None:
                os.fchown(handle, -1, gid)
                os.fchmod(handle, 0o640)
            file.write(secret)
        self._open[secret] = path, clock.monotonic()
        return path

    def redeem(self, secret: str) -> bool:
        """Whether this is the text of a file, which is gone then."""
        self._forget(clock.monotonic())
        for known in list(self._open):
            if hmac.compare_digest(known.encode(), secret.encode()):
                self._remove(known)
                return True
        return False

    def close(self) -> None:
        for secret in list(self._open):
            self._remove(secret)

    def _forget(self, now: float) -> None:
        over = [secret for secret, (_, made) in self._open.items() if now - made >= LIFE_SECONDS]
        for secret in over or list(self._open)[: max(0, len(self._open) - MAX_FILES + 1)]:
            self._remove(secret)

    def _remove(self, secret: str) -> None:
        path, _ = self._open.pop(secret)
        with contextlib.suppress(OSError):
            path.unlink()

    def _gid(self) -> int | None:
        if not self._group:
            return None
        try:
            return grp.getgrnam(self._group).gr_gid
        except KeyError as error:
            raise self._unsafe(f"there is no group '{self._group}' on this host") from error

    def _unsafe(self, detail: str) -> Fault:
        return Fault("TokenFolderUnsafe", path=str(self._folder), detail=detail)
