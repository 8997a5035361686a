"""Fixtures that tests with real peers share."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from guests.build import Guest
from tests.peers.az import Clients
from tests.peers.guest import demo_guest
from tests.peers.host import HostLab
from tests.peers.house import House
from tests.peers.people import Person, move_in

__all__ = ["demo_guest"]

READER = "acdd72a7-3385-48ef-bd42-f606fba81ae7"


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
def subscription(house: House) -> str:
    """The scope of the house's subscription."""
    return f"/subscriptions/{house.profile()['subscriptionId']}"


@pytest.fixture(scope="module")
def people(house: House) -> dict[str, Person]:
    """Two who may look at everything and change nothing."""
    return move_in(house, {"reader": READER, "newcomer": READER})[0]


@pytest.fixture(scope="module")
def azure(house: House) -> Iterator[Clients]:
    """Azure's clients on that house, signed in as its owner."""
    yield from signed_in(house)


@pytest.fixture(scope="module")
def reader(house: House, people: dict[str, Person]) -> Iterator[Clients]:
    """The same in a folder of its own, signed in as one of `people`."""
    yield from signed_in(house, people["reader"])


def signed_in(house: House, person: Person | None = None) -> Iterator[Clients]:
    made = Clients(house, person)
    try:
        made.sign_in()
        yield made
    finally:
        made.close()


@pytest.fixture
async def lab(tmp_path: Path, demo_guest: Guest) -> AsyncIterator[HostLab]:
    """A host without machines."""
    lab = HostLab(tmp_path / "state", demo_guest)
    await lab.machines.load()
    yield lab
    await lab.close()
