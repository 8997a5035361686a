"""A port that is a terminal device of this host (a UART, a USB adapter, a pseudo terminal): the agent opens
it raw, reads it and writes the spool itself.

The device is nobody's controlling terminal and, while it is open here, nobody else's: the kernel's exclusive
mode keeps ordinary programs out, the lock those that know the convention (and root's).
"""

from __future__ import annotations

import array
import asyncio
import contextlib
import errno
import fcntl
import os
import termios
from pathlib import Path

from outofband.agent.ports.hub import PortHub
from outofband.agent.ports.keys import Keys
from outofband.agent.ports.line import SCRATCH_BYTES, scratch, scratch_view
from outofband.agent.ports.source import Listener
from outofband.agent.ports.spool import Spool
from outofband.net.backoff import Backoff

TURN_READS = 16
"""Most reads from one device before the others have their turn."""


def open_raw(path: Path, baud: int) -> int:
    """The device, open to read and write without waiting: eight bits, no parity, no flow control, nothing
    translated. Raises OSError.
    """
    fd = os.open(path, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        if not os.isatty(fd):
            raise OSError(errno.ENOTTY, "it is no terminal device")
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise OSError(errno.EBUSY, "another program has it open") from error
        fcntl.ioctl(fd, termios.TIOCEXCL)
        _set_raw(fd, baud)
    except BaseException:
        os.close(fd)
        raise
    return fd


def _set_raw(fd: int, baud: int) -> None:
    speed: int = getattr(termios, f"B{baud}")
    control = termios.tcgetattr(fd)[6]
    control[termios.VMIN], control[termios.VTIME] = b"\x01", b"\x00"
    # CLOCAL: a cable without a carrier is a cable. No HUPCL: closing must not reset what hangs on the line.
    flags = termios.CS8 | termios.CREAD | termios.CLOCAL
    wanted = [termios.IGNBRK, 0, flags, 0, speed, speed, control]
    try:
        termios.tcsetattr(fd, termios.TCSANOW, wanted)
        # It succeeds when any part of it could be done.
        taken = termios.tcgetattr(fd)[4:6]
    except termios.error as error:
        raise OSError(*error.args) from error
    if taken != [speed, speed]:
        raise OSError(errno.EINVAL, f"it does not take {baud} baud")


class UartSource:
    """The device at `path`. One that is not there, or was pulled out, is opened as soon as it is back."""

    writes_spool = True

    def __init__(self, hub: PortHub, path: Path, baud: int) -> None:
        self.hub = hub
        self.fault: tuple[str, dict[str, object]] | None = None
        self._path, self._baud = path, baud
        self._fd = -1
        self._keys = Keys(hub.loop, self._taken, self._lost)
        self._backoff = Backoff(first=0.1, limit=5.0)
        self._retry: asyncio.TimerHandle | None = None
        self._spool: Spool | None = None
        self._listener: Listener | None = None

    @property
    def connected(self) -> bool:
        return self._fd >= 0

    @property
    def queued(self) -> int:
        return self._keys.queued

    @property
    def delivered(self) -> int:
        return self._keys.taken

    @property
    def settled(self) -> bool:
        return not self._keys.pending and not self._unsent()

    def open(self, spool: Spool, listener: Listener) -> None:
        self._spool, self._listener = spool, listener
        spool.foreign = False
        self._dial()

    def close(self) -> None:
        self._listener = None
        if self._retry is not None:
            self._retry.cancel()
            self._retry = None
        if self.connected:
            # What came already is worth keeping.
            self._read()
        self._hang_up()
        self._keys.discard()
        self._spool = None

    # --- the device ---

    def _dial(self) -> None:
        self._retry = None
        try:
            self._fd = open_raw(self._path, self._baud)
        except OSError as error:
            self._set_fault(f"{self._path}: {_why(error)}")
            self._dial_later()
            return
        self._backoff.reset()
        self.fault = None
        # What was typed meanwhile was meant for what hung on the line then.
        self._drop()
        self._keys.attach(self._fd)
        self.hub.loop.add_reader(self._fd, self._readable)
        if self._listener is not None:
            self._listener.changed()

    def _dial_later(self) -> None:
        if self._listener is not None and self._retry is None:
            self._retry = self.hub.loop.call_later(self._backoff.next(), self._dial)

    def _hang_up(self) -> None:
        if self._fd < 0:
            return
        fd, self._fd = self._fd, -1
        self.hub.loop.remove_reader(fd)
        self._keys.detach()
        # The mode outlives the descriptor, where somebody else has the device open as well.
        with contextlib.suppress(OSError):
            fcntl.ioctl(fd, termios.TIOCNXCL)
        os.close(fd)

    def _lost(self) -> None:
        self._hang_up()
        self._drop()
        self._set_fault(f"{self._path}: the line was hung up, or the device pulled out")
        self._dial_later()

    def _drop(self) -> None:
        if self._keys.pending and self._listener is not None:
            self._listener.undeliverable()

    def _set_fault(self, detail: str) -> None:
        before, self.fault = self.fault, ("PortUnavailable", {"detail": detail})
        if before != self.fault and self._listener is not None:
            self._listener.changed()

    async def send_break(self) -> None:
        """A BREAK, as long as tcsendbreak(3) holds it. Raises OSError when the device is not there."""
        if self._fd < 0:
            raise OSError(errno.ENODEV, os.strerror(errno.ENODEV))
        # The device may be pulled out meanwhile, and its number be another's.
        fd = os.dup(self._fd)
        try:
            await asyncio.to_thread(termios.tcsendbreak, fd, 0)
        except termios.error as error:
            raise OSError(*error.args) from error
        finally:
            os.close(fd)

    # --- output ---

    def watch(self, watched: bool) -> None:
        """Nothing to do: a device is read as things come, since the kernel keeps only some KiB for it."""

    def arm(self) -> None:
        """Nothing to do, for the same reason."""

    def rest(self) -> bool:
        return False

    def _read(self) -> None:
        for _ in range(TURN_READS):
            if self._spool is None or self._fd < 0:
                return
            try:
                count = os.readv(self._fd, [scratch])
            except BlockingIOError:
                return
            except OSError:
                count = 0
            if not count:
                self._lost()
                return
            self._spool.append(scratch_view[:count])
            if count < SCRATCH_BYTES // 64:
                return

    def _readable(self) -> None:
        self._read()
        if self._listener is not None:
            self._listener.grown()

    # --- input ---

    def want_input(self, wanted: bool) -> None:
        """Nothing to do: the device is open for the output anyway."""

    def write(self, data: bytes) -> bool:
        return self._keys.write(data)

    def discard(self) -> int:
        return self._keys.discard()

    def take_back(self) -> int:
        """What the kernel has not sent yet."""
        count = self._unsent()
        if count:
            with contextlib.suppress(termios.error):
                termios.tcflush(self._fd, termios.TCOFLUSH)
        return count

    def _unsent(self) -> int:
        if self._fd < 0:
            return 0
        found = array.array("i", [0])
        try:
            fcntl.ioctl(self._fd, termios.TIOCOUTQ, found)
        except OSError:
            return 0
        return found[0]

    def _taken(self) -> None:
        if self._listener is not None:
            self._listener.taken()

    def tick(self, now: float) -> None:
        """Nothing to do: the end of a line is noticed by reading."""


def _why(error: OSError) -> str:
    return {
        errno.EBUSY: "another program has it open",
        errno.EACCES: "the agent's user may not open it (its group is often 'dialout')",
        errno.ENOENT: "there is no such device",
        errno.ENODEV: "the device is not plugged in",
    }.get(error.errno or 0, error.strerror or str(error))
