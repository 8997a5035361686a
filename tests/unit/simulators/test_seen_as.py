"""What the product makes of the simulator's port is what the simulator is in."""

from __future__ import annotations

import pytest

from outofband.simulators.sac import BootStore, Phase
from outofband.wire.portstate import LOOK, Seen, advance
from tests.support.sac import Played


def seen(seat: Played) -> str:
    """What a port's newest bytes show."""
    newest = bytes(seat.output[-LOOK:])
    return advance(Seen(), len(seat.output) - len(newest), newest).state.value


@pytest.mark.parametrize(
    ("store", "typed", "phase"),
    [
        (BootStore(), b"", Phase.SAC),
        (BootStore(), b"ch -?\r", Phase.SAC),
        (BootStore(), b"cmd\rch -si 1\r", Phase.SAC),
        (BootStore(), b"crashdump\r", Phase.FAILED),
        (BootStore(ems=False), b"", Phase.HEALTH),
        (BootStore(debug=True), b"x", Phase.DEBUGGER),
        (BootStore(display_menu=True, boot_ems=True), b"\x1b[A", Phase.MENU),
    ],
)
def test_phases_and_states(store: BootStore, typed: bytes, phase: Phase) -> None:
    seat = Played(store=store, up=phase is not Phase.MENU)
    seat.type(typed)
    assert (seat.phase, seen(seat)) == (phase, phase.value)
