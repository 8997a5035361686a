"""Consoles of servers themselves: a port of a machine that is connected, where its administrator allows one.

The machine is a host's row, not a resource's; everything of a console but what keeps people out is the same.
"""

from __future__ import annotations

from typing import Any

from outofband.core.errors import Fault
from outofband.core.ids import ResourceId, parse_id
from outofband.fleet.fleet import Fleet
from outofband.fleet.hosts import HostView
from outofband.providers.hybrid_compute.shape import MACHINES
from outofband.providers.serial_console.services import NAMESPACE
from outofband.resources.declaration import Item
from outofband.resources.lookup import missing
from outofband.store.agents import Agent
from outofband.store.store import Store
from outofband.store.tx import Tx
from outofband.wire.machine import VmReport

PORT = "0"
EPOCH = 1
"""A server does not move."""


def is_server(rid: ResourceId | None) -> bool:
    return rid is not None and rid.type.lower() == MACHINES.lower()


class ServerConsoles:
    """The ports of connected machines."""

    def __init__(self, store: Store, fleet: Fleet) -> None:
        self._store = store
        self._fleet = fleet

    async def find(self, tx: Tx, rid: ResourceId) -> Agent:
        """The machine of a port. Raises Fault ResourceNotFound."""
        found = await self._store.agents.at(tx, rid.subscription or "", rid.group or "", rid.name)
        if found is None or found.revoked is not None:
            raise await missing(self._store, tx, rid)
        return found

    def report(self, agent: Agent) -> VmReport | None:
        """What its agent says of the console; None without one."""
        return self._fleet.report(agent.id, agent.id)

    def item(self, agent: Agent) -> Item:
        rid = parse_id(agent.resource_id).extension(NAMESPACE, "serialPorts", PORT)
        view, report = self._fleet.host(agent.id), self.report(agent)
        kind = view.report.console if view is not None and view.report is not None else ""
        watched = report is not None and any(port.viewers or port.writer for port in report.ports)
        shows = next((port.shows for port in report.ports), "") if report is not None else ""
        own = {"console": kind, "shows": shows}
        body: dict[str, Any] = {
            "id": str(rid),
            "name": PORT,
            "type": f"{NAMESPACE}/serialPorts",
            "properties": {
                "state": "enabled" if kind else "disabled",
                "connectionState": "active" if watched else "inactive",
                "outofband": {key: value for key, value in own.items() if value},
            },
        }
        return Item(rid=rid, body=body, row=agent)

    def listed(self, subscription: str | None, after: str | None, limit: int) -> list[Agent]:
        """Machines of a subscription that have a console, in the order of their ids."""
        views: list[HostView] = self._fleet.agents(subscription)
        found = [each.agent for each in views if each.report is not None and each.report.console]
        keys = {each.resource_id.lower(): each for each in found}
        return [keys[key] for key in sorted(keys) if after is None or key > after][:limit]

    async def ready(self, agent: Agent) -> str:
        """Everything that can keep a person from a server's console, the cheapest to mend last. Its agent.

        Raises Fault ConsoleDisabledForSubscription, ServerConsoleOff, AgentOffline.
        """
        async with self._store.read() as tx:
            disabled = await self._store.console_settings.disabled(tx, agent.subscription_id)
        if disabled:
            raise Fault("ConsoleDisabledForSubscription", subscription=agent.subscription_id)
        view = self._fleet.host(agent.id)
        # What an agent that is away allowed when it was heard last may be another by now.
        if view is None or not view.connected:
            raise self._fleet.offline(agent.id)
        if view.report is None or not view.report.console:
            raise Fault("ServerConsoleOff", server=agent.name)
        return agent.id
