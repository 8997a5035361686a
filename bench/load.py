"""The people at the consoles: one generator for every system, so that its own cost is in every figure.

A `Seat` is one person: it counts what arrives and times each key until its echo is back. How the bytes travel
is the business of a `Line`, one class a protocol (`lines`); all run on one uvloop.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections import deque
from typing import Protocol

KEY = b"~"
"""A character that no guest prints by itself."""
SPREAD = 0.1
"""A person's keys come this much earlier or later than the beat."""
LATENESS_SECONDS = 0.003


class Line(Protocol):
    """A way to one console."""

    def type(self, keys: bytes) -> None: ...

    async def close(self) -> None:
        """Leave; returns when the other side has let go."""
        ...


class Seat:
    """One person at one console. Times are seconds of `time.perf_counter`."""

    __slots__ = (
        "arrived",
        "attached",
        "first",
        "kept",
        "latest",
        "line",
        "missing",
        "received",
        "strays",
        "trips",
        "waiting",
    )

    def __init__(self, *, keep: bool = False) -> None:
        self.line: Line | None = None
        self.received = 0
        self.missing = 0
        """Bytes the system said it could not give."""
        self.strays = 0
        """Echoes of keys that nobody typed."""
        self.attached = 0.0
        """When the system said that the console is there."""
        self.first = 0.0
        """When the first byte of the guest came."""
        self.latest = 0.0
        """When the newest came."""
        self.trips: list[float] = []
        self.waiting: deque[float] = deque()
        self.arrived = asyncio.Event()
        """Set with the first byte."""
        self.kept: bytearray | None = bytearray() if keep else None

    def press(self) -> None:
        assert self.line is not None
        self.waiting.append(time.perf_counter())
        self.line.type(KEY)

    def took(self, payload: bytes) -> None:
        """Output of the guest."""
        now = time.perf_counter()
        if not self.received:
            self.first = now
            self.arrived.set()
        self.latest = now
        self.received += len(payload)
        if self.kept is not None:
            self.kept += payload
        if KEY in payload:
            for _ in range(payload.count(KEY)):
                if self.waiting:
                    self.trips.append(now - self.waiting.popleft())
                else:
                    self.strays += 1

    def reset(self) -> None:
        """Forget what was counted; keys that are still on their way are timed all the same."""
        self.trips.clear()
        # An echo in what was replayed is nobody's here.
        self.received = self.missing = self.strays = 0
        if self.kept is not None:
            self.kept.clear()


class Typing:
    """Lets every seat press a key each `interval` seconds, one after the other, until stopped."""

    def __init__(self, seats: list[Seat], interval: float) -> None:
        self._loop = asyncio.get_running_loop()
        self._interval = interval
        self._random = random.Random(len(seats))
        self._timers: dict[int, asyncio.TimerHandle] = {}
        self.pressed = 0
        for number, seat in enumerate(seats):
            self._plan(number, seat, self._loop.time() + interval * (number + 1) / len(seats))

    def _plan(self, number: int, seat: Seat, due: float) -> None:
        self._timers[number] = self._loop.call_at(due, self._press, number, seat, due)

    def _press(self, number: int, seat: Seat, due: float) -> None:
        # The beat goes on whether the last echo is back or not: a slow answer must not slow the questions.
        self._plan(number, seat, due + self._interval * (1 + SPREAD * self._random.uniform(-1, 1)))
        self.pressed += 1
        seat.press()

    def stop(self) -> None:
        for timer in self._timers.values():
            timer.cancel()


class Lateness:
    """How late this generator itself comes: a timer that should ring every few milliseconds."""

    def __init__(self) -> None:
        self.late: list[float] = []
        self._loop = asyncio.get_running_loop()
        self._plan()

    def _plan(self) -> None:
        self._due = time.perf_counter() + LATENESS_SECONDS
        self._timer = self._loop.call_later(LATENESS_SECONDS, self._ring)

    def _ring(self) -> None:
        self.late.append(max(0.0, time.perf_counter() - self._due))
        self._plan()

    def stop(self) -> None:
        self._timer.cancel()
