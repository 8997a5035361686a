"""A serial log as blobs: names of its segments, what goes into the next one, and the log put together again.

A segment is a blob that holds the bytes of one port's log from an absolute offset on. The newest is the open
tail: it is written again under its name while it grows, until it is full or the guest stops; then it is
sealed, and the next one begins at its end. What is known of the bytes (starts of the guest, times, bytes that
are missing) is in the segment's own metadata: one write keeps both, so neither outlives the other.

Where no segment is, bytes are missing: a gap. Segments may overlap after a crash, and then agree.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import TypeVar

import msgspec

SEGMENT_BYTES = 256 * 1024
RING_BYTES = 16 * 1024 * 1024
"""What is kept of a port's log, at least, as long as there is so much."""
MAX_SEGMENTS = 1024
"""Of one port; a guest that is started a thousand times and says little leaves many small ones."""
PREFIX = "log/"
MAX_MARKS = 64
"""Of one segment; the same bounds boots and gaps."""
MAX_OFFSET = 2**63 - 1
_NAME = re.compile(r"^log/(\d{1,3})/(\d{20})\Z", re.ASCII)
_ENTRY = re.compile(r"^(\d{1,20})(?:\+(\d{1,20}))?@(\d{1,20})(?:#(\d{1,12}))?\Z", re.ASCII)

T = TypeVar("T")


class Mark(msgspec.Struct, frozen=True):
    """At `at` (seconds since the epoch, host's clock) the log ended at `offset`."""

    offset: int
    at: float


class Boot(msgspec.Struct, frozen=True):
    """The guest was started or reset: what follows `offset` belongs to boot `number` of its host."""

    number: int
    offset: int
    at: float


class Gap(msgspec.Struct, frozen=True):
    """Bytes are missing from `start` up to `end`, or at `start` when both are equal; `bytes` are known to be,
    0 when nobody knows how many.
    """

    start: int
    end: int
    bytes: int = 0


