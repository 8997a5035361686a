"""Keeps hosts up to date on who reaches their VMs: whenever rules, addresses, VMs or links change.

Every node tells the hosts that are linked to it. What was told is remembered by link: a host that comes anew
is told again. Nothing waits for this; what a host did not hear it is told again, after a pause that grows
while it goes on failing at the same.
"""

from __future__ import annotations

import asyncio
import hashlib
from typing import NamedTuple

import msgspec
import structlog

from outofband.core import clock
from outofband.core.errors import Fault
from outofband.fleet.fleet import Fleet
from outofband.providers.compute.shape import private_of
from outofband.providers.network import hosting
from outofband.providers.network.house import MACHINES, House
from outofband.store.resources import NETWORKS_TOPIC, Resource
from outofband.wire.machine import Verb

LOOK_SECONDS = 1.0
"""A bell is waited for so long at most, before it is seen whether hosts say something else."""
EVERY_SECONDS = 10.0
"""At the latest so long after a change is every host told: a bell may not have been heard. To work out the
plans of all VMs is not for every second.
"""
AGAIN_SECONDS, AGAIN_AT_MOST = 1.0, 60.0
"""The first pause after which a host is told again what it did not hear, and the longest; each is twice the
one before. Another plan, start or link is told at once.
"""
GATHER_SECONDS = 0.2
ANSWER_SECONDS = 20.0
AT_ONCE = 32
MAX_PLAN = 512 * 1024
"""Bytes of a plan: a message larger than a link's would end the link, with the consoles of every VM there."""
_SETTLED = frozenset({"ActionNotSupported", "VmWithoutCard", "HostPolicyRefused", "DefinitionInvalid"})
"""What a host says again to the same plan. A VM that was made before it had a card gets it later."""

log = structlog.get_logger(__name__)


class Owed(NamedTuple):
    """What a host did not hear, how often by now, and when (monotonic) it is told again."""

    mark: str
    times: int
    at: float


class Telling:
    def __init__(self, house: House, fleet: Fleet) -> None:
        self._house, self._fleet = house, fleet
        self._told: dict[str, str] = {}
        """By VM, what its host was told last, and on which link."""
        self._too_large: set[str] = set()
        self._owed: dict[str, Owed] = {}
        """By VM."""
        self._troubles = 0
        """Looks in a row that came to nothing."""

    async def run(self) -> None:
        """Runs until cancelled."""
        before: tuple[object, ...] = ()
        rang, due = True, 0.0
        while True:
            with self._house.store.bell.listen(NETWORKS_TOPIC) as ear:
                hosts, now = self._hosts(), clock.monotonic()
                if rang or hosts != before or now >= due:
                    before = hosts
                    due = await self._try()
                rang = await ear.wait(LOOK_SECONDS)
            # A client changes several things one after the other.
            await asyncio.sleep(GATHER_SECONDS)

    async def _try(self) -> float:
        """When (monotonic) to look again, whatever happens until then."""
        try:
            await self.look()
        except Fault as fault:
            log.warning("networks.put_off", code=fault.code)
        except Exception:
            log.exception("networks.failed")
        else:
            self._troubles = 0
            usual = clock.monotonic() + EVERY_SECONDS
            return min([usual, *(owed.at for owed in self._owed.values())])
        self._troubles += 1
        return clock.monotonic() + min(_pause(self._troubles), EVERY_SECONDS)

    def _hosts(self) -> tuple[object, ...]:
        """What is told depends on this of hosts, beside on what is stored."""
        return tuple(
            (
                view.agent.id,
                self._fleet.link_of(view.agent.id),
                tuple(view.report.public),
                tuple((each.vm, each.epoch, each.power, each.since) for each in view.machines),
            )
            for view in self._fleet.agents()
            if view.report is not None and view.report.networks
        )

    async def look(self) -> int:
        """Tell every linked host what is new; how many VMs were told of."""
        now = clock.monotonic()
        wanted: list[tuple[Resource, str, str, dict[str, object]]] = []
        present: set[str] = set()
        async with self._house.store.read() as tx:
            for view in self._fleet.agents():
                link = self._fleet.link_of(view.agent.id)
                if link is None or view.report is None or not view.report.networks:
                    continue
                for report in view.machines:
                    # A stopped VM's too: it begins with the rules of now, not with those of its last run.
                    if report.driver != "qemu":
                        continue
                    machine = await self._house.store.resources.by_uid(tx, report.vm)
                    if (
                        machine is None
                        or machine.type.lower() not in MACHINES
                        or machine.epoch != report.epoch
                        or private_of(machine).agent != view.agent.id
                    ):
                        continue
                    plan = await hosting.plan(self._house, tx, machine, view.report.public)
                    if plan is None:
                        # Its profile names no card any more; it keeps the one it has until its next start.
                        plan = hosting.CLOSED
                    text = msgspec.json.encode(plan)
                    if len(text) > MAX_PLAN:
                        if report.vm not in self._too_large:
                            log.warning("networks.too_many_rules", vm=report.vm, size=len(text))
                        self._too_large.add(report.vm)
                        plan, text = hosting.CLOSED, msgspec.json.encode(hosting.CLOSED)
                    else:
                        self._too_large.discard(report.vm)
                    present.add(report.vm)
                    digest = hashlib.sha256(text).hexdigest()[:32]
                    mark = f"{link}:{report.since}:{digest}"
                    owed = self._owed.get(report.vm)
                    waits = owed is not None and owed.mark == mark and owed.at > now
                    if self._told.get(report.vm) != mark and not waits:
                        wanted.append((machine, view.agent.id, mark, msgspec.to_builtins(plan)))
        for gone in self._told.keys() - present:
            del self._told[gone]
        for gone in self._owed.keys() - present:
            del self._owed[gone]
        self._too_large &= present
        room = asyncio.Semaphore(AT_ONCE)
        await asyncio.gather(*(self._tell(room, *each) for each in wanted))
        return len(wanted)

    async def _tell(
        self, room: asyncio.Semaphore, machine: Resource, agent: str, mark: str, args: dict[str, object]
    ) -> None:
        async with room:
            try:
                result = await self._fleet.ask(
                    agent, Verb.NETWORK, machine.uid, args, epoch=machine.epoch, timeout=ANSWER_SECONDS
                )
            except Fault as fault:
                if fault.code in _SETTLED:
                    self._heard(machine.uid, mark)
                else:
                    owed = self._owed.get(machine.uid)
                    times = 1 + (owed.times if owed is not None and owed.mark == mark else 0)
                    at = clock.monotonic() + _pause(times)
                    self._owed[machine.uid] = Owed(mark, times, at)
                if fault.code != "VmWithoutCard":
                    log.warning("networks.not_told", vm=machine.uid, code=fault.code)
                return
        self._heard(machine.uid, mark)
        log.info("networks.told", vm=machine.uid, observed=result.observed)

    def _heard(self, vm: str, mark: str) -> None:
        self._told[vm] = mark
        self._owed.pop(vm, None)


def _pause(times: int) -> float:
    """Seconds after so many failures in a row."""
    return min(AGAIN_SECONDS * 2.0 ** (min(times, 16) - 1), AGAIN_AT_MOST)
