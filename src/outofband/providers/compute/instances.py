"""Microsoft.Compute/virtualMachineScaleSets/virtualMachines: the instances of a scale set.

Each is a VM on a host like any other, with its power, its console and its reports. It comes and goes with the
scale set's capacity.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import msgspec

from outofband.core.errors import Fault
from outofband.core.ids import ResourceId
from outofband.fleet.fleet import Fleet
from outofband.providers.compute import instance_view
from outofband.providers.compute.finding_views import add, findings_of, with_findings
from outofband.providers.compute.machines import SKIP_SHUTDOWN, check_power, never
from outofband.providers.compute.power import Shutdown, Work
from outofband.providers.compute.scale_sets import release
from outofband.providers.compute.scale_shape import set_private
from outofband.providers.compute.scaling import Scaling
from outofband.providers.compute.shape import INSTANCES, machine_name, private_of, shown
from outofband.resources.declaration import (
    Begin,
    Delete,
    Draft,
    Item,
    Option,
    Page,
    Place,
    Put,
    ResourceType,
    Step,
    View,
    Written,
)
from outofband.resources.exchange import Call
from outofband.resources.lookup import missing
from outofband.resources.rows import CHUNK, Rows
from outofband.store.resources import Resource
from outofband.store.store import Store
from outofband.store.tx import Tx

SINCE = "2016-04-30"
_NUMBER = re.compile(r"^(0|[1-9][0-9]{0,8})$")
_STALE = {
    "code": "ModelState/notLatest",
    "level": "Warning",
    "displayStatus": "Not the latest model",
    "message": "The scale set's model was changed after this instance was made. Update the instance.",
}
_REIMAGE = "Delete the instance: the scale set makes another one when its capacity is raised again"


class ProtectionPolicy(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    protect_from_scale_in: bool = False
    protect_from_scale_set_actions: bool = False


class InstanceProperties(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What of one instance may be changed; everything else comes from the scale set."""

    protection_policy: ProtectionPolicy | None = None


class Instances:
    def __init__(self, store: Store, fleet: Fleet, work: Work, scaling: Scaling) -> None:
        self._store = store
        self._fleet = fleet
        self._work = work
        self._scaling = scaling
        self._rows = Rows(store, INSTANCES, self._render)

    def declare(self) -> ResourceType:
        return ResourceType(
            name=INSTANCES,
            about="an instance of a scale set",
            many="instances",
            since=SINCE,
            version="2024-11-01",
            source=self,
            urgent=frozenset({"GET"}),
            places=frozenset({Place.GROUP}),
            lists=frozenset({Place.RESOURCE}),
            names=_NUMBER,
            put=Put(plan=self._put, properties=InstanceProperties, example={"properties": {}}),
            delete=Delete(plan=self._delete, step=self._scaling.delete_one),
            actions={
                "start": self._power(self._work.start, "Start an instance"),
                "restart": self._power(self._work.restart, "Restart an instance"),
                "powerOff": self._power(self._work.power_off, "Shut an instance down", SKIP_SHUTDOWN),
                "deallocate": self._power(
                    self._work.deallocate, "Shut an instance down and mark it as not in use", SKIP_SHUTDOWN
                ),
                "reimage": never("Put the disk of an instance back", _REIMAGE),
                "reimageAll": never("Put all disks of an instance back", _REIMAGE),
                "performMaintenance": never("Do planned maintenance", "No maintenance is planned"),
            },
            views={
                "instanceView": View(
                    render=self._instance_view, about="Read what is seen of an instance at this moment"
                )
            },
            options=(Option(name="$expand", about="`instanceView`: with what is seen of it at this moment"),),
        )

    async def get(self, call: Call, tx: Tx, rid: ResourceId) -> Item | None:
        row = await self._store.resources.get(tx, rid)
        if row is None:
            return None
        item = self._item(row, await self._latest(tx, row.parent_key or ""), call.expand)
        return next(iter(await self._with_findings(call, tx, [item])))

    async def list(self, call: Call, tx: Tx, after: str | None, limit: int) -> Page:
        if await self._store.resources.get(tx, call.rid) is None:
            raise await missing(self._store, tx, call.rid)
        latest = await self._latest(tx, call.rid.key)
        items: list[Item] = []
        while True:
            found = await self._store.resources.page(
                tx, type=INSTANCES, parent=call.rid, after=after, limit=min(CHUNK, limit - len(items))
            )
            items += [self._item(row, latest, call.expand) for row in found.items]
            after = found.after
            if after is None or len(items) >= limit:
                return Page(items=[*await self._with_findings(call, tx, items)], after=after)

    async def _with_findings(self, call: Call, tx: Tx, items: Sequence[Item]) -> Sequence[Item]:
        if "instanceview" not in call.expand:
            return items
        return await with_findings(self._store, tx, items, call.request.locale)

    async def _latest(self, tx: Tx, scale_set: str) -> int | None:
        above = await self._store.resources.get(tx, scale_set)
        return set_private(above).model if above is not None else None

    def _item(self, row: Resource, latest: int | None, expand: frozenset[str] = frozenset()) -> Item:
        item = self._rows.item(row, expand)
        properties = item.body["properties"] | {
            "latestModelApplied": private_of(row).model == latest,
            "modelDefinitionApplied": "VirtualMachineScaleSet",
        }
        body = item.body | {
            "name": machine_name(row),
            "instanceId": row.name,
            "properties": properties,
        }
        return msgspec.structs.replace(item, body=body)

    def _render(self, row: Resource, expand: frozenset[str]) -> dict[str, Any]:
        properties = shown(row)
        if "instanceview" in expand:
            properties["instanceView"] = instance_view.render(self._fleet, row)
        return properties

    async def _instance_view(self, call: Call, tx: Tx, item: Item) -> dict[str, Any]:
        view = instance_view.render(self._fleet, item.row)
        if not item.body["properties"]["latestModelApplied"]:
            view["statuses"].append(dict(_STALE))
        return add(view, await findings_of(self._store, tx, item.row), call.request.locale)

    async def _put(self, call: Call, tx: Tx, draft: Draft, there: Item | None) -> Written:
        if there is None:
            # A number is given by the scale set, never chosen.
            raise await missing(self._store, tx, call.rid)
        row: Resource = there.row
        wanted: InstanceProperties = draft.properties
        properties = dict(row.properties)
        if wanted.protection_policy is not None:
            properties["protectionPolicy"] = msgspec.to_builtins(wanted.protection_policy)
        changed = await self._store.resources.update(
            tx, call.rid, now=call.now, by=call.by, tags=draft.tags, properties=properties
        )
        if changed is None:
            raise Fault("Conflict", detail=f"The instance '{row.name}' is gone.")
        return Written(item=self._item(changed, await self._latest(tx, row.parent_key or "")))

    async def _delete(self, call: Call, tx: Tx, there: Item) -> Any:
        await release(self._store, self._fleet, call, tx, there.row)
        return {}

    def _power(self, step: Step, about: str, *options: Option) -> Begin:
        return Begin(plan=self._plan_power, step=step, about=about, options=options)

    async def _plan_power(self, call: Call, tx: Tx, item: Item, body: Any) -> Any:
        check_power(self._fleet, item.row)
        return msgspec.to_builtins(Shutdown(graceful=not call.request.flag("skipShutdown")))
