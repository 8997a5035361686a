"""Waits before another try: a crowd must not come as one."""

from __future__ import annotations

import pytest

from outofband.net.backoff import Backoff


def test_waits_double_up_to_a_limit_and_are_never_less_than_half() -> None:
    ceilings = [0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0]
    for _ in range(200):
        backoff = Backoff()
        for ceiling in ceilings:
            assert ceiling / 2 <= backoff.next() <= ceiling


def test_a_success_begins_anew() -> None:
    backoff = Backoff()
    for _ in range(100):
        backoff.next()
    backoff.reset()
    assert backoff.next() <= 0.25


@pytest.mark.parametrize("failures", [0, 3])
def test_a_crowd_with_a_spread_comes_evenly(failures: int) -> None:
    """A thousand that fail together: no tenth of the spread gets more than a fifth of them."""
    waits = []
    for _ in range(1000):
        backoff = Backoff()
        backoff.spread = 10.0
        for _ in range(failures):
            backoff.next()
        waits.append(backoff.next())
    assert max(waits) <= 10.0 + 2.0
    by_second = [sum(second <= wait < second + 1 for wait in waits) for second in range(12)]
    assert max(by_second) < 200
    assert sum(by_second) == 1000
