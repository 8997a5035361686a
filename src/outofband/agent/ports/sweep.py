"""Reading many ports that nobody waits for in one go: epolls of their own, asked about ten times a second.

Per byte this is far cheaper than an event per chunk. The ports are spread over the tenth of a second, and the
work is cut into slices of two milliseconds, so it never stands in the way of a key press.

No port must be held up by that. A unix socket takes some 280 messages, however small, and a UART's are single
bytes: it may be full long before the next sweep. So the kernel is asked, now and then, how full a port that
talks has become between two sweeps; one that a sweep would hold up is read in a hurry.
"""

from __future__ import annotations

import asyncio
import select
from collections.abc import Callable

import structlog

from outofband.agent.ports.backlog import Backlog
from outofband.core import clock

SWEEP_SECONDS = 0.1
PHASES = 5
"""Parts of a sweep, one after the other: what all ports have said would else come in one heap."""
HURRY_SECONDS = 0.005
"""Pace for ports in a hurry: 280 single bytes at a time are five times what a UART sends."""
SUSPECT_BYTES = 64
"""A port that said less since the last sweep was surely not held up."""
HALF_FULL = 0.5
"""A port that fills more than this between two sweeps is read in a hurry."""
UNKNOWN_BYTES = 280
"""What a port can take between two sweeps when the kernel does not say: the worst case, single bytes."""
TRUST_SECONDS = 5.0
"""How long a port's measured room counts: its program may begin to write in smaller pieces."""
CALM_SECONDS = 1.0
"""A port in a hurry is asked about so often."""
SLICE_SECONDS = 0.002
_CLOCK_EVERY = 16

log = structlog.get_logger(__name__)


class _Port:
    """What is known of one port."""

    __slots__ = ("ask_at", "asked", "fd", "other_end", "phase", "read", "room", "too_slow")

    def __init__(
        self, fd: int, read: Callable[[], int], phase: int, too_slow: Callable[[], None] | None
    ) -> None:
        self.fd = fd
        self.read = read
        self.too_slow = too_slow
        self.phase = phase
        self.other_end: int | None = None
        """Inode of the socket at the other end."""
        self.room = 0.0
        """Bytes it can say between two sweeps without filling more than half of its buffer."""
        self.asked = False
        """To be asked about before the next read."""
        self.ask_at = 0.0
        """In sweeps: when `room` is too old. In a hurry: when to ask whether it still has to be."""


