"""Many agents in one process, each with a link of its own; told of by one line of JSON for each event."""

from __future__ import annotations

import asyncio
import functools
import random
import secrets
import ssl
import uuid
from collections.abc import Callable
from pathlib import Path

import msgspec

import outofband
from outofband.agent.link import ControlLink, LinkState, LinkStatus
from outofband.agent.simulated.book import state_of
from outofband.agent.simulated.keys import host_key
from outofband.agent.state import Identity, Trust
from outofband.agent.upkeep import Upkeep
from outofband.core import clock
from outofband.core.paths import StateDir
from outofband.net.tasks import Tasks
from outofband.net.tls import client_context
from outofband.net.trust import next_trust
from outofband.wire import link
from outofband.wire.machine import AgentReport, HostReport, MachineFacts, PortReport, Power, VmReport

DRIVER = "simulated"
LABEL = "simulated (oob sim): there is no host behind this agent"
_SPACE = uuid.UUID("f2f1a6a5-1f60-4f0f-9a4e-6f5f0d7c8b11")


class Member(msgspec.Struct, frozen=True):
    """One agent: its number within the run, who it is, and its private key."""

    number: int
    agent: str
    name: str
    key: str


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What one process does. `starts` is the moment (monotonic clock of this machine) of the first dial,
    `ramp` the seconds over which all of `of` agents begin, `machines` how many each says it has,
    `folder` where their certificates are.
    """

    arm: str
    link: str
    trust: str
    folder: str
    members: list[Member]
    of: int
    starts: float
    ramp: float = 0.0
    machines: int = 0


class Event(msgspec.Struct, frozen=True):
    """`what`: `dial`, `linked`, or `down` with the code of why. `at`: monotonic clock of this machine."""

    agent: int
    what: str
    at: float
    code: str = ""


REPORT = AgentReport(services={"himds": "simulated"})
WORDS = {
    LinkState.CONNECTING: "dial",
    LinkState.LINKED: "linked",
    LinkState.WAITING: "down",
    LinkState.REJECTED: "down",
}


class Crowd:
    """Run `run()` inside an event loop until it is cancelled; `tell` is called with each event."""

    def __init__(self, plan: Plan, tell: Callable[[Event], None]) -> None:
        self._plan, self._tell = plan, tell

    async def run(self) -> None:
        tasks = Tasks()
        try:
            for member in self._plan.members:
                tasks.spawn(member.name, self._live(member))
            await asyncio.Event().wait()
        finally:
            await tasks.close()

    async def _live(self, member: Member) -> None:
        begins = self._plan.starts + self._plan.ramp * member.number / max(self._plan.of, 1)
        await asyncio.sleep(begins - clock.monotonic())
        host = SimulatedHost(member, self._plan.machines)
        key, state = host_key(member.key), state_of(Path(self._plan.folder), member.name)
        control = ControlLink(
            trust=_Pinned(self._plan, member, state),
            key=key,
            version=outofband.__version__,
            instance=secrets.token_hex(8),
            host=host,
            upkeep=Upkeep(state, key.raw, lambda: REPORT, name=member.name),
        )
        host.link = control
        control.on_status = lambda status: self._told(member, status)
        await control.run()

    def _told(self, member: Member, status: LinkStatus) -> None:
        self._tell(Event(member.number, WORDS[status.state], clock.monotonic(), status.code or ""))


class SimulatedHost:
    """What the link asks of a host, where there is none. It refuses every command and every stream."""

    def __init__(self, member: Member, machines: int) -> None:
        self._name = member.name
        self._since = clock.iso()
        self.link: ControlLink | None = None
        self._machines = {
            vm: f"{member.name}-vm{number}"
            for number in range(1, machines + 1)
            for vm in (str(uuid.uuid5(_SPACE, f"{member.agent}/{number}")),)
        }

    def inventory(self) -> link.Inventory:
        report = HostReport(
            hostname=self._name,
            os=LABEL,
            version=outofband.__version__,
            cpus=1,
            memory_mib=0,
            accelerator="none",
            probe=LABEL,
            drivers=[DRIVER],
            images=[],
            programs=[],
            sockets=[],
            monitor=True,
            simulated=True,
            facts=MachineFacts(os_name=LABEL, manufacturer="Outofband", model=LABEL),
        )
        return link.Inventory(report, [self._report(vm) for vm in self._machines])

    def report(self, vm: str) -> VmReport | None:
        return self._report(vm) if vm in self._machines else None

    def _report(self, vm: str) -> VmReport:
        return VmReport(
            vm=vm,
            name=self._machines[vm],
            driver=DRIVER,
            epoch=1,
            power=Power.STOPPED,
            since=self._since,
            ports=[PortReport(name="0", start=0, end=0)],
        )

    def welcomed(self, welcome: link.Welcome) -> None: ...

    def keys_changed(self, keys: link.Keys) -> None: ...

    def command(self, command: link.Command) -> None:
        if self.link is not None:
            refused = {"verb": command.verb, "driver": DRIVER}
            self.link.send(link.Result(command.key, False, code="ActionNotSupported", fields=refused))

    def open_stream(self, wish: link.OpenStream) -> None:
        if self.link is not None:
            self.link.send(
                link.StreamFailed(wish.session, "StreamFailed", {"host": LABEL, "detail": "it has no guests"})
            )

    def end_session(self, end: link.EndSession) -> None: ...

    def place(self, place: link.Place) -> None: ...


class _Pinned(Trust):
    """Authorities in memory: nothing is written, and a process has one TLS context for all of its agents."""

    def __init__(self, plan: Plan, member: Member, state: StateDir) -> None:
        identity = Identity(
            agent=member.agent,
            name=member.name,
            arm=plan.arm,
            link=plan.link,
            trust=plan.trust,
            token="",
            enrolled=clock.iso(),
        )
        super().__init__(state, identity)

    def context(self) -> ssl.SSLContext:
        return _context(self.identity.trust)

    def offer(self, bundle: str) -> bool:
        pinned = next_trust(self.identity.trust, bundle)
        if pinned is None:
            return False
        self.identity = msgspec.structs.replace(self.identity, trust=pinned)
        return True


@functools.lru_cache(maxsize=4)
def _context(trust: str) -> ssl.SSLContext:
    return client_context(trust)


def shuffled(members: list[Member]) -> list[Member]:
    """In an order of chance, so that processes take equal shares of a ramp."""
    return random.sample(members, len(members))
