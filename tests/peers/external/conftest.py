"""A control plane and a provider for each file, a town and a browser for each test."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest

from outofband.access import roles
from tests.peers.external.people import Somebody, Town
from tests.support.cloud import TENANT, Cloud
from tests.support.oidc import OidcProvider


@pytest.fixture(scope="module")
async def cloud(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Cloud]:
    async with Cloud(tmp_path_factory.mktemp("cloud")) as running:
        running.admin = await running.person("admin", roles.OWNER, "/")  # type: ignore[attr-defined]
        yield running


@pytest.fixture(scope="module")
def provider(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OidcProvider]:
    with OidcProvider(tmp_path_factory.mktemp("elsewhere")) as running:
        yield running


@pytest.fixture
async def town(cloud: Cloud, provider: OidcProvider) -> AsyncIterator[Town]:
    """Each test has providers of its own: a tenant may have only so many."""
    yield Town(cloud, provider)
    async with cloud.store.write() as tx:
        for each in await cloud.store.identity_providers.of_tenant(tx, TENANT):
            await cloud.store.identity_providers.remove(tx, each.id)


@pytest.fixture
async def somebody(town: Town) -> AsyncIterator[Somebody]:
    async with Somebody(town) as made:
        yield made
