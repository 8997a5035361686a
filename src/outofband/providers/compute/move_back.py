"""A move that comes to nothing: what both hosts are told, kept in the unit in which it ends.

So whoever dies next, and whichever host is away: the source starts its VM again when it hears of it, and what
arrived at the target goes.
"""

from __future__ import annotations

from outofband.core import clock
from outofband.fleet.fleet import Fleet
from outofband.providers.compute.move_places import MovePlaces
from outofband.providers.compute.move_steps import How, Move
from outofband.providers.compute.shape import private_of, with_private
from outofband.resources.job import Job
from outofband.store.store import Store
from outofband.store.tx import Tx
from outofband.wire.machine import Verb

REMEMBERED_SECONDS = 7 * 86400.0
"""For so long a host that is away is told, when it is back, that a move came to nothing."""
UUID = 36
"""Characters of an id."""
START_SECONDS = 600.0
"""A VM is not started by itself any more where nobody has seen its host for so long."""


class Backs:
    def __init__(self, store: Store, fleet: Fleet, places: MovePlaces | None) -> None:
        self._store, self._fleet, self._places = store, fleet, places

    async def call_off(self, tx: Tx, job: Job, move: Move) -> None:
        """Orders for both hosts of a move that did not get to its line. Once more, it adds nothing; past the
        line, nothing is done. The VM's row knows where that is: who remembers the move may not.
        """
        row = await self._store.resources.get(tx, job.rid)
        here = row is not None and (row.epoch, private_of(row).agent) == (move.epoch, move.source)
        if move.how is not How.CARRIED or (row is not None and not here):
            return
        if row is not None and private_of(row).leaving == move.id:
            properties = with_private(row, leaving=None)
            await self._store.resources.update(tx, row.id, now=clock.now(), properties=properties)
        vm = row.uid if row is not None else move.vm
        outbox, now = self._store.outbox, clock.now()
        await outbox.withdraw(tx, job.key(""))
        for verb in (Verb.DISK_SEND, Verb.DISK_RECEIVE):
            await outbox.give_up(tx, job.key(f"{verb.value}:move"), now)
        for agent, epoch in ends(move):
            await self._fleet.leave_order(
                tx,
                agent,
                Verb.DISK_DROP,
                vm,
                {"move": move.id},
                key=drop_key(job, agent),
                epoch=epoch,
                seconds=REMEMBERED_SECONDS,
            )
        if move.ran and here:
            await self._fleet.leave_order(
                tx, move.source, Verb.START, vm, key=start_key(job), epoch=move.epoch, seconds=START_SECONDS
            )
        if self._places is not None:
            await self._places.discard(tx, job.rid.subscription or "", move.id)


def ends(move: Move) -> tuple[tuple[str, int], ...]:
    """Both hosts, with the epoch under which each is asked. The source comes first: its sending holds its
    machine, and what keeps that from being started goes with the order to drop.
    """
    return (move.source, move.epoch), (move.target, move.epoch + 1)


def drop_key(job: Job, agent: str) -> str:
    return job.key(f"{Verb.DISK_DROP.value}:move:{agent}")


def start_key(job: Job) -> str:
    return job.key(f"{Verb.START.value}:move:back")


def operation_of(move: str) -> str:
    """Id of the operation of a move; those of a scale set's instances have the instance behind it."""
    return move[:UUID]
