"""What all ports of one process share: wake-ups, the sweep, and the periodic look."""

from __future__ import annotations

import asyncio
from typing import Protocol

import structlog

from outofband.agent.ports.inotify import Inotify
from outofband.agent.ports.sweep import Sweep
from outofband.core import clock

LOOK_SECONDS = 1.0
_SLICES = 20
_SLICE_PORTS = 32

log = structlog.get_logger(__name__)


class Looked(Protocol):
    """A port that wants its periodic look."""

    def tick(self, now: float, wall_ns: int) -> None: ...


class PortHub:
    """One per event loop. Make it inside the loop; `close` it after the brokers."""

    def __init__(self) -> None:
        self.loop = asyncio.get_running_loop()
        self.inotify = Inotify(self.loop)
        self.sweep = Sweep(self.loop)
        self._ports: list[Looked] = []
        self._next = 0
        self._timer: asyncio.TimerHandle | None = None

    def add(self, port: Looked) -> None:
        self._ports.append(port)
        if self._timer is None:
            self._timer = self.loop.call_later(self._pace(), self._look)

    def remove(self, port: Looked) -> None:
        if port in self._ports:
            self._ports.remove(port)

    def close(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self.sweep.close()
        self.inotify.close()

    def _slices(self) -> int:
        return min(_SLICES, 1 + len(self._ports) // _SLICE_PORTS)

    def _pace(self) -> float:
        return LOOK_SECONDS / self._slices()

    def _look(self) -> None:
        """Look after a slice of the ports, so that thousands never hold up a key press."""
        self._timer = None
        if not self._ports:
            return
        count = -(-len(self._ports) // self._slices())
        if self._next >= len(self._ports):
            self._next = 0
        now, wall_ns = clock.monotonic(), clock.wall_ns()
        for port in self._ports[self._next : self._next + count]:
            try:
                port.tick(now, wall_ns)
            except Exception as error:
                # One port's trouble must not cost the others their upkeep.
                log.error("port.look_failed", exc_info=error)
        self._next += count
        self._timer = self.loop.call_later(self._pace(), self._look)
