"""The two long commands of a move: a disk is sent, a disk is received; how far they are is told meanwhile.

While its source sends, the target is asked to fetch what is stored by then. That is a head start and no step:
nobody waits for it, it may fail, and an agent that does not know it receives all of it afterwards.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import msgspec
import structlog

from outofband.core import clock
from outofband.core.errors import Fault
from outofband.fleet.fleet import Fleet
from outofband.net.tasks import Tasks
from outofband.providers.compute.move_steps import SHARE, Move, Phase
from outofband.resources.job import Job
from outofband.store.resources import Resource
from outofband.store.store import Store
from outofband.wire.machine import Verb
from outofband.wire.move import Progress

LOOK_SECONDS = 5.0
"""Between two looks at how far a transfer is."""
ASK_SECONDS = 10.0
FOLLOW_SECONDS = 15.0
"""Between two words to the target that it may go on: well below the lease that each is (`agent.moving`)."""
AWAY_SECONDS = 600.0
"""How long one of the two hosts may be away during a transfer."""
PATIENT_SECONDS = 24 * 3600.0
"""How long a transfer may take; its signature is not good for longer."""
_NEVER = frozenset({"ActionNotSupported", "HostPolicyRefused"})
"""Of a host that will not follow, however often it is asked."""

log = structlog.get_logger(__name__)


class Transfers:
    """Of one job. `save` remembers how far the move is."""

    def __init__(self, store: Store, fleet: Fleet, job: Job, save: Callable[[Move], Awaitable[None]]) -> None:
        self._store, self._fleet, self._job, self._save = store, fleet, job, save

    async def carry(
        self, move: Move, row: Resource, agent: str, verb: Verb, args: dict[str, Any], *, epoch: int
    ) -> dict[str, Any]:
        """Wait for the end of a transfer, long as it may take while its host is there; say how far it is.
        The data of its answer. Raises Fault.
        """
        begun = seen = clock.monotonic()
        key = self._job.key(f"{verb.value}:move")
        while True:
            # Its host may open a link at another node at any time, which sends what is open then, and once.
            async with self._store.write() as tx:
                await self._fleet.leave_order(
                    tx, agent, verb, row.uid, args, key=key, epoch=epoch, seconds=AWAY_SECONDS
                )
            try:
                result = await self._fleet.command(
                    agent,
                    verb.value,
                    row.uid,
                    args,
                    key=key,
                    epoch=epoch,
                    timeout=LOOK_SECONDS,
                    require_online=False,
                )
                return result.data
            except Fault as fault:
                if fault.code != "AgentTimeout":
                    raise
                now = clock.monotonic()
                if self._fleet.connected(agent):
                    seen = now
                if now - seen > AWAY_SECONDS or now - begun > PATIENT_SECONDS:
                    raise
            await self._look(move, row, agent, epoch)

    async def _look(self, move: Move, row: Resource, agent: str, epoch: int) -> None:
        with contextlib.suppress(Fault, msgspec.ValidationError):
            asked = await self._fleet.ask(
                agent, Verb.DISK_PROGRESS, row.uid, {"move": move.id}, epoch=epoch, timeout=ASK_SECONDS
            )
            found = msgspec.convert(asked.data, Progress)
            if not found.total:
                return
            first = SHARE[move.phase]
            last = SHARE[Phase.RECEIVE if move.phase is Phase.SEND else Phase.SWITCH]
            share = min(1.0, found.done / found.total)
            percent = first + int((last - first) * share)
            await self._save(msgspec.structs.replace(move, percent=percent, bytes=found.done))

    @contextlib.asynccontextmanager
    async def followed(self, move: Move, row: Resource, args: dict[str, Any]) -> AsyncIterator[None]:
        """While this lasts, the target is asked to fetch what is stored. Raises nothing of its own."""
        tasks = Tasks()
        tasks.spawn(f"follow {move.id}", self._follow(move, row, args))
        try:
            yield
        finally:
            await tasks.close()

    async def _follow(self, move: Move, row: Resource, args: dict[str, Any]) -> None:
        while True:
            try:
                await self._fleet.ask(
                    move.target,
                    Verb.DISK_FOLLOW,
                    row.uid,
                    args,
                    epoch=move.epoch + 1,
                    timeout=ASK_SECONDS,
                )
            except Fault as fault:
                log.info("move.not_followed", vm=row.uid, target=move.target, code=fault.code)
                if fault.code in _NEVER:
                    return
            await asyncio.sleep(FOLLOW_SECONDS)
