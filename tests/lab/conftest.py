"""One lab for the whole run, and the table that its tests fill."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from guests.build import Guest
from guests.debian.build import DebianGuest
from tests.lab.lab import Lab
from tests.lab.sides import Sides, open_sides
from tests.lab.table import Table
from tests.peers.guest import debian_guest, demo_guest

__all__ = ["debian_guest", "demo_guest"]


@pytest.fixture(scope="session")
def lab(demo_guest: Guest, debian_guest: DebianGuest) -> Iterator[Lab]:
    made = Lab(demo_guest, debian_guest)
    try:
        made.open()
        yield made
    finally:
        made.close()


@pytest.fixture(scope="session")
def sides(demo_guest: Guest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sides]:
    with open_sides(tmp_path_factory.mktemp("sides"), demo_guest) as made:
        yield made


@pytest.fixture(scope="session")
def table() -> Table:
    return Table()
