"""Microsoft.HybridCompute: the enrolled hosts as machines. They come and go by enrolment, not by PUT."""

from __future__ import annotations

from typing import Any

from outofband.core import clock
from outofband.core.ids import ResourceId, parse_id
from outofband.fleet.fleet import Fleet
from outofband.resources.declaration import Item, Page, Place, ResourceType
from outofband.resources.exchange import Call
from outofband.resources.polling import DEFAULT_LOCATION
from outofband.store.agents import Agent
from outofband.store.store import Store
from outofband.store.tx import Tx

MACHINES = "Microsoft.HybridCompute/machines"
ENROL = f"{MACHINES}/write"
"""The right to bring a host into a resource group."""
SINCE = "2020-08-02"


class Machines:
    def __init__(self, store: Store, fleet: Fleet) -> None:
        self._store = store
        self._fleet = fleet

    def declare(self) -> ResourceType:
        return ResourceType(
            name=MACHINES,
            about="an enrolled host",
            many="enrolled hosts",
            since=SINCE,
            version="2024-07-10",
            source=self,
            places=frozenset({Place.GROUP}),
            lists=frozenset({Place.SUBSCRIPTION, Place.GROUP}),
            apart=True,
        )

    async def get(self, call: Call, tx: Tx, rid: ResourceId) -> Item | None:
        found = await self._store.agents.at(tx, rid.subscription or "", rid.group or "", rid.name)
        return self._item(found) if found is not None and found.revoked is None else None

    async def list(self, call: Call, tx: Tx, after: str | None, limit: int) -> Page:
        found = await self._store.agents.find(tx, subscription_id=call.rid.subscription)
        group = call.rid.group.lower() if call.rid.group else None
        chosen = sorted(
            (each for each in found if group is None or each.resource_group.lower() == group),
            key=lambda each: each.resource_id.lower(),
        )
        rest = [each for each in chosen if after is None or each.resource_id.lower() > after]
        return Page(
            items=[self._item(each) for each in rest[:limit]],
            after=rest[limit - 1].resource_id.lower() if len(rest) > limit else None,
        )

    def _item(self, agent: Agent) -> Item:
        body = {
            "id": agent.resource_id,
            "name": agent.name,
            "type": MACHINES,
            "location": DEFAULT_LOCATION,
            "identity": {
                "type": "SystemAssigned",
                "principalId": agent.id,
                "tenantId": agent.tenant_id,
            },
            "properties": self._properties(agent),
        }
        return Item(rid=parse_id(agent.resource_id), body=body, row=agent)

    def _properties(self, agent: Agent) -> dict[str, Any]:
        view = self._fleet.host(agent.id)
        connected = self._fleet.linked(agent)
        changed = agent.link_since if connected else agent.last_seen
        properties: dict[str, Any] = {
            "provisioningState": "Succeeded",
            "status": "Connected" if connected else "Disconnected",
            "lastStatusChange": clock.iso(changed or agent.enrolled),
            "vmId": agent.id,
            "agentVersion": agent.version,
            "displayName": agent.name,
            "osType": "linux",
        }
        report = view.report if view is not None else None
        if view is None or report is None:
            return properties
        return properties | {
            "machineFqdn": report.hostname,
            "osName": report.os,
            "detectedProperties": {
                "logicalCoreCount": str(report.cpus),
                "totalPhysicalMemoryInMegabytes": str(report.memory_mib),
                "accelerator": report.accelerator,
                "probe": report.probe,
            },
            "outofband": {
                "drivers": report.drivers,
                "images": report.images,
                "programs": report.programs,
                "sockets": report.sockets,
                "monitor": report.monitor,
                "virtualMachines": len(view.machines),
            },
        }
