"""The limiter: bursts, forgiveness, and no way round by filling its table."""

from __future__ import annotations

import pytest

from outofband.identity.limiter import Limiter


def test_a_burst_is_free_then_one_at_a_time() -> None:
    limiter = Limiter(burst=3, interval=10.0)
    for _ in range(3):
        assert limiter.wait("a", 0.0) == 0.0
        limiter.failed("a", 0.0)
    assert limiter.wait("a", 0.0) == pytest.approx(10.0)
    assert limiter.wait("b", 0.0) == 0.0
    assert limiter.wait("a", 10.0) == 0.0
    limiter.failed("a", 10.0)
    assert limiter.wait("a", 10.0) == pytest.approx(10.0)
    assert limiter.wait("a", 1000.0) == 0.0


def test_a_full_table_lets_no_stranger_try() -> None:
    limiter = Limiter(burst=2, interval=10.0, max_keys=5)
    for number in range(5):
        limiter.failed(number, 0.0)
    assert limiter.wait("stranger", 1.0) > 0
    assert limiter.wait(0, 1.0) == 0.0
    assert limiter.wait("stranger", 10.1) == 0.0
