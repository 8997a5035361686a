"""Token buckets: how many requests somebody may make at once, and how many in the long run.

Pure: the clock is given. A bucket that nobody took from is full, so only those that are not are remembered.
"""

from __future__ import annotations

import enum
import math
from collections.abc import Hashable

import msgspec

MAX_BUCKETS = 10_000
"""Buckets remembered; beyond them the one taken from longest ago counts as full."""


class Kind(enum.StrEnum):
    """What a request does, in the words of the headers that say how much is left."""

    READS = "reads"
    WRITES = "writes"
    DELETES = "deletes"

    @classmethod
    def of(cls, method: str) -> Kind:
        if method in ("GET", "HEAD"):
            return cls.READS
        return cls.DELETES if method == "DELETE" else cls.WRITES


class Allowance(msgspec.Struct, frozen=True):
    """`burst` requests at once, refilled by `per_second`. A burst of 0 is no limit at all."""

    burst: int
    per_second: float


class Taken(msgspec.Struct, frozen=True):
    """`remaining`: whole requests that are left now. `wait`: seconds until the next; None when this one was
    granted.
    """

    remaining: int
    wait: float | None = None


class Buckets:
    """One bucket for each key, all of the same allowance."""

    def __init__(self, allowance: Allowance) -> None:
        self._allowance = allowance
        self._levels: dict[Hashable, tuple[float, float]] = {}

    def take(self, key: Hashable, now: float) -> Taken | None:
        """Take one token at the monotonic time `now`; None when there is no limit."""
        burst, rate = self._allowance.burst, self._allowance.per_second
        if burst <= 0:
            return None
        level, since = self._levels.pop(key, (float(burst), now))
        level = min(float(burst), level + max(0.0, now - since) * rate)
        granted = level >= 1.0
        if granted:
            level -= 1.0
        while len(self._levels) >= MAX_BUCKETS:
            del self._levels[next(iter(self._levels))]
        self._levels[key] = level, now
        if granted:
            return Taken(int(level))
        return Taken(0, (1.0 - level) / rate if rate > 0 else math.inf)
