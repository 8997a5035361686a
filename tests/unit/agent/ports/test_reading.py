"""A range of a log: which bytes, when they came, of which boot they are, and where some are missing."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path

import pytest

from outofband.agent.ports.index import Kind
from outofband.agent.ports.reading import boots, read
from outofband.agent.ports.spool import Spool
from outofband.core import clock
from outofband.wire.log import MAX_BYTES, GapPart, LogArgs, LogPart


@pytest.fixture
def wall(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """A wall clock in seconds that the test sets."""
    now = [100]
    monkeypatch.setattr(clock, "wall_ns", lambda: now[0] * 10**9)
    monkeypatch.setattr(clock, "wall", lambda: float(now[0]))
    yield now


@pytest.fixture
def spool(tmp_path: Path, wall: list[int]) -> Iterator[Spool]:
    spool = Spool(tmp_path / "serial0.log", ring=64 * 1024, reserve=4096)
    spool.open()
    yield spool
    spool.close()


def say(spool: Spool, wall: list[int], at: int, text: bytes) -> None:
    """What came within the second before `at`."""
    spool.quiet((at - 1) * 10**9)
    spool.append(text)
    wall[0] = at
    spool.look(1000.0 * at)


def text(part: LogPart) -> bytes:
    return base64.b64decode(part.text)


def test_a_range_is_the_bytes_of_the_log(spool: Spool, wall: list[int]) -> None:
    say(spool, wall, 110, b"one\r\n\x00\xfftwo\r\n")
    whole = read(spool, LogArgs())
    assert (text(whole), whole.begin, whole.start, whole.end) == (b"one\r\n\x00\xfftwo\r\n", 0, 0, 12)
    middle = read(spool, LogArgs(begin=3, bytes=4))
    assert (text(middle), middle.begin) == (b"\r\n\x00\xff", 3)
    assert text(read(spool, LogArgs(begin=3, to=5))) == b"\r\n"
    assert text(read(spool, LogArgs(to=5, bytes=2))) == b"\r\n"
    assert text(read(spool, LogArgs(bytes=5))) == b"two\r\n"


@pytest.mark.parametrize("wish", [{"begin": 99}, {"begin": 12, "to": 5}, {"to": 0}])
def test_a_range_outside_of_the_log_is_empty(spool: Spool, wall: list[int], wish: dict[str, int]) -> None:
    say(spool, wall, 110, b"one\r\ntwo\r\nxx")
    assert text(read(spool, LogArgs(**wish))) == b""


def test_what_the_ring_let_go_is_passed_over(spool: Spool, wall: list[int]) -> None:
    say(spool, wall, 110, b"x" * 200_000)
    part = read(spool, LogArgs(begin=5, bytes=MAX_BYTES))
    assert part.start > 100_000
    assert part.begin == part.start
    assert part.begin + len(text(part)) == part.end == 200_000


def test_every_byte_has_its_time(spool: Spool, wall: list[int]) -> None:
    for at, line in ((110, b"one\n"), (120, b"two\n"), (130, b"three\n")):
        say(spool, wall, at, line)
    part = read(spool, LogArgs())
    assert [tuple(each.__getattribute__(name) for name in ("end", "after", "at")) for each in part.times] == [
        (4, 109, 110),
        (8, 119, 120),
        (14, 129, 130),
    ]
    assert [each.end for each in read(spool, LogArgs(begin=5, to=6)).times] == [6]
    for offset in range(14):
        found = next(each for each in part.times if each.end > offset)
        assert (found.after, found.at) == spool.time_of(offset)


def test_what_came_while_nobody_looked_has_an_interval(spool: Spool, wall: list[int]) -> None:
    say(spool, wall, 110, b"one\n")
    spool.close()
    with spool.path.open("ab") as guest:
        guest.write(b"two\n")
    wall[0] = 500
    spool.open()
    (first, second) = read(spool, LogArgs()).times
    assert (first.at, second.end, second.after, second.at) == (110, 8, 110, 500)


def test_many_looks_are_put_together(spool: Spool, wall: list[int]) -> None:
    for number in range(50):
        say(spool, wall, 110 + number, b"x")
    times = spool.index.times(0, 50, 10)
    assert len(times) <= 10
    assert times[-1][0] == 50
    for offset in range(50):
        _, after, at = next(each for each in times if each[0] > offset)
        exact = spool.time_of(offset)
        assert after <= exact[0]
        assert exact[1] <= at


@pytest.mark.parametrize(
    ("at", "offset"), [(0, 0), (105, 0), (110, 0), (111, 4), (120, 4), (121, 8), (999, 8)]
)
def test_since_leaves_out_what_came_before(spool: Spool, wall: list[int], at: float, offset: int) -> None:
    say(spool, wall, 110, b"one\n")
    say(spool, wall, 120, b"two\n")
    assert read(spool, LogArgs(since=at)).begin == offset


def test_boots_begin_and_end(spool: Spool, wall: list[int]) -> None:
    assert boots(spool) == []
    spool.reset(1)
    say(spool, wall, 110, b"first\n")
    wall[0] = 200
    spool.reset(2)
    say(spool, wall, 210, b"second boot\n")
    first, second = read(spool, LogArgs(begin=18)).boots
    assert (first.number, first.offset, first.at, first.end, first.last) == (1, 0, 100, 6, 110)
    assert (second.number, second.offset, second.at, second.end, second.last) == (2, 6, 200, 18, 210)
    wall[0] = 300
    spool.reset(3)
    assert (read(spool, LogArgs()).boots[2].last, read(spool, LogArgs()).boots[2].end) == (300, 18)


def test_gaps_of_the_range_come_with_it(spool: Spool, wall: list[int]) -> None:
    say(spool, wall, 110, b"x" * 20)
    spool.index.note(Kind.LOST, 20, 8, 8, 7)
    assert read(spool, LogArgs()).gaps == [GapPart(8, 8, 7)]
    assert read(spool, LogArgs(begin=9)).gaps == []


def test_the_end_of_a_boot_that_is_over_is_looked_up_once(
    spool: Spool, wall: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(5):
        spool.reset(number)
        say(spool, wall, 110 + number, b"hello")
    before = boots(spool)
    asked: list[int] = []
    time_of = spool.index.time_of

    def counted(self: Spool, offset: int) -> tuple[float, float]:
        asked.append(offset)
        return time_of(offset)

    monkeypatch.setattr(Spool, "time_of", counted)
    assert boots(spool) == before
    assert asked == [24], "only the newest one goes on"
