"""Microsoft.HybridCompute/machines: connected servers and hosts. One is made by PUT and claimed by the key in
it, or comes by a token; either way its row is its agent's (docs/decisions/0053).
"""

from __future__ import annotations

from typing import Any

from outofband.core.errors import Fault
from outofband.core.ids import ResourceId, parse_id
from outofband.fleet.fleet import Fleet
from outofband.providers.compute.machines import never
from outofband.providers.hybrid_compute import seen
from outofband.providers.hybrid_compute.shape import (
    ASSIGNED,
    MACHINES,
    SINCE,
    VERSION,
    MachineProperties,
    MachineUpdateProperties,
    kept,
    key_of,
    require_identity,
)
from outofband.resources.declaration import (
    Delete,
    Draft,
    Item,
    Option,
    Page,
    Patch,
    Place,
    Put,
    ResourceType,
    View,
    Written,
)
from outofband.resources.exchange import Call
from outofband.resources.polling import DEFAULT_LOCATION
from outofband.store.agents import Agent
from outofband.store.resources import GROUP_TYPE, group_id
from outofband.store.store import Store
from outofband.store.tx import Tx
from outofband.wire.enrolment import NAME

_EXAMPLE = {
    "location": DEFAULT_LOCATION,
    "identity": {"type": ASSIGNED},
    "properties": {
        "vmId": "9e1d2b0c-6a3f-4f0e-8f0f-2c1f6d9b7a55",
        "osType": "linux",
        "clientPublicKey": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
    },
}
_PATCHES = "A machine's system is kept up to date by its administrator"
_NEVER = {
    "assessPatches": ("Look for patches that a machine lacks", _PATCHES),
    "installPatches": ("Install patches on a machine", _PATCHES),
    "upgradeExtensions": ("Upgrade the extensions of a machine", "Machines have no extensions here"),
}


