"""Redeploying instances of a scale set: one after the other, each as a VM is, while the others serve."""

from __future__ import annotations

from typing import Any, TypeVar

import msgspec

from outofband.core.errors import Fault
from outofband.core.ids import ResourceId
from outofband.providers.compute.crew import KIND, Crew
from outofband.providers.compute.redeploy import Redeploys
from outofband.providers.compute.scale_sets import InstanceIds, ScaleSets
from outofband.resources.declaration import Begin, Item, Step
from outofband.resources.exchange import Call
from outofband.resources.job import Done, Job
from outofband.store.faults import PASSING
from outofband.store.store import Store
from outofband.store.tx import Tx

T = TypeVar("T")
DONE, PERCENT = "done", "percent"
"""Beside the states of instances, whose names are numbers, in what the operation remembers."""


class Wishes(msgspec.Struct, frozen=True, kw_only=True):
    """Input of the operation: by instance, what redeploying a VM is given."""

    instances: dict[str, Any]


class Share(Job):
    """One instance's part of the operation: what it is given and what it remembers are its own."""

    def __init__(self, whole: Job, rid: ResourceId) -> None:
        super().__init__(whole.store, whole.operation, rid)
        self._whole = whole

    @property
    def id(self) -> str:
        # It begins with that of the operation: so whoever finds a move knows whether it goes on.
        return f"{self._whole.id}-{self.rid.name}"

    @property
    def state(self) -> Any:
        return (self._whole.state or {}).get(self.rid.name)

    def input(self, kind: type[T]) -> T:
        return msgspec.convert(self._whole.input(Wishes).instances[self.rid.name], kind)

    async def keep(self, tx: Tx, state: Any) -> None:
        await self._whole.keep(tx, {**(self._whole.state or {}), self.rid.name: state})
        self.operation = self._whole.operation


class SetRedeploys:
    def __init__(self, store: Store, redeploys: Redeploys, scale_sets: ScaleSets) -> None:
        self._redeploys, self._scale_sets = redeploys, scale_sets
        self._crew = Crew(store)

    def declare(self) -> Begin:
        return Begin(
            plan=self._plan,
            step=Step(run=self._run, failed=self._failed),
            about="Move instances to other connected hosts with their disks, one after the other; without"
            " another host that can run it, an instance starts anew where it is",
            body=InstanceIds,
        )

    async def _plan(self, call: Call, tx: Tx, item: Item, body: InstanceIds) -> Any:
        chosen = await self._scale_sets.chosen(tx, item, body)
        wishes = {row.name: await self._redeploys.plan(call, tx, row) for row in chosen}
        return msgspec.to_builtins(Wishes(instances=wishes))

    async def _failed(self, job: Job, tx: Tx, fault: Fault) -> None:
        """The instance that was on its way then, if any, is taken back where it was."""
        for name in job.input(Wishes).instances:
            await self._redeploys.failed(Share(job, job.rid.child(KIND, name)), tx, fault)

    async def _run(self, job: Job) -> Done:
        """All of them, even when it fails for some: those are where they were, and the first says how."""
        names = list(job.input(Wishes).instances)
        observed: dict[str, str] = dict((job.state or {}).get(DONE, {}))
        faults: list[Fault] = []
        for number, name in enumerate(names, 1):
            if name in observed:
                continue
            try:
                done = await self._redeploys.run(Share(job, job.rid.child(KIND, name)))
            except Fault as fault:
                if fault.code in PASSING:
                    raise
                faults.append(fault)
                continue
            await self._crew.settle(done)
            observed[name] = str((done.output or {}).get("observed", ""))
            share = 100 * number // len(names)
            await job.save({**(job.state or {}), DONE: observed, PERCENT: share})
        if faults:
            raise faults[0]
        return Done(output={"observed": f"{len(observed)} instances", "instances": observed})
