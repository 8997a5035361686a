"""The lab's own judgement: which cause is false; a table that several processes fill."""

from __future__ import annotations

from multiprocessing import get_context
from pathlib import Path

from tests.lab.fault import Row
from tests.lab.table import Table, read
from tests.lab.verdict import verdict

ROWS = 20


def test_a_cause_of_a_part_that_is_well_is_false() -> None:
    causes = ["GuestDiskFull", "GuestServiceStopped", "GuestAccountLocked"]
    said = verdict({"mainCause": {"code": "GuestDiskFull"}, "causes": causes})
    assert said.main == "GuestDiskFull"
    assert said.wrong({"GuestDiskFull", "GuestServiceStopped"}) == ("GuestAccountLocked",)
    assert verdict({"mainCause": None, "causes": []}).main == ""


def row(name: str) -> Row:
    return Row(
        name=name,
        protocol="rdp",
        named=True,
        mended=True,
        proven=True,
        mendable=True,
        seconds=1.0,
        told=("RdpCut",),
        deeds=(),
    )


def _fill(folder: Path, who: str) -> None:
    table = Table(folder, keep=True)
    for number in range(ROWS):
        table.begin(f"{who}{number}")
        table.add(row(f"{who}{number}"))


def test_two_processes_fill_one_table(tmp_path: Path) -> None:
    start = get_context("spawn")
    both = [start.Process(target=_fill, args=(tmp_path, who)) for who in "ab"]
    for each in both:
        each.start()
    for each in both:
        each.join(60)
    assert len(read(tmp_path / "fault-lab.json")) == 2 * ROWS
    assert len(Table(tmp_path, keep=True).rows) == 2 * ROWS
    assert Table(tmp_path, keep=False).rows == {}


def test_a_fault_that_is_tried_again_has_no_row_of_before(tmp_path: Path) -> None:
    table = Table(tmp_path, keep=True)
    table.add(row("one"))
    table.begin("one")
    assert read(tmp_path / "fault-lab.json") == []
