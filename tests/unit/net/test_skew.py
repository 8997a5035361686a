"""How far two clocks are apart, as answers tell it."""

from __future__ import annotations

from datetime import timedelta
from email.utils import format_datetime

import pytest
from structlog.testing import capture_logs

from outofband.core import clock
from outofband.net import skew


@pytest.mark.parametrize(("seconds", "told"), [(0, False), (20, False), (90, True), (-300, True)])
def test_a_difference_is_measured_and_a_large_one_told(seconds: int, told: bool) -> None:
    theirs = clock.now() - timedelta(seconds=seconds)
    with capture_logs() as logs:
        found = skew.ahead(format_datetime(theirs, usegmt=True))
    assert found is not None and abs(found - seconds) < 5
    assert bool([each for each in logs if each["event"] == "clock.differs"]) is told


@pytest.mark.parametrize("date", [None, "", "yesterday", "Thu, 99 Nov 2026 08:00:00 GMT"])
def test_what_is_no_date(date: str | None) -> None:
    assert skew.ahead(date) is None