class Sweep:
    """`add(fd, read)`: call `read` when there may be something; it returns how many bytes there were.

    A port that a sweep would hold up is read in a hurry, or `too_slow` is called, which may take it away.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._backlog = Backlog()
        self._epolls: list[select.epoll] = []
        """One for each phase."""
        self._phase = 0
        self._added = 0
        self._ports: dict[int, _Port] = {}
        self._hurried: dict[int, _Port] = {}
        self._sweeping: asyncio.Handle | None = None
        self._hurrying: asyncio.Handle | None = None

    def add(self, fd: int, read: Callable[[], int], *, too_slow: Callable[[], None] | None = None) -> None:
        if not self._epolls:
            self._epolls = [select.epoll() for _ in range(PHASES)]
        self._added += 1
        port = _Port(fd, read, self._added % PHASES, too_slow)
        self._epolls[port.phase].register(fd, select.EPOLLIN)
        self._ports[fd] = port
        if self._sweeping is None:
            self._sweeping = self._loop.call_later(SWEEP_SECONDS / PHASES, self._sweep)

    def remove(self, fd: int) -> None:
        """To be called before the descriptor is closed."""
        if (port := self._ports.pop(fd, None)) is not None:
            self._epolls[port.phase].unregister(fd)
            self._hurried.pop(fd, None)

    def close(self) -> None:
        for handle in (self._sweeping, self._hurrying):
            if handle is not None:
                handle.cancel()
        self._sweeping = self._hurrying = None
        for epoll in self._epolls:
            epoll.close()
        self._epolls.clear()
        self._ports.clear()
        self._hurried.clear()
        self._backlog.close()

    # --- all ports, ten times a second ---

    def _sweep(self) -> None:
        self._sweeping = None
        if not self._ports:
            return
        self._phase = (self._phase + 1) % PHASES
        ready = [
            fd for fd, _ in self._epolls[self._phase].poll(0, len(self._ports)) if fd not in self._hurried
        ]
        self._sweep_on(ready, clock.monotonic())

    def _sweep_on(self, ready: list[int], began: float) -> None:
        if self._slice(ready, self._swept):
            self._sweeping = self._loop.call_soon(self._sweep_on, ready, began)
        else:
            wait = max(0.0, began + SWEEP_SECONDS / PHASES - clock.monotonic())
            self._sweeping = self._loop.call_later(wait, self._sweep)

    def _swept(self, port: _Port, now: float) -> None:
        if port.asked:
            self._swept_with_care(port, now)
            return
        said = port.read()
        # It is asked the next time: what it has just said is read already.
        port.asked = said >= SUSPECT_BYTES and (said > port.room or now >= port.ask_at)

    def _swept_with_care(self, port: _Port, now: float) -> None:
        full = self._fullness(port)
        said = port.read()
        if self._ports.get(port.fd) is not port:
            return
        port.asked = False
        if full is None:
            full = said / UNKNOWN_BYTES
        if full <= HALF_FULL:
            port.room = max(SUSPECT_BYTES, HALF_FULL * said / full) if full else 0.0
            port.ask_at = now + TRUST_SECONDS
            return
        port.ask_at = now + CALM_SECONDS
        if port.too_slow is not None:
            port.too_slow()
            return
        self._hurried[port.fd] = port
        if self._hurrying is None:
            self._hurrying = self._loop.call_later(HURRY_SECONDS, self._hurry)

    # --- ports in a hurry ---

    def _hurry(self) -> None:
        self._hurrying = None
        self._hurry_on(list(self._hurried), clock.monotonic())

    def _hurry_on(self, ports: list[int], began: float) -> None:
        if self._slice(ports, self._read_in_hurry):
            self._hurrying = self._loop.call_soon(self._hurry_on, ports, began)
        elif self._hurried:
            wait = max(0.0, began + HURRY_SECONDS - clock.monotonic())
            self._hurrying = self._loop.call_later(wait, self._hurry)
        else:
            self._hurrying = None

    def _read_in_hurry(self, port: _Port, now: float) -> None:
        if now < port.ask_at:
            port.read()
            return
        port.ask_at = now + CALM_SECONDS
        full = self._fullness(port)
        said = port.read()
        if full is None:
            full = said / UNKNOWN_BYTES
        if full * SWEEP_SECONDS / HURRY_SECONDS <= HALF_FULL:
            # Its next sweep finds out whether that was right.
            self._hurried.pop(port.fd, None)
            port.asked = True

    # --- both ---

    def _fullness(self, port: _Port) -> float | None:
        if port.other_end is None:
            port.other_end = self._backlog.other_end(port.fd)
        return self._backlog.fullness(port.other_end) if port.other_end is not None else None

    def _slice(self, fds: list[int], visit: Callable[[_Port, float], None]) -> bool:
        """Visit ports for two milliseconds at most; True when some are left."""
        now = clock.monotonic()
        until = now + SLICE_SECONDS
        steps = 0
        while fds:
            # A port may have left since the list was made, and its number be another's: reading is harmless.
            if port := self._ports.get(fds.pop()):
                try:
                    visit(port, now)
                except Exception as error:
                    # One port's trouble must not keep the others from being read.
                    log.error("sweep.read_failed", exc_info=error)
            steps += 1
            if steps % _CLOCK_EVERY == 0 and fds and clock.monotonic() >= until:
                return True
        return False
