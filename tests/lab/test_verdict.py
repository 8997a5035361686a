"""The lab's own judgement: which cause stands first, which is false; a table that several processes fill."""

from __future__ import annotations

from multiprocessing import get_context
from pathlib import Path
from typing import Any

import pytest

from tests.lab.fault import Row
from tests.lab.table import Table, read
from tests.lab.verdict import verdict

ROWS = 20


def told(
    *findings: str, seen: str | None = None, warned: str | None = None, by_deed: tuple[str, ...] = ()
) -> dict[str, Any]:
    """A run whose first step found these, and whose deed told `by_deed` as well."""
    found = [{"code": code} for code in findings]
    report = {
        "problem": {"code": seen} if seen else None,
        "warnings": [{"code": warned}] if warned else [],
    }
    deed = {"findings": [{"code": code} for code in by_deed], "problem": None}
    steps = [
        {"findings": found, "deed": deed if by_deed else None, "probe": None},
        {"findings": [], "deed": None, "probe": None},
    ]
    return {
        "probe": {"before": {"controlPlane": report, "host": None}},
        "steps": steps,
        "findings": [*({"code": code} for code in by_deed), *found],
    }


@pytest.mark.parametrize(
    ("run", "main", "causes"),
    [
        (told("RescueRulesAllow", "RescueHealth", seen="RdpCut"), "RdpCut", ()),
        (
            told("RdpCut", "GuestServiceStopped", seen="RdpCut"),
            "GuestServiceStopped",
            ("GuestServiceStopped",),
        ),
        (told("GuestAgentAbsent", "GrubPrompt"), "GrubPrompt", ("GuestAgentAbsent", "GrubPrompt")),
        (told("GuestAgentAbsent", seen="RdpSilent"), "GuestAgentAbsent", ("GuestAgentAbsent",)),
        (told(warned="RdpCertificateEnded"), "RdpCertificateEnded", ()),
        (told(seen="RdpCut", warned="RdpCertificateEnded"), "RdpCut", ()),
        (
            told("GuestDiskFull", by_deed=("GuestFileNotWritten",)),
            "GuestDiskFull",
            ("GuestDiskFull", "GuestFileNotWritten"),
        ),
        (told("RescueRulesAllow"), "", ()),
    ],
)
def test_the_main_cause_is_the_first_that_is_one(
    run: dict[str, Any], main: str, causes: tuple[str, ...]
) -> None:
    said = verdict(run)
    assert (said.main, said.causes) == (main, causes)


def test_a_cause_of_a_part_that_is_well_is_false() -> None:
    said = verdict(told("GuestDiskFull", "GuestServiceStopped", "GuestAccountLocked", seen="SshCut"))
    assert said.wrong({"GuestDiskFull", "GuestServiceStopped"}) == ("GuestAccountLocked",)


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
