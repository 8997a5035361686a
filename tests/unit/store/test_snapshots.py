"""Statements made once, and units that read SQLite on the loop: same rows, same snapshot, no waiting."""

from __future__ import annotations

import asyncio
import contextlib
import random
import sqlite3
from collections.abc import AsyncIterator
from datetime import datetime
from pathlib import Path

import pytest
import sqlalchemy as sa

from outofband.core.errors import Fault
from outofband.core.ids import ResourceId, parse_id
from outofband.store import snapshots, tables
from outofband.store.directory import Tenant
from outofband.store.query import Query
from outofband.store.resources import Resource
from outofband.store.snapshots import Reader
from outofband.store.store import Store
from outofband.store.tx import columns
from tests.support.database import open_store

pytestmark = pytest.mark.anyio

GROUP = parse_id("/subscriptions/s/resourceGroups/Demo")
TYPE = "Microsoft.Compute/virtualMachines"


@pytest.fixture
async def sqlite(tmp_path: Path) -> AsyncIterator[Store]:
    opened = await open_store(tmp_path)
    yield opened
    await opened.close()


def vm(number: int) -> ResourceId:
    return parse_id(f"{GROUP}/providers/{TYPE}/vm{number:03}")


async def fill(store: Store, now: datetime, number: int) -> None:
    async with store.write() as tx:
        for each in range(number):
            await store.resources.put(
                tx, vm(each), now=now, by="test", tags={"ä": "\0"}, properties={"n": each}, location=None
            )


async def count(store: Store) -> int:
    async with store.read() as tx:
        return int(await tx.value(sa.select(sa.func.count()).select_from(tables.resources)))


async def test_a_unit_that_writes_and_one_that_reads_give_the_same_rows(store: Store, now: datetime) -> None:
    """On PostgreSQL as well; moments, JSON and what may be missing come through as they are."""
    await fill(store, now, 7)
    table = tables.resources
    async with store.write() as tx:
        written = await store.resources.get(tx, vm(3))
    async with store.read() as tx:
        read = await store.resources.get(tx, vm(3))
        other = await tx.row(Resource, columns(table, Resource).where(table.c.key == vm(3).key))
        assert await store.resources.get(tx, "/none\0") is None
    assert written == read == other
    assert read is not None and (read.created, read.location, read.properties) == (now, None, {"n": 3})


@pytest.mark.parametrize("size", [1, 49, 50, 51, 120])
async def test_pages_are_whole(store: Store, now: datetime, size: int) -> None:
    """Whatever the number of rows that are made between two turns of others."""
    await fill(store, now, 120)
    found: list[str] = []
    async with store.read() as tx:
        after: str | None = None
        while True:
            page = await store.resources.page(
                tx, subscription="S", group="demo", type=TYPE.lower(), after=after, limit=size
            )
            found += [each.name for each in page.items]
            after = page.after
            if after is None:
                break
            assert len(page.items) == size
    assert found == [vm(number).name for number in range(120)]


async def test_both_ways_to_ask_see_one_snapshot(sqlite: Store, now: datetime) -> None:
    await fill(sqlite, now, 1)
    async with sqlite.read() as tx:
        # Nothing was asked yet: the snapshot is that of the unit's beginning all the same.
        await fill(sqlite, now, 3)
        assert await sqlite.resources.get(tx, vm(2)) is None
        assert await tx.value(sa.select(sa.func.count()).select_from(tables.resources)) == 1
        assert await sqlite.resources.get(tx, vm(2)) is None
    assert await count(sqlite) == 3


async def test_others_have_their_turn_while_a_long_page_is_made(sqlite: Store, now: datetime) -> None:
    await fill(sqlite, now, 200)
    turns = 0

    async def other() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    async with sqlite.read() as tx, asyncio.TaskGroup() as group:
        task = group.create_task(other())
        page = await sqlite.resources.page(tx, subscription="s", type=TYPE, limit=200)
        task.cancel()
    assert len(page.items) == 200
    assert turns >= 3


