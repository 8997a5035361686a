"""One process per SQLite file, on a local disk: the two conditions under which SQLite keeps its promises."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from outofband.core.errors import Fault

# Locks on these are advisory at best, and a shared memory map (WAL's index) between hosts does not exist.
NETWORK_FILESYSTEMS = frozenset(
    {
        "nfs",
        "nfs4",
        "cifs",
        "smb3",
        "smbfs",
        "9p",
        "afs",
        "ceph",
        "glusterfs",
        "lustre",
        "fuse.sshfs",
        "fuse.glusterfs",
    }
)
_MAX_PID_TEXT = 32


class ProcessLock:
    """An exclusive lock beside the database file. The kernel drops it with the process, so a kill leaves
    none.
    """

    def __init__(self, database: Path) -> None:
        self._database = database
        self._path = database.with_name(database.name + ".lock")
        self._handle: int | None = None

    def acquire(self) -> None:
        """Take the lock at once. Raises Fault StoreInUse when another process, or this one, holds it."""
        handle = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            holder = os.read(handle, _MAX_PID_TEXT).decode("ascii", "replace").strip()
            os.close(handle)
            raise Fault("StoreInUse", path=str(self._database), pid=holder or "?") from error
        os.ftruncate(handle, 0)
        os.pwrite(handle, f"{os.getpid()}\n".encode(), 0)
        self._handle = handle

    def release(self) -> None:
        """Give the lock back. The file stays: without it two processes could lock two different files."""
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None


def refuse_network_filesystem(directory: Path, mounts: str | None = None) -> None:
    """Raise Fault StoreOnNetworkFilesystem when `directory` lies on one. `mounts` is mountinfo text
    (proc(5)).
    """
    if mounts is None:
        try:
            mounts = Path("/proc/self/mountinfo").read_text("utf-8", "replace")
        except OSError:
            return
    place = directory.resolve()
    deepest, filesystem = -1, ""
    for line in mounts.splitlines():
        fields, separator, tail = line.partition(" - ")
        if not separator:
            continue
        point = Path(fields.split()[4].encode().decode("unicode_escape"))
        # A later mount on the same point hides the earlier one, hence >=.
        if place.is_relative_to(point) and len(point.parts) >= deepest:
            deepest, filesystem = len(point.parts), tail.split()[0]
    if filesystem in NETWORK_FILESYSTEMS:
        raise Fault("StoreOnNetworkFilesystem", path=str(directory), fs=filesystem)
