"""What the steps of one move do in the world: commands to two hosts, one transaction between them."""

from __future__ import annotations

from typing import Any

import msgspec
import structlog

from outofband.core import clock
from outofband.core.errors import Fault
from outofband.providers.compute.move_back import REMEMBERED_SECONDS, drop_key, ends, start_key
from outofband.providers.compute.move_places import container_of, signature
from outofband.providers.compute.move_steps import How, Move
from outofband.providers.compute.move_transfer import Transfers
from outofband.providers.compute.moving import ANSWER_SECONDS, Moves, Worker
from outofband.providers.compute.placement import HOST_TAG
from outofband.providers.compute.shape import Left, Unfinished, guest_of, private_of, with_private
from outofband.providers.network import hosting
from outofband.providers.network.addresses import renew_dynamic
from outofband.resources.job import Job
from outofband.store.resources import Resource
from outofband.wire.machine import Power, Verb

STOP_SECONDS = 30.0
"""How long a guest may take to shut down before it is ended: whoever redeploys often has one that hangs."""

log = structlog.get_logger(__name__)


class Moving:
    """`World` of one move: of this job, of this VM."""

    def __init__(self, moves: Moves, worker: Worker, job: Job) -> None:
        self._moves, self._worker, self._job = moves, worker, job
        self._transfers = Transfers(moves.store, moves.fleet, job, self.save)
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
        row = await self.row()
        args = await self._container(row, move, "rcw")
        follow = {**await self._container(row, move, "r"), "driver": guest_of(row).driver}
        async with self._transfers.followed(move, row, follow):
            data = await self._transfers.carry(move, row, move.source, Verb.DISK_SEND, args, epoch=move.epoch)
        return msgspec.structs.replace(
            move, manifest=data["manifest"], ends=data["ends"], bytes=data["bytes"]
        )

    async def receive(self, move: Move) -> None:
        row = await self.row()
        args = {
            **await self._container(row, move, "r"),
            "manifest": move.manifest,
            "definition": await self._coming(row, move),
        }
        epoch = move.epoch + 1
        await self._transfers.carry(move, row, move.target, Verb.DISK_RECEIVE, args, epoch=epoch)

    async def _container(self, row: Resource, move: Move, rights: str) -> dict[str, Any]:
        """Where the disk is stored on its way, with a signature that gives these rights there."""
        assert self._moves.places is not None, "nothing moves without a store for it"
        account = await self._moves.places.ensure(row.subscription_id, move.id)
        return {
            "move": move.id,
            "account": account.name,
            "container": container_of(move.id),
            "protected": {"query": signature(account, move.id, rights)},
        }

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

    async def _remove_container(self, row: Resource, move: Move) -> None:
        if self._moves.places is not None and move.how is How.CARRIED:
            await self._moves.places.remove(row.subscription_id, move.id)
