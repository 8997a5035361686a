"""What `reset_cards` gives a guest: which card has which address, and what is refused."""

from __future__ import annotations

import pytest

from outofband.core.errors import Fault
from outofband.wire.steps.linux_cards import reset_cards


def test_addresses_by_the_cards_own() -> None:
    args = reset_cards("r1", addresses={"00:0D:3A:00:00:01": "10.0.0.4", "00:0d:3a:00:00:02": "10.0.0.5"})
    assert {each.name: each.value for each in args.parameters} == {
        "run": "r1",
        "addresses": "00:0d:3a:00:00:01=10.0.0.4 00:0d:3a:00:00:02=10.0.0.5",
    }
    assert not any(each.positional for each in args.parameters)
    assert "10.0.0.4" not in args.text


def test_nothing_is_known_of_the_cards() -> None:
    assert reset_cards().parameters == ()


@pytest.mark.parametrize(
    ("run", "addresses"),
    [
        ("r 1", {}),
        ("r;1", {}),
        ("r1", {"00:0d:3a:00:00:01": "10.0.0.4; reboot"}),
        ("r1", {"00:0d:3a:00:00:01": "fe80::1"}),
        ("r1", {"00:0d:3a:00:00": "10.0.0.4"}),
        ("r1", {"$(reboot)": "10.0.0.4"}),
    ],
)
def test_what_no_card_can_have(run: str, addresses: dict[str, str]) -> None:
    with pytest.raises(Fault, match="InvalidParameter"):
        reset_cards(run, addresses=addresses)
