"""How often something may fail before it has to wait: GCRA, one number per key, in memory.

It fails closed: when its table is full of keys that still have to wait, a key it does not know waits too, for
otherwise whoever fills the table could guess for free.
"""

from __future__ import annotations

from collections.abc import Hashable

MAX_KEYS = 10_000


class Limiter:
    """`burst` failures are free, after that one every `interval` seconds. Times are monotonic seconds."""

    def __init__(self, *, burst: int, interval: float, max_keys: int = MAX_KEYS) -> None:
        self._tolerance = (burst - 1) * interval
        self._interval = interval
        self._max_keys = max_keys
        # When a key's failures will all be forgiven.
        self._clear_at: dict[Hashable, float] = {}

    def wait(self, key: Hashable, now: float) -> float:
        """Seconds until another try is allowed; 0 when it is allowed now. Costs nothing."""
        clear_at = self._clear_at.get(key)
        if clear_at is None:
            return self._interval if self._full(now) else 0.0
        return max(0.0, clear_at - now - self._tolerance)

    def failed(self, key: Hashable, now: float) -> None:
        """Count a failure against `key`."""
        self._clear_at[key] = max(self._clear_at.get(key, now), now) + self._interval

    def _full(self, now: float) -> bool:
        if len(self._clear_at) < self._max_keys:
            return False
        self._clear_at = {key: clear for key, clear in self._clear_at.items() if clear > now}
        return len(self._clear_at) >= self._max_keys
