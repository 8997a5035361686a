"""How long to wait before trying again: exponential with jitter, so a fleet does not return in one wave."""

from __future__ import annotations

import random


class Backoff:
    """`next()` gives the seconds to wait before the coming attempt; `reset()` after a success.

    `spread` (seconds): every wait is anything up to so much longer. A crowd that loses the same peer at the
    same moment then tries, and returns, evenly, where doubling waits alone would have it come in lumps.
    """

    def __init__(self, *, first: float = 0.25, limit: float = 30.0) -> None:
        self._first = first
        self._limit = limit
        self._attempt = 0
        self.spread = 0.0

    def next(self) -> float:
        ceiling = min(self._limit, self._first * 2.0**self._attempt)
        self._attempt = min(self._attempt + 1, 32)
        # Never less than half: a crowd of zero-second retries would be a flood.
        return ceiling * (0.5 + random.random() / 2) + self.spread * random.random()  # noqa: S311 - hides nothing

    def reset(self) -> None:
        self._attempt = 0
