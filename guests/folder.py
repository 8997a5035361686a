"""What every recipe does with its output folder: one builder at a time, whole files, one password."""

from __future__ import annotations

import errno
import fcntl
import os
import secrets
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from guests.packages import GuestError

PASSWORD_FILE: Final = "password"  # noqa: S105 - a file name
PASSWORD_MAX: Final = 64  # characters
PASSWORD_LETTERS: Final = "abcdefghijkmnpqrstuvwxyz23456789"  # noqa: S105 - none reads like another one


def check_password(password: str) -> None:
    """Raises GuestError for one that cannot be typed on a serial console."""
    if not 1 <= len(password) <= PASSWORD_MAX or not (password.isascii() and password.isprintable()):
        raise GuestError(
            "The password is not usable on a serial console.",
            f"Take one of 1 to {PASSWORD_MAX} printable ASCII characters.",
        )


def password_from(file: Path | None, out: Path) -> str:
    """The first line of `file`, or else of the output folder's own password file, made up the first time."""
    path = file or out / PASSWORD_FILE
    try:
        if file is None and not path.exists():
            out.mkdir(parents=True, exist_ok=True)
            groups = ["".join(secrets.choice(PASSWORD_LETTERS) for _ in range(4)) for _ in range(3)]
            write_whole(path, "-".join(groups).encode() + b"\n")
        return path.read_text().partition("\n")[0]
    except (OSError, UnicodeDecodeError) as failed:
        raise GuestError(f"The password file cannot be used: {failed}.", "Give another one.") from failed


def write_whole(path: Path, content: bytes) -> None:
    """Replace a file at once."""
    # Outputs hold the password's hash: they stay for their owner only, as mkstemp makes them.
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


@contextmanager
def locked(out: Path) -> Iterator[None]:
    """Be the only builder of this folder."""
    with (out / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@contextmanager
def told_of_disks(out: Path, needed: int) -> Iterator[None]:
    """Turn what the file system says into a GuestError; `needed` are the bytes a build takes."""
    try:
        yield
    except OSError as failed:
        if failed.errno in (errno.ENOSPC, errno.EDQUOT):
            raise no_room(out, needed) from failed
        where = failed.filename or out
        raise GuestError(f"{where}: {failed.strerror}.", "Choose a folder you may write to.") from failed


def no_room(out: Path, needed: int) -> GuestError:
    """The error for a disk that is too full."""
    return GuestError(
        f"There is no room for the guest in {out}.", f"It needs {needed // 2**20} MiB free: make room."
    )
