"""Faults of the way to a VM, in the house with two sides: what breaks them, and a run that ends in health."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

from outofband.wire.remote import Protocol
from tests.lab.fault import Answers, Fault, Row, run
from tests.lab.lab import Lab
from tests.lab.sides import SIDES, Sides

Way = Callable[[Sides], None]


def nothing(sides: Sides) -> None:
    """Where there is nothing to do."""


def fault(
    name: str,
    inject: Way,
    *causes: str,
    mendable: bool = False,
    clear: Way = nothing,
    protocol: Protocol = Protocol.RDP,
    broken: Callable[[Sides], bool] | None = None,
    answers: Answers | None = None,
    beside: frozenset[str] = frozenset(),
    warns: bool = False,
) -> Fault:
    """One of this house. Most of them nobody but the person or the host's owner can mend."""
    return Fault(
        name=name,
        inject=lambda lab: inject(_sides(lab)),
        causes=frozenset(causes),
        beside=beside,
        protocol=protocol,
        mendable=mendable,
        clear=lambda lab: clear(_sides(lab)),
        guest=SIDES,
        broken=(lambda lab, _: broken(_sides(lab))) if broken is not None else None,
        answers=answers or Answers(),
        warns=warns,
    )


def run_there(sides: Sides, one: Fault) -> tuple[Row, dict[str, Any]]:
    """As `run`; and when it was cleared as the finding says, a rescue has to say that all is well."""
    row, told = run(cast(Lab, sides), one)
    sides.heal()
    after, code = sides.rescue("--protocol", one.protocol.value)
    assert (after["outcome"], code) == ("proven", 0), after["findings"]
    return row, told


def _sides(lab: object) -> Sides:
    assert isinstance(lab, Sides)
    return lab
