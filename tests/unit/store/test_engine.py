"""Units of work: whole or not at all, one writer after the other, and what a kill leaves behind."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import signal
import sqlite3
import stat
import subprocess
import sys
from datetime import datetime
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from outofband.core.errors import Fault
from outofband.core.ids import ResourceId, parse_id
from outofband.store import connections, engine, tables
from outofband.store.engine import Database
from outofband.store.store import Store
from tests.support.postgres import Cluster

pytestmark = pytest.mark.anyio

GROUP = parse_id("/subscriptions/s/resourceGroups/Demo")


async def put(store: Store, now: datetime, rid: ResourceId = GROUP, **tags: str) -> None:
    async with store.write() as tx:
        await store.resources.put(tx, rid, now=now, by="test", tags=tags)


async def count(store: Store) -> int:
    async with store.read() as tx:
        return int(await tx.value(sa.select(sa.func.count()).select_from(tables.resources)))


async def test_an_error_undoes_the_whole_unit(store: Store, now: datetime) -> None:
    with pytest.raises(ZeroDivisionError):
        async with store.write() as tx:
            await store.resources.put(tx, GROUP, now=now, by="test")
            raise ZeroDivisionError
    assert await count(store) == 0
    await put(store, now)
    assert await count(store) == 1


async def test_a_read_sees_one_snapshot(store: Store, now: datetime) -> None:
    await put(store, now, a="1")
    async with store.read() as tx:
        before = await store.resources.get(tx, GROUP)
        await put(store, now, a="2")
        again = await store.resources.get(tx, GROUP)
    async with store.read() as tx:
        after = await store.resources.get(tx, GROUP)
    assert before == again
    assert before is not None and before.tags == {"a": "1"}
    assert after is not None and after.tags == {"a": "2"}


async def test_a_read_cannot_write(store: Store, now: datetime) -> None:
    with pytest.raises(sa.exc.DBAPIError):
        async with store.read() as tx:
            await store.resources.put(tx, GROUP, now=now, by="test")
    assert await count(store) == 0


async def test_read_decide_write_is_one_step(store: Store, store_url: str, now: datetime) -> None:
    """Forty units add one to a number they read first; on PostgreSQL from two nodes at once."""
    await put(store, now, n="0")
    other = await Store.open(store_url) if store.db.dialect == "postgresql" else store

    async def add(node: Store) -> None:
        async with node.write() as tx:
            row = await node.resources.require(tx, GROUP)
            await node.resources.update(tx, GROUP, now=now, tags={"n": str(int(row.tags["n"]) + 1)})

    await asyncio.gather(*(add(node) for _ in range(20) for node in (store, other)))
    async with store.read() as tx:
        assert (await store.resources.require(tx, GROUP)).tags == {"n": "40"}
    if other is not store:
        await other.close()


async def test_cancelled_units_leave_nothing_behind(store: Store, now: datetime) -> None:
    """Whatever moment the cancellation hits, the next writer gets its turn and sees whole units only."""
    luck = random.Random(7)

    async def two_rows(number: int) -> None:
        async with store.write() as tx:
            for part in ("a", "b"):
                rid = parse_id(f"/subscriptions/s/resourceGroups/g{number}{part}")
                await store.resources.put(tx, rid, now=now, by="test")

    for number in range(40):
        task = asyncio.get_running_loop().create_task(two_rows(number))
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(asyncio.shield(task), luck.random() * 0.008)
        # Again and again, as a cancelled anyio scope does: also while the unit is being undone.
        while not task.done():
            task.cancel()
            await asyncio.sleep(0)
    async with asyncio.timeout(60):
        await put(store, now)
        assert (await count(store) - 1) % 2 == 0


async def test_topics_ring_after_the_commit_only(store: Store, now: datetime) -> None:
    with store.bell.listen("kept", "undone") as ear:
        with pytest.raises(ZeroDivisionError):
            async with store.write() as tx:
                tx.ring("undone")
                raise ZeroDivisionError
        assert not await ear.wait(0.05)
        async with store.write() as tx:
            tx.ring("kept")
            assert not await ear.wait(0.05)
        assert await ear.wait(1.0)


async def test_a_unit_is_run_again_when_the_store_was_busy(store: Store, now: datetime) -> None:
    runs = []

    async def work(tx: object) -> str:
        runs.append(tx)
        if len(runs) < 3:
            raise Fault("StoreBusy")
        return "done"

    assert await store.transact(work) == "done"
    assert len(runs) == 3


async def test_a_defect_is_not_run_again(store: Store) -> None:
    runs = []

    async def work(tx: object) -> None:
        runs.append(tx)
        raise Fault("Conflict", detail="x")

    with pytest.raises(Fault, match="Conflict"):
        await store.transact(work)
    assert len(runs) == 1


async def test_the_migrations_lead_to_the_tables(store: Store) -> None:
    def differences(connection: sa.Connection) -> list[object]:
        return list(compare_metadata(MigrationContext.configure(connection), tables.metadata))

    async with store.write() as tx:
        assert await tx.run_sync(differences) == []


@pytest.mark.peers
async def test_two_nodes_may_start_at_once(cluster: Cluster) -> None:
    url = cluster.create()
    for node in await asyncio.gather(*(Store.open(url) for _ in range(3))):
        await node.close()


async def test_a_later_schema_is_refused(store_url: str) -> None:
    first = await Store.open(store_url)
    async with first.write() as tx:
        await tx.change(sa.text("UPDATE alembic_version SET version_num = '9999'"))
    await first.close()
    with pytest.raises(Fault, match="StoreTooNew"):
        await Store.open(store_url)


CHILD = """
import asyncio, os, sys
from datetime import UTC, datetime
from outofband.core.ids import parse_id
from outofband.store.store import Store
from tests.support.postgres import Cluster

