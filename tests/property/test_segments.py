"""A log of segments: whatever happens to the host between two uploads, what is put together is the log."""

from __future__ import annotations

import itertools
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from outofband.wire import segments
from outofband.wire.segments import SEGMENT_BYTES, Boot, Gap, Mark, Notes, Segment
from outofband.wire.storage import names

OFFSETS = st.integers(0, 2**50)
STEP = st.one_of(
    st.tuples(st.just("print"), st.integers(0, 3 * SEGMENT_BYTES)),
    st.tuples(st.just("upload"), st.integers(1, 4)),
    st.tuples(st.just("crash"), st.integers(0, 1)),
    st.tuples(st.just("trim"), st.integers(0, 2 * SEGMENT_BYTES)),
    st.tuples(st.just("hole"), st.integers(1, SEGMENT_BYTES)),
    st.tuples(st.just("stop"), st.just(0)),
)


@given(st.integers(0, 999), OFFSETS)
def test_a_name_tells_port_and_offset_and_sorts_as_offsets_do(port: int, start: int) -> None:
    name = segments.name(str(port), start)
    assert segments.parse(name) == (str(port), start)
    assert name.startswith(segments.prefix(str(port)))
    assert names.blob(name) == name
    assert segments.name(str(port), start + 1) > name


def test_what_is_no_segment_has_no_offset() -> None:
    for name in ("log/0/1", "log/0/0000000000000000000x", "log/0/", "Log/0/00000000000000000000", "x"):
        assert segments.parse(name) is None
    assert segments.parse(f"log/0/{10**20 - 1}") is None


class Host:
    """A host with a spool and a memory, and a store, as the uploader uses them."""

    def __init__(self) -> None:
        self.start = self.end = 0
        self.tail = self.uploaded = 0
        self.kept = (0, 0)
        self.store: dict[int, int] = {}
        self.holes: list[tuple[int, int]] = []

    def upload(self, *, final: bool = False) -> bool:
        piece = segments.next_piece(
            self.tail, self.uploaded, self.start, self.end, missing=self.holes, final=final
        )
        if piece is None:
            return False
        assert self.start <= piece.start < piece.end <= self.end
        assert piece.end - piece.start <= SEGMENT_BYTES
        # Rewriting never takes anything away.
        assert self.store.get(piece.start, 0) <= piece.end - piece.start
        self.store[piece.start] = piece.end - piece.start
        self.tail, self.uploaded = (piece.after, piece.after) if piece.sealed else (piece.start, piece.end)
        if piece.sealed:
            self.kept = (self.tail, self.uploaded)
        return True


@settings(max_examples=80)
@given(st.lists(STEP, max_size=25))
def test_what_is_stored_is_the_log_but_for_what_the_host_lost(steps: list[tuple[str, int]]) -> None:
    host, lost = Host(), set[int]()
    unit = SEGMENT_BYTES // 8
    for what, size in steps:
        if what == "print":
            host.end += size
        elif what == "upload":
            for _ in range(size):
                host.upload()
        elif what == "crash":
            # What was written but not remembered is found out again.
            host.tail, host.uploaded = host.kept
        elif what == "trim":
            before = host.start
            host.start = min(host.end, host.start + size)
            stored = segments.parts([Segment(start=s, length=n) for s, n in host.store.items()])
            for offset in range(before, host.start, unit):
                if not any(part.start <= offset < part.end for part in stored):
                    lost.add(offset)
        elif what == "hole":
            host.holes.append((host.end, host.end + size))
            host.end += size
        else:
            while host.upload(final=True):
                pass
    while host.upload(final=True):
        pass
    found = [Segment(start=start, length=length) for start, length in host.store.items()]
    covered = segments.parts(found)
    for before, after in itertools.pairwise(covered):
        assert before.end <= after.start
    for offset in range(0, host.end, unit):
        inside = any(part.start <= offset < part.end for part in covered)
        excused = offset in lost or any(low <= offset < high for low, high in host.holes)
        assert inside or excused or offset < host.start
    whole = segments.extent(found)
    if whole is not None:
        missing = [gap for gap in whole.gaps if gap.end > gap.start]
        assert sum(part.end - part.start for part in covered) + sum(gap.bytes for gap in missing) == (
            whole.end - whole.start
        )


NOTES = st.builds(
    Notes,
    boots=st.lists(
        st.builds(Boot, st.integers(0, 10**6), st.integers(0, SEGMENT_BYTES), st.integers(0, 10**10)),
        max_size=8,
    ).map(tuple),
    marks=st.lists(st.builds(Mark, st.integers(0, SEGMENT_BYTES), st.integers(0, 10**10)), max_size=90).map(
        tuple
    ),
    gaps=st.lists(
        st.integers(0, SEGMENT_BYTES).flatmap(
            lambda at: st.integers(0, 10**9).map(lambda count: Gap(at, at, count))
        ),
        max_size=90,
    ).map(tuple),
    base=st.integers(0, 2**60),
)


@given(NOTES, OFFSETS)
def test_notes_fit_metadata_and_come_back(notes: Notes, start: int) -> None:
    def moved(each: Any) -> Any:
        if isinstance(each, Gap):
            return Gap(each.start + start, each.end + start, each.bytes)
        if isinstance(each, Mark):
            return Mark(each.offset + start, each.at)
        return Boot(each.number, each.offset + start, each.at)

    here = Notes(
        boots=tuple(map(moved, notes.boots)),
        marks=tuple(map(moved, notes.marks)),
        gaps=tuple(map(moved, notes.gaps)),
        base=notes.base,
    )
    metadata = names.metadata(here.metadata(start))
    back = Notes.read(metadata, start)
    assert back.boots == here.boots and back.base == here.base
    assert len(back.marks) <= segments.MAX_MARKS and len(back.gaps) <= segments.MAX_MARKS
    if len(here.marks) <= segments.MAX_MARKS:
        assert back.marks == here.marks
    if len(here.gaps) <= segments.MAX_MARKS:
        assert back.gaps == here.gaps


@given(st.dictionaries(st.sampled_from(["boots", "marks", "gaps", "base"]), st.text(max_size=80)), OFFSETS)
def test_notes_of_somebody_else_hurt_nobody(metadata: dict[str, str], start: int) -> None:
    Notes.read(metadata, start)


@given(st.lists(st.integers(0, SEGMENT_BYTES), max_size=200), st.integers(0, 8 * SEGMENT_BYTES))
def test_trimming_leaves_the_newest_and_at_least_the_ring(lengths: list[int], ring: int) -> None:
    at, pairs = 0, []
    for length in lengths:
        pairs.append((at, length))
        at += length + 1
    gone = set(segments.trimmed(pairs, ring))
    left = [pair for pair in pairs if pair[0] not in gone]
    assert left == pairs[len(gone) :] and (left or not pairs)
    held = sum(length for _, length in left)
    assert held >= min(ring, sum(lengths))
    if len(left) > 1:
        assert held - left[0][1] < ring


def test_many_small_segments_are_bounded() -> None:
    pairs = [(number, 1) for number in range(segments.MAX_SEGMENTS + 7)]
    assert segments.trimmed(pairs) == list(range(7))


@given(st.integers(0, 500), st.integers(0, 500), st.integers(0, 500))
def test_what_two_segments_have_is_there_once(first: int, start: int, second: int) -> None:
    found = segments.parts([Segment(start=start, length=second), Segment(start=0, length=first)])
    bytes_of = [offset for part in found for offset in range(part.start, part.end)]
    assert bytes_of == sorted({*range(first), *range(start, start + second)})
