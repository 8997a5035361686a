from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.support.cloud import Cloud, Host


@pytest.fixture
async def cloud(tmp_path: Path) -> AsyncIterator[Cloud]:
    async with Cloud(tmp_path) as running:
        yield running


@pytest.fixture
async def host(cloud: Cloud) -> AsyncIterator[Host]:
    async with cloud.host() as linked:
        yield linked
