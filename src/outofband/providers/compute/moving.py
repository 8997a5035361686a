"""What the steps of a move do in the world: commands to two hosts, one transaction between them.

Commands have keys made of the operation's id, so what an earlier life of this process asked for is answered
and not done again. The source is asked under the VM's old epoch, the target under the new one.
"""

from __future__ import annotations

import contextlib
from typing import Any, Protocol

import msgspec
import structlog

from outofband.core import clock
from outofband.core.errors import Fault
from outofband.fleet.fleet import Fleet
from outofband.providers.compute.move_back import (
    REMEMBERED_SECONDS,
    Backs,
    drop_key,
    ends,
    operation_of,
    start_key,
)
from outofband.providers.compute.move_places import MovePlaces, container_of, signature
from outofband.providers.compute.move_steps import SHARE, How, Move, Phase
from outofband.providers.compute.placement import HOST_TAG
from outofband.providers.compute.shape import Left, Unfinished, private_of, with_private
from outofband.providers.network import hosting
from outofband.providers.network.addresses import renew_dynamic
from outofband.providers.network.house import House
from outofband.resources.job import Job
from outofband.store.resources import Resource
from outofband.store.store import Store
from outofband.store.tx import Tx
from outofband.wire.machine import Power, Verb
from outofband.wire.move import Progress

ANSWER_SECONDS = 60.0
STOP_SECONDS = 30.0
"""How long a guest may take to shut down before it is ended: whoever redeploys often has one that hangs."""
LOOK_SECONDS = 5.0
"""Between two looks at how far a transfer is."""
ASK_SECONDS = 10.0
AWAY_SECONDS = 600.0
"""How long one of the two hosts may be away during a transfer."""
PATIENT_SECONDS = 24 * 3600.0
"""How long a transfer may take; its signature is not good for longer."""

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


