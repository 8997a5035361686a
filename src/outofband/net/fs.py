"""Disk space below a file: allocate it ahead, give it back from the middle. Linux fallocate(2) by libc.

`os.posix_fallocate` has no flags and would grow the file; both calls here leave the size alone, because the
size of a spool is the offset of its port.
"""

from __future__ import annotations

import ctypes
import errno
import os
import tempfile
from pathlib import Path

_KEEP_SIZE = 0x01
_PUNCH_HOLE = 0x02
_PROBE_BYTES = 256 * 1024

_libc = ctypes.CDLL(None, use_errno=True)
_fallocate = _libc.fallocate64 if hasattr(_libc, "fallocate64") else _libc.fallocate
_fallocate.argtypes = (ctypes.c_int, ctypes.c_int, ctypes.c_int64, ctypes.c_int64)
_fallocate.restype = ctypes.c_int


def _call(fd: int, mode: int, offset: int, length: int) -> None:
    while _fallocate(fd, mode, offset, length) != 0:
        code = ctypes.get_errno()
        if code != errno.EINTR:
            raise OSError(code, os.strerror(code))


def punch(fd: int, offset: int, length: int) -> None:
    """Give the blocks of `[offset, offset + length)` back; the bytes read as zeros, the size stays.

    Raises OSError, EOPNOTSUPP where the file system cannot.
    """
    _call(fd, _PUNCH_HOLE | _KEEP_SIZE, offset, length)


def reserve(fd: int, offset: int, length: int) -> None:
    """Allocate blocks for `[offset, offset + length)`, also past the end; the size stays.

    Raises OSError: ENOSPC when there is no room, EOPNOTSUPP where the file system cannot.
    """
    _call(fd, _KEEP_SIZE, offset, length)


def free_bytes(fd: int) -> int:
    """Room this process may still fill on the file system of `fd`; root may use the reserved blocks too."""
    stat = os.fstatvfs(fd)
    blocks = stat.f_bfree if os.geteuid() == 0 else stat.f_bavail
    return blocks * stat.f_frsize


def block_size(fd: int) -> int:
    """Unit of allocation in bytes: where a full disk cuts a write short."""
    return max(512, os.fstatvfs(fd).f_frsize)


def supports_hole_punching(directory: Path) -> bool:
    """Whether files in `directory` can give back blocks and keep their size; tried on a scratch file."""
    with tempfile.TemporaryFile(dir=directory) as scratch:
        fd = scratch.fileno()
        full = False
        try:
            os.write(fd, b"x" * _PROBE_BYTES)
            # Blocks that were never allocated could not be seen to go away.
            os.fsync(fd)
        except OSError as error:
            if error.errno not in (errno.ENOSPC, errno.EDQUOT):
                raise
            full = True
        before = os.fstat(fd).st_blocks
        try:
            punch(fd, 0, _PROBE_BYTES)
        except OSError:
            return False
        if full:
            # A full disk leaves nothing to see, but a file system that cannot would have refused.
            return True
        after = os.fstat(fd)
        return after.st_size == _PROBE_BYTES and after.st_blocks < before


def file_system(directory: Path) -> str:
    """Type of the file system that holds `directory`, as the kernel names it: ext4, tmpfs, nfs4 ..."""
    device = directory.stat().st_dev
    wanted = f"{os.major(device)}:{os.minor(device)}"
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        place, _, kind = line.partition(" - ")
        if place.split()[2] == wanted:
            return kind.split()[0]
    return "unknown"
