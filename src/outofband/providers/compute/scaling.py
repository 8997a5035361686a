"""The work of scale sets: as many instances as the capacity says, each made after the model.

Which instances come, where, and which go is written down when a request is accepted; the operation then makes
and removes them, several at a time. Run again after a crash it finds what is left to do.
"""

from __future__ import annotations

from typing import Any

from outofband.catalogue import explain
from outofband.core import clock
from outofband.core.errors import Fault
from outofband.core.ids import ResourceId, parse_id
from outofband.fleet.fleet import Fleet
from outofband.providers.compute.crew import AT_ONCE, KIND, Crew
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
    private_of,
)
from outofband.providers.compute.upgrading import Upgrading
from outofband.resources.declaration import Step
from outofband.resources.exchange import Call
from outofband.resources.job import Done, Job
from outofband.resources.lookup import DELETING
from outofband.store.resources import Resource
from outofband.store.store import Store
from outofband.store.tx import Tx


class Scaling:
    """The steps. Each is given a job whose `rid` is a scale set; `delete_one`'s is an instance."""

    def __init__(self, store: Store, fleet: Fleet, work: Work, placement: Placement) -> None:
        self._store = store
        self._fleet = fleet
        self._work = work
        self._placement = placement
        self._crew = Crew(store)
        self._upgrading = Upgrading(store, fleet, work, self._crew)
        self.write = Step(run=self._apply, failed=self._write_failed)
        self.delete = Step(run=self._delete, failed=self._failed)
        self.upgrade = self._upgrading.step
        self.delete_many = Step(run=self._delete_many)
        self.delete_one = Step(run=self._delete_one, failed=work.delete.failed)
        self.start = self.on_each(work.start)
        self.restart = self.on_each(work.restart)
        self.power_off = self.on_each(work.power_off)
        self.deallocate = self.on_each(work.deallocate)
        self.reapply = self.on_each(work.reapply)

    def on_each(self, step: Step) -> Step:
        """A step of a VM, done to each of the instances that the input names."""

        async def act(job: Job) -> None:
            await self._crew.settle(await step.run(job))

        async def run(job: Job) -> Done:
            return Done(output={"observed": f"{await self._crew.chosen(job, act)} instances"})

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
        await self._crew.each(job, going, self._remove)
        await self._crew.each(job, fresh, self._make)
        await self._crew.each(job, stale, self._upgrading.bring, at_once=1 if mode == "rolling" else AT_ONCE)
        return self._ended(job)

    async def _add(self, tx: Tx, call: Call, row: Resource, count: int) -> Resource:
        if count <= 0:
            return row
        model, private, sku = model_of(row), set_private(row), sku_of(row)
        named = (row.properties.get("host") or {}).get("id")
        zones = row.envelope.get("zones") or []
        for number in range(private.next, private.next + count):
            rid = parse_id(row.id).child(KIND, str(number))
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
        row = await self._crew.row(job.rid)
        if row is None or row.provisioning_state == DELETING:
            return
        try:
            await self._crew.settle(await self._work.make(job, row))
        except Fault as fault:
            await self._crew.note(job, fault, self._work.write)
            raise

    # --- removal

    async def _delete(self, job: Job) -> Done:
        async with self._store.read() as tx:
            rows = await self.instances(tx, job.rid)
        await self._crew.each(job, rows, self._remove)

        async def settle(tx: Tx) -> None:
            await self._store.resources.delete(tx, job.rid)
            await self._store.assignments.remove_below(tx, str(job.rid))

        return Done(settle=settle)

    async def _delete_many(self, job: Job) -> Done:
        await self._crew.chosen(job, self._remove)
        return Done()

    async def _delete_one(self, job: Job) -> Done:
        row = await self._crew.row(job.rid)
        if row is None:
            return Done()
        return await self._erase(job, row)

    async def _remove(self, job: Job) -> None:
        row = await self._crew.row(job.rid)
        if row is None:
            return
        try:
            await self._crew.settle(await self._erase(job, row))
        except Fault as fault:
            await self._crew.note(job, fault, self._work.delete)
            raise

    async def _erase(self, job: Job, row: Resource) -> Done:
        private = private_of(row)
        # A host that is away and never made the machine has nothing to remove.
        return await self._work.removals.erase(
            job, row, from_host=private.placed or self._fleet.connected(private.agent)
        )

    def _ended(self, job: Job) -> Done:
        async def settle(tx: Tx) -> None:
            row = await self._store.resources.get(tx, job.rid)
            # Asked to delete it meanwhile: that is what it is in, until the delete says otherwise.
            if row is not None and row.provisioning_state != DELETING:
                await self._store.resources.update(
                    tx,
                    job.rid,
                    now=clock.now(),
                    properties=with_set_private(row, failure=None),
                    provisioning_state="Succeeded",
                )

        return Done(settle=settle)

    async def _write_failed(self, job: Job, tx: Tx, fault: Fault) -> None:
        row = await self._store.resources.get(tx, job.rid)
        if row is not None and row.provisioning_state != DELETING:
            await self._failed(job, tx, fault)

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
