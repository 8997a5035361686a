"""A short visit to a store that another process has open (ADR 17)."""

from __future__ import annotations

import asyncio
from datetime import datetime
from pathlib import Path

import pytest
import sqlalchemy as sa

from outofband.core.errors import Fault
from outofband.core.ids import parse_id
from outofband.store.store import Store

pytestmark = pytest.mark.anyio
GROUP = parse_id("/subscriptions/s/resourceGroups/Demo")
EACH = 40


async def add_one(store: Store, now: datetime) -> None:
    """Read, decide, write: what goes wrong as soon as two units overlap."""
    async with store.write() as tx:
        there = await store.resources.get(tx, GROUP)
        number = int(there.tags["n"]) if there is not None else 0
        await asyncio.sleep(0)
        await store.resources.put(tx, GROUP, now=now, by="test", tags={"n": str(number + 1)})


async def total(store: Store) -> int:
    async with store.read() as tx:
        found = await store.resources.get(tx, GROUP)
        return int(found.tags["n"]) if found is not None else 0


async def test_visitor_and_owner_take_turns(store: Store, store_url: str, now: datetime) -> None:
    visitor = await Store.beside(store_url)
    try:

        async def many(who: Store) -> None:
            for _ in range(EACH):
                await add_one(who, now)

        await asyncio.gather(many(store), many(visitor))
        assert await total(visitor) == 2 * EACH
    finally:
        await visitor.close()
    assert await total(store) == 2 * EACH


async def test_the_owner_goes_on_and_keeps_its_lock(store: Store, store_url: str, now: datetime) -> None:
    visitor = await Store.beside(store_url)
    await add_one(visitor, now)
    await visitor.close()
    await add_one(store, now)
    assert await total(store) == 2
    if store.db.dialect == "sqlite":
        with pytest.raises(Fault, match="StoreInUse"):
            await Store.open(store_url)


async def test_nobody_at_home(store_url: str, now: datetime, tmp_path: Path) -> None:
    first = await Store.open(store_url)
    await first.close()
    visitor = await Store.beside(store_url)
    await add_one(visitor, now)
    await visitor.close()
    left = {path.name for path in (tmp_path / "control").glob("*")}
    assert left <= {"control.db", "control.db.lock"}, "nothing that another user would stumble over"
    again = await Store.open(store_url)
    assert await total(again) == 1
    await again.close()


async def test_nothing_is_made(tmp_path: Path) -> None:
    (tmp_path / "control").mkdir()
    with pytest.raises(Fault) as raised:
        await Store.beside(f"sqlite:///{tmp_path}/control/control.db")
    assert raised.value.code == "StoreMissing"
    assert list((tmp_path / "control").iterdir()) == []


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ("UPDATE alembic_version SET version_num = 'r9999'", "StoreTooNew"),
        ("UPDATE alembic_version SET version_num = '0001'", "StoreTooOld"),
        ("DELETE FROM alembic_version", "StoreTooOld"),
    ],
)
async def test_a_schema_of_another_version_is_left_alone(
    store: Store, store_url: str, change: str, code: str
) -> None:
    async with store.write() as tx:
        await tx.change(sa.text(change))
    with pytest.raises(Fault) as raised:
        await Store.beside(store_url)
    assert raised.value.code == code