class Notes(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of the bytes of one segment, each in the order of offsets."""

    boots: tuple[Boot, ...] = ()
    marks: tuple[Mark, ...] = ()
    gaps: tuple[Gap, ...] = ()
    """Places at which bytes were dropped. Whole ranges that are missing need no note: no segment has them."""
    base: int = 0
    """What the host's own offsets have to be raised by, since its log began anew."""

    def metadata(self, start: int) -> dict[str, str]:
        """As metadata of the blob that begins at `start`; at most MAX_MARKS of each kind."""
        found = {
            "boots": ",".join(
                f"{each.offset - start}@{_millis(each.at)}#{each.number}" for each in self.boots[-MAX_MARKS:]
            ),
            "marks": ",".join(f"{each.offset - start}@{_millis(each.at)}" for each in thinned(self.marks)),
            "gaps": ",".join(f"{each.start - start}+{each.bytes}@0" for each in _bounded(self.gaps)),
            "base": str(self.base) if self.base else "",
        }
        return {name: value for name, value in found.items() if value}

    @classmethod
    def read(cls, metadata: Mapping[str, str], start: int) -> Notes:
        """Of a blob that begins at `start`. What cannot be read is left out: the bytes count."""
        boots = [
            Boot(int(number), start + offset, at)
            for offset, _, at, number in _entries(metadata.get("boots", ""))
            if number is not None
        ]
        marks = [Mark(start + offset, at) for offset, _, at, _ in _entries(metadata.get("marks", ""))]
        gaps = [
            Gap(start + offset, start + offset, count)
            for offset, count, _, _ in _entries(metadata.get("gaps", ""))
        ]
        base = metadata.get("base", "")
        return cls(
            boots=tuple(boots),
            marks=tuple(marks),
            gaps=tuple(gaps),
            base=int(base) if base.isascii() and base.isdecimal() and len(base) < 20 else 0,
        )


class Segment(msgspec.Struct, frozen=True, kw_only=True):
    start: int
    length: int
    notes: Notes = Notes()

    @property
    def end(self) -> int:
        return self.start + self.length


class Piece(msgspec.Struct, frozen=True, kw_only=True):
    """What to upload next: the log from `start` up to `end`, as the segment that begins at `start`.

    `sealed`: nothing will be added to it; the next one begins at `after`.
    """

    start: int
    end: int
    sealed: bool
    after: int


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """The bytes from `start` up to `end` of the log, which are in the segment that begins at `segment`."""

    segment: int
    start: int
    end: int


class Extent(msgspec.Struct, frozen=True, kw_only=True):
    """What is stored of one port's log: from `start` up to `end`, but for `gaps`."""

    start: int
    end: int
    boots: tuple[Boot, ...] = ()
    marks: tuple[Mark, ...] = ()
    gaps: tuple[Gap, ...] = ()
    base: int = 0
    """Stored offset of the byte that the VM's present host counts as its first: 0 unless the VM has moved."""


def name(port: str, start: int) -> str:
    """The blob of the segment that begins at `start`. Names sort as offsets do."""
    return f"{PREFIX}{port}/{start:020d}"


def prefix(port: str) -> str:
    """What the names of all segments of a port begin with, and no other's."""
    return f"{PREFIX}{port}/"


def parse(name: str) -> tuple[str, int] | None:
    """Port and offset of a segment by its name; None for what is none."""
    found = _NAME.match(name)
    if found is None or int(found[2]) > MAX_OFFSET:
        return None
    return found[1], int(found[2])


def next_piece(
    tail: int, uploaded: int, start: int, end: int, *, missing: Iterable[tuple[int, int]] = (), final: bool
) -> Piece | None:
    """What to upload next of a log that can be read on its host from `start` up to `end`.

    `tail`: where the open segment begins; `uploaded`: the end of what is stored, at least `tail`. `missing`:
    ranges of the log that hold no bytes of the guest. `final`: nothing more comes for now, so the segment is
    sealed. None when there is nothing to do.
    """
    if start > tail:
        # The beginning of the open segment is gone on the host: what is stored of it stays as it is.
        tail = uploaded = max(uploaded, start)
    wide = sorted((low, high) for low, high in missing if low < high)
    moved = True
    while moved:
        moved = False
        for low, high in wide:
            if low <= tail < high and uploaded <= high:
                tail = uploaded = high
                moved = True
    stop, after = min(end, tail + SEGMENT_BYTES), None
    for low, high in wide:
        if tail < low < stop or (tail < low <= stop and low < end):
            stop, after = low, high
            break
    if stop <= uploaded:
        if after is not None and end > after and stop == uploaded:
            # Nothing is left to say up to the hole: what comes behind it is a segment of its own.
            return next_piece(after, after, start, end, missing=wide, final=final)
        return None
    full = stop - tail == SEGMENT_BYTES or after is not None
    return Piece(start=tail, end=stop, sealed=full or final, after=stop if after is None else after)


def parts(segments: Sequence[Segment]) -> list[Part]:
    """The log put together, in the order of offsets; of what two segments have, the earlier one's counts."""
    found: list[Part] = []
    position = 0
    for each in sorted(segments, key=lambda segment: segment.start):
        low = max(each.start, position)
        if each.end > low:
            found.append(Part(segment=each.start, start=low, end=each.end))
            position = each.end
    return found


def extent(segments: Sequence[Segment]) -> Extent | None:
    """What the segments of a port come to; None when there are none."""
    if not segments:
        return None
    ordered = sorted(segments, key=lambda segment: segment.start)
    covered = parts(ordered)
    start, end = ordered[0].start, max(each.end for each in ordered)
    holes: list[Gap] = []
    position = start
    for part in covered:
        if part.start > position:
            holes.append(Gap(position, part.start, part.start - position))
        position = part.end
    if end > position:
        holes.append(Gap(position, end, end - position))
    dropped = {each.start: each for segment in ordered for each in segment.notes.gaps if each.start >= start}
    boots = {(each.number, each.offset): each for segment in ordered for each in segment.notes.boots}
    marks = {each.offset: each for segment in reversed(ordered) for each in segment.notes.marks}
    return Extent(
        start=start,
        end=end,
        boots=tuple(sorted(boots.values(), key=lambda boot: (boot.offset, boot.number))),
        marks=tuple(marks[offset] for offset in sorted(marks)),
        gaps=tuple(sorted([*holes, *dropped.values()], key=lambda gap: (gap.start, gap.end))),
        base=ordered[-1].notes.base,
    )


def trimmed(lengths: Sequence[tuple[int, int]], ring: int = RING_BYTES) -> list[int]:
    """Offsets of the segments that can go, of (offset, length) pairs: the oldest, while the others hold at
    least `ring` bytes; and what is beyond MAX_SEGMENTS. The newest always stays.
    """
    ordered = sorted(lengths)
    held = sum(length for _, length in ordered)
    gone: list[int] = []
    for position, (offset, length) in enumerate(ordered[:-1]):
        if held - length < ring and len(ordered) - position <= MAX_SEGMENTS:
            break
        held -= length
        gone.append(offset)
    return gone


def thinned(marks: Sequence[T], most: int = MAX_MARKS) -> list[T]:
    """At most `most` of them, evenly spread, the first and the last among them."""
    if len(marks) <= most:
        return list(marks)
    step = (len(marks) - 1) / (most - 1)
    return [marks[round(number * step)] for number in range(most)]


def _bounded(gaps: Sequence[Gap]) -> list[Gap]:
    """Beyond MAX_MARKS the last ones are told as one, at the first one's place."""
    if len(gaps) <= MAX_MARKS:
        return list(gaps)
    kept, rest = list(gaps[: MAX_MARKS - 1]), gaps[MAX_MARKS - 1 :]
    known = all(each.bytes for each in rest)
    count = sum(each.bytes for each in rest) if known else 0
    return [*kept, Gap(rest[0].start, rest[0].start, count)]


def _millis(at: float) -> int:
    return max(0, round(at * 1000))


def _entries(text: str) -> list[tuple[int, int, float, str | None]]:
    found = []
    for each in text.split(",")[: 4 * MAX_MARKS] if text else ():
        if (entry := _ENTRY.match(each)) is not None:
            offset, count = int(entry[1]), int(entry[2] or 0)
            found.append((offset, count, int(entry[3]) / 1000, entry[4]))
    return found
