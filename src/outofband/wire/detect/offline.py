"""A log that lies somewhere as a file: the same rules, and the lines where they found something.

A copy of a console is read as it is. Of a log that a system's own logger wrote (syslog, the journal, `dmesg
-T`) the front of each line is left out first, so that the words stand where a console would have had them.
"""

from __future__ import annotations

import bisect
import re

import msgspec

from outofband.wire.detect.engine import Detector
from outofband.wire.finding import Finding

LONG = 24 * 3600.0
"""Seconds of silence after the end: what only time decides is decided."""
_MONTH = rb"(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)"
_LOGGED = re.compile(
    rb"(?:<\d{1,3}>)?(?:" + _MONTH + rb" [ \d]\d \d\d:\d\d:\d\d(?:\.\d+)?"
    rb"|\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d+)?(?:Z|[+-]\d\d:?\d\d)?) \S+ "
    rb"(?P<who>[^\s:\[]+)(?:\[\d+\])?: "
)
_DATED = re.compile(rb"\[(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun) " + _MONTH + rb" [ \d]\d \d\d:\d\d:\d\d \d{4}\] ")


class Located(msgspec.Struct, frozen=True, kw_only=True):
    """A finding, the number of the line that decided, from 1, and those of its evidence."""

    finding: Finding
    line: int
    lines: tuple[int, ...]


def scan(data: bytes) -> list[Located]:
    """Everything that ever was found in a log, in the order of the log. Offsets are those of `data`."""
    text, fronts = _without_fronts(data)
    detector = Detector("log")
    told: dict[str, Finding] = {}
    for found in [*detector.feed(0, text, 0.0), *detector.finish(LONG)]:
        told[found.id] = found
    ends = [each.start() for each in re.finditer(rb"\n", data)]
    out = []
    for found in sorted(told.values(), key=lambda each: each.offset):
        moved = _moved(found, fronts)
        numbers = tuple(bisect.bisect_left(ends, line.offset) + 1 for line in moved.evidence)
        out.append(Located(finding=moved, line=bisect.bisect_left(ends, moved.offset) + 1, lines=numbers))
    return out


def _without_fronts(data: bytes) -> tuple[bytes, list[tuple[int, int]]]:
    """The log without what its logger wrote, and from which place in it on how much is missing before it."""
    if _LOGGED.match(data) is None and _DATED.match(data) is None:
        return data, []
    parts: list[bytes] = []
    fronts: list[tuple[int, int]] = []
    length = cut = 0
    for line in data.splitlines(keepends=True):
        logged = _LOGGED.match(line)
        dated = _DATED.match(line)
        if logged is not None:
            # A console has the kernel's words without its name, and everybody else's with theirs.
            skip = logged.end() if logged["who"] == b"kernel" else logged.start("who")
        else:
            skip = dated.end() if dated is not None else 0
        cut += skip
        if skip:
            fronts.append((length, cut))
        parts.append(line[skip:])
        length += len(line) - skip
    return b"".join(parts), fronts


def _moved(found: Finding, fronts: list[tuple[int, int]]) -> Finding:
    def place(offset: int) -> int:
        at = bisect.bisect_right(fronts, (offset, 1 << 62)) - 1
        return offset + (fronts[at][1] if at >= 0 else 0)

    evidence = tuple(msgspec.structs.replace(each, offset=place(each.offset)) for each in found.evidence)
    return msgspec.structs.replace(found, offset=place(found.offset), evidence=evidence)
