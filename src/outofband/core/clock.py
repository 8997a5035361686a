"""The only source of time. Everything else asks here, so tests and reviewers know where time enters."""

from __future__ import annotations

import time
from datetime import UTC, datetime


def now() -> datetime:
    """Current wall time, timezone-aware, UTC."""
    return datetime.now(UTC)


def wall() -> float:
    """Seconds since the epoch; may jump when the host's clock is set."""
    return time.time()


def wall_ns() -> int:
    """Nanoseconds since the epoch; may jump when the host's clock is set."""
    return time.time_ns()


def monotonic() -> float:
    """Seconds that never run backwards; comparable only within one boot of one host."""
    return time.monotonic()


def monotonic_ns() -> int:
    """Nanoseconds that never run backwards; comparable only within one boot of one host."""
    return time.monotonic_ns()


def iso(moment: datetime | None = None) -> str:
    """ISO 8601 in UTC with a trailing `Z` and microseconds, the form ARM uses."""
    moment = moment or now()
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def parse_iso(text: str) -> datetime:
    """Read back what `iso` writes. Raises ValueError when the text is no timestamp."""
    return datetime.fromisoformat(text)


def pause(seconds: float) -> None:
    """Block this thread. For command-line programs between two polls; never on an event loop."""
    time.sleep(seconds)
