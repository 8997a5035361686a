"""How far this host's clock is from another's, by the Date of an answer (RFC 9110 section 6.6.1)."""

from __future__ import annotations

from email.utils import parsedate_to_datetime

import structlog

from outofband.core import clock

TOLD_SECONDS = 30.0
"""A difference that people are told of; two minutes are tolerated."""

log = structlog.get_logger(__name__)


def seconds(date: str | None) -> float | None:
    """By how much this host's clock is ahead, right to about a second; None without a readable Date."""
    try:
        theirs = parsedate_to_datetime(date or "").timestamp()
    except ValueError:
        return None
    return clock.wall() - theirs


def ahead(date: str | None) -> float | None:
    """As `seconds`. Tells of a large one in the log, before it is so large that nothing works any more."""
    found = seconds(date)
    if found is not None and abs(found) >= TOLD_SECONDS:
        log.warning("clock.differs", seconds=round(found), remedy="set this host's clock (NTP)")
    return found
