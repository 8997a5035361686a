"""The work of a run: driven to its end or its next question, and taken back."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from outofband.core import clock
from outofband.core.errors import Fault
from outofband.core.ids import ResourceId
from outofband.core.principal import Principal
from outofband.fleet.fleet import Fleet
from outofband.fleet.hosts import vm_topic
from outofband.providers.compute import shape as vm
from outofband.providers.findings import NAMESPACE
from outofband.providers.rescues.forms import Task, answers, run_of
from outofband.providers.rescues.hands import Requests
from outofband.rescue.course import Event
from outofband.rescue.doing import Errand
from outofband.rescue.engine import Engine
from outofband.rescue.run import Run, found
from outofband.rescue.undoing import undoable
from outofband.resources.canceling import CODE
from outofband.resources.job import Done, Job
from outofband.resources.lookup import missing
from outofband.resources.registry import refuse_classic
from outofband.store.faults import PASSING
from outofband.store.operations import LeaseLost
from outofband.store.rescues import StoredRescue
from outofband.store.resources import Resource
from outofband.store.store import Store
from outofband.store.tx import Tx

KIND = "rescues"
BACK_SECONDS = 15.0
"""Agents come back over ten seconds, as they are told (`Welcome.spread`)."""


class Work:
    def __init__(self, store: Store, fleet: Fleet, requests: Requests, engine: Engine) -> None:
        self._store = store
        self._fleet = fleet
        self._requests = requests
        self._engine = engine

    async def run(self, job: Job) -> Done:
        async with self._store.read() as tx:
            stored, task = await self._store.rescues.by_id(tx, job.input(Task).rescue), job.input(Task)
            if stored is None or stored.ended is not None:
                return Done()
            if task.answers is not None and task.answers != answers(run_of(stored)):
                # Killed after it had asked: another operation, with another caller's rights, has gone on.
                return Done()
            row = await self._same(tx, job, stored)
            secret = await self._store.withheld.get(tx, self._store.vault, stored.id)
        await self._until_back(row)
        kept = stored

        async def save(run: Run) -> None:
            nonlocal kept
            async with self._store.write() as unit:
                kept = await self._store.rescues.save(
                    unit, kept, msgspec.to_builtins(run), clock.now(), ended=run.ended
                )
                if run.ended:
                    await self._store.withheld.drop(unit, kept.id)

        errand = errand_of(stored, job.rid, job.caller.principal, job.caller.address, secret)
        run = await self._engine.drive(errand, run_of(stored), save)
        return Done(output={"state": run.state.value})

    async def failed(self, job: Job, tx: Tx, fault: Fault) -> None:
        stored = await self._store.rescues.by_id(tx, job.input(Task).rescue)
        if stored is not None and stored.ended is None:
            await self.finish(tx, stored, Event.CANCEL if fault.code == CODE else Event.BROKE, fault)

    async def undo(self, job: Job) -> Done:
        async with self._store.read() as tx:
            stored = await self._store.rescues.by_id(tx, job.input(Task).rescue)
            if stored is None:
                return Done()
            await self._same(tx, job, stored)
        errand = msgspec.structs.replace(
            errand_of(stored, job.rid, job.caller.principal, job.caller.address, {}),
            attempt=job.operation.id,
        )
        run, trouble = run_of(stored), None
        for number in reversed(undoable(run)):
            taken = run.taken[number]
            assert taken.done is not None
            try:
                stays = await self._requests.undo(errand, run, taken.done)
            except Fault as fault:
                if fault.code in PASSING:
                    raise
                # One that has no way back now keeps no other from its own.
                trouble = trouble or fault
                continue
            left = tuple(found(each, run.wanted.locale) for each in stays)
            undone = msgspec.structs.replace(taken.done, undone=clock.iso(), left=left)
            changed = msgspec.structs.replace(taken, done=undone)
            run = msgspec.structs.replace(run, taken=(*run.taken[:number], changed, *run.taken[number + 1 :]))
            async with self._store.write() as unit:
                stored = await self.save(unit, stored, run)
        if trouble is not None:
            raise trouble
        return Done(output={"state": run.state.value})

    async def finish(self, tx: Tx, stored: StoredRescue, event: Event, fault: Fault | None = None) -> None:
        run = run_of(stored)
        problem = found(fault, run.wanted.locale) if fault is not None and event is Event.BROKE else None
        await self.save(tx, stored, run.on(event, problem=problem))
        await self._store.withheld.drop(tx, stored.id)

    async def save(self, tx: Tx, stored: StoredRescue, run: Run) -> StoredRescue:
        """For who is no runner: to come too late is a conflict."""
        ended = run.ended and stored.ended is None
        try:
            return await self._store.rescues.save(
                tx, stored, msgspec.to_builtins(run), clock.now(), ended=ended
            )
        except LeaseLost:
            raise Fault("Conflict", detail="The run went on in this moment.") from None

    async def _same(self, tx: Tx, job: Job, stored: StoredRescue) -> Resource:
        """A later VM of the same name is none of the run's business."""
        row = await vm_of(self._store, tx, job.rid.parent)
        if row.uid.lower() != stored.vm.lower():
            raise await missing(self._store, tx, job.rid)
        return row

    async def _until_back(self, row: Resource) -> None:
        """A node that was just started has no links yet: a host that is on its way back is not away."""
        agent, until = vm.private_of(row).agent, clock.monotonic() + BACK_SECONDS
        with self._store.bell.listen(vm_topic(row.uid)) as ear:
            while not self._fleet.connected(agent) and (left := until - clock.monotonic()) > 0:
                await ear.wait(left)


def errand_of(
    stored: StoredRescue,
    rid: ResourceId,
    caller: Principal,
    address: str | None,
    secret: Mapping[str, str],
) -> Errand:
    assert rid.parent is not None
    return Errand(id=stored.id, vm=rid.parent, uid=stored.vm, caller=caller, address=address, secret=secret)


async def vm_of(store: Store, tx: Tx, rid: ResourceId | None) -> Resource:
    """The VM that runs hang on. Raises Fault InvalidResourceType, ResourceNotFound."""
    if rid is None or rid.type.lower() not in vm.MACHINES:
        refuse_classic(rid.type if rid is not None else "")
        raise Fault("InvalidResourceType", type=KIND, namespace=NAMESPACE)
    row = await store.resources.get(tx, rid)
    if row is None:
        raise await missing(store, tx, rid)
    return row
