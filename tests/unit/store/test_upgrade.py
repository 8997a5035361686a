"""A database that the first release made and filled, brought up to date: every row is still there and read.

`first_release.json` has rows of each table of that time, as the columns hold them, most of them written by
its own code: VMs in several states, operations that ended and that are under way, people, two tenants.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
import sqlalchemy as sa
from alembic import command

from outofband.access import roles
from outofband.access.authorizer import Authorizer
from outofband.core.ids import ResourceId
from outofband.core.principal import Principal, PrincipalKind
from outofband.store import migrate, tables
from outofband.store.activity import ActivityEntry
from outofband.store.agents import Agent
from outofband.store.assignments import Assignment
from outofband.store.codes import AuthorizationCode
from outofband.store.connections import parse_url, writer
from outofband.store.device_codes import DeviceCode
from outofband.store.directory import Subscription, Tenant
from outofband.store.keyring import StoredKey
from outofband.store.operations import Operation
from outofband.store.outbox import Command
from outofband.store.people import User
from outofband.store.principals import PrincipalSecret, ServicePrincipal
from outofband.store.refresh_tokens import RefreshToken
from outofband.store.resources import Resource
from outofband.store.sessions import ConsoleSession
from outofband.store.sign_ins import SignInSession
from outofband.store.store import Store
from outofband.store.tx import columns

pytestmark = pytest.mark.anyio
REVISION = "0002"
KEPT: dict[str, list[dict[str, Any]]] = json.loads(
    Path(__file__).with_name("first_release.json").read_text("utf-8")
)
TENANT, OTHER = (row["id"] for row in KEPT["tenants"])
SCOPE = ResourceId(subscription=KEPT["subscriptions"][0]["id"])
KINDS: dict[str, type[msgspec.Struct]] = {
    "tenants": Tenant,
    "subscriptions": Subscription,
    "service_principals": ServicePrincipal,
    "client_secrets": PrincipalSecret,
    "users": User,
    "signing_keys": StoredKey,
    "role_assignments": Assignment,
    "resources": Resource,
    "operations": Operation,
    "activity": ActivityEntry,
    "agents": Agent,
    "commands": Command,
    "console_sessions": ConsoleSession,
    "sign_in_sessions": SignInSession,
    "authorization_codes": AuthorizationCode,
    "refresh_tokens": RefreshToken,
    "device_codes": DeviceCode,
}
CHANGED = ("role_assignments", "key")
MOVED = {"principal_secrets": "client_secrets"}
"""Tables whose rows lie elsewhere now, with every column that they had."""
GONE = KEPT["role_assignments"][-1]["name"]
"""The role of a principal that is no more."""


@pytest.fixture
async def upgraded(store_url: str) -> AsyncIterator[Store]:
    url = parse_url(store_url)
    if url.database and url.get_backend_name() == "sqlite":
        Path(url.database).parent.mkdir(mode=0o700, parents=True)
        engine = sa.create_engine(url)
        with engine.begin() as connection:
            _first_release(connection)
        engine.dispose()
    else:
        engines = writer(url)
        async with engines.begin() as waiting:
            await waiting.run_sync(_first_release)
        await engines.dispose()
    store = await Store.open(store_url)
    yield store
    await store.close()


def _first_release(connection: sa.Connection) -> None:
    settings = migrate.config()
    settings.attributes["connection"] = connection
    command.upgrade(settings, REVISION)
    there = sa.MetaData()
    there.reflect(connection)
    assert set(there.tables) - {"alembic_version"} == set(KEPT), "rows of every table of that time"
    for name, rows in KEPT.items():
        table = there.tables[name]
        for row in rows:
            assert row.keys() == set(table.columns.keys()), name
            values = {column: _value(table.c[column], value) for column, value in row.items()}
            connection.execute(sa.insert(table).values(values))


def _value(column: sa.Column[Any], value: Any) -> Any:
    if isinstance(value, dict):
        return bytes.fromhex(value["hex"])
    return bool(value) if isinstance(column.type, sa.Boolean) and value is not None else value


async def test_every_row_is_still_there(upgraded: Store) -> None:
    def read(connection: sa.Connection, name: str) -> list[dict[str, Any]]:
        # Without the types of today: as the columns hold it.
        found = connection.execute(sa.text(f'SELECT * FROM "{name}"'))
        return [dict(row) for row in found.mappings()]

    for name, rows in KEPT.items():
        async with upgraded.read() as tx:
            place = MOVED.get(name, name)
            found = await tx.run_sync(lambda connection, name=place: read(connection, name))
        wanted = [row for row in rows if name != "role_assignments" or row["name"] != GONE]
        if name == "service_principals":
            hosts = {agent["id"] for agent in KEPT["agents"]}
            assert {each["object_id"] for each in found} == hosts | {row["object_id"] for row in rows}
            found = [each for each in found if each["object_id"] not in hosts]
        assert len(found) == len(wanted), name
        for row in wanted:
            old = {column: value for column, value in row.items() if (name, column) != CHANGED}
            there = [each for each in found if _has(each, old)]
            assert len(there) == 1, (name, row)


def _has(row: dict[str, Any], old: dict[str, Any]) -> bool:
    held = {name: {"hex": row[name].hex()} if isinstance(row[name], bytes) else row[name] for name in old}
    return held == old


async def test_every_row_is_read(upgraded: Store) -> None:
    async with upgraded.read() as tx:
        for name, kind in KINDS.items():
            found = await tx.rows(kind, columns(tables.metadata.tables[name], kind))
            assert found, name
        for row in KEPT["resources"]:
            read = await upgraded.resources.get(tx, row["id"])
            assert read is not None and read.properties == json.loads(row["properties"])
        open_ones = [row["id"] for row in KEPT["operations"] if row["ended"] is None]
        assert [each.id for each in await upgraded.operations.unfinished(tx)] == open_ones != []
        page = await upgraded.activity.page(tx, subscription=str(SCOPE.subscription))
        assert [each.role for each in page.items] == [None] * len(KEPT["activity"])
        assert await upgraded.registrations.of(tx, str(SCOPE.subscription)) == {}
        assert await upgraded.locks.at(tx, SCOPE) == []
        assert not await upgraded.console_settings.disabled(tx, str(SCOPE.subscription))


async def test_roles_are_as_they_were_and_each_tenant_has_its_own(upgraded: Store) -> None:
    ada, eve = (row["object_id"] for row in KEPT["users"])
    authorizer = Authorizer(upgraded)
    group = ResourceId(subscription=SCOPE.subscription, group="Lab")
    async with upgraded.read() as tx:
        rights = await authorizer.rights(_person(TENANT, ada), tx)
        assert rights.allow("Microsoft.Compute/virtualMachines/write", group)
        rights = await authorizer.rights(_person(OTHER, eve), tx)
        assert {each.tenant_id for each in rights.assignments} == {OTHER}
        for tenant, holder in ((TENANT, ada), (OTHER, eve)):
            page = await upgraded.assignments.page(tx, tenant, "/")
            assert [each.principal_id for each in page.items if each.scope == "/"] == [holder]
            for each in page.items:
                assert await upgraded.assignments.get(tx, tenant, each.scope, each.name) == each
                assert each.role_id in (roles.OWNER, roles.READER)


def _person(tenant: str, object_id: str) -> Principal:
    return Principal(
        tenant=tenant, object_id=object_id, app_id="a", kind=PrincipalKind.USER, name="n", expires=0.0
    )
