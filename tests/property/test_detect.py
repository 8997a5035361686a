"""Whatever a guest prints and however it is cut: the same findings, within bounds, and never an exception."""

from __future__ import annotations

import time

import msgspec
from hypothesis import example, given, settings
from hypothesis import strategies as st

from outofband.wire.detect import Detector
from outofband.wire.detect.engine import KEPT_LIMIT
from outofband.wire.finding import MAX_EVIDENCE, MAX_FIELDS, MAX_TEXT, Finding
from tests.unit.wire.detect.samples import HEALTHY, SAMPLES

LINES = sorted(
    {
        line if isinstance(line, bytes) else line.encode()
        for parts in [*(printed for printed, _ in SAMPLES.values()), *HEALTHY.values()]
        for part in parts
        for line in (part.splitlines(keepends=True))
    }
)
NOISE = st.sampled_from(
    [
        b"\x1b[",
        b"\x1b[06;17H",
        b"\x1b[7;1H",
        b"\x1b[0m",
        b"\r",
        b"\n",
        b"\xe2\x80\xa6",
        b"x" * 3000,
        b"root@h:~# ",
        b"exit\r\n",
    ]
)
OUTPUT = st.lists(st.sampled_from(LINES) | NOISE | st.binary(max_size=12), max_size=30).map(b"".join)
CUTS = st.lists(st.integers(1, 400), max_size=20)


def findings(told: dict[str, Finding]) -> list[bytes]:
    return sorted(msgspec.json.encode(each) for each in told.values())


def fed(output: bytes, cuts: list[int], *, again: int | None = None) -> tuple[list[bytes], bytes]:
    """All that was told in the end, and what is kept. `again`: after which cut another life begins."""
    detector = Detector("p")
    told: dict[str, Finding] = {}
    position = 0
    for number, size in enumerate([*cuts, len(output)]):
        piece = output[position : position + size]
        told |= {each.id: each for each in detector.feed(position, piece, 1.0)}
        position += len(piece)
        if number == again:
            detector = Detector("p", detector.kept())
    return findings(told), detector.kept()


@settings(max_examples=300)
@given(OUTPUT, CUTS)
@example(
    b"[    1.500000] VFS: Mounted root.\r\n\x1b[06;17H[    0.000000] Command line: BOOT_IMAGE=/vmlinuz\r\n",
    [34],
)
@example(b"Booting from Hard Disk...\r\nroot@h:~# \xe2\x80\xa6", [37])
@example(b"root@h:~# rm -i old: sure (y/n)?", [10])
@example(b"/dev/vda1: UNEXPECTED INCONSISTENCY; RUN fsck MANUALLY.\r\n0000\x03\0 \x01\0\0\x80\x80", [60])
def test_cuts_do_not_matter(output: bytes, cuts: list[int]) -> None:
    assert fed(output, cuts) == fed(output, [])


@given(OUTPUT, CUTS, st.integers(0, 20))
def test_a_restart_does_not_matter(output: bytes, cuts: list[int], again: int) -> None:
    assert fed(output, cuts, again=again) == fed(output, cuts)


@given(
    st.lists(
        st.tuples(st.sampled_from(["feed", "gap", "reset", "stopped", "tick", "finish"]), OUTPUT), max_size=12
    )
)
def test_any_life_stays_within_bounds(events: list[tuple[str, bytes]]) -> None:
    detector = Detector("p")
    at, ids = 0.0, dict[str, str]()
    for number, (kind, output) in enumerate(events):
        at += 7
        match kind:
            case "feed":
                told = detector.feed(detector.offset, output, at)
            case "gap":
                told = detector.feed(detector.offset + 100, output, at)
            case "reset":
                told = detector.reset(detector.offset, number, at)
            case "stopped":
                told = detector.stopped(at)
            case "finish":
                told = detector.finish(at)
            case _:
                told = detector.tick(at)
                due = detector.due()
                assert due is None or due > at
        for each in told:
            assert ids.setdefault(each.id, each.code) == each.code
            assert len(each.evidence) <= MAX_EVIDENCE
            assert len(each.fields) <= MAX_FIELDS
            assert all(len(line.text) <= MAX_TEXT and line.text.isprintable() for line in each.evidence)
            assert (each.ended is None) == (each in detector.open())
        assert len(detector.kept()) < KEPT_LIMIT


def test_hostile_output_costs_little() -> None:
    panic = b"Kernel panic - not syncing: again\n"
    for hostile in (
        b"a" * (1 << 20),
        panic * ((1 << 20) // len(panic)),
        b"root@h:~# x\n" * 90_000,
        b"\x1b[1;1H" * 170_000,
        b"[" * (1 << 20),
        b"\x1b[" * (1 << 19),
        bytes(range(256)) * 4096,
        b"@" * (1 << 20),
        b"login: " * 150_000,
    ):
        detector = Detector("p")
        began = time.process_time()
        for start in range(0, len(hostile), 1 << 16):
            detector.feed(start, hostile[start : start + (1 << 16)], 1.0)
        assert time.process_time() - began < 2.0, hostile[:20]
        assert len(detector.kept()) < KEPT_LIMIT
