"""What all moves share, also with whoever starts a VM: a move past its switch may have to be finished first.

Commands have keys made of the operation's id, so what an earlier life of this process asked for is answered
and not done again. The source is asked under the VM's old epoch, the target under the new one.
"""

from __future__ import annotations

from typing import Any, Protocol

import structlog

from outofband.core import clock
from outofband.core.errors import Fault
from outofband.fleet.fleet import Fleet
from outofband.providers.compute.move_back import Backs, operation_of
from outofband.providers.compute.move_places import MovePlaces
from outofband.providers.compute.shape import private_of, with_private
from outofband.providers.network.house import House
from outofband.resources.job import Job
from outofband.store.resources import Resource
from outofband.store.store import Store
from outofband.store.tx import Tx
from outofband.wire.machine import Power, Verb

ANSWER_SECONDS = 60.0

log = structlog.get_logger(__name__)


class Consoles(Protocol):
    """The part of the console gateway that is needed here."""

    async def end_where(self, *, vm: str, code: str, **fields: Any) -> int: ...


class Worker(Protocol):
    """What the work on VMs has in common (`power.Work`)."""

    async def definition(self, row: Resource) -> dict[str, Any]: ...

    async def command(
        self,
        job: Job,
        row: Resource,
        verb: Verb,
        args: dict[str, Any] | None = None,
        *,
        step: str = "",
        seconds: float = ANSWER_SECONDS,
    ) -> str: ...

    async def see(self, row: Resource, wanted: Power) -> None: ...


class Moves:
    """Shared by all moves, and by whatever starts a VM: it may have to finish one first."""

    def __init__(
        self, store: Store, fleet: Fleet, consoles: Consoles, house: House, places: MovePlaces | None
    ) -> None:
        self.store, self.fleet, self.consoles = store, fleet, consoles
        self.house, self.places = house, places
        self.backs = Backs(store, fleet, places)

    async def order(
        self,
        job: Job,
        vm: Resource,
        agent: str,
        verb: Verb,
        args: dict[str, Any] | None = None,
        *,
        epoch: int,
        step: str = "",
        seconds: float = ANSWER_SECONDS,
        online: bool = False,
    ) -> dict[str, Any]:
        """A command to a host that need not be the VM's; the data of its answer."""
        result = await self.fleet.command(
            agent,
            verb.value,
            vm.uid,
            args,
            key=job.key(f"{verb.value}:move{step}"),
            epoch=epoch,
            timeout=seconds,
            require_online=online,
        )
        return result.data

    async def arrive(self, job: Job, row: Resource, definition: dict[str, Any]) -> None:
        """Have the VM's host take it, if it is on its way there still. Harmless when it was done."""
        moving = private_of(row).moving
        if moving is None:
            return
        agent = private_of(row).agent
        if moving.returned:
            await self.order(job, row, agent, Verb.CREATE, definition, epoch=row.epoch)
            return
        args = {
            "move": moving.id,
            "definition": definition,
            "manifest": moving.manifest,
            "ends": moving.ends,
        }
        await self.order(job, row, agent, Verb.DISK_TAKE, args, epoch=row.epoch)

    async def stays(self, job: Job, row: Resource, leaving: Fault) -> None:
        """Its host keeps the VM for a move. One that has ended without a word to that host is called off
        now; one that goes on keeps it. Raises Fault VmLeaving or Conflict.
        """
        move = str(leaving.fields.get("move", ""))
        async with self.store.read() as tx:
            now = await self.store.resources.require(tx, job.rid)
            by = await self.store.operations.get(tx, operation_of(move))
        if (now.epoch, private_of(now).agent) != (row.epoch, private_of(row).agent):
            raise Fault("Conflict", detail=f"'{row.name}' was moved to another host in this moment")
        if by is not None and by.ended is None:
            raise leaving
        await self.order(
            job, row, private_of(row).agent, Verb.DISK_DROP, {"move": move}, epoch=row.epoch, step=":stays"
        )

    async def booted(self, job: Job, row: Resource) -> None:
        """Its first boot there was seen: the copy that it left goes, at once or when its host is back."""
        moving = private_of(row).moving
        if moving is None:
            return
        gone: set[str] = set()
        for left in private_of(row).left:
            if left.keep:
                continue
            try:
                step = f":{left.agent}"
                await self.order(job, row, left.agent, Verb.DELETE, epoch=row.epoch, step=step, online=True)
            except Fault as fault:
                log.info("move.copy_left", vm=row.uid, agent=left.agent, code=fault.code)
                if fault.code != "VmUnknownToHost":
                    continue
            gone.add(left.agent)
        async with self.store.write() as tx:
            await forget(self.store, tx, row.id, gone, epoch=row.epoch, over=moving.id)


async def forget(
    store: Store, tx: Tx, vm: str, agents: set[str], *, epoch: int, over: str | None = None
) -> None:
    """These hosts were told under `epoch` to remove their copies of the VM, and have; with `over` that move
    has come to its end. A copy that a host was left with since then, by another move, is remembered.
    """
    row = await store.resources.get(tx, vm)
    if row is None:
        return
    private = private_of(row)
    moving = private.moving if private.moving is None or private.moving.id != over else None
    left = tuple(each for each in private.left if each.agent not in agents or each.epoch >= epoch)
    if (moving, left) != (private.moving, private.left):
        await store.resources.update(
            tx, row.id, now=clock.now(), properties=with_private(row, moving=moving, left=left)
        )


def name_of(fleet: Fleet, agent: str) -> str:
    view = fleet.host(agent)
    return view.agent.name if view is not None else agent
