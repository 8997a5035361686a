"""Runs of rescues: one of a VM at a time, changed only from what was read, a bounded number kept."""

from __future__ import annotations

from datetime import datetime, timedelta

import msgspec
import pytest

from outofband.core.ids import ResourceId
from outofband.store.operations import LeaseLost
from outofband.store.rescues import MAX_OF_VM, StoredRescue, topic
from outofband.store.store import Store
from tests.unit.store.conftest import SUBSCRIPTION

pytestmark = pytest.mark.anyio
VM = "AAAAAAAA-0000-0000-0000-000000000001"


def run(now: datetime, name: str = "r", vm: str = VM) -> StoredRescue:
    return StoredRescue(
        id=f"id-{vm}-{name}".lower(),
        vm=vm,
        name=name,
        busy=vm.lower(),
        version=1,
        body={"state": "begun", "guest": "\u0000"},
        created=now,
        created_by="ann",
        changed=now,
        ended=None,
    )


async def begin(store: Store, rescue: StoredRescue) -> bool:
    async with store.write() as tx:
        return await store.rescues.begin(tx, rescue)


async def save(store: Store, rescue: StoredRescue, now: datetime, *, ended: bool = False) -> StoredRescue:
    async with store.write() as tx:
        return await store.rescues.save(tx, rescue, {"state": "x"}, now, ended=ended)


async def test_one_of_a_vm_at_a_time(store: Store, now: datetime) -> None:
    assert await begin(store, run(now))
    assert not await begin(store, run(now, "s")), "one is under way"
    assert await begin(store, run(now, "s", "other"))
    async with store.read() as tx:
        busy = await store.rescues.busy_of(tx, VM)
        assert busy is not None and busy.name == "r"
    await save(store, busy, now, ended=True)
    assert not await begin(store, run(now, "R")), "the name is taken"
    assert await begin(store, run(now, "t"))
    async with store.read() as tx:
        found = await store.rescues.get(tx, VM, "R")
        assert found is not None and (found.name, found.busy, found.ended) == ("r", None, now)
        assert {each.name for each in await store.rescues.of_vm(tx, VM)} == {"r", "t"}


async def test_who_read_something_older_loses(store: Store, now: datetime) -> None:
    first = run(now)
    await begin(store, first)
    with store.bell.listen(topic(first.id)) as ear:
        second = await save(store, first, now)
        assert await ear.wait()
    assert second.version == 2
    with pytest.raises(LeaseLost):
        await save(store, first, now)
    await save(store, second, now)


async def test_a_bounded_number_is_kept(store: Store, now: datetime) -> None:
    for number in range(MAX_OF_VM + 3):
        made = run(now + timedelta(seconds=number), f"r{number}")
        assert await begin(store, made)
        await save(store, made, made.created, ended=True)
    async with store.read() as tx:
        kept = [each.name for each in await store.rescues.of_vm(tx, VM)]
    assert len(kept) == MAX_OF_VM + 1
    assert kept[0] == f"r{MAX_OF_VM + 2}" and "r0" not in kept


async def test_old_ones_and_those_of_vms_that_went_are_forgotten(populated: Store, now: datetime) -> None:
    rid = ResourceId(subscription=SUBSCRIPTION, group="g", namespace="n", chain=(("vms", "v"),))
    async with populated.write() as tx:
        row, _ = await populated.resources.put(tx, rid, now=now, by="t", location="local")
    for name, vm, ended in (("old", row.uid, True), ("new", row.uid, False), ("gone", VM, False)):
        made = msgspec.structs.replace(run(now, name), vm=vm, busy=vm.lower(), id=name)
        assert await begin(populated, made)
        if ended:
            await save(populated, made, now, ended=True)
    later = now + timedelta(seconds=5)
    async with populated.write() as tx:
        asking = await populated.rescues.by_id(tx, "new")
        assert asking is not None
        await populated.rescues.save(tx, asking, {"state": "asking"}, later, ended=False)
    async with populated.write() as tx:
        assert await populated.rescues.prune(tx, now + timedelta(seconds=1)) == 2
        assert [each.name for each in await populated.rescues.of_vm(tx, row.uid)] == ["new"]
    # A question that nobody has answered for so long keeps the VM from no other run.
    async with populated.write() as tx:
        assert await populated.rescues.prune(tx, later + timedelta(seconds=1)) == 1
        assert await populated.rescues.busy_of(tx, row.uid) is None
