"""Microsoft.Compute/virtualMachineScaleSets, declared: a model, and as many VMs after it as are asked for."""

from __future__ import annotations

import re
from collections import Counter
from typing import Any

import msgspec

from outofband.core import clock
from outofband.core.errors import Fault
from outofband.fleet.fleet import Fleet
from outofband.providers.compute import instance_view, profiles, sizes
from outofband.providers.compute.crew import Many
from outofband.providers.compute.guests import Guest
from outofband.providers.compute.machines import SKIP_SHUTDOWN, check_power, never
from outofband.providers.compute.placement import Placement
from outofband.providers.compute.scale_shape import (
    MAX_CAPACITY,
    Model,
    ScaleSetProperties,
    SetPrivate,
    Sku,
    UpgradePolicy,
    check_policy,
    check_profile,
    guest_for,
    model_of,
    set_private,
    sku_of,
    wanted_sku,
    with_set_private,
)
from outofband.providers.compute.scaling import Scaling
from outofband.providers.compute.shape import PRIVATE, SCALE_SETS, private_of
from outofband.resources.declaration import (
    Begin,
    Delete,
    Draft,
    Item,
    Option,
    Patch,
    Place,
    Put,
    ResourceType,
    Step,
    View,
    Written,
)
from outofband.resources.exchange import Call
from outofband.resources.lookup import DELETING
from outofband.resources.polling import DEFAULT_LOCATION
from outofband.resources.rows import Rows
from outofband.store.resources import Resource, group_id
from outofband.store.store import Store
from outofband.store.tx import Tx

SINCE = "2016-04-30"
_NAME = re.compile(r"^[A-Za-z0-9]([A-Za-z0-9_.-]{0,52}[A-Za-z0-9_])?$")
"""An instance's machine is named after it and its number, within the limit of a VM's name."""
_EVERY = "*"
_NEW = {
    "sku": {"capacity": 2},
    "properties": {"outofband": {"driver": "qemu", "image": "demo", "memoryMiB": 256, "cpus": 1}},
}