class Moving:
    """`World` of one move: of this job, of this VM."""

    def __init__(self, moves: Moves, worker: Worker, job: Job) -> None:
        self._moves, self._worker, self._job = moves, worker, job
        self.changed: list[tuple[str, str]] = []
        """Dynamic public addresses: which they were, which they are."""

    async def row(self) -> Resource:
        """Raises Fault ResourceNotFound."""
        async with self._moves.store.read() as tx:
            return await self._moves.store.resources.require(tx, self._job.rid)

    async def save(self, move: Move) -> None:
        await self._job.save(msgspec.to_builtins(move))

    # --- World ---

    async def stop(self, move: Move) -> None:
        row = await self.row()
        for graceful in (True, False):
            try:
                await self._moves.order(
                    self._job,
                    row,
                    move.source,
                    Verb.STOP,
                    {"graceful": graceful, "timeout": STOP_SECONDS},
                    epoch=move.epoch,
                    step=":graceful" if graceful else ":forced",
                    seconds=ANSWER_SECONDS + STOP_SECONDS * graceful,
                )
                return
            except Fault as fault:
                if not graceful or fault.code not in ("VmStopTimeout", "ActionNotSupported"):
                    raise

    async def send(self, move: Move) -> Move:
        assert self._moves.places is not None, "nothing moves without a store for it"
        row = await self.row()
        account = await self._moves.places.ensure(row.subscription_id, move.id)
        args = {
            "move": move.id,
            "account": account.name,
            "container": container_of(move.id),
            "protected": {"query": signature(account, move.id, "rcw")},
        }
        data = await self._transfer(move, row, move.source, Verb.DISK_SEND, args, epoch=move.epoch)
        return msgspec.structs.replace(
            move, manifest=data["manifest"], ends=data["ends"], bytes=data["bytes"]
        )

    async def receive(self, move: Move) -> None:
        assert self._moves.places is not None, "nothing moves without a store for it"
        row = await self.row()
        account = await self._moves.places.ensure(row.subscription_id, move.id)
        args = {
            "move": move.id,
            "account": account.name,
            "container": container_of(move.id),
            "manifest": move.manifest,
            "definition": await self._coming(row, move),
            "protected": {"query": signature(account, move.id, "r")},
        }
        await self._transfer(move, row, move.target, Verb.DISK_RECEIVE, args, epoch=move.epoch + 1)

    async def _coming(self, row: Resource, move: Move) -> dict[str, Any]:
        """The VM's definition as it will be. Its card is left out: it is given when it is taken."""
        found = await self._worker.definition(msgspec.structs.replace(row, epoch=move.epoch + 1))
        return {name: value for name, value in found.items() if name != "nic"}

    async def switch(self, move: Move, after: Move) -> None:
        store = self._moves.store
        async with store.write() as tx:
            row = await store.resources.require(tx, self._job.rid)
            private = private_of(row)
            if (row.epoch, private.agent) != (move.epoch, move.source):
                raise Fault("Conflict", detail=f"'{row.name}' was moved by somebody else meanwhile")
            target = self._moves.fleet.host(move.target)
            if target is None:
                raise Fault("HostGone")
            await store.resources.advance_epoch(tx, row.id, now=clock.now())
            # What the old host was asked for and has not done would start a second one there.
            await store.outbox.give_up_all(tx, move.source, row.uid, clock.now())
            if move.how is not How.CARRIED:
                await self._moves.fleet.leave_order(
                    tx,
                    move.source,
                    Verb.FENCE,
                    row.uid,
                    {"host": target.agent.name[:128]},
                    key=self._job.key(f"{Verb.FENCE.value}:move"),
                    epoch=move.epoch + 1,
                    seconds=REMEMBERED_SECONDS,
                )
            keep = move.how is not How.CARRIED
            left = [each for each in private.left if each.agent not in (move.source, move.target)]
            moving = Unfinished(
                id=move.id,
                source=move.source,
                manifest=move.manifest,
                ends=move.ends,
                returned=move.how is How.RETURNED,
            )
            properties = with_private(
                row,
                agent=move.target,
                placed=True,
                deallocated=False,
                leaving=None,
                moving=moving,
                left=(*left, Left(agent=move.source, keep=keep, epoch=move.epoch)),
            )
            properties["host"] = {"id": target.agent.resource_id}
            tags = {
                name: target.agent.resource_id if name.lower() == HOST_TAG else value
                for name, value in row.tags.items()
            }
            await store.resources.update(tx, row.id, now=clock.now(), properties=properties, tags=tags)
            keys = await hosting.public_keys(store, tx, row)
            self.changed = await renew_dynamic(self._moves.house, tx, keys)
            state = msgspec.to_builtins(after)
            await self._job.keep(tx, state)
        log.info("move.switched", vm=row.uid, epoch=move.epoch + 1, source=move.source, target=move.target)
        await self._moves.consoles.end_where(
            vm=row.id, code="SessionEnded", detail="the VM was moved to another host"
        )

    async def take(self, move: Move) -> None:
        row = await self.row()
        await self._moves.arrive(self._job, row, await self._worker.definition(row))

    async def start(self, move: Move) -> None:
        row = await self.row()
        await self._worker.command(self._job, row, Verb.START, step=":move")
        await self._worker.see(row, Power.RUNNING)

    async def clear(self, move: Move) -> None:
        row = await self.row()
        await self._moves.booted(self._job, row)
        await self._remove_container(row, move)

    async def take_back(self, move: Move) -> None:
        moves, row = self._moves, await self.row()
        async with moves.store.write() as tx:
            await moves.backs.call_off(tx, self._job, move)
        if (row.epoch, private_of(row).agent) != (move.epoch, move.source):
            return
        for agent, epoch in ends(move):
            key = drop_key(self._job, agent)
            await self._told(agent, Verb.DISK_DROP, row, {"move": move.id}, key, epoch)
        if move.ran:
            await self._told(move.source, Verb.START, row, {}, start_key(self._job), move.epoch)

    async def _told(
        self, agent: str, verb: Verb, row: Resource, args: dict[str, Any], key: str, epoch: int
    ) -> None:
        """Wait for the answer to an order that was left, from a host that is there."""
        try:
            await self._moves.fleet.command(
                agent, verb.value, row.uid, args, key=key, epoch=epoch, timeout=ANSWER_SECONDS
            )
        except Fault as fault:
            log.warning("move.not_taken_back", vm=row.uid, verb=verb.value, agent=agent, code=fault.code)

    # --- how it is done ---

    async def _remove_container(self, row: Resource, move: Move) -> None:
        if self._moves.places is not None and move.how is How.CARRIED:
            await self._moves.places.remove(row.subscription_id, move.id)

    async def _transfer(
        self, move: Move, row: Resource, agent: str, verb: Verb, args: dict[str, Any], *, epoch: int
    ) -> dict[str, Any]:
        """Wait for the end of a transfer, long as it may take while its host is there; say how far it is."""
        begun = seen = clock.monotonic()
        while True:
            # Its host may open a link at another node at any time, which sends what is open then, and once.
            async with self._moves.store.write() as tx:
                await self._moves.fleet.leave_order(
                    tx,
                    agent,
                    verb,
                    row.uid,
                    args,
                    key=self._job.key(f"{verb.value}:move"),
                    epoch=epoch,
                    seconds=AWAY_SECONDS,
                )
            try:
                return await self._moves.order(
                    self._job, row, agent, verb, args, epoch=epoch, seconds=LOOK_SECONDS
                )
            except Fault as fault:
                if fault.code != "AgentTimeout":
                    raise
                now = clock.monotonic()
                if self._moves.fleet.connected(agent):
                    seen = now
                if now - seen > AWAY_SECONDS or now - begun > PATIENT_SECONDS:
                    raise
            await self._look(move, row, agent, epoch)

    async def _look(self, move: Move, row: Resource, agent: str, epoch: int) -> None:
        with contextlib.suppress(Fault, msgspec.ValidationError):
            asked = await self._moves.fleet.ask(
                agent, Verb.DISK_PROGRESS, row.uid, {"move": move.id}, epoch=epoch, timeout=ASK_SECONDS
            )
            found = msgspec.convert(asked.data, Progress)
            if not found.total:
                return
            first = SHARE[move.phase]
            last = SHARE[Phase.RECEIVE if move.phase is Phase.SEND else Phase.SWITCH]
            share = min(1.0, found.done / found.total)
            percent = first + int((last - first) * share)
            await self.save(msgspec.structs.replace(move, percent=percent, bytes=found.done))


def name_of(fleet: Fleet, agent: str) -> str:
    view = fleet.host(agent)
    return view.agent.name if view is not None else agent
