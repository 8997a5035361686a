"""The FIFO through which a serial port is typed at: made anew before each start, opened to write.

QEMU's `-chardev pipe,path=P` prints to P.out, and opens P.in to read and to write: writers come and go, and
it sees no end. A terminal host (ptyhost) reads its FIFO in the same way.
Few imports on purpose: a terminal host is one process for each machine.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import select
import struct
import termios

PIPE_BYTES = 4096
"""Typed bytes the kernel keeps for a port that does not read (a page at least): no more can be typed late."""


def in_name(port: str) -> str:
    """File name of a port's FIFO; `port` is the name without its ending, as `serial0`."""
    return f"{port}.in"


def prepare(directory: str | os.PathLike[str], port: str) -> None:
    """What QEMU's pipe chardev wants to find: P.in, new, and P.out, which is nowhere. Raises OSError.

    Output goes to no pipe at all, because the chardev's log has it: nobody has to read, nothing can be full.
    """
    renew(directory, port)
    sink = os.path.join(directory, f"{port}.out")  # noqa: PTH118 - pathlib is an import
    fresh = f"{sink}.new"
    with contextlib.suppress(FileNotFoundError):
        os.unlink(fresh)  # noqa: PTH108
    os.symlink("/dev/null", fresh)  # noqa: PTH211
    os.replace(fresh, sink)  # noqa: PTH105


def renew(directory: str | os.PathLike[str], port: str) -> None:
    """Put an empty FIFO that nobody has open in the place of the last one.

    Raises OSError, EBUSY when somebody still reads the last one: it belongs to a guest that runs.
    """
    path = os.path.join(directory, in_name(port))  # noqa: PTH118
    try:
        os.close(open_writer(path))
    except OSError as error:
        if error.errno not in (errno.ENXIO, errno.ENOENT):
            raise
    else:
        raise OSError(errno.EBUSY, f"another process reads {in_name(port)} already")
    fresh = f"{path}.new"
    with contextlib.suppress(FileNotFoundError):
        os.unlink(fresh)  # noqa: PTH108
    os.mkfifo(fresh, 0o600)
    os.replace(fresh, path)  # noqa: PTH105


def open_writer(path: str | os.PathLike[str]) -> int:
    """A non-blocking descriptor to type with. Raises OSError, ENXIO when nobody reads."""
    fd = os.open(path, os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    # Full beyond the new size it cannot shrink yet (EBUSY): the next one to open it tries again.
    with contextlib.suppress(OSError):
        fcntl.fcntl(fd, fcntl.F_SETPIPE_SZ, PIPE_BYTES)
    return fd


def has_reader(fd: int) -> bool:
    """Whether the FIFO is still read; one whose last reader has left never gets another."""
    poll = select.poll()
    poll.register(fd, 0)
    return not poll.poll(0)


def unread(fd: int) -> int:
    """Bytes in it that nobody has read."""
    found: int = struct.unpack("i", fcntl.ioctl(fd, termios.FIONREAD, bytes(4)))[0]
    return found


def drain(path: str | os.PathLike[str]) -> int:
    """Take back what nobody has read; how many bytes. Whoever reads it now is not disturbed."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return 0
    count = 0
    try:
        while taken := len(os.read(fd, PIPE_BYTES)):
            count += taken
    except BlockingIOError:
        pass
    finally:
        os.close(fd)
    return count
