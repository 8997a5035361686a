"""When new output goes out: at once where a person waits for it, in batches where much comes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from outofband.core import clock

KEYS_SECONDS = 0.15
"""A key this recent makes output urgent: it is probably the echo. A later one can wait for its batch."""
QUIET_SECONDS = 0.05
"""A port that printed nothing for so long gets its next byte out at once."""
BATCH_SECONDS = 0.1
"""Most that output of a busy port waits; each flush costs both ends of the stream a system call or two."""
EAGER_FLUSHES = 3
"""A key makes so much output urgent: the first, or the next, has its echo in it. What follows can wait."""
BULK = 65536
"""Bytes of one flush after which there is no waiting: the log would turn over before the batch is full."""
REST_BYTES = 16 * 1024
"""A port that says more in a batch does not rest: its socket would be full before it is looked at."""
EAGER_SECONDS = 0.002
"""Even urgent output is gathered this long: a guest may print byte by byte."""


class Pace:
    """`flush` is called when output is due; it returns whether there was any."""

    __slots__ = (
        "_eager_left",
        "_flush",
        "_flushed_at",
        "_grew_at",
        "_loop",
        "_rest",
        "_timer",
        "_typed_at",
        "_urgent",
        "looked",
        "resting",
        "seen",
    )

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        flush: Callable[[], bool],
        rest: Callable[[], bool] | None = None,
    ) -> None:
        """`rest` asks the source to say `grown` by itself, about as often as a batch; whether it will."""
        self._loop = loop
        self._flush = flush
        self._rest = rest
        self._timer: asyncio.TimerHandle | None = None
        self._urgent = False
        """The timer rings within EAGER_SECONDS, not at the end of a batch."""
        self._flushed_at = 0.0
        self._grew_at = 0.0
        """When a flush had something the last time."""
        self._typed_at = 0.0
        self._eager_left = 0
        self.seen = 0
        """End of the log at the last flush."""
        self.looked = 0
        """End of the log at the last upkeep."""
        self.resting = False
        """The source says `grown` by itself, in its own time."""

    @property
    def eager(self) -> bool:
        return self._eager_left > 0 and clock.monotonic() - self._typed_at < KEYS_SECONDS

    def typed(self) -> None:
        """A key was handed to the port: its echo must not wait for the end of a batch."""
        self._typed_at = clock.monotonic()
        self._eager_left = EAGER_FLUSHES
        if self._timer is not None and not self._urgent:
            # While a batch gathers nobody may be listening for growth.
            self._ring(EAGER_SECONDS, urgent=True)

    def grown(self) -> None:
        """There may be output: flush now or arrange for it."""
        now = clock.monotonic()
        since = now - self._flushed_at
        urgent = self._eager_left > 0 and now - self._typed_at < KEYS_SECONDS
        if urgent:
            wait = EAGER_SECONDS - since
            if wait > 0 and self._timer is not None and self._urgent:
                return
        elif self._timer is not None:
            return
        elif since >= QUIET_SECONDS:
            wait = 0.0
        else:
            wait = BATCH_SECONDS - since
        if wait <= 0:
            self._run()
        else:
            self._ring(wait, urgent=urgent)

    def overslept(self, now: float) -> bool:
        """It rests, and nothing has come for so long that the next byte should go out at once."""
        return self.resting and now - self._flushed_at >= BATCH_SECONDS + QUIET_SECONDS

    def cancel(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _ring(self, wait: float, *, urgent: bool) -> None:
        self.cancel()
        self._timer = self._loop.call_later(wait, self._run)
        self._urgent = urgent

    def _run(self) -> None:
        self.cancel()
        self._flushed_at, before = clock.monotonic(), self.seen
        if not self._flush():
            return
        before_that, self._grew_at = self._grew_at, self._flushed_at
        self._eager_left = max(self._eager_left - 1, 0)
        if self._timer is None and not self.eager:
            came = self.seen - before
            busy = self._flushed_at - before_that <= BATCH_SECONDS + QUIET_SECONDS
            self.resting = busy and came <= REST_BYTES and self._rest is not None and self._rest()
            if not self.resting:
                # More is likely: look again without a wake-up in between.
                self._ring(EAGER_SECONDS if came > BULK else BATCH_SECONDS, urgent=False)
