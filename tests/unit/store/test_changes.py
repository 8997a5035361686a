"""Changes made once: they find their rows by a key, and a unit that writes never waits on the loop."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import random
import sqlite3
from collections.abc import AsyncIterator
from datetime import datetime
from pathlib import Path

import pytest
import sqlalchemy as sa

from outofband.core.errors import Fault
from outofband.store import blobs
from outofband.store.blobs_objects import KEPT, LOOSE, PENDING
from outofband.store.blobs_tables import blob_objects
from outofband.store.query import Change
from outofband.store.sqlite import SqliteTx
from outofband.store.sqlite_writer import SqliteWriter
from outofband.store.store import Store
from tests.support.database import open_store

pytestmark = pytest.mark.anyio


@pytest.fixture
async def sqlite(tmp_path: Path) -> AsyncIterator[Store]:
    opened = await open_store(tmp_path)
    yield opened
    await opened.close()


async def states(store: Store) -> list[str]:
    async with store.read() as tx:
        rows = await tx.fetch(sa.select(blob_objects.c.state).order_by(blob_objects.c.key))
    return [row.state for row in rows]


async def test_each_finds_its_rows_by_a_key(sqlite: Store) -> None:
    """What would look at every row of a table must not run on the loop."""
    blobs._setting(("length",))
    changes = [each for each in gc.get_objects() if issubclass(type(each), Change)]
    assert len(changes) >= 6
    async with sqlite.read() as tx:
        for change in changes:
            text = change.sqlite.text

            def plan(connection: sa.Connection, text: str = text) -> list[str]:
                raw = connection.connection.driver_connection
                assert isinstance(raw, sqlite3.Connection)
                marks = [None] * text.count("?")
                return [row[3] for row in raw.execute(f"EXPLAIN QUERY PLAN {text}", marks)]

            steps = await tx.run_sync(plan)
            assert not [step for step in steps if step.startswith(("SCAN", "USE TEMP"))], text


async def test_they_count_the_rows_they_touched(store: Store, now: datetime) -> None:
    objects = store.blob_objects
    async with store.write() as tx:
        await objects.begin(tx, "a", 1, now)
        await objects.begin(tx, "b", 1, now)
        await objects.keep(tx, "a", now)
        await objects.abandon(tx, "b", now)
        await objects.begin(tx, "c", 1, now)
    assert await states(store) == [KEPT, LOOSE, PENDING]
    with pytest.raises(Fault, match="ObjectStoreBusy"):
        async with store.write() as tx:
            await objects.begin(tx, "d", 1, now)
            await objects.keep(tx, "b", now)
    assert await states(store) == [KEPT, LOOSE, PENDING]


async def test_a_lock_of_a_stranger_holds_up_the_unit_and_not_the_loop(
    sqlite: Store, tmp_path: Path, now: datetime
) -> None:
    file = next(tmp_path.rglob("control.db"))
    with contextlib.closing(sqlite3.connect(file, isolation_level=None)) as stranger:
        stranger.execute("BEGIN IMMEDIATE")

        async def unit() -> None:
            async with sqlite.write() as tx:
                await sqlite.blob_objects.begin(tx, "a", 1, now)

        waiting = asyncio.get_running_loop().create_task(unit())
        for _ in range(5):
            await asyncio.sleep(0.001)
        assert not waiting.done()
        stranger.execute("ROLLBACK")
        async with asyncio.timeout(60):
            await waiting
    assert await states(sqlite) == [PENDING]


async def test_a_commit_that_fails_leaves_nothing_and_gives_the_turn_back(
    sqlite: Store, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def full(writer: SqliteWriter) -> None:
        writer.undo()
        raise sqlite3.OperationalError("database or disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(SqliteWriter, "commit", full)
        with pytest.raises(Fault, match="StoreDiskFull"):
            async with sqlite.write() as tx:
                await sqlite.blob_objects.begin(tx, "a", 1, now)
    async with asyncio.timeout(60), sqlite.write() as tx:
        await sqlite.blob_objects.begin(tx, "b", 1, now)
    assert await states(sqlite) == [PENDING]


async def test_a_connection_that_died_is_replaced(sqlite: Store, now: datetime) -> None:
    async with sqlite.write() as tx:
        await sqlite.blob_objects.begin(tx, "a", 1, now)
        assert isinstance(tx, SqliteTx)
        dead = tx._held.raw
    dead.close()
    with pytest.raises(sqlite3.ProgrammingError):
        async with sqlite.write() as tx:
            await sqlite.blob_objects.begin(tx, "b", 1, now)
    async with sqlite.write() as tx:
        await sqlite.blob_objects.begin(tx, "c", 1, now)
    assert await states(sqlite) == [PENDING, PENDING]


async def test_units_cancelled_anywhere_leave_no_transaction_open(sqlite: Store, now: datetime) -> None:
    luck = random.Random(5)

    async def two(number: int) -> None:
        async with sqlite.write() as tx:
            await sqlite.blob_objects.begin(tx, f"{number}a", 1, now)
            await tx.value(sa.select(sa.literal(1)))
            await sqlite.blob_objects.begin(tx, f"{number}b", 1, now)

    for number in range(40):
        task = asyncio.get_running_loop().create_task(two(number))
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(asyncio.shield(task), luck.random() * 0.004)
        while not task.done():
            task.cancel()
            await asyncio.sleep(0)
    async with asyncio.timeout(60), sqlite.write() as tx:
        await sqlite.blob_objects.begin(tx, "last", 1, now)
    assert len(await states(sqlite)) % 2 == 1
