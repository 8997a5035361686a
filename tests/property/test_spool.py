"""The spool and its index against a model: every byte at its offset, or its absence told, come what may."""

from __future__ import annotations

import itertools
import os
import random
import shutil
import tempfile
from pathlib import Path
from unittest import mock

from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, precondition, rule

from outofband.agent.ports.index import RECORD_BYTES, Index, Kind
from outofband.agent.ports.spool import HISTORY_KEPT, Spool
from outofband.core import clock

BLOCK = 4096
pieces = st.one_of(
    st.binary(min_size=1, max_size=40),
    st.builds(
        lambda unit, count: (unit * (count // len(unit) + 1))[:count],
        st.binary(min_size=1, max_size=7),
        st.integers(1, 60_000),
    ),
)


class SpoolMachine(RuleBasedStateMachine):
    """A hypervisor appends, an agent looks, crashes, comes back; the model is one long list of bytes."""

    offsets = Bundle("offsets")

    def __init__(self) -> None:
        super().__init__()
        self.directory = Path(tempfile.mkdtemp(prefix="spool"))
        self.path = self.directory / "serial0.log"
        self.model = bytearray()
        self.holes: list[tuple[int, int]] = []
        self.crashed = False
        self.writes: list[tuple[int, float, float]] = []
        self.now = 0.0
        self.spool = self.fresh()
        self.spool.open()

    def fresh(self) -> Spool:
        return Spool(self.path, ring=HISTORY_KEPT, reserve=16 * BLOCK)

    def teardown(self) -> None:
        self.drop()
        shutil.rmtree(self.directory)

    def drop(self) -> None:
        """What the kernel does for a process that was killed."""
        os.close(self.spool._fd)
        self.spool.index.close()
        self.spool._fd = -1

    @rule(data=pieces)
    def guest_prints(self, data: bytes) -> None:
        before = clock.wall()
        with self.path.open("ab") as log:
            log.write(data)
        self.writes.append((len(self.model), before, clock.wall()))
        self.model += data

    @rule(size=st.integers(HISTORY_KEPT, 5 * HISTORY_KEPT), seed=st.integers(0, 2**32))
    def guest_floods(self, size: int, seed: int) -> None:
        self.guest_prints(random.Random(seed).randbytes(size))

    @rule(data=pieces)
    def agent_appends(self, data: bytes) -> None:
        self.spool.refresh()
        before = clock.wall()
        self.spool.append(data)
        self.writes.append((len(self.model), before, clock.wall()))
        self.model += data

    @rule(passed=st.sampled_from([0.1, 1.0, 5.0]))
    def look(self, passed: float) -> None:
        self.now += passed
        self.spool.look(self.now)

    @rule()
    def reset(self) -> None:
        self.spool.reset(len(self.spool.boots()) + 1)
        assert self.spool.boots()[-1].offset == len(self.model)

    @rule()
    def restart(self) -> None:
        self.spool.close()
        self.spool = self.fresh()
        self.spool.open()

    @rule(torn=st.integers(0, RECORD_BYTES), junk=st.binary(max_size=RECORD_BYTES - 1))
    def killed(self, torn: int, junk: bytes) -> None:
        """Killed, perhaps in the middle of a record: it is cut, or followed by something else."""
        self.drop()
        index = self.path.with_suffix(".idx")
        # Never more than the newest record: that is what a crash can tear. Notes of a start that is
        # already acted on (punched) came before it.
        newest = Index(index)
        newest.open()
        kind = newest._at(newest._count - 1).kind
        newest.close()
        if kind == Kind.GROWN:
            os.truncate(index, index.stat().st_size - torn)
        with index.open("ab") as file:
            file.write(junk)
        self.spool = self.fresh()
        self.spool.open()

    @rule()
    def index_is_lost(self) -> None:
        self.drop()
        self.path.with_suffix(".idx").unlink()
        self.spool = self.fresh()
        self.spool.open()
        # Nobody knows any more that these were lost; they read as the zeros that they are.
        for start, end in self.holes:
            self.model[start:end] = bytes(end - start)
        self.holes.clear()

    @precondition(lambda self: len(self.model) > 0)
    @rule(cut=st.integers(1, 10_000))
    def host_crashes(self, cut: int) -> None:
        """The newest bytes never reached the disk; the index did."""
        self.crashed = True
        self.spool.look(self.now)
        self.spool.close()
        size = max(0, len(self.model) - cut)
        os.truncate(self.path, size)
        self.spool = self.fresh()
        self.spool.open()
        self.holes.append((size, len(self.model)))
        assert self.spool.end == len(self.model)

    @rule(target=offsets, share=st.floats(0, 1))
    def choose(self, share: float) -> int:
        return int(share * len(self.model))

    @rule(offset=offsets, limit=st.integers(1, 70_000))
    def read(self, offset: int, limit: int) -> None:
        self.spool.refresh()
        if offset < self.spool.start:
            return
        stop = min(offset + limit, len(self.model))
        found = bytearray(self.spool.read(offset, limit))
        expected = bytearray(self.model[offset:stop])
        told = [(gap.start, gap.end) for gap in self.spool.gaps(offset, stop)]
        for start, end in self.holes:
            if start < stop and end > offset:
                assert any(first <= max(start, offset) and last >= min(end, stop) for first, last in told)
                for body in (found, expected):
                    low, high = max(0, start - offset), min(end - offset, len(body))
                    body[low:high] = bytes(max(0, high - low))
        assert found == expected

    @rule()
    def read_the_oldest(self) -> None:
        self.read(self.spool.start, 2 * BLOCK)

    @rule(offset=offsets)
    def when(self, offset: int) -> None:
        written = [(before, after) for start, before, after in self.writes if start <= offset]
        if not written or offset >= len(self.model):
            return
        earliest, latest = self.spool.time_of(offset)
        before, after = written[-1]
        assert earliest <= after
        assert latest >= before

    @invariant()
    def offsets_are_the_guests(self) -> None:
        self.spool.refresh()
        assert self.spool.end == len(self.model)
        assert self.crashed or self.spool.start <= max(0, self.spool.end - HISTORY_KEPT)
        # A log that ends exactly where its reserve did may have met a full disk: told, rather too often.
        assert self.spool.alarm is None or self.spool.lost

    @invariant()
    def the_ring_is_kept(self) -> None:
        # Between two looks it may grow; right after one it is a ring.
        self.spool.maintain()
        assert self.spool.end - self.spool.start <= HISTORY_KEPT + HISTORY_KEPT // 16 + 2 * BLOCK
        used = self.path.stat().st_blocks * 512
        assert used <= HISTORY_KEPT + 2 * self.spool.reserve + 64 * BLOCK


TestSpool = SpoolMachine.TestCase
TestSpool.settings = settings(max_examples=60, stateful_step_count=25, deadline=None)


THINNED_TRIM = [("grow", 1)] * 8 + [("reset", 1)] * 2
THINNED_TRIM += [("grow", 1), ("trim", 5), ("grow", 1), ("grow", 1), ("trim", 2)]


@settings(max_examples=60, deadline=None)
@example(THINNED_TRIM)
@given(st.lists(st.tuples(st.sampled_from(["grow", "look", "reset", "open", "trim"]), st.integers(1, 50))))
def test_thinning_never_makes_a_time_wrong(steps: list[tuple[str, int]]) -> None:
    """A tiny index beside a full one: its intervals contain those of the full one."""
    ticks = itertools.count(1)
    now = 0

    with tempfile.TemporaryDirectory() as folder, mock.patch.object(clock, "wall_ns", lambda: now):
        small, full = Index(Path(folder, "small"), limit=12), Index(Path(folder, "full"), limit=10_000)
        small.open()
        full.open()
        end = start = looked = 0
        for what, size in steps * 3:
            now = next(ticks) * 1_000_000_000
            match what:
                case "grow":
                    end += size
                    kind, values = Kind.GROWN, (looked,)
                    looked = now
                case "look":
                    looked = now
                    continue
                case "reset":
                    kind, values = Kind.RESET, (size,)
                case "open":
                    kind, values = Kind.OPENED, (0,)
                case _:
                    start = min(end, start + size)
                    kind, values = Kind.TRIMMED, (start,)
            for index in (full, small):
                index.note(kind, end, *values)
        for offset in range(start, end):
            wide, exact = small.time_of(offset), full.time_of(offset)
            assert wide[0] <= exact[0]
            assert wide[1] >= exact[1]
        reread = Index(Path(folder, "small"), limit=12)
        reread.open()
        assert (reread.end, reread.start) == (small.end, small.start)
        assert [boot.number for boot in reread.boots()] == [boot.number for boot in small.boots()]
        for index in (small, full, reread):
            index.close()


@given(st.integers(0, 400), st.integers(0, 255))
@settings(max_examples=100, deadline=None)
def test_a_damaged_record_costs_only_itself(at: int, value: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "index")
        index = Index(path)
        index.open()
        for boot in range(1, 8):
            index.note(Kind.RESET, boot * 10, boot)
        index.close()
        raw = bytearray(path.read_bytes())
        where = at % len(raw)
        changed = raw[where] != value
        raw[where] = value
        path.write_bytes(raw)
        again = Index(path)
        again.open()
        hurt = where // RECORD_BYTES + 1
        assert [boot.number for boot in again.boots()] == [
            number for number in range(1, 8) if number != hurt or not changed
        ]
        again.note(Kind.RESET, 1000, 9)
        again.close()
        last = Index(path)
        last.open()
        assert last.boots()[-1].number == 9
        assert last.time_of(5)[1] > 0
        last.close()
