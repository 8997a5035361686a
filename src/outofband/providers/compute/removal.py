"""The end of a VM: its host removes it, copies that were left elsewhere go, and then its row."""

from __future__ import annotations

import contextlib
from typing import Protocol

import msgspec

from outofband.core import clock
from outofband.core.errors import Fault
from outofband.fleet.fleet import Fleet
from outofband.providers.compute.moving import Consoles, Moves
from outofband.providers.compute.shape import private_of
from outofband.resources.job import Done, Job
from outofband.store.resources import Resource
from outofband.store.store import Store
from outofband.store.tx import Tx
from outofband.wire.machine import Verb

LATER_SECONDS = 30 * 86400.0
"""For so long a host that is away is told, when it is back, that its copy of a VM is to go."""


class Removal(msgspec.Struct, frozen=True, kw_only=True):
    """Input of a delete. Without `from_host` the host, which never had the VM, is not waited for; `forced` is
    noted for the activity log's readers.
    """

    from_host: bool = True
    forced: bool = False


class Command(Protocol):
    async def __call__(self, job: Job, row: Resource, verb: Verb, /) -> str:
        """What the host saw happen. Raises Fault."""


class Removals:
    def __init__(
        self, store: Store, fleet: Fleet, consoles: Consoles, moves: Moves, command: Command
    ) -> None:
        self._store, self._fleet, self._consoles = store, fleet, consoles
        self._moves, self._command = moves, command

    async def delete(self, job: Job) -> Done:
        """The step of a VM's delete. Raises Fault."""
        async with self._store.read() as tx:
            row = await self._store.resources.get(tx, job.rid)
        if row is None:
            return Done()
        return await self.erase(job, row, from_host=job.input(Removal).from_host)

    async def erase(self, job: Job, row: Resource, *, from_host: bool) -> Done:
        """Have the host remove the machine, unless it never had it, and then the resource."""
        await self._consoles.end_where(vm=row.id, code="SessionEnded", detail="the VM was deleted")
        if self._fleet.host(private_of(row).agent) is not None and from_host:
            try:
                await self._command(job, row, Verb.DELETE)
            except Fault as fault:
                if fault.code != "VmUnknownToHost":
                    raise
        for left in private_of(row).left:
            with contextlib.suppress(Fault):
                await self._moves.order(
                    job, row, left.agent, Verb.DELETE, epoch=row.epoch, step=f":{left.agent}", online=True
                )

        async def settle(tx: Tx) -> None:
            await self._store.outbox.give_up_all(tx, private_of(row).agent, row.uid, clock.now())
            for left in private_of(row).left:
                # A host that is away may be running its copy, and nobody would look for a VM that is gone.
                await self._fleet.leave_order(
                    tx,
                    left.agent,
                    Verb.DELETE,
                    row.uid,
                    key=job.key(f"{Verb.DELETE.value}:move:{left.agent}"),
                    epoch=row.epoch,
                    seconds=LATER_SECONDS,
                )
            await self._store.resources.delete(tx, job.rid)
            await self._store.assignments.remove_below(tx, str(job.rid))

        return Done(settle=settle)
