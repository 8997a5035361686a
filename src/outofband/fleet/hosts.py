"""What agents said last of their hosts and machines: in memory, written to their rows at a bounded rate."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from itertools import islice
from typing import Any

import msgspec
import structlog

from outofband.core import clock
from outofband.core.errors import Fault
from outofband.fleet.links import Link
from outofband.store.agents import Agent
from outofband.store.notify import Bell
from outofband.store.store import Store
from outofband.wire.machine import HostReport, VmReport

log = structlog.get_logger(__name__)

MAX_MACHINES = 2000
"""Machines kept of one host; more is a defect of its agent."""
SEEN_SECONDS = 30.0
"""How exact `last_seen` is in the store while an agent is connected."""


class Saved(msgspec.Struct, frozen=True):
    """Form of the `inventory` column."""

    host: HostReport
    machines: list[VmReport]


class HostView(msgspec.Struct, frozen=True, kw_only=True):
    """A host as the floors above see it. Without a link `report` and `machines` are the last known.

    `machines` follows what the host says later.
    """

    agent: Agent
    connected: bool
    since: datetime | None
    """Of the link when connected, else when the host was last heard of."""
    report: HostReport | None
    machines: Collection[VmReport]


class _Host:
    def __init__(self, agent: Agent, node: str) -> None:
        self.agent = agent
        self.node = node
        self.link: Link | None = None
        self.linked_at: datetime | None = None
        self.seen = agent.last_seen
        self.saved_seen = clock.monotonic()
        self.report: HostReport | None = None
        self.machines: dict[str, VmReport] = {}
        self.own: VmReport | None = None
        """Of the console of the server itself, which has the agent's id."""
        self.dirty = False
        self.beat: Any = None
        """What the agent said last of itself, until it is written."""
        self.learn(agent)

    def learn(self, agent: Agent) -> None:
        """Take over what the row says; a living link knows better."""
        self.agent = msgspec.structs.replace(agent, inventory=None)
        if self.link is not None or agent.inventory is None:
            return
        try:
            saved = msgspec.convert(agent.inventory, Saved)
        except msgspec.ValidationError:
            # Written by another version; the agent's next inventory replaces it.
            return
        self.report = saved.host
        self.keep(saved.machines)

    def keep(self, reports: list[VmReport]) -> None:
        """These are all there are."""
        found = {each.vm: each for each in reports}
        self.own = found.pop(self.agent.id, None)
        self.machines = dict(islice(found.items(), MAX_MACHINES))

    @property
    def reports(self) -> list[VmReport]:
        return [*self.machines.values(), *([self.own] if self.own is not None else [])]

    @property
    def connected(self) -> bool:
        """Here, or by the last word of the store on another node."""
        return self.link is not None or self.agent.linked_beside(self.node)


