"""The bell: no ring is missed between reading and waiting, and nodes hear each other."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime

import pytest

from outofband.core import clock
from outofband.store import notify
from outofband.store.notify import Bell, Ear
from outofband.store.store import Store
from tests.support.postgres import Cluster

pytestmark = pytest.mark.anyio


async def test_a_ring_before_the_wait_is_heard() -> None:
    bell = Bell()
    with bell.listen("a", "b") as ear:
        bell.ring("b")
        assert await ear.wait(1.0)
        assert not await ear.wait(0.01)


async def test_only_the_topic_asked_for_wakes() -> None:
    bell = Bell()
    with bell.listen("a") as ear:
        bell.ring("other")
        assert not await ear.wait(0.01)


async def test_a_wait_never_lasts_longer_than_its_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(notify, "LONGEST_WAIT", 0.05)
    began = clock.monotonic()
    assert not await Bell().wait("never", timeout=60)
    assert clock.monotonic() - began < 5


async def test_forgotten_listeners_take_no_room() -> None:
    bell = Bell()
    for number in range(100):
        await bell.wait(f"topic {number}", timeout=0)
    assert bell._ears == {}


async def hears(ear: Ear, seconds: float = 20.0) -> bool:
    """Whether the ear rings before the deadline; a single wait is cut at a second."""
    end = clock.monotonic() + seconds
    while clock.monotonic() < end:
        if await ear.wait():
            return True
    return False


@pytest.fixture
async def nodes(cluster: Cluster) -> AsyncIterator[tuple[Store, Store]]:
    url = cluster.create()
    one, two = await Store.open(url), await Store.open(url)
    yield one, two
    await one.close()
    await two.close()


@pytest.mark.peers
async def test_another_node_hears_a_commit_and_can_read_it(nodes: tuple[Store, Store], now: datetime) -> None:
    one, two = nodes
    with two.bell.listen("operations") as ear:
        async with one.write() as tx:
            made = await one.operations.begin(tx, resource="/r", kind="x/action", now=now)
            assert not await ear.wait(0.1)
        assert await ear.wait(1.0)
        async with two.read() as tx:
            assert await two.operations.get(tx, made.id) == made


@pytest.mark.peers
async def test_another_node_hears_a_plain_ring(nodes: tuple[Store, Store]) -> None:
    one, two = nodes
    with two.bell.listen("hello") as ear:
        one.bell.ring("hello")
        assert await hears(ear)


@pytest.mark.peers
async def test_a_restart_of_the_server_is_survived(cluster: Cluster, now: datetime) -> None:
    """Pools and bell come back by themselves, and whoever listens is woken to look for what was missed."""
    store = await Store.open(cluster.create())
    async with store.write() as tx:
        await store.operations.begin(tx, resource="/r", kind="x/action", now=now, key="before")
    with store.bell.listen("topic") as ear:
        await asyncio.to_thread(cluster.stop)
        await asyncio.to_thread(cluster.start)
        async with store.read() as tx:
            assert len(await store.operations.unfinished(tx)) == 1
        async with store.write() as tx:
            await store.operations.begin(tx, resource="/r", kind="x/action", now=now, key="after")
        assert await hears(ear, 15)
        await ear.wait(0.3)
        async with store.write() as tx:
            tx.ring("topic")
        assert await hears(ear)
    await store.close()
