from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.unit.client.far import Far


@pytest.fixture
async def far(tmp_path: Path) -> AsyncIterator[Far]:
    async with Far(tmp_path).serving() as side:
        yield side
