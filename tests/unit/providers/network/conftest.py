from collections.abc import AsyncIterator
from ipaddress import ip_network
from pathlib import Path

import pytest

from tests.support.cloud import Cloud, Host
from tests.support.networks import Networks

POOL = (ip_network("203.0.113.0/31"), ip_network("2001:db8::/127"))


@pytest.fixture
async def cloud(tmp_path: Path) -> AsyncIterator[Cloud]:
    made = Cloud(tmp_path)
    made.public_pool = POOL
    async with made as running:
        yield running


@pytest.fixture
def net(cloud: Cloud) -> Networks:
    return Networks(cloud.owner)


@pytest.fixture
async def host(cloud: Cloud) -> AsyncIterator[Host]:
    async with cloud.host() as linked:
        yield linked
