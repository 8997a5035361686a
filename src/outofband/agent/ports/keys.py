"""What was typed and the port has not taken yet: a bounded queue before a descriptor that never blocks."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable

MAX_PENDING_INPUT = 320 * 1024
"""Typed bytes a port may leave untaken before more is refused: more than any client sends unconfirmed."""


class Keys:
    """Typed bytes of one port. Positions count bytes since the queue was made.

    `queued` is how much was ever taken over by `write`, `taken` how much of it the port has got (the kernel
    keeps it for the port). `on_taken` is called when `taken` moved later than in `write` itself, `on_lost`
    when the other side is found gone; it must call `detach`.
    """

    __slots__ = ("_loop", "_pending", "_writing", "fd", "on_lost", "on_taken", "queued", "taken")

    def __init__(
        self, loop: asyncio.AbstractEventLoop, on_taken: Callable[[], None], on_lost: Callable[[], None]
    ) -> None:
        self._loop = loop
        self._pending = bytearray()
        self._writing = False
        self.fd = -1
        self.queued = 0
        self.taken = 0
        self.on_taken = on_taken
        self.on_lost = on_lost

    @property
    def pending(self) -> int:
        return len(self._pending)

    def attach(self, fd: int) -> None:
        """Type into `fd` (a pipe or a socket, not blocking, the caller's own) from now on."""
        self.fd = fd
        if self._pending:
            self._flush()

    def detach(self) -> None:
        """Leave the descriptor alone. What is pending stays for the next one."""
        if self._writing:
            self._loop.remove_writer(self.fd)
            self._writing = False
        self.fd = -1

    def write(self, data: bytes) -> bool:
        """Queue typed bytes; False, and nothing taken, when the port leaves too much untaken."""
        if len(self._pending) + len(data) > MAX_PENDING_INPUT:
            return False
        self.queued += len(data)
        if self.fd >= 0 and not self._pending:
            sent = self._send(data)
            self.taken += sent
            data = data[sent:]
        if data:
            self._pending += data
            self._want_writer()
        return True

    def discard(self) -> int:
        """Forget what is pending; how many bytes that were."""
        count = len(self._pending)
        self._pending.clear()
        self.taken += count
        return count

    def _send(self, data: bytes | bytearray) -> int:
        try:
            return os.write(self.fd, data)
        except BlockingIOError:
            return 0
        except OSError:
            self.on_lost()
            return 0

    def _want_writer(self) -> None:
        if self.fd >= 0 and not self._writing:
            self._writing = True
            self._loop.add_writer(self.fd, self._flush)

    def _flush(self) -> None:
        if self.fd < 0:
            return
        sent = self._send(self._pending)
        if self.fd < 0:
            return
        del self._pending[:sent]
        self.taken += sent
        if self._pending:
            self._want_writer()
        elif self._writing:
            self._loop.remove_writer(self.fd)
            self._writing = False
        if sent:
            self.on_taken()
