"""The work of scale sets: as many instances as the capacity says, each made after the model.

Which instances come, where, and which go is written down when a request is accepted; the operation then makes
and removes them, several at a time. Run again after a crash it finds what is left to do.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import msgspec

from outofband.catalogue import explain
from outofband.core import clock
from outofband.core.errors import Fault
from outofband.core.ids import ResourceId, parse_id
from outofband.fleet.fleet import Fleet
from outofband.providers.compute import instance_view
from outofband.providers.compute.placement import Placement
from outofband.providers.compute.power import Work
from outofband.providers.compute.scale_shape import (
    instance_properties,
    mode_of,
    model_of,
    set_private,
    sku_of,
    with_set_private,
)
from outofband.providers.compute.shape import (
    INSTANCES,
    Private,
    definition,
    guest_of,
    private_of,
    with_private,
)
from outofband.resources.declaration import Step
from outofband.resources.exchange import Call
from outofband.resources.job import Done, Job
from outofband.resources.lookup import DELETING
from outofband.store.faults import PASSING
from outofband.store.resources import Resource
from outofband.store.store import Store
from outofband.store.tx import Tx
from outofband.wire.machine import Power, Verb

AT_ONCE = 8
"""Instances of one operation that are made, changed or removed at the same time."""
_KIND = "virtualMachines"


class Many(msgspec.Struct, frozen=True, kw_only=True):
    """Input of an operation on instances; `graceful` is of those that stop."""

    ids: list[str]
    graceful: bool = True


class Scaling:
    """The steps. Each is given a job whose `rid` is a scale set; `delete_one`'s is an instance."""

    def __init__(self, store: Store, fleet: Fleet, work: Work, placement: Placement) -> None:
        self._store = store
        self._fleet = fleet
        self._work = work
        self._placement = placement
        self.write = Step(run=self._apply, failed=self._failed)
        self.delete = Step(run=self._delete, failed=self._failed)
        self.upgrade = Step(run=self._upgrade, failed=self._upgrade_failed)
        self.delete_many = Step(run=self._delete_many)
        self.delete_one = Step(run=self._delete_one, failed=work.delete.failed)
        self.start = self.on_each(work.start)
        self.restart = self.on_each(work.restart)
        self.power_off = self.on_each(work.power_off)
        self.deallocate = self.on_each(work.deallocate)
        self.redeploy = self.on_each(work.redeploy)
        self.reapply = self.on_each(work.reapply)

    def on_each(self, step: Step) -> Step:
        """A step of a VM, done to each of the instances that the input names."""

        async def act(job: Job) -> None:
            await self._settle(await step.run(job))

        async def run(job: Job) -> Done:
            wanted = job.input(Many).ids
            await self._each(job, [job.rid.child(_KIND, each) for each in wanted], act)
            return Done(output={"observed": f"{len(wanted)} instances"})

        return Step(run=run)

    async def instances(self, tx: Tx, scale_set: ResourceId | str) -> list[Resource]:
        """All of a scale set, by their numbers."""
        found: list[Resource] = []
        after: str | None = None
        while True:
            page = await self._store.resources.page(tx, type=INSTANCES, parent=scale_set, after=after)
            found += page.items
            if (after := page.after) is None:
                return sorted(found, key=lambda row: int(row.name))

    # --- capacity and model

    async def arrange(self, tx: Tx, call: Call, row: Resource) -> Resource:
        """Write down which instances come, and where, and which go: part of accepting a request, for then
        hosts are asked while they are there. The scale set's row as it is afterwards.

        Raises what `Placement.choose` raises, and Fault OperationNotAllowed when too many are protected.
        """
        alive = [each for each in await self.instances(tx, row.id) if each.provisioning_state != DELETING]
        wanted = sku_of(row).capacity
        for each in _leaving(row, alive, len(alive) - wanted):
            await self._store.resources.update(
                tx, each.id, now=call.now, by=call.by, provisioning_state=DELETING
            )
        return await self._add(tx, call, row, wanted - len(alive))

    async def _apply(self, job: Job) -> Done:
        """Do what was written down."""
        async with self._store.read() as tx:
            row = await self._store.resources.get(tx, job.rid)
            if row is None:
                return Done()
            rows = await self.instances(tx, job.rid)
        latest, mode = set_private(row).model, mode_of(row)
        going = [each for each in rows if each.provisioning_state == DELETING]
        fresh = [each for each in rows if each.provisioning_state in ("Creating", "Failed")]
        others = [each for each in rows if each not in going and each not in fresh]
        stale = [each for each in others if mode != "manual" and private_of(each).model != latest]
        await self._each(job, going, self._remove)
        await self._each(job, fresh, self._make)
        await self._each(job, stale, self._bring, at_once=1 if mode == "rolling" else AT_ONCE)
        return self._ended(job)

    async def _add(self, tx: Tx, call: Call, row: Resource, count: int) -> Resource:
        if count <= 0:
            return row
        model, private, sku = model_of(row), set_private(row), sku_of(row)
        named = (row.properties.get("host") or {}).get("id")
        zones = row.envelope.get("zones") or []
        for number in range(private.next, private.next + count):
            rid = parse_id(row.id).child(_KIND, str(number))
            host = self._placement.choose(rid, model.guest, named)
            own = Private(agent=host.agent.id, model=private.model)
            envelope: dict[str, Any] = {"sku": {"name": sku.name, "tier": sku.tier}}
            if zones:
                envelope["zones"] = [zones[number % len(zones)]]
            made, _ = await self._store.resources.put(
                tx,
                rid,
                now=call.now,
                by=call.by,
                location=row.location,
                tags=row.tags,
                properties=instance_properties(model, number, row.name, host.agent.resource_id, own),
                envelope=envelope,
                provisioning_state="Creating",
            )
            self._placement.promise(made.uid, host, model.guest)
        properties = with_set_private(row, next=private.next + count)
        written = await self._store.resources.update(tx, row.id, now=call.now, properties=properties)
        assert written is not None
        return written

    async def _make(self, job: Job) -> None:
        row = await self._row(job.rid)
        if row is None or row.provisioning_state == DELETING:
            return
        try:
            await self._settle(await self._work.make(job, row))
        except Fault as fault:
            await self._note(job, fault, self._work.write)
            raise

    async def _bring(self, job: Job) -> None:
        """Bring one instance to the latest model. What of it is new says how: another image is another disk,
        another size a restart, and all the rest is only written down.
        """
        found = await self._begun(job)
        if found is None:
            return
        row, wanted = found
        private, was, will = private_of(row), guest_of(row), guest_of(wanted)
        try:
            same = msgspec.structs.replace(will, cpus=was.cpus, memory_mib=was.memory_mib) == was
            if not same:
                await self._work.command(job, row, Verb.DELETE)
            if will != was:
                await self._work.command(job, wanted, Verb.CREATE, definition(wanted))
                if private.restart and same:
                    await self._work.again(job, wanted)
                elif private.restart:
                    await self._work.command(job, wanted, Verb.START)
        except Fault as fault:
            await self._note(job, fault, self._work.write)
            raise

        async with self._store.write() as tx:
            if await self._store.resources.get(tx, job.rid) is not None:
                await self._store.resources.update(
                    tx,
                    job.rid,
                    now=clock.now(),
                    properties=wanted.properties,
                    envelope=wanted.envelope,
                    provisioning_state="Succeeded",
                )

    async def _begun(self, job: Job) -> tuple[Resource, Resource] | None:
        """The instance, marked as being updated, and how it will be; None when there is nothing to do."""
        async with self._store.write() as tx:
            row = await self._store.resources.get(tx, job.rid)
            above = await self._store.resources.get(tx, _above(job.rid))
            if row is None or above is None or row.provisioning_state == DELETING:
                return None
            private, latest = private_of(row), set_private(above).model
            if private.model == latest and row.provisioning_state == "Succeeded":
                return None
            if private.restart is None:
                up = instance_view.power(self._fleet, row) not in (
                    Power.STOPPED.value,
                    instance_view.DEALLOCATED,
                )
                changed = await self._store.resources.update(
                    tx,
                    job.rid,
                    now=clock.now(),
                    properties=with_private(row, restart=up),
                    provisioning_state="Updating",
                )
                assert changed is not None
                row = changed
            own = msgspec.structs.replace(private_of(row), model=latest, restart=None, failure=None)
            host = row.properties["host"]["id"]
            properties = instance_properties(model_of(above), int(row.name), above.name, host, own)
            if (policy := row.properties.get("protectionPolicy")) is not None:
                properties["protectionPolicy"] = policy
            sku = sku_of(above)
            envelope = row.envelope | {"sku": {"name": sku.name, "tier": sku.tier}}
            return row, msgspec.structs.replace(row, properties=properties, envelope=envelope)

    async def _upgrade(self, job: Job) -> Done:
        wanted = job.input(Many).ids
        await self._each(job, [job.rid.child(_KIND, each) for each in wanted], self._bring)
        return Done(output={"observed": f"{len(wanted)} instances have the latest model"})

    async def _upgrade_failed(self, job: Job, tx: Tx, fault: Fault) -> None:
        """Those that it stopped in the middle of, when it was canceled or given up, say so."""
        assert self._work.write.failed is not None
        for each in job.input(Many).ids:
            within = job.on(job.rid.child(_KIND, each))
            row = await self._store.resources.get(tx, within.rid)
            if row is not None and row.provisioning_state == "Updating":
                await self._work.write.failed(within, tx, fault)

    # --- removal

    async def _delete(self, job: Job) -> Done:
        async with self._store.read() as tx:
            rows = await self.instances(tx, job.rid)
        await self._each(job, rows, self._remove)

        async def settle(tx: Tx) -> None:
            await self._store.resources.delete(tx, job.rid)
            await self._store.assignments.remove_below(tx, str(job.rid))

        return Done(settle=settle)

    async def _delete_many(self, job: Job) -> Done:
        wanted = job.input(Many).ids
        await self._each(job, [job.rid.child(_KIND, each) for each in wanted], self._remove)
        return Done()

    async def _delete_one(self, job: Job) -> Done:
        row = await self._row(job.rid)
        if row is None:
            return Done()
        return await self._erase(job, row)

    async def _remove(self, job: Job) -> None:
        row = await self._row(job.rid)
        if row is None:
            return
        try:
            await self._settle(await self._erase(job, row))
        except Fault as fault:
            await self._note(job, fault, self._work.delete)
            raise

    async def _erase(self, job: Job, row: Resource) -> Done:
        private = private_of(row)
        # A host that is away and never made the machine has nothing to remove.
        return await self._work.erase(
            job, row, from_host=private.placed or self._fleet.connected(private.agent)
        )

    # --- what all of them need

    async def _each(
        self,
        job: Job,
        instances: Sequence[Resource] | Sequence[ResourceId],
        act: Callable[[Job], Awaitable[None]],
        *,
        at_once: int = AT_ONCE,
    ) -> None:
        """Do it to all, even when it fails for some, and then say how the first failed. One at a time, it
        stops there.
        """
        room = asyncio.Semaphore(at_once)
        faults: list[Fault] = []

        async def one(rid: ResourceId) -> None:
            async with room:
                if faults and at_once == 1:
                    return
                try:
                    await act(job.on(rid))
                except Fault as fault:
                    faults.append(fault)

        rids = [each if isinstance(each, ResourceId) else parse_id(each.id) for each in instances]
        async with asyncio.TaskGroup() as group:
            for rid in rids:
                group.create_task(one(rid), name=f"instance {rid.name}")
        if faults:
            # A store that was away is no answer: then the whole step runs again.
            raise next((fault for fault in faults if fault.code in PASSING), faults[0])

    async def _row(self, rid: ResourceId) -> Resource | None:
        async with self._store.read() as tx:
            return await self._store.resources.get(tx, rid)

    async def _settle(self, done: Done) -> None:
        if done.settle is not None:
            async with self._store.write() as tx:
                await done.settle(tx)

    async def _note(self, job: Job, fault: Fault, step: Step) -> None:
        """Write at the instance why it failed."""
        if fault.code in PASSING or step.failed is None:
            return
        async with self._store.write() as tx:
            await step.failed(job, tx, fault)

    def _ended(self, job: Job) -> Done:
        async def settle(tx: Tx) -> None:
            row = await self._store.resources.get(tx, job.rid)
            if row is not None:
                await self._store.resources.update(
                    tx,
                    job.rid,
                    now=clock.now(),
                    properties=with_set_private(row, failure=None),
                    provisioning_state="Succeeded",
                )

        return Done(settle=settle)

    async def _failed(self, job: Job, tx: Tx, fault: Fault) -> None:
        row = await self._store.resources.get(tx, job.rid)
        if row is not None:
            failure = {"code": fault.code, "message": explain(fault).message}
            await self._store.resources.update(
                tx,
                job.rid,
                now=clock.now(),
                properties=with_set_private(row, failure=failure),
                provisioning_state="Failed",
            )


def _leaving(scale_set: Resource, alive: list[Resource], count: int) -> list[Resource]:
    """Who goes when there are too many: what failed first, then the newest (or, by policy, the oldest)."""
    if count <= 0:
        return []
    rules = (scale_set.properties.get("scaleInPolicy") or {}).get("rules") or []
    oldest = any(str(rule).lower() == "oldestvm" for rule in rules)
    free = [
        row for row in alive if not (row.properties.get("protectionPolicy") or {}).get("protectFromScaleIn")
    ]
    if len(free) < count:
        detail = f"Of {len(alive)} instances only {len(free)} are not protected from scale-in."
        raise Fault("OperationNotAllowed", detail=detail)
    free.sort(
        key=lambda row: (row.provisioning_state != "Failed", int(row.name) if oldest else -int(row.name))
    )
    return free[:count]


def _above(rid: ResourceId) -> ResourceId:
    return msgspec.structs.replace(rid, chain=rid.chain[:-1])
