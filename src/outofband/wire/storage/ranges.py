"""Byte ranges: those of reads, and the exact ones of pages."""

from __future__ import annotations

import re

import msgspec

from outofband.core.errors import Fault
from outofband.wire.storage.asked import Asked

PAGE = 512
"""Bytes; ranges and lengths of page blobs are multiples of it."""
MAX_PAGES = 4 * 1024 * 1024
"""Bytes that one request may write into a page blob."""
_RANGE = re.compile(r"^bytes=(\d{1,18})-(\d{0,18})$")


class Range(msgspec.Struct, frozen=True, kw_only=True):
    """`start` up to and without `end`."""

    start: int
    end: int

    @property
    def length(self) -> int:
        return self.end - self.start

    def of(self, total: int) -> str:
        """As Content-Range has it."""
        return f"bytes {self.start}-{self.end - 1}/{total}"


def wanted(asked: Asked, length: int) -> Range | None:
    """What part a read asks for; None for all of it. What cannot be read as a range counts as none.

    Raises Fault InvalidRange when it begins behind the end.
    """
    text = asked.header("x-ms-range") or asked.header("range")
    found = _RANGE.fullmatch(text) if text else None
    if found is None:
        return None
    start = int(found[1])
    last = int(found[2]) if found[2] else length - 1
    if last < start and found[2]:
        return None
    if start >= length:
        raise Fault("InvalidRange", length=length)
    return Range(start=start, end=min(last + 1, length))


def pages(asked: Asked, length: int) -> Range:
    """The range of a write of pages. Raises Fault MissingRequiredHeader, InvalidHeaderValue or
    InvalidPageRange.
    """
    text = asked.header("x-ms-range") or asked.header("range")
    if text is None:
        raise Fault("MissingRequiredHeader", name="x-ms-range")
    found = _RANGE.fullmatch(text)
    if found is None or not found[2]:
        raise Fault("InvalidHeaderValue", name="x-ms-range", value=text[:80])
    start, end = int(found[1]), int(found[2]) + 1
    if start % PAGE or end % PAGE or end <= start or end > length:
        raise Fault("InvalidPageRange", length=length)
    return Range(start=start, end=end)
