"""Two hosts with state directories of their own, and the store between them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.support.blobs import KeptBlobs
from tests.unit.agent.moving.hosts import Hosts


@pytest.fixture
def blobs() -> KeptBlobs:
    return KeptBlobs()


@pytest.fixture
async def hosts(tmp_path: Path, blobs: KeptBlobs) -> AsyncIterator[Hosts]:
    async with Hosts(tmp_path, blobs) as both:
        yield both
