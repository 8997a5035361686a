"""Fixtures that tests with real peers share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from guests.build import Guest
from tests.peers.az import Clients
from tests.peers.guest import demo_guest
from tests.peers.house import House

__all__ = ["demo_guest"]


@pytest.fixture(scope="module")
def house(demo_guest: Guest) -> Iterator[House]:
    """A running house with its demo VM; one for all tests of a module."""
    made = House(demo_guest)
    try:
        made.up()
        yield made
    finally:
        made.close()


@pytest.fixture(scope="module")
def azure(house: House) -> Iterator[Clients]:
    """Azure's clients on that house, signed in as its owner."""
    made = Clients(house)
    try:
        made.sign_in()
        yield made
    finally:
        made.close()
