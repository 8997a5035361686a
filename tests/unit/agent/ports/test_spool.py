"""The log of a port in its plain uses; what can go wrong with it is in tests/property and tests/peers."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from outofband.agent.ports.spool import HISTORY_KEPT, Spool

BLOCK = 4096


@pytest.fixture
def spool(tmp_path: Path) -> Iterator[Spool]:
    spool = Spool(tmp_path / "serial0.log", ring=HISTORY_KEPT, reserve=16 * BLOCK)
    spool.open()
    yield spool
    spool.close()


def test_the_size_of_the_file_is_the_offset(spool: Spool) -> None:
    with spool.path.open("ab") as guest:
        guest.write(b"hello")
    assert spool.end == 0
    assert spool.refresh()
    assert (spool.start, spool.end) == (0, 5)
    assert spool.read(1, 3) == b"ell"
    assert spool.read(5, 10) == b""


def test_space_is_reserved_past_the_end_without_growing_the_file(spool: Spool) -> None:
    stat = spool.path.stat()
    assert stat.st_size == 0
    assert stat.st_blocks * 512 >= 16 * BLOCK


def test_old_blocks_are_given_back_and_offsets_stay(spool: Spool) -> None:
    total = 10 * HISTORY_KEPT
    for at in range(0, total, HISTORY_KEPT):
        spool.append(bytes([at // HISTORY_KEPT]) * HISTORY_KEPT)
        spool.look(at)
    assert spool.path.stat().st_size == total
    assert spool.end == total
    assert total - spool.start >= HISTORY_KEPT
    assert spool.path.stat().st_blocks * 512 < 3 * HISTORY_KEPT
    assert spool.read(total - 10, 100) == bytes([9]) * 10
    with pytest.raises(ValueError, match="expected an offset from"):
        spool.read(spool.start - 1, 10)


def test_files_are_private(spool: Spool) -> None:
    for path in (spool.path, spool.path.with_suffix(".idx")):
        assert path.stat().st_mode & 0o777 == 0o600


def test_opening_again_goes_on_where_it_was(spool: Spool, tmp_path: Path) -> None:
    for at in range(0, 3 * HISTORY_KEPT, HISTORY_KEPT):
        spool.append(b"x" * HISTORY_KEPT)
        spool.look(at)
    start = spool.start
    assert start > 0
    spool.close()
    again = Spool(spool.path, ring=HISTORY_KEPT, reserve=16 * BLOCK)
    again.open()
    assert (again.start, again.end) == (start, 3 * HISTORY_KEPT)
    again.close()


def test_a_log_that_was_removed_never_makes_offsets_run_back(spool: Spool) -> None:
    spool.append(b"x" * 100)
    spool.close()
    spool.path.unlink()
    spool.open()
    assert spool.end == 100
    assert [(gap.start, gap.end, gap.bytes) for gap in spool.gaps(0, 100)] == [(0, 100, 100)]
    with spool.path.open("ab") as guest:
        guest.write(b"new")
    spool.refresh()
    assert spool.read(100, 10) == b"new"


def test_a_reserve_that_ran_out_exactly_while_nobody_looked_is_suspicious(spool: Spool) -> None:
    spool.close()
    with spool.path.open("ab") as guest:
        guest.write(b"x" * 16 * BLOCK)
    spool.open()
    assert [gap.start for gap in spool.lost] == [16 * BLOCK]
    # Once told is enough.
    spool.look(1.0)
    spool.look(2.0)
    assert len(spool.lost) == 1


def test_outgrowing_the_reserve_on_an_empty_disk_is_not(spool: Spool) -> None:
    spool.close()
    with spool.path.open("ab") as guest:
        guest.write(b"x" * (40 * BLOCK + 1))
    spool.open()
    assert spool.lost == []
    assert spool.alarm is None


def test_the_reserve_is_renewed_by_looking(spool: Spool) -> None:
    for second in range(10):
        with spool.path.open("ab") as guest:
            guest.write(b"x" * 12 * BLOCK)
        assert not spool.exposed
        spool.look(float(second))
        ahead = spool.path.stat().st_blocks * 512 - (spool.end - spool.start)
        assert ahead >= 8 * BLOCK - 2 * BLOCK
    assert spool.lost == []


def test_punching_frees_blocks_of_a_file_somebody_else_appends_to(spool: Spool) -> None:
    guest = os.open(spool.path, os.O_WRONLY | os.O_APPEND)
    for second in range(20):
        os.write(guest, bytes([second]) * HISTORY_KEPT)
        spool.look(float(second))
    os.close(guest)
    assert spool.read(spool.end - 5, 5) == bytes([19]) * 5
    assert spool.path.stat().st_blocks * 512 < 4 * HISTORY_KEPT
