"""Leases: one winner, an order per resource, and a fence against whoever lost his."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta

import pytest

from outofband.core.errors import Fault
from outofband.store.operations import LEASE, LeaseLost, Operation, topic
from outofband.store.store import Store
from outofband.wire.arm.operations import Status

pytestmark = pytest.mark.anyio
SECOND = timedelta(seconds=1)
KIND = "Microsoft.Compute/virtualMachines/start/action"


async def begin(store: Store, now: datetime, resource: str = "/VM1", key: str | None = None) -> Operation:
    async with store.write() as tx:
        return await store.operations.begin(
            tx, resource=resource, kind=KIND, now=now, key=key, input={"a": 1}
        )


async def lease(store: Store, owner: str, now: datetime) -> Operation | None:
    async with store.write() as tx:
        return await store.operations.lease_next(tx, owner, now)


async def finish(
    store: Store, held: Operation, now: datetime, status: Status = Status.SUCCEEDED
) -> Operation:
    async with store.write() as tx:
        return await store.operations.finish(tx, held, status, now, output={"done": True})


async def test_a_race_has_one_winner(store: Store, store_url: str, now: datetime) -> None:
    """Twenty runners (on PostgreSQL in two nodes) go for one operation."""
    await begin(store, now)
    nodes = [store]
    if store.db.dialect == "postgresql":
        nodes.append(await Store.open(store_url))
    won = await asyncio.gather(
        *(lease(nodes[each % len(nodes)], f"runner {each}", now) for each in range(20))
    )
    assert len([each for each in won if each is not None]) == 1
    for node in nodes[1:]:
        await node.close()


async def test_the_same_key_begins_one_operation(store: Store, now: datetime) -> None:
    first = await begin(store, now, key="k")
    again = await begin(store, now + SECOND, key="k")
    assert first == again
    async with store.read() as tx:
        assert [each.id for each in await store.operations.unfinished(tx)] == [first.id]


async def test_one_resource_is_worked_on_in_order(store: Store, now: datetime) -> None:
    first = await begin(store, now, "/VM1")
    second = await begin(store, now, "/vm1")
    other = await begin(store, now, "/vm2")
    one, two = await lease(store, "a", now), await lease(store, "b", now)
    assert one is not None and two is not None
    assert [one.id, two.id] == [first.id, other.id]
    assert await lease(store, "c", now) is None
    await finish(store, one, now, Status.FAILED)
    three = await lease(store, "c", now)
    assert three is not None and three.id == second.id


async def test_who_lost_the_lease_writes_nothing(store: Store, now: datetime) -> None:
    await begin(store, now)
    old = await lease(store, "slow", now)
    assert old is not None
    assert await lease(store, "other", now + LEASE - SECOND) is None
    new = await lease(store, "other", now + LEASE)
    assert new is not None
    assert (new.lease_epoch, new.attempts) == (old.lease_epoch + 1, 2)
    for late in ("renew", "save", "release", "finish"):
        with pytest.raises(LeaseLost):
            async with store.write() as tx:
                await store.console_settings.disabled(tx, "s")
                await store.operations.begin(tx, resource="/undone", kind=KIND, now=now)
                match late:
                    case "renew":
                        await store.operations.renew(tx, old, now)
                    case "save":
                        await store.operations.save(tx, old, {"x": 1}, now)
                    case "release":
                        await store.operations.release(tx, old, now)
                    case _:
                        await store.operations.finish(tx, old, Status.SUCCEEDED, now)
    async with store.read() as tx:
        assert await store.operations.unfinished(tx, "/undone") == []
    await finish(store, new, now)


async def test_a_renewed_lease_is_kept(store: Store, now: datetime) -> None:
    await begin(store, now)
    held = await lease(store, "a", now)
    assert held is not None
    async with store.write() as tx:
        await store.operations.renew(tx, held, now + LEASE)
    assert await lease(store, "b", now + LEASE + SECOND) is None


async def test_state_is_there_for_the_next_runner(store: Store, now: datetime) -> None:
    await begin(store, now)
    held = await lease(store, "a", now)
    assert held is not None
    async with store.write() as tx:
        held = await store.operations.save(tx, held, {"step": 2, "odd": "\x00é"}, now)
        await store.operations.release(tx, held, now, not_before=now + 5 * SECOND)
    assert await lease(store, "b", now + 4 * SECOND) is None
    later = await lease(store, "b", now + 5 * SECOND)
    assert later is not None
    assert later.state == {"step": 2, "odd": "\x00é"}
    assert later.input == {"a": 1}
    assert later.not_before is None


async def test_an_end_is_final_and_rings(store: Store, now: datetime) -> None:
    made = await begin(store, now)
    held = await lease(store, "a", now)
    assert held is not None
    with store.bell.listen(topic(made.id)) as ear:
        await finish(store, held, now + SECOND)
        assert await ear.wait(1.0)
    with pytest.raises(LeaseLost):
        await finish(store, held, now, Status.FAILED)
    async with store.read() as tx:
        ended = await store.operations.require(tx, made.id.upper())
    assert (ended.status, ended.ended, ended.output) == (Status.SUCCEEDED, now + SECOND, {"done": True})
    assert ended.lease_owner is None
    assert await lease(store, "b", now + 2 * LEASE) is None


async def test_an_unknown_operation_has_its_code(store: Store) -> None:
    async with store.read() as tx:
        with pytest.raises(Fault, match="OperationNotFound"):
            await store.operations.require(tx, "no")


async def test_old_ones_are_forgotten_unfinished_ones_never(store: Store, now: datetime) -> None:
    await begin(store, now, "/a")
    open_one = await begin(store, now, "/b")
    held = await lease(store, "a", now)
    assert held is not None
    await finish(store, held, now)
    async with store.write() as tx:
        assert await store.operations.prune(tx, now) == 0
        assert await store.operations.prune(tx, now + SECOND) == 1
        assert [each.id for each in await store.operations.unfinished(tx)] == [open_one.id]
