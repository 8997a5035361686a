"""Two hosts between which VMs move, for the tests of redeploying."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from outofband.providers.compute import move_transfer
from tests.support.cloud import Cloud
from tests.support.movers import Mover, mover


@pytest.fixture
async def first(cloud: Cloud, tmp_path: Path) -> AsyncIterator[Mover]:
    async with mover(cloud, "h1", tmp_path) as host:
        yield host


@pytest.fixture
async def second(cloud: Cloud, tmp_path: Path) -> AsyncIterator[Mover]:
    async with mover(cloud, "h2", tmp_path) as host:
        yield host


@pytest.fixture
def hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(move_transfer, "LOOK_SECONDS", 0.3)