class Hosts:
    """Every agent that is not revoked, by id."""

    def __init__(self, store: Store, node: str) -> None:
        self._store = store
        self._node = node
        self._bell: Bell = store.bell
        self._hosts: dict[str, _Host] = {}

    async def load(self) -> None:
        """Bring the memory up to the store; agents revoked or removed there are forgotten here."""
        known = set(self._hosts)
        async with self._store.read() as tx:
            rows = {row.id: row for row in await self._store.agents.find(tx)}
        for row in rows.values():
            self.remember(row)
        for gone in known - rows.keys():
            self.forget(gone)

    async def sift(self) -> list[str]:
        """Forget agents that are revoked or removed, and end links whose key counts no more; the former."""
        known = set(self._hosts)
        async with self._store.read() as tx:
            alive = await self._store.agents.alive(tx)
        gone = sorted(known - alive.keys())
        for each in gone:
            self.forget(each)
        for agent, host in self._hosts.items():
            row = host.link.row if host.link is not None else None
            if host.link is not None and row is not None and row.public_key != alive.get(agent):
                host.link.close("the key of the agent was replaced")
        return gone

    def remember(self, agent: Agent) -> None:
        host = self._hosts.get(agent.id)
        if host is None:
            self._hosts[agent.id] = _Host(agent, self._node)
        else:
            host.learn(agent)

    def forget(self, agent: str) -> None:
        """The agent is no more; its link ends."""
        host = self._hosts.pop(agent, None)
        if host is not None and host.link is not None:
            host.link.close("the agent was removed")

    @property
    def number(self) -> int:
        return len(self._hosts)

    def link(self, agent: str) -> Link | None:
        host = self._hosts.get(agent)
        return host.link if host is not None else None

    def open_link(self, agent: str) -> Link | None:
        """The link that takes messages for an agent now."""
        link = self.link(agent)
        return link if link is not None and link.is_open else None

    def linked(self, agent: Agent, link: Link) -> Link | None:
        """`link` carries the agent from now on; the one it replaces."""
        self.remember(agent)
        host = self._hosts[agent.id]
        before, host.link = host.link, link
        host.linked_at = host.seen = clock.now()
        return before

    def unlinked(self, link: Link) -> bool:
        """The link is over. False when the agent has a newer one, or none was known."""
        host = self._hosts.get(link.agent or "")
        if host is None or host.link is not link:
            return False
        host.link = None
        host.seen = clock.now()
        return True

    def inventory(self, agent: str, report: HostReport, machines: list[VmReport]) -> None:
        if (host := self._hosts.get(agent)) is None:
            return
        touched = host.machines.keys() | {each.vm for each in machines}
        host.report = report
        host.keep(machines)
        host.dirty = True
        self._ring(*touched)

    def changed(self, agent: str, report: VmReport) -> None:
        if (host := self._hosts.get(agent)) is None:
            return
        if report.vm == agent:
            host.own, host.dirty = report, True
            return
        if report.vm not in host.machines and len(host.machines) >= MAX_MACHINES:
            log.warning("agent.too_many_machines", agent=agent, limit=MAX_MACHINES)
            return
        host.machines[report.vm] = report
        host.dirty = True
        self._ring(report.vm)

    def gone(self, agent: str, vm: str) -> None:
        host = self._hosts.get(agent)
        if host is not None and host.machines.pop(vm, None) is not None:
            host.dirty = True
            self._ring(vm)

    def beat(self, agent: str, beat: Any) -> None:
        """What an agent says of itself."""
        if (host := self._hosts.get(agent)) is not None:
            host.beat = beat

    def report(self, vm: str, agent: str | None = None) -> VmReport | None:
        """The last word on a VM: of `agent` when given, else of the host with its newest epoch.

        With the agent's own id for a VM, on the console of its server.
        """
        if agent is not None:
            named = self._hosts.get(agent)
            if named is None:
                return None
            return named.own if vm == agent else named.machines.get(vm)
        hosts = self._hosts.values()
        found = [(host.machines[vm].epoch, host.connected, host) for host in hosts if vm in host.machines]
        return max(found, key=lambda each: each[:2])[2].machines[vm] if found else None

    def view(self, agent: str) -> HostView | None:
        host = self._hosts.get(agent)
        return _view(host) if host is not None else None

    def views(self, subscription: str | None = None, group: str | None = None) -> list[HostView]:
        """Oldest first; ids compare without case."""
        return [
            _view(host)
            for host in self._hosts.values()
            if (subscription is None or host.agent.subscription_id == subscription.lower())
            and (group is None or host.agent.resource_group.lower() == group.lower())
        ]

    def name(self, agent: str) -> str:
        """What its people call a host; its agent's id when it is no more."""
        host = self._hosts.get(agent)
        return host.agent.name if host is not None else agent

    def offline(self, agent: str) -> Fault:
        """The Fault that says an agent has no link, and since when; or that it is no more."""
        view = self.view(agent)
        if view is None:
            return Fault("HostGone")
        since = f" since {clock.iso(view.since)}" if view.since and not view.connected else ""
        return Fault("AgentOffline", host=view.agent.name, since=since)

    async def flush(self) -> None:
        """Write what changed; every host in one unit, heartbeats in one statement."""
        now, wall = clock.monotonic(), clock.now()
        dirty = [host for host in self._hosts.values() if host.dirty]
        beats = [(host, host.beat) for host in self._hosts.values() if host.beat is not None]
        stale = [
            host
            for host in self._hosts.values()
            if host.link is not None and not host.dirty and now - host.saved_seen >= SEEN_SECONDS
        ]
        if not dirty and not stale and not beats:
            return
        for host in dirty:
            host.dirty = False
        try:
            async with self._store.write() as tx:
                for host in dirty:
                    if host.report is not None:
                        saved = Saved(host.report, host.reports)
                        inventory = msgspec.to_builtins(saved)
                        await self._store.agents.save_inventory(tx, host.agent.id, inventory, wall)
                for host, beat in beats:
                    await self._store.agents.save_beat(tx, host.agent.id, beat, wall)
                if stale:
                    await self._store.agents.touch(tx, [host.agent.id for host in stale], wall)
        except BaseException:
            for host in dirty:
                host.dirty = True
            raise
        for host, beat in beats:
            # A newer one may have come meanwhile.
            if host.beat is beat:
                host.beat = None
        for host in (*dirty, *stale, *(host for host, _ in beats)):
            host.saved_seen = now

    def _ring(self, *vms: str) -> None:
        for vm in vms:
            self._bell.ring(vm_topic(vm))


def vm_topic(vm: str) -> str:
    """Rings when an agent says something new of a VM (uuid)."""
    return f"vm:{vm}"


def _view(host: _Host) -> HostView:
    return HostView(
        agent=host.agent,
        connected=host.connected,
        since=host.linked_at if host.link is not None else host.seen,
        report=host.report,
        machines=host.machines.values(),
    )
