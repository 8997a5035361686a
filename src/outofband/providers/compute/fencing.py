"""Tells hosts of VMs that live elsewhere by now: what they run of them ends, what was carried away goes.

A host that was confirmed dead and is not comes back with a copy of its VM, and may be running it. Whenever a
host opens a link, or has other VMs than before, they are compared with their resources; whatever is at an
older epoch and lives on another host is shut out there. The disk of a copy that nobody carried away stays
with it: it may be all there is.
"""

from __future__ import annotations

import asyncio
import uuid

import structlog

from outofband.core import clock
from outofband.core.errors import Fault
from outofband.fleet.fleet import Fleet
from outofband.fleet.hosts import HostView
from outofband.net.tasks import Tasks
from outofband.providers.compute.moving import forget, name_of
from outofband.providers.compute.shape import MACHINES, private_of
from outofband.store.resources import Resource
from outofband.store.store import Store
from outofband.wire.machine import Power, Verb, VmReport

LOOK_SECONDS = 2.0
AT_ONCE = 32
"""Orders that are under way at the same time."""
AGAIN_SECONDS = 600.0
"""After which all are compared again: something may have kept an order from its effect."""
ANSWER_SECONDS = 60.0
MOVED = "VmMovedAway"

log = structlog.get_logger(__name__)


class Fencing:
    def __init__(self, store: Store, fleet: Fleet) -> None:
        self._store, self._fleet = store, fleet
        self._seen: dict[str, tuple[str, int, float]] = {}
        """By agent, on which link, with which VMs and when all were compared and told of."""
        self._busy: set[str] = set()
        """Agents that are being compared and told."""
        self._room = asyncio.Semaphore(AT_ONCE)

    async def run(self) -> None:
        """Runs until cancelled."""
        tasks = Tasks()
        try:
            while True:
                # Not waited for: a host that says nothing keeps no other one from being looked at.
                tasks.spawn("fencing", self._try())
                await asyncio.sleep(LOOK_SECONDS)
        finally:
            await tasks.close()

    async def _try(self) -> None:
        try:
            await self.look()
        except Fault as fault:
            log.warning("fencing.put_off", code=fault.code)
        except Exception:
            log.exception("fencing.failed")

    async def look(self) -> int:
        """Compare what newly linked hosts have, all at once, but for those that a look before is still busy
        with; how many copies were told of.
        """
        due, now, linked = [], clock.monotonic(), set()
        for view in self._fleet.agents():
            link = self._fleet.link_of(view.agent.id)
            if link is None or view.report is None:
                continue
            linked.add(view.agent.id)
            # What it had on its last link counts until its inventory comes: then it is compared again.
            having = hash(frozenset((report.vm, report.epoch) for report in view.machines))
            *before, at = self._seen.get(view.agent.id, ("", 0, 0.0))
            if (before == [link, having] and now - at < AGAIN_SECONDS) or view.agent.id in self._busy:
                continue
            self._busy.add(view.agent.id)
            due.append(self._compare(view, link, having, now))
        for gone in self._seen.keys() - linked:
            del self._seen[gone]
        told = await asyncio.gather(*due, return_exceptions=True)
        for each in told:
            if isinstance(each, BaseException):
                raise each
        return sum(each for each in told if isinstance(each, int))

    async def _compare(self, view: HostView, link: str, having: int, now: float) -> int:
        """How many copies of one host's it was told of."""
        try:
            found = await self._strangers(view)
            done = await asyncio.gather(*(self._tell(view, *each) for each in found))
        finally:
            self._busy.discard(view.agent.id)
        if all(done):
            self._seen[view.agent.id] = link, having, now
        return len(done)

    async def _strangers(self, view: HostView) -> list[tuple[Resource, VmReport]]:
        """VMs that this host has and that live elsewhere, at a newer epoch."""
        found = []
        async with self._store.read() as tx:
            for report in list(view.machines):
                row = await self._store.resources.by_uid(tx, report.vm)
                if row is None or row.type.lower() not in MACHINES:
                    continue
                if private_of(row).agent != view.agent.id and row.epoch > report.epoch:
                    found.append((row, report))
        return found

    async def _tell(self, view: HostView, row: Resource, report: VmReport) -> bool:
        """False when it has to be told once more."""
        agent, private = view.agent.id, private_of(row)
        copy = next((each for each in private.left if each.agent == agent), None)
        gone = copy is not None and not copy.keep and private.moving is None
        if not gone and report.fault == MOVED and report.power is Power.STOPPED:
            return True
        try:
            if gone:
                await self._order(agent, row, Verb.DELETE, {})
                async with self._store.write() as tx:
                    await forget(self._store, tx, row.id, {agent}, epoch=row.epoch)
                log.info("fencing.copy_removed", vm=row.uid, host=view.agent.name)
                return True
            observed = await self._shut_out(agent, row)
        except Fault as fault:
            log.warning("fencing.not_told", vm=row.uid, host=view.agent.name, code=fault.code)
            return False
        log.warning("fencing.shut_out", vm=row.uid, host=view.agent.name, observed=observed)
        return True

    async def _shut_out(self, agent: str, row: Resource) -> str:
        host = name_of(self._fleet, private_of(row).agent)
        try:
            return await self._order(agent, row, Verb.FENCE, {"host": host[:128]})
        except Fault as fault:
            if fault.code != "ActionNotSupported":
                raise
            # An older agent: it ends what a newer epoch tells it to end, and starts nothing by itself.
            return await self._order(agent, row, Verb.STOP, {"graceful": False})

    async def _order(self, agent: str, row: Resource, verb: Verb, args: dict[str, object]) -> str:
        async with self._room:
            result = await self._fleet.command(
                agent,
                verb.value,
                row.uid,
                args,
                key=f"{uuid.uuid4()}:{verb}",
                epoch=row.epoch,
                timeout=ANSWER_SECONDS,
            )
        return result.observed
