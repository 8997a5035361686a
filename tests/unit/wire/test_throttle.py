"""Token buckets, against the arithmetic they stand for."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outofband.wire.arm import throttle
from outofband.wire.arm.throttle import Allowance, Buckets, Kind, Taken


def test_a_burst_then_a_trickle() -> None:
    buckets = Buckets(Allowance(3, 2.0))
    assert [buckets.take("a", 10.0) for _ in range(4)] == [Taken(2), Taken(1), Taken(0), Taken(0, 0.5)]
    assert buckets.take("b", 10.0) == Taken(2), "others have their own"
    assert buckets.take("a", 10.25) == Taken(0, 0.25)
    assert buckets.take("a", 10.5) == Taken(0)
    assert buckets.take("a", 1000.0) == Taken(2), "never more than a burst"


def test_no_limit() -> None:
    assert Buckets(Allowance(0, 1.0)).take("a", 0.0) is None


def test_a_clock_that_goes_back_gives_nothing() -> None:
    buckets = Buckets(Allowance(1, 1.0))
    assert buckets.take("a", 100.0) == Taken(0)
    taken = buckets.take("a", 50.0)
    assert taken is not None and taken.wait == 1.0


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(throttle, "MAX_BUCKETS", 10)
    buckets = Buckets(Allowance(1, 0.001))
    for number in range(100):
        assert buckets.take(number, 0.0) == Taken(0)
    assert len(buckets._levels) == 10
    assert buckets.take(99, 0.0) != Taken(0), "the latest are remembered"


@pytest.mark.parametrize(
    ("method", "kind"),
    [("GET", Kind.READS), ("HEAD", Kind.READS), ("DELETE", Kind.DELETES)]
    + [(method, Kind.WRITES) for method in ("PUT", "PATCH", "POST", "OPTIONS")],
)
def test_kinds(method: str, kind: Kind) -> None:
    assert Kind.of(method) is kind


@given(
    burst=st.integers(1, 20),
    rate=st.floats(0.1, 50),
    pauses=st.lists(st.floats(0, 5), min_size=1, max_size=80),
)
def test_never_more_than_the_allowance(burst: int, rate: float, pauses: list[float]) -> None:
    """In any stretch of time: a burst and what was refilled meanwhile. And who waits as told is served."""
    buckets, now, granted = Buckets(Allowance(burst, rate)), 0.0, 0
    for pause in pauses:
        now += pause
        taken = buckets.take("x", now)
        assert taken is not None and 0 <= taken.remaining <= burst
        if taken.wait is None:
            granted += 1
            assert granted <= burst + now * rate + 1e-6
        else:
            now += taken.wait + 1e-9 * max(1.0, now)
            again = buckets.take("x", now)
            assert again is not None and again.wait is None
            granted += 1
