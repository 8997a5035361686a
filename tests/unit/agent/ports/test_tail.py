"""The last lines of a log: how many, from where, and what becomes of a line that was cut."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from outofband.agent.ports.spool import Spool
from outofband.agent.ports.tail import WINDOW, last_lines
from outofband.core import clock


@pytest.fixture
def spool(tmp_path: Path) -> Iterator[Spool]:
    spool = Spool(tmp_path / "serial0.log", ring=2 * WINDOW, reserve=4096)
    spool.open()
    yield spool
    spool.close()


@pytest.mark.parametrize(
    ("log", "lines", "begin", "kept"),
    [
        (b"", 5, 0, b""),
        (b"\n", 1, 0, b"\n"),
        (b"one", 1, 0, b"one"),
        (b"one\r\ntwo\r\n", 1, 5, b"two\r\n"),
        (b"one\r\ntwo\r\n", 2, 0, b"one\r\ntwo\r\n"),
        (b"one\r\ntwo\r\n", 9, 0, b"one\r\ntwo\r\n"),
        (b"one\ntwo\nlogin: ", 1, 8, b"login: "),
        (b"one\ntwo\nlogin: ", 2, 4, b"two\nlogin: "),
        (b"one\n\n\n", 2, 4, b"\n\n"),
    ],
)
def test_lines_are_counted_from_the_end(
    spool: Spool, log: bytes, lines: int, begin: int, kept: bytes
) -> None:
    spool.append(log)
    assert last_lines(spool, lines) == (begin, kept)


def test_what_the_guest_printed_meanwhile_is_seen(spool: Spool) -> None:
    with spool.path.open("ab") as guest:
        guest.write(b"panic\n")
    assert last_lines(spool, 1) == (0, b"panic\n")


def test_a_line_cut_by_the_window_is_left_out(spool: Spool) -> None:
    spool.append(b"x" * WINDOW + b"\nlast\n")
    assert last_lines(spool, 200) == (WINDOW + 1, b"last\n")


@pytest.mark.parametrize("end", [b"", b"\n"])
def test_a_line_longer_than_the_window_is_given_in_part(spool: Spool, end: bytes) -> None:
    spool.append(b"x" * 2 * WINDOW + end)
    begin, kept = last_lines(spool, 200)
    assert kept == b"x" * (WINDOW - len(end)) + end
    assert begin == spool.end - WINDOW


def test_a_ring_that_went_round(spool: Spool) -> None:
    for number in range(60_000):
        spool.append(f"line {number}\n".encode())
    spool.maintain()
    assert spool.start > 0
    begin, kept = last_lines(spool, 3)
    assert kept == b"line 59997\nline 59998\nline 59999\n"
    assert begin == spool.end - len(kept)


def test_when_the_log_ended_where(spool: Spool) -> None:
    assert spool.index.marks(0, 10) == [(0, pytest.approx(clock.wall(), abs=60))]
    for number, text in enumerate((b"one\n", b"two\n", b"three\n")):
        spool.append(text)
        spool.look(1000.0 * (number + 1))
    offsets = [offset for offset, _ in spool.index.marks(0, 10)]
    assert offsets == [0, 4, 8, 14]
    times = [at for _, at in spool.index.marks(0, 10)]
    assert times == sorted(times)
    # One at or before the first byte that is asked for, and no more.
    assert [offset for offset, _ in spool.index.marks(5, 10)] == [4, 8, 14]
    assert [offset for offset, _ in spool.index.marks(0, 2)] == [8, 14]
