"""Every fault, made for real: `oob rescue` names its cause, mends what can be mended, and proves it."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

import pytest

from tests.lab.fault import Fault, run
from tests.lab.sides import SIDES, Sides
from tests.lab.table import Table, markdown
from tests.lab.ways import run_there

NAMED_AT_LEAST = 0.95
"""Of all causes."""
FAULTS: list[Fault] = [
    fault
    for path in sorted(Path(__file__).with_name("faults").glob("*.py"))
    for fault in import_module(f"tests.lab.faults.{path.stem}").FAULTS
]


@pytest.mark.parametrize("fault", FAULTS, ids=[each.name.replace(" ", "-") for each in FAULTS])
def test_a_fault_is_named_and_mended(request: pytest.FixtureRequest, table: Table, fault: Fault) -> None:
    if fault.guest == SIDES:
        sides: Sides = request.getfixturevalue("sides")
        with sides.there():
            row, told = run_there(sides, fault)
    else:
        row, told = run(request.getfixturevalue("lab"), fault)
    table.add(row)
    assert row.named, (sorted(fault.causes), row.told, told["summary"])
    assert not row.mendable or (row.mended and row.proven), (told["outcome"], row.deeds, row.told)


def test_nineteen_of_twenty_are_named_and_every_mendable_one_is_mended(table: Table) -> None:
    print("\n" + markdown(table.rows.values()))
    if len(table.rows) < len(FAULTS):
        pytest.skip("not every fault was tried in this run")
    unnamed = sorted(set(table.rows) - {each.name for each in table.named})
    assert len(unnamed) <= (1 - NAMED_AT_LEAST) * len(table.rows), unnamed
    assert not table.left, [each.name for each in table.left]