class InstanceIds(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """`instanceIds`: numbers of instances; without them, or with `*`, all are meant."""

    instance_ids: list[str] | None = None


class ScaleSets:
    def __init__(self, store: Store, fleet: Fleet, placement: Placement, scaling: Scaling) -> None:
        self._store = store
        self._fleet = fleet
        self._placement = placement
        self._scaling = scaling
        self._rows = Rows(store, SCALE_SETS, _render)

    def declare(self) -> ResourceType:
        return ResourceType(
            name=SCALE_SETS,
            about="a scale set of VMs",
            many="scale sets",
            since=SINCE,
            version="2024-11-01",
            source=self._rows,
            places=frozenset({Place.GROUP}),
            lists=frozenset({Place.SUBSCRIPTION, Place.GROUP}),
            names=_NAME,
            put=Put(plan=self._put, properties=ScaleSetProperties, step=self._scaling.write, example=_NEW),
            patch=Patch(plan=self._patch, properties=ScaleSetProperties, example={"sku": {"capacity": 3}}),
            delete=Delete(plan=self._delete, step=self._scaling.delete),
            actions={
                "start": self._on(self._scaling.start, "Start instances"),
                "restart": self._on(self._scaling.restart, "Restart instances"),
                "powerOff": self._on(self._scaling.power_off, "Shut instances down", SKIP_SHUTDOWN),
                "deallocate": self._on(
                    self._scaling.deallocate, "Shut instances down, as not in use", SKIP_SHUTDOWN
                ),
                "reapply": self._on(self._scaling.reapply, "Tell hosts once more what the instances are"),
                "manualUpgrade": Begin(
                    plan=self._plan_upgrade,
                    step=self._scaling.upgrade,
                    about="Bring instances to the latest model",
                    body=InstanceIds,
                ),
                "delete": Begin(
                    plan=self._plan_delete_many,
                    step=self._scaling.delete_many,
                    about="Delete instances, and reduce the capacity by as many",
                    body=InstanceIds,
                ),
                "reimage": never("Put the disks of instances back", _REIMAGE),
                "reimageAll": never("Put all disks of instances back", _REIMAGE),
                "performMaintenance": never("Do planned maintenance", "No maintenance is planned"),
            },
            views={
                "instanceView": View(render=self._instance_view, about="Read how many instances do what"),
                "skus": View(render=self._skus, about="List the sizes that a scale set can be changed to"),
            },
        )

    async def _put(self, call: Call, tx: Tx, draft: Draft, there: Item | None) -> Written:
        if there is not None:
            return await self._update(call, tx, draft, there.row, merge=False)
        wanted: ScaleSetProperties = draft.properties
        sku = wanted_sku(draft.raw, None)
        profile: dict[str, Any] = profiles.without_secrets(wanted.virtual_machine_profile or {})
        check_profile(profile)
        guest = guest_for(wanted, sku, profile, None)
        policy = wanted.upgrade_policy or UpgradePolicy()
        check_policy(policy)
        _check_mode(wanted)
        group = await self._store.resources.get(tx, group_id(call.rid))
        row, created = await self._store.resources.put(
            tx,
            call.rid,
            now=call.now,
            by=call.by,
            location=draft.location or (group.location if group else None) or DEFAULT_LOCATION,
            tags=draft.tags or {},
            properties={
                **wanted.kept({}),
                **self._hosted(call, wanted, draft.tags or {}),
                "upgradePolicy": _policy(policy),
                "virtualMachineProfile": profile,
                "outofband": msgspec.to_builtins(guest),
                PRIVATE: msgspec.to_builtins(SetPrivate()),
            },
            envelope=profiles.envelope(draft.raw, {}) | {"sku": _sku(sku, guest)},
            provisioning_state="Creating",
        )
        row = await self._scaling.arrange(tx, call, row)
        return Written(item=self._rows.item(row), created=created, work={})

    async def _patch(self, call: Call, tx: Tx, draft: Draft, there: Item) -> Written:
        return await self._update(call, tx, draft, there.row, merge=True)

    async def _update(self, call: Call, tx: Tx, draft: Draft, row: Resource, *, merge: bool) -> Written:
        wanted: ScaleSetProperties = draft.properties
        if draft.location not in (None, row.location):
            raise Fault("PropertyChangeNotAllowed", property="location")
        before, sku_before = model_of(row), sku_of(row)
        sku = wanted_sku(draft.raw, sku_before)
        given = profiles.without_secrets(wanted.virtual_machine_profile)
        if merge and given is not None:
            given = profiles.merged(before.profile, given)
        profile: dict[str, Any] = before.profile if given is None else given
        check_profile(profile)
        # The size's name counts when it changes: beside `outofband` it may be a mere label.
        renamed = sku if sku.name.lower() != sku_before.name.lower() else Sku()
        guest = guest_for(wanted, renamed, profile, before.guest)
        policy = wanted.upgrade_policy or msgspec.convert(row.properties["upgradePolicy"], UpgradePolicy)
        tags = draft.tags if draft.tags is not None else row.tags
        check_policy(policy)
        _check_mode(wanted)
        changed = Model(guest=guest, profile=profile) != before
        works = changed or sku.capacity != sku_before.capacity or row.provisioning_state != "Succeeded"
        private = set_private(row)
        properties = {
            **row.properties,
            **wanted.kept(row.properties),
            **self._hosted(call, wanted, tags),
            "upgradePolicy": _policy(policy),
            "virtualMachineProfile": profile,
            "outofband": msgspec.to_builtins(guest),
            PRIVATE: msgspec.to_builtins(
                msgspec.structs.replace(private, model=private.model + 1) if changed else private
            ),
        }
        if guest != before.guest and sku.name == sku_before.name:
            sku = msgspec.structs.replace(sku, name="")
        written = await self._store.resources.update(
            tx,
            call.rid,
            now=call.now,
            by=call.by,
            tags=draft.tags,
            properties=properties,
            envelope=profiles.envelope(draft.raw, row.envelope) | {"sku": _sku(sku, guest)},
            provisioning_state="Updating" if works else None,
        )
        assert written is not None
        if works:
            written = await self._scaling.arrange(tx, call, written)
        return Written(item=self._rows.item(written), work={} if works else None)

    def _hosted(self, call: Call, wanted: ScaleSetProperties, tags: dict[str, str]) -> dict[str, Any]:
        named = wanted.host.id if wanted.host is not None else self._placement.tagged(call.rid, tags)
        return {"host": {"id": named}} if named is not None else {}

    async def _delete(self, call: Call, tx: Tx, there: Item) -> Any:
        for row in await self._scaling.instances(tx, there.rid):
            private = private_of(row)
            known = self._fleet.host(private.agent) is not None
            if private.placed and known and not self._fleet.connected(private.agent):
                # D12: a host that cannot be reached may still run it.
                raise self._fleet.offline(private.agent)
        await self._store.resources.update(
            tx,
            call.rid,
            now=call.now,
            by=call.by,
            provisioning_state=DELETING,
            properties=with_set_private(there.row, failure=None),
        )
        return {}

    def _on(self, step: Step, about: str, *options: Option) -> Begin:
        return Begin(plan=self._plan_power, step=step, about=about, body=InstanceIds, options=options)

    async def _plan_power(self, call: Call, tx: Tx, item: Item, body: InstanceIds) -> Any:
        chosen = await self.chosen(tx, item, body)
        for row in chosen:
            check_power(self._fleet, row)
        graceful = not call.request.flag("skipShutdown")
        return msgspec.to_builtins(Many(ids=[row.name for row in chosen], graceful=graceful))

    async def _plan_upgrade(self, call: Call, tx: Tx, item: Item, body: InstanceIds) -> Any:
        if not body.instance_ids:
            raise Fault("InvalidParameter", target="instanceIds", detail="name at least one, or '*'")
        return await self._plan_power(call, tx, item, body)

    async def _plan_delete_many(self, call: Call, tx: Tx, item: Item, body: InstanceIds) -> Any:
        if not body.instance_ids:
            raise Fault("InvalidParameter", target="instanceIds", detail="name at least one, or '*'")
        chosen = await self.chosen(tx, item, body)
        for row in chosen:
            await release(self._store, self._fleet, call, tx, row)
        return msgspec.to_builtins(Many(ids=[row.name for row in chosen]))

    async def chosen(self, tx: Tx, item: Item, body: InstanceIds) -> list[Resource]:
        """The instances that are meant. Raises Fault InvalidParameter."""
        rows = await self._scaling.instances(tx, item.rid)
        alive = {row.name: row for row in rows if row.provisioning_state != DELETING}
        ids = body.instance_ids
        if not ids or _EVERY in ids:
            return list(alive.values())
        for each in ids:
            if each not in alive:
                detail = f"'{each[:20]}' is not an active Virtual Machine Scale Set VM instanceId"
                raise Fault("InvalidParameter", target="instanceIds", detail=detail)
        return [alive[each] for each in dict.fromkeys(ids)]

    async def _instance_view(self, call: Call, tx: Tx, item: Item) -> dict[str, Any]:
        row: Resource = item.row
        counted: Counter[str] = Counter()
        for each in await self._scaling.instances(tx, item.rid):
            counted[f"ProvisioningState/{each.provisioning_state.lower()}"] += 1
            counted[f"PowerState/{instance_view.power(self._fleet, each)}"] += 1
        summary = [{"code": code, "count": count} for code, count in sorted(counted.items())]
        own = instance_view.provisioning(row, set_private(row).failure)
        return {"virtualMachine": {"statusesSummary": summary}, "extensions": [], "statuses": [own]}

    async def _skus(self, call: Call, tx: Tx, item: Item) -> dict[str, Any]:
        capacity = {"minimum": 0, "maximum": MAX_CAPACITY, "defaultCapacity": 1, "scaleType": "Automatic"}
        return {
            "value": [
                {
                    "resourceType": SCALE_SETS,
                    "sku": {"name": size.name, "tier": "Standard"},
                    "capacity": capacity,
                }
                for size in sizes.fitting(self._fleet.agents(call.rid.subscription))
            ]
        }


_REIMAGE = "Delete the instance: the scale set makes another one when its capacity is raised again"


async def release(store: Store, fleet: Fleet, call: Call, tx: Tx, row: Resource) -> None:
    """Mark an instance as going, and ask the scale set for one less, so that no other takes its place.

    Raises Fault AgentOffline.
    """
    private = private_of(row)
    known = fleet.host(private.agent) is not None
    if private.placed and known and not fleet.connected(private.agent):
        # D12: a host that cannot be reached may still run it.
        raise fleet.offline(private.agent)
    await store.resources.update(tx, row.id, now=call.now, by=call.by, provisioning_state=DELETING)
    above = await store.resources.get(tx, row.parent_key or "")
    if above is None or row.provisioning_state == DELETING:
        return
    sku = sku_of(above)
    fewer = msgspec.structs.replace(sku, capacity=max(0, sku.capacity - 1))
    envelope = above.envelope | {"sku": msgspec.to_builtins(fewer)}
    await store.resources.update(tx, above.id, now=call.now, by=call.by, envelope=envelope)


def _render(row: Resource, expand: frozenset[str]) -> dict[str, Any]:
    known = {name: value for name, value in row.properties.items() if name != PRIVATE}
    defaults: dict[str, Any] = {
        "uniqueId": row.uid,
        "timeCreated": clock.iso(row.created),
        "orchestrationMode": "Uniform",
        "singlePlacementGroup": True,
        "overprovision": False,
    }
    return defaults | known


def _check_mode(wanted: ScaleSetProperties) -> None:
    if (wanted.orchestration_mode or "Uniform").lower() != "uniform":
        detail = "only 'Uniform' is offered: make VMs of their own for anything else"
        raise Fault("InvalidParameter", target="properties.orchestrationMode", detail=detail)


def _policy(policy: UpgradePolicy) -> dict[str, Any]:
    return {name: value for name, value in msgspec.to_builtins(policy).items() if value is not None}


def _sku(sku: Sku, guest: Guest) -> dict[str, Any]:
    named: dict[str, Any] = msgspec.to_builtins(msgspec.structs.replace(sku, name=sku.name or guest.size))
    return named
