"""Microsoft.ResourceHealth: whether a machine can be used now, and if not, since when and through whom.

`GET <id>/providers/Microsoft.ResourceHealth/availabilityStatuses/current`, and lists under a subscription, a
group or a resource. Each answer is made from what is known at that moment; no history is kept.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from outofband.core import clock
from outofband.core.ids import ResourceId, parse_id
from outofband.fleet.fleet import Fleet
from outofband.providers.classic_compute.machines import behind
from outofband.providers.compute.shape import PRIVATE, TYPE
from outofband.providers.health import Health, health_of, of_host
from outofband.providers.hybrid_compute.shape import MACHINES
from outofband.providers.network.endpoints import CLASSIC
from outofband.resources.declaration import Item, Page, Place, ResourceType
from outofband.resources.exchange import Call
from outofband.resources.polling import DEFAULT_LOCATION
from outofband.store.agents import Agent
from outofband.store.resources import Resource
from outofband.store.store import Store
from outofband.store.tx import Tx

NAMESPACE, _KIND = "Microsoft.ResourceHealth", "availabilityStatuses"
NAME = f"{NAMESPACE}/{_KIND}"
CURRENT = "current"
_ANSWERED = "Microsoft.ResourceHealth/AvailabilityStatuses"
_MACHINE = "/virtualmachines"
"""Of a VM and of an instance of a scale set."""


class AvailabilityStatuses:
    def __init__(self, store: Store, fleet: Fleet) -> None:
        self._store = store
        self._fleet = fleet

    def declare(self) -> ResourceType:
        return ResourceType(
            name=NAME,
            about="whether a machine can be used now",
            many="which machines can be used now",
            since="2015-01-01",
            version="2025-05-01",
            source=self,
            places=frozenset({Place.RESOURCE}),
            fixed={_KIND: CURRENT},
            lists=frozenset({Place.SUBSCRIPTION, Place.GROUP, Place.RESOURCE}),
        )

    async def get(self, call: Call, tx: Tx, rid: ResourceId) -> Item | None:
        if rid.parent is None or rid.name.lower() != CURRENT:
            return None
        return await self._of(tx, rid.parent, call.now)

    async def list(self, call: Call, tx: Tx, after: str | None, limit: int) -> Page:
        if call.rid.chain:
            found = await self._of(tx, call.rid, call.now)
            return Page(items=[found] if found is not None else [])
        if after is None or not after.startswith(f"{MACHINES}:"):
            return await self._vms(call, tx, after, limit)
        return await self._machines(call, tx, after.partition(":")[2], limit)

    async def _of(self, tx: Tx, rid: ResourceId, now: datetime) -> Item | None:
        if rid.type.lower() == MACHINES.lower():
            agent = await self._store.agents.at(tx, rid.subscription or "", rid.group or "", rid.name)
            return self._machine(agent, now) if agent is not None and agent.revoked is None else None
        row = await self._store.resources.get(tx, rid)
        if row is not None and row.type == CLASSIC:
            machine = await behind(self._store, tx, row)
            if machine is None:
                return None
            return _item(rid, row.location, await health_of(self._store, self._fleet, tx, machine, now))
        of_machine = row is not None and row.type.lower().endswith(_MACHINE) and PRIVATE in row.properties
        return await self._vm(tx, row, now) if row is not None and of_machine else None

    async def _vms(self, call: Call, tx: Tx, after: str | None, limit: int) -> Page:
        page = await self._store.resources.page(
            tx, subscription=call.rid.subscription, group=call.rid.group, type=TYPE, after=after, limit=limit
        )
        items = [await self._vm(tx, row, call.now) for row in page.items]
        if page.after is not None:
            return Page(items=items, after=page.after)
        # Hosts come after the last VM.
        rest = await self._machines(call, tx, "", limit - len(items))
        return Page(items=[*items, *rest.items], after=rest.after)

    async def _machines(self, call: Call, tx: Tx, after: str, limit: int) -> Page:
        group = call.rid.group.lower() if call.rid.group else None
        found = sorted(
            (
                each
                for each in await self._store.agents.find(tx, subscription_id=call.rid.subscription)
                if group in (None, each.resource_group.lower()) and each.resource_id.lower() > after
            ),
            key=_key,
        )
        chosen = found[: max(0, limit)]
        last = _key(chosen[-1]) if chosen else after
        return Page(
            items=[self._machine(each, call.now) for each in chosen],
            after=f"{MACHINES}:{last}" if len(found) > len(chosen) else None,
        )

    async def _vm(self, tx: Tx, row: Resource, now: datetime) -> Item:
        return _item(parse_id(row.id), row.location, await health_of(self._store, self._fleet, tx, row, now))

    def _machine(self, agent: Agent, now: datetime) -> Item:
        return _item(
            parse_id(agent.resource_id), DEFAULT_LOCATION, of_host(agent, self._fleet.linked(agent), now)
        )


def _key(agent: Agent) -> str:
    return agent.resource_id.lower()


def _item(machine: ResourceId, location: str | None, health: Health) -> Item:
    rid = machine.extension(NAMESPACE, _KIND, CURRENT)
    properties: dict[str, Any] = {
        "availabilityState": health.state.value,
        "title": health.title,
        "summary": health.summary,
        "detailedStatus": health.detail,
        "reasonType": health.reason.value,
        "reasonChronicity": "Persistent" if health.lasting else "Transient",
        "occuredTime": clock.iso(health.occurred),
        "reportedTime": clock.iso(health.reported),
        "recommendedActions": [{"action": each} for each in health.actions],
        "serviceImpactingEvents": [],
    }
    body: dict[str, Any] = {"id": str(rid), "name": CURRENT, "type": _ANSWERED, "properties": properties}
    if location is not None:
        body["location"] = location
    return Item(rid=rid, body=body)