async def test_a_lock_is_not_waited_for_on_the_loop(
    sqlite: Store, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    await fill(sqlite, now, 1)
    begin, tried = Reader.begin, 0

    def locked(reader: Reader) -> None:
        nonlocal tried
        tried += 1
        if tried < 3:
            raise sqlite3.OperationalError("database is locked")
        begin(reader)

    monkeypatch.setattr(Reader, "begin", locked)
    assert await count(sqlite) == 1
    assert tried == 3


async def test_a_lock_that_stays_is_a_fault(
    sqlite: Store, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    def locked(reader: Reader) -> None:
        raise sqlite3.OperationalError("database is locked")

    with monkeypatch.context() as patch:
        patch.setattr(Reader, "begin", locked)
        patch.setattr(snapshots, "BUSY_WAIT_MS", 20)
        for _ in range(snapshots.READERS + 1):
            with pytest.raises(Fault, match="StoreBusy"):
                await count(sqlite)
    assert await count(sqlite) == 0


async def test_one_unit_too_many_waits_for_another_to_end(sqlite: Store) -> None:
    async with contextlib.AsyncExitStack() as units:
        for _ in range(snapshots.READERS - 1):
            await units.enter_async_context(sqlite.read())
        async with sqlite.read():
            waits = asyncio.get_running_loop().create_task(count(sqlite))
            await asyncio.sleep(0)
            assert not waits.done()
        assert await waits == 0


async def test_too_many_units_for_too_long_are_a_fault(
    sqlite: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(snapshots, "POOL_WAIT", 0.02)
    async with contextlib.AsyncExitStack() as units:
        for _ in range(snapshots.READERS):
            await units.enter_async_context(sqlite.read())
        with pytest.raises(Fault, match="StoreBusy"):
            await count(sqlite)
    assert await count(sqlite) == 0


async def test_cancelled_readers_leave_every_connection_usable(sqlite: Store, now: datetime) -> None:
    await fill(sqlite, now, 60)
    luck = random.Random(3)

    async def work() -> None:
        async with sqlite.read() as tx:
            await sqlite.resources.page(tx, subscription="s", type=TYPE)
            await tx.rows(Resource, columns(tables.resources, Resource))

    for _ in range(40):
        task = asyncio.get_running_loop().create_task(work())
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(asyncio.shield(task), luck.random() * 0.008)
        while not task.done():
            task.cancel()
            await asyncio.sleep(0)
    async with asyncio.timeout(60):
        assert [await count(sqlite) for _ in range(snapshots.READERS + 1)] == [60] * (snapshots.READERS + 1)


def test_a_list_of_values_is_no_statement_made_once() -> None:
    table = tables.tenants
    query = Query(Tenant, columns(table, Tenant).where(table.c.id.in_(["a"])))
    with pytest.raises(ValueError, match="a list of values"):
        _ = query.sqlite


async def test_a_value_that_is_missing_is_a_mistake(sqlite: Store) -> None:
    table = tables.tenants
    query = Query(Tenant, columns(table, Tenant).where(table.c.id == sa.bindparam("id")))
    async with sqlite.read() as tx:
        with pytest.raises(KeyError):
            await tx.first(query)


async def test_a_connection_that_another_took_first_is_made_once_more(
    sqlite: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two units begin while all connections are in use; the second takes what was made for the first."""
    pool = sqlite.db._snapshots
    assert pool is not None
    connect, others = pool._connect, list[asyncio.Task[int]]()

    async def connected() -> None:
        await connect()
        if not others:
            others.append(asyncio.get_running_loop().create_task(count(sqlite)))

    monkeypatch.setattr(pool, "_connect", connected)
    async with sqlite.read() as tx:
        # It holds what the opening of the store has left.
        assert await tx.value(sa.select(sa.literal(1))) == 1
        assert await count(sqlite) == 0
        assert await others[0] == 0