async def main():
    store = await Store.open(sys.argv[1])
    for number in range(100000):
        async with store.write() as tx:
            rid = parse_id(f"/subscriptions/s/resourceGroups/g{number}")
            await store.resources.put(tx, rid, now=datetime.now(UTC), by="child")
        os.write(1, f"{number}\\n".encode())

asyncio.run(main())
"""


async def test_what_was_answered_survives_a_kill(store_url: str) -> None:
    """A process that reports each commit is killed with -9 in full run; nothing reported is missing."""

    def run_and_kill() -> list[int]:
        with subprocess.Popen([sys.executable, "-c", CHILD, store_url], stdout=subprocess.PIPE) as child:
            assert child.stdout is not None
            lines = [child.stdout.readline() for _ in range(25)]
            child.send_signal(signal.SIGKILL)
            return [int(line) for line in (*lines, *child.stdout.read().splitlines())]

    reported = await asyncio.to_thread(run_and_kill)
    store = await Store.open(store_url)
    async with store.read() as tx:
        page = await store.resources.page(tx, type="Microsoft.Resources/resourceGroups")
    await store.close()
    there = {int(each.name[1:]) for each in page.items}
    assert set(reported) <= there
    assert len(there) <= len(reported) + 1


async def test_a_second_process_is_refused(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/control.db"
    store = await Store.open(url)
    try:
        command = [sys.executable, "-c", CHILD, url]
        child = await asyncio.to_thread(subprocess.run, command, capture_output=True, text=True, timeout=30)
        assert "StoreInUse" in child.stderr
        assert str(os.getpid()) in child.stderr
        with pytest.raises(Fault, match="StoreInUse"):
            await Store.open(url)
    finally:
        await store.close()
    await (await Store.open(url)).close()


async def test_nobody_else_may_read_the_file(tmp_path: Path, now: datetime) -> None:
    store = await Store.open(f"sqlite:///{tmp_path}/deep/control.db")
    await put(store, now)
    modes = {each.name: stat.S_IMODE(each.stat().st_mode) for each in (tmp_path / "deep").iterdir()}
    await store.close()
    assert set(modes) == {"control.db", "control.db-wal", "control.db-shm", "control.db.lock"}
    assert set(modes.values()) == {0o600}
    assert stat.S_IMODE((tmp_path / "deep").stat().st_mode) == 0o700


async def test_a_lock_held_by_a_stranger_is_told(
    tmp_path: Path, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "BUSY_WAIT_MS", 50)
    monkeypatch.setattr(engine, "ATTEMPTS", 2)
    store = await Store.open(f"sqlite:///{tmp_path}/control.db")
    stranger = sqlite3.connect(tmp_path / "control.db")
    stranger.execute("BEGIN IMMEDIATE")
    with pytest.raises(Fault, match="StoreBusy"):
        await put(store, now)
    assert await count(store) == 0
    stranger.rollback()
    stranger.close()
    await put(store, now)
    await store.close()


async def test_waiting_for_a_turn_has_an_end(
    tmp_path: Path, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "WRITE_WAIT", 0.05)
    store = await Store.open(f"sqlite:///{tmp_path}/control.db")
    async with store.write():
        with pytest.raises(Fault, match="StoreBusy"):
            await put(store, now)
    await put(store, now)
    await store.close()


@pytest.mark.parametrize(
    "url",
    ["", "nonsense", "sqlite:///relative.db", "sqlite://", "mysql://h/d", "sqlite:////x/y.db?mode=memory"],
)
async def test_addresses_that_cannot_work(url: str) -> None:
    with pytest.raises(Fault, match="StoreUrlInvalid"):
        await Database.open(url)


@pytest.mark.peers
async def test_a_server_that_is_not_there_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "ATTEMPTS", 1)
    with pytest.raises(Fault, match="StoreUnavailable") as caught:
        await Database.open("postgresql://lab:secret-word@127.0.0.1:1/x")
    assert "secret-word" not in str(caught.value)


async def test_texts_no_database_takes_do_no_harm(store: Store, now: datetime) -> None:
    odd = "a\0b\ud800é"
    async with store.write() as tx:
        rid = ResourceId(subscription="s", group=odd)
        await store.resources.put(tx, rid, now=now, by=odd, tags={"k": "\0"})
        found = await store.resources.get(tx, rid)
        assert found is not None
        assert (found.name, found.changed_by, found.tags) == ("a\ufffdb?é", "a\ufffdb?é", {"k": "\0"})
        assert await store.operations.get(tx, "no\0ne") is None


async def test_a_unit_cancelled_at_any_moment_leaves_the_next_one_its_turn(store: Store) -> None:
    """Wherever it strikes (the turn, BEGIN, a statement, the commit), the next unit begins at once."""
    for pause in range(60):
        unit = asyncio.get_running_loop().create_task(_busy_unit(store))
        await asyncio.sleep(pause * 0.0001)
        unit.cancel()
        await asyncio.gather(unit, return_exceptions=True)
        async with asyncio.timeout(30), store.write() as tx:
            assert await tx.value(sa.select(sa.literal(7))) == 7


async def _busy_unit(store: Store) -> None:
    async with store.write() as tx:
        for number in range(20):
            await tx.value(sa.select(sa.literal(number)))