class Machines:
    def __init__(self, store: Store, fleet: Fleet) -> None:
        self._store = store
        self._fleet = fleet

    def declare(self) -> ResourceType:
        return ResourceType(
            name=MACHINES,
            about="a connected machine",
            many="connected machines",
            since=SINCE,
            version=VERSION,
            source=self,
            places=frozenset({Place.GROUP}),
            lists=frozenset({Place.SUBSCRIPTION, Place.GROUP}),
            names=NAME,
            apart=True,
            put=Put(plan=self._put, properties=MachineProperties, created_status=200, example=_EXAMPLE),
            patch=Patch(
                plan=self._patch,
                properties=MachineUpdateProperties,
                example={"tags": {"rack": "b7"}, "properties": {"locationData": {"city": "Ghent"}}},
            ),
            delete=Delete(plan=self._delete, status=204),
            actions={name: never(about, why) for name, (about, why) in _NEVER.items()},
            views={
                "networkProfile": View(render=self._network, about="Read the network interfaces of a machine")
            },
            options=(Option(name="$expand", about="`instanceView`: taken, and changes nothing"),),
        )

    async def get(self, call: Call, tx: Tx, rid: ResourceId) -> Item | None:
        found = await self._store.agents.at(tx, rid.subscription or "", rid.group or "", rid.name)
        return self._item(call, found) if found is not None and found.revoked is None else None

    async def list(self, call: Call, tx: Tx, after: str | None, limit: int) -> Page:
        found = await self._store.agents.find(tx, subscription_id=call.rid.subscription)
        group = call.rid.group.lower() if call.rid.group else None
        chosen = sorted(
            (each for each in found if group is None or each.resource_group.lower() == group),
            key=lambda each: each.resource_id.lower(),
        )
        rest = [each for each in chosen if after is None or each.resource_id.lower() > after]
        return Page(
            items=[self._item(call, each) for each in rest[:limit]],
            after=rest[limit - 1].resource_id.lower() if len(rest) > limit else None,
        )

    async def _put(self, call: Call, tx: Tx, draft: Draft, there: Item | None) -> Written:
        require_identity(draft.raw, new=there is None)
        given: MachineProperties = draft.properties
        key = key_of(given)
        if there is None:
            return await self._create(call, tx, draft, key)
        agent: Agent = there.row
        said = self._said(call, draft, agent)
        if key is not None and key != agent.public_key:
            # A machine that nobody claimed is its maker's: what made the first key may have been lost since.
            if not agent.awaiting or agent.created_by != call.principal.object_id:
                raise Fault("AgentNameTaken", name=agent.name, group=agent.resource_group)
            said["public_key"] = key
        elif key is not None and agent.expired(call.now):
            # With a right to write the machine its key may claim it once more.
            said |= {"awaiting": True, "hardware": None, "trouble": None, "certificate_issued": None}
        return await self._written(call, tx, agent, said)

    async def _create(self, call: Call, tx: Tx, draft: Draft, key: str | None) -> Written:
        if key is None:
            detail = "a machine is made with the public key of its agent, which then claims it"
            raise Fault("InvalidParameter", target="properties.clientPublicKey", detail=detail)
        made = await self._store.agents.make(
            tx,
            name=call.rid.name,
            tenant_id=call.principal.tenant,
            subscription_id=call.rid.subscription or "",
            resource_group=call.rid.group or "",
            public_key=key,
            now=call.now,
            location=await self._location(call, tx, draft.location),
            tags=draft.tags or None,
            properties=kept(draft.properties, None),
            created_by=call.principal.object_id,
            changed=call.now,
            changed_by=call.by,
        )
        return Written(item=self._item(call, made), created=True)

    async def _location(self, call: Call, tx: Tx, wanted: str | None) -> str:
        """One of those there are, for a word that is misspelt in a script would be in no list of machines.
        Without a word it is the group's.
        """
        group = await self._store.resources.get(tx, group_id(call.rid))
        place = wanted or (group.location if group is not None else None) or DEFAULT_LOCATION
        known = await self._store.resources.locations(tx, call.rid.subscription or "", GROUP_TYPE)
        if place not in (known := known | {DEFAULT_LOCATION}):
            regions = ",".join(sorted(known))
            raise Fault("LocationNotAvailableForResourceType", location=place, type=MACHINES, known=regions)
        return place

    async def _patch(self, call: Call, tx: Tx, draft: Draft, there: Item) -> Written:
        require_identity(draft.raw, new=False)
        agent: Agent = there.row
        return await self._written(call, tx, agent, self._said(call, draft, agent))

    def _said(self, call: Call, draft: Draft, agent: Agent) -> dict[str, Any]:
        if draft.location not in (None, agent.location or DEFAULT_LOCATION):
            raise Fault("PropertyChangeNotAllowed", property="location")
        said: dict[str, Any] = {
            "changed_by": call.by,
            "properties": kept(draft.properties, agent.properties) or None,
        }
        if not agent.awaiting or agent.changed is None:
            said["changed"] = call.now
        if draft.tags is not None:
            said["tags"] = draft.tags or None
        return said

    async def _written(self, call: Call, tx: Tx, agent: Agent, said: dict[str, Any]) -> Written:
        row = await self._store.agents.update(tx, agent.id, **said)
        assert row is not None
        return Written(item=self._item(call, row))

    async def _network(self, call: Call, tx: Tx, item: Item) -> dict[str, Any]:
        shown: dict[str, Any] = item.body["properties"].get("networkProfile", {"networkInterfaces": []})
        return shown

    async def _delete(self, call: Call, tx: Tx, there: Item) -> Any:
        await self._fleet.erase(tx, there.row.id)
        await self._store.assignments.remove_below(tx, str(there.rid))
        await self._store.locks.remove_below(tx, str(there.rid))

    def _item(self, call: Call, agent: Agent) -> Item:
        body: dict[str, Any] = {
            "id": agent.resource_id,
            "name": agent.name,
            "type": MACHINES,
            "location": agent.location or DEFAULT_LOCATION,
        }
        if agent.tags:
            body["tags"] = agent.tags
        body["identity"] = {"type": ASSIGNED, "principalId": agent.id, "tenantId": agent.tenant_id}
        view, linked = self._fleet.host(agent.id), self._fleet.linked(agent)
        body["properties"] = seen.properties(
            agent, view, linked=linked, now=call.now, locale=call.request.locale
        )
        return Item(rid=parse_id(agent.resource_id), body=body, row=agent)
