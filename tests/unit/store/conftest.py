"""The same tests on both databases: SQLite always, PostgreSQL as a real peer."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from outofband.core.principal import Principal, PrincipalKind
from outofband.store.directory import Subscription, Tenant
from outofband.store.store import Store
from tests.support.database import open_store
from tests.support.postgres import Cluster, binaries

NOW = datetime(2026, 3, 4, 5, 6, 7, 890123, tzinfo=UTC)
TENANT = "11111111-0000-0000-0000-000000000001"
SUBSCRIPTION = "22222222-0000-0000-0000-000000000002"
BOTH = ["sqlite", pytest.param("postgresql", marks=pytest.mark.peers)]


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    programs = binaries()
    if programs is None:
        pytest.skip("no PostgreSQL server is installed")
    server = Cluster(programs)
    server.start()
    yield server
    server.stop()
    server.remove()


@pytest.fixture(params=BOTH)
def store_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/control/control.db"
    server: Cluster = request.getfixturevalue("cluster")
    return server.create()


@pytest.fixture
async def store(store_url: str) -> AsyncIterator[Store]:
    opened = await open_store(store_url)
    yield opened
    await opened.close()


@pytest.fixture
async def populated(store: Store) -> Store:
    """A store with one tenant and one subscription."""
    async with store.write() as tx:
        await store.directory.add_tenant(tx, Tenant(id=TENANT, name="Lab", domain="lab.example", created=NOW))
        row = Subscription(id=SUBSCRIPTION, tenant_id=TENANT, name="Local", state="Enabled", created=NOW)
        await store.directory.add_subscription(tx, row)
    return store


@pytest.fixture
def now() -> datetime:
    return NOW


@pytest.fixture
def principal() -> Principal:
    return Principal(
        tenant=TENANT,
        object_id="33333333-0000-0000-0000-000000000003",
        app_id="44444444-0000-0000-0000-000000000004",
        kind=PrincipalKind.SERVICE_PRINCIPAL,
        name="ann",
        expires=0.0,
    )
