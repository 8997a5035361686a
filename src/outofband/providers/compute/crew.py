"""One operation at work on several instances of a scale set."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence

import msgspec

from outofband.core.errors import Fault
from outofband.core.ids import ResourceId, parse_id
from outofband.resources.declaration import Step
from outofband.resources.job import Done, Job
from outofband.store.faults import PASSING
from outofband.store.resources import Resource
from outofband.store.store import Store

AT_ONCE = 8
"""Instances of one operation that are made, changed or removed at the same time."""
KIND = "virtualMachines"
"""Last part of their type's name."""


class Many(msgspec.Struct, frozen=True, kw_only=True):
    """Input of an operation on instances; `graceful` is of those that stop."""

    ids: list[str]
    graceful: bool = True


class Crew:
    """Does the same to many instances, and keeps the books of each."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def chosen(self, job: Job, act: Callable[[Job], Awaitable[None]]) -> int:
        """`each` of those that the job's input names; how many."""
        wanted = job.input(Many).ids
        await self.each(job, [job.rid.child(KIND, name) for name in wanted], act)
        return len(wanted)

    async def each(
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

    async def row(self, rid: ResourceId) -> Resource | None:
        async with self._store.read() as tx:
            return await self._store.resources.get(tx, rid)

    async def settle(self, done: Done) -> None:
        if done.settle is not None:
            async with self._store.write() as tx:
                await done.settle(tx)

    async def note(self, job: Job, fault: Fault, step: Step) -> None:
        """Write at the instance why it failed."""
        if fault.code in PASSING or step.failed is None:
            return
        async with self._store.write() as tx:
            await step.failed(job, tx, fault)
