"""The side file of a log: times, resets, gaps, and what a crash or a full disk does to it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from outofband.agent.ports import index as module
from outofband.agent.ports.index import MAX_BACKLOG, RECORD_BYTES, Index, Kind, Lost
from outofband.core import clock


@pytest.fixture
def wall(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """A wall clock in seconds that the test sets."""
    now = [100]
    monkeypatch.setattr(clock, "wall_ns", lambda: now[0] * 10**9)
    yield now


@pytest.fixture
def index(tmp_path: Path) -> Iterator[Index]:
    index = Index(tmp_path / "serial0.idx")
    index.open()
    yield index
    index.close()


def reopened(index: Index) -> Index:
    index.close()
    index.open()
    return index


def test_a_byte_came_between_two_looks(index: Index, wall: list[int]) -> None:
    index.note(Kind.OPENED, 0)
    wall[0] = 160
    index.note(Kind.GROWN, 10, 159 * 10**9)
    assert index.time_of(0) == (159, 160)
    assert index.time_of(9) == (159, 160)


def test_bytes_of_a_time_when_nobody_looked_carry_an_interval(index: Index, wall: list[int]) -> None:
    index.note(Kind.OPENED, 0)
    wall[0] = 110
    index.note(Kind.CLOSED, 5)
    wall[0] = 500
    index.note(Kind.OPENED, 90)
    assert index.time_of(50) == (110, 500)


def test_an_unmarked_byte_came_since_the_last_record(index: Index, wall: list[int]) -> None:
    index.note(Kind.OPENED, 10)
    wall[0] = 130
    assert index.time_of(10) == (100, 130)
    assert index.time_of(0) == (0, 100)


def test_a_clock_that_was_set_back_turns_no_interval_around(index: Index, wall: list[int]) -> None:
    index.note(Kind.OPENED, 0)
    wall[0] = 50
    index.note(Kind.GROWN, 10, 99 * 10**9)
    earliest, latest = index.time_of(5)
    assert earliest <= latest


def test_what_was_learnt_survives_reopening(index: Index) -> None:
    index.note(Kind.RESET, 10, 1)
    index.note(Kind.LOST, 20, 15, 15, 7)
    index.note(Kind.RESERVED, 20, 4096, 0, 1)
    index.note(Kind.TRIMMED, 20, 12)
    again = reopened(index)
    assert (again.end, again.start, again.reserved, again.short) == (20, 12, 4096, True)
    assert again.gaps(0, 100) == [Lost(15, 15, 7)]
    assert [(boot.number, boot.offset) for boot in again.boots()] == [(1, 10)]


def test_a_gap_before_the_ring_is_forgotten(index: Index) -> None:
    index.note(Kind.LOST, 20, 15, 15, 7)
    index.note(Kind.TRIMMED, 100, 50)
    assert index.gaps(0, 100) == []


def test_a_later_word_about_a_gap_replaces_the_earlier(index: Index) -> None:
    index.note(Kind.LOST, 20, 20, 20, 0)
    index.note(Kind.LOST, 20, 20, 20, 100)
    assert reopened(index).gaps(0, 100) == [Lost(20, 20, 100)]


@pytest.mark.parametrize("cut", [1, RECORD_BYTES // 2, RECORD_BYTES - 1])
def test_a_torn_record_is_cut_off(index: Index, cut: int, tmp_path: Path) -> None:
    index.note(Kind.RESET, 10, 1)
    index.note(Kind.RESET, 20, 2)
    index.close()
    path = tmp_path / "serial0.idx"
    os.truncate(path, path.stat().st_size - cut)
    index = Index(path)
    index.open()
    assert [boot.number for boot in index.boots()] == [1]
    index.note(Kind.RESET, 30, 3)
    assert [boot.number for boot in reopened(index).boots()] == [1, 3]
    index.close()


def test_a_disk_that_is_full_keeps_records_waiting(index: Index, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.write

    def full(fd: int, data: bytes) -> int:
        # As a real one: part of a record may still fit.
        return real(fd, data[:5])

    monkeypatch.setattr(module.os, "write", full)
    for boot in range(1, MAX_BACKLOG + 10):
        index.note(Kind.GROWN, boot)
    index.note(Kind.RESET, 1000, 77)
    monkeypatch.undo()
    index.note(Kind.RESET, 2000, 78)
    again = reopened(index)
    assert [boot.number for boot in again.boots()] == [77, 78]
    assert again.time_of(999)[1] > 0


def test_the_file_stays_small(tmp_path: Path) -> None:
    index = Index(tmp_path / "small.idx", limit=64)
    index.open()
    for number in range(1000):
        index.note(Kind.GROWN, number + 1)
    index.note(Kind.RESET, 1000, 5)
    assert (tmp_path / "small.idx").stat().st_size <= 65 * RECORD_BYTES
    assert index.time_of(0)[1] <= index.time_of(999)[1]
    assert [boot.number for boot in reopened(index).boots()] == [5]
    index.close()
