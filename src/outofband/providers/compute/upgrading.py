"""Instances of a scale set are brought to its latest model."""

from __future__ import annotations

import msgspec

from outofband.core import clock
from outofband.core.errors import Fault
from outofband.core.ids import ResourceId
from outofband.fleet.fleet import Fleet
from outofband.providers.compute import instance_view
from outofband.providers.compute.crew import KIND, Crew, Many
from outofband.providers.compute.power import Work
from outofband.providers.compute.scale_shape import instance_properties, model_of, set_private, sku_of
from outofband.providers.compute.shape import PRIVATE, guest_of, private_of, with_private
from outofband.resources.declaration import Step
from outofband.resources.job import Done, Job
from outofband.resources.lookup import DELETING
from outofband.store.resources import Resource
from outofband.store.store import Store
from outofband.store.tx import Tx
from outofband.wire.machine import Power, Verb

_OWN = "protectionPolicy"
"""Property of an instance that no model has."""


class Upgrading:
    """`step` is given a job whose `rid` is a scale set, `bring` one whose `rid` is an instance."""

    def __init__(self, store: Store, fleet: Fleet, work: Work, crew: Crew) -> None:
        self._store = store
        self._fleet = fleet
        self._work = work
        self._crew = crew
        self.step = Step(run=self._upgrade, failed=self._upgrade_failed)

    async def bring(self, job: Job) -> None:
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
                await self._work.command(job, wanted, Verb.CREATE, await self._work.definition(wanted))
                if private.restart and same:
                    await self._work.again(job, wanted)
                elif private.restart:
                    await self._work.command(job, wanted, Verb.START)
        except Fault as fault:
            await self._crew.note(job, fault, self._work.write)
            raise

        async with self._store.write() as tx:
            now = await self._store.resources.get(tx, job.rid)
            if now is None or now.provisioning_state == DELETING:
                # Marked as going meanwhile: it must not count as one that stays.
                return
            # What else was written at the instance meanwhile is not undone.
            private = msgspec.structs.replace(private_of(wanted), deallocated=private_of(now).deallocated)
            own = {_OWN: now.properties[_OWN]} if _OWN in now.properties else {}
            await self._store.resources.update(
                tx,
                job.rid,
                now=clock.now(),
                properties={**wanted.properties, **own, PRIVATE: msgspec.to_builtins(private)},
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
            sku = sku_of(above)
            envelope = row.envelope | {"sku": {"name": sku.name, "tier": sku.tier}}
            return row, msgspec.structs.replace(row, properties=properties, envelope=envelope)

    async def _upgrade(self, job: Job) -> Done:
        count = await self._crew.chosen(job, self.bring)
        return Done(output={"observed": f"{count} instances have the latest model"})

    async def _upgrade_failed(self, job: Job, tx: Tx, fault: Fault) -> None:
        """Those that it stopped in the middle of, when it was canceled or given up, say so."""
        assert self._work.write.failed is not None
        for each in job.input(Many).ids:
            within = job.on(job.rid.child(KIND, each))
            row = await self._store.resources.get(tx, within.rid)
            if row is not None and row.provisioning_state == "Updating":
                await self._work.write.failed(within, tx, fault)


def _above(rid: ResourceId) -> ResourceId:
    return msgspec.structs.replace(rid, chain=rid.chain[:-1])
