"""What a PUT, PATCH or DELETE of a VM comes to: checked, written down, and handed to the work (`power`)."""

from __future__ import annotations

from typing import Any

import msgspec

from outofband.access.authorizer import Authorizer
from outofband.core.errors import Fault
from outofband.core.ids import ResourceId
from outofband.fleet.fleet import Fleet
from outofband.providers.compute import guests, instance_view, profiles
from outofband.providers.compute.guests import Guest
from outofband.providers.compute.importing import Importable
from outofband.providers.compute.placement import Placement
from outofband.providers.compute.power import Change, Deed
from outofband.providers.compute.removal import Removal
from outofband.providers.compute.shape import (
    PRIVATE,
    PROFILES,
    HostReference,
    Private,
    VmProperties,
    guest_of,
    private_of,
    with_private,
)
from outofband.providers.network.attachments import machines_of
from outofband.resources.declaration import Draft, Item, Written
from outofband.resources.exchange import Call
from outofband.resources.lookup import DELETING
from outofband.resources.polling import DEFAULT_LOCATION
from outofband.resources.rows import Rows
from outofband.store.resources import Resource, group_id
from outofband.store.store import Store
from outofband.store.tx import Tx
from outofband.wire.machine import Power

_VM_SIZE = "properties.hardwareProfile.vmSize"
_JOIN = f"{profiles.NIC}/join/action"
_UP = frozenset({Power.STARTING.value, Power.RUNNING.value, Power.STOPPING.value, Power.UNKNOWN.value})


class Plans:
    """Each method is a hook of the declaration and runs within the unit that accepts the request."""

    def __init__(
        self,
        store: Store,
        authorizer: Authorizer,
        fleet: Fleet,
        placement: Placement,
        importable: Importable,
        rows: Rows,
    ) -> None:
        self._store = store
        self._authorizer = authorizer
        self._fleet = fleet
        self._placement = placement
        self._importable = importable
        self._rows = rows

    async def put(self, call: Call, tx: Tx, draft: Draft, there: Item | None) -> Written:
        if there is not None and (private_of(there.row).placed or there.row.provisioning_state != "Failed"):
            return await self._update(call, tx, draft, there.row, merge=False)
        if draft.properties.adopt is not None and there is None:
            return await self._import(call, tx, draft, draft.properties.adopt.vm_id)
        return await self._create(call, tx, draft, there.row if there else None)

    async def patch(self, call: Call, tx: Tx, draft: Draft, there: Item) -> Written:
        return await self._update(call, tx, draft, there.row, merge=True)

    async def delete(self, call: Call, tx: Tx, there: Item) -> Any:
        row: Resource = there.row
        removal = self.removal(row, force=call.request.flag("forceDeletion"))
        await self._store.resources.update(
            tx,
            call.rid,
            now=call.now,
            by=call.by,
            provisioning_state=DELETING,
            properties=with_private(row, failure=None),
        )
        return msgspec.to_builtins(removal)

    def removal(self, row: Resource, *, force: bool = False) -> Removal:
        """What deleting the row has to do. Raises Fault AgentOffline.

        Forced, a VM goes without a shutdown, which is how it always goes here. Never does force make a host
        forget what it cannot be told of (D12).
        """
        agent = private_of(row).agent
        never_there = not private_of(row).placed and row.provisioning_state in ("Failed", DELETING)
        if not never_there and self._fleet.host(agent) is not None and not self._fleet.connected(agent):
            # D12: a host that cannot be reached may still run it.
            raise self._fleet.offline(agent)
        return Removal(from_host=not never_there or self._fleet.connected(agent), forced=force)

    async def _create(self, call: Call, tx: Tx, draft: Draft, failed: Resource | None) -> Written:
        wanted: VmProperties = draft.properties
        kept = guest_of(failed) if failed else None
        guest = wanted.outofband or guests.from_profiles(
            wanted.vm_size, wanted.storage_profile, kept, _VM_SIZE
        )
        guest.check()
        tags = draft.tags if draft.tags is not None else (failed.tags if failed else {})
        named = self._host(call.rid, wanted.host, tags)
        if named is None and failed is not None:
            named = failed.properties["host"]["id"]
        host = self._placement.choose(call.rid, guest, named)
        found = wanted.profiles(failed.properties if failed else {})
        await self._check_nics(call, tx, found, {})
        row, created = await self._store.resources.put(
            tx,
            call.rid,
            now=call.now,
            by=call.by,
            location=await self._location(call, tx, draft),
            tags=tags,
            properties={
                **found,
                "host": {"id": host.agent.resource_id},
                "outofband": msgspec.to_builtins(guest),
                PRIVATE: msgspec.to_builtins(Private(agent=host.agent.id)),
            },
            envelope=profiles.envelope(draft.raw, failed.envelope if failed else {}),
            provisioning_state="Creating",
        )
        self._placement.promise(row.uid, host, guest)
        change = Change(deed=Deed.CREATE)
        return Written(item=self._rows.item(row), created=created, work=msgspec.to_builtins(change))

    async def _import(self, call: Call, tx: Tx, draft: Draft, vm_id: str) -> Written:
        """Make the resource of a machine that a host has already; it runs on as it does."""
        wanted: VmProperties = draft.properties
        rights = await self._authorizer.rights(call.principal, tx)
        found = await self._importable.find(tx, call.rid, vm_id, rights)
        if wanted.outofband is not None and wanted.outofband != found.guest:
            raise Fault("PropertyChangeNotAllowed", property="outofband")
        tags = draft.tags or {}
        named = self._host(call.rid, wanted.host, tags)
        if named is not None and named.lower() != found.host.agent.resource_id.lower():
            raise Fault("ResourceNotFound", resource=f"machine/{vm_id[:40]}", group=call.rid.group or "")
        if not found.host.connected:
            raise self._fleet.offline(found.host.agent.id)
        kept = wanted.profiles({})
        await self._check_nics(call, tx, kept, {})
        private = Private(agent=found.host.agent.id, placed=True, ports=len(found.report.ports) or 1)
        row, created = await self._store.resources.put(
            tx,
            call.rid,
            now=call.now,
            by=call.by,
            uid=found.report.vm,
            # Whoever gave the host its orders before is left behind.
            epoch=found.report.epoch + 1,
            location=await self._location(call, tx, draft),
            tags=tags,
            properties={
                **kept,
                "host": {"id": found.host.agent.resource_id},
                "outofband": msgspec.to_builtins(found.guest),
                PRIVATE: msgspec.to_builtins(private),
            },
            envelope=profiles.envelope(draft.raw, {}),
            provisioning_state="Creating",
        )
        change = Change(deed=Deed.IMPORT)
        return Written(item=self._rows.item(row), created=created, work=msgspec.to_builtins(change))

    async def _update(self, call: Call, tx: Tx, draft: Draft, row: Resource, *, merge: bool) -> Written:
        wanted: VmProperties = draft.properties
        if wanted.host is not None and wanted.host.id.lower() != row.properties["host"]["id"].lower():
            raise Fault("PropertyChangeNotAllowed", property="host.id")
        if draft.location not in (None, row.location):
            raise Fault("PropertyChangeNotAllowed", property="location")
        if draft.tags is not None:
            self._check_tag(call.rid, draft.tags, row)
        guest, found = self._changed_guest(wanted, row), wanted.profiles(row.properties, merge=merge)
        await self._check_nics(call, tx, found, row.properties)
        properties = {name: value for name, value in row.properties.items() if name not in PROFILES} | found
        resized = guest != guest_of(row)
        # A PUT of what failed tries once more, as Azure does.
        retried = row.provisioning_state == "Failed" and not merge
        if resized or retried:
            self._check_reachable(row)
        if resized:
            properties["outofband"] = msgspec.to_builtins(guest)
            if wanted.vm_size is None:
                properties.pop("hardwareProfile", None)
        changed = await self._store.resources.update(
            tx,
            call.rid,
            now=call.now,
            by=call.by,
            tags=draft.tags,
            properties=properties,
            envelope=profiles.envelope(draft.raw, row.envelope),
            provisioning_state="Updating" if resized or retried else None,
        )
        assert changed is not None
        if not resized and not retried:
            return Written(item=self._rows.item(changed))
        if retried:
            change = Change(deed=Deed.CREATE)
            return Written(item=self._rows.item(changed), work=msgspec.to_builtins(change))
        runs = instance_view.power(self._fleet, row) in _UP
        change = Change(deed=Deed.RESIZE, restart=runs)
        return Written(item=self._rows.item(changed), work=msgspec.to_builtins(change))

    def _changed_guest(self, wanted: VmProperties, row: Resource) -> Guest:
        """Processors and memory may change, nothing else. Raises Fault PropertyChangeNotAllowed."""
        now = guest_of(row)
        shown = (row.properties.get("hardwareProfile") or {}).get("vmSize") or now.size
        guest = wanted.outofband or now
        size = wanted.vm_size
        if guest == now and size is not None and size.lower() != str(shown).lower():
            guest = guests.from_profiles(size, None, now, _VM_SIZE)
        image = guests.image_of(wanted.storage_profile)
        if image is not None and image != now.image:
            raise Fault("PropertyChangeNotAllowed", property="imageReference")
        if guest == now:
            return now
        same = msgspec.structs.replace(guest, cpus=now.cpus, memory_mib=now.memory_mib)
        if same != now or now.driver != "qemu":
            raise Fault("PropertyChangeNotAllowed", property="outofband")
        guest.check()
        return guest

    def _host(self, rid: ResourceId, named: HostReference | None, tags: dict[str, str]) -> str | None:
        """The host by id, from the property or from the tag. Raises Fault InvalidParameter."""
        tagged = self._placement.tagged(rid, tags)
        if named is not None and tagged is not None and named.id.lower() != tagged.lower():
            raise Fault(
                "InvalidParameter", target="properties.host.id", detail="the VM's tag names another host"
            )
        return named.id if named is not None else tagged

    def _check_tag(self, rid: ResourceId, tags: dict[str, str], row: Resource) -> None:
        tagged = self._placement.tagged(rid, tags)
        if tagged is not None and tagged.lower() != row.properties["host"]["id"].lower():
            raise Fault("PropertyChangeNotAllowed", property="host.id")

    def _check_reachable(self, row: Resource) -> None:
        agent = private_of(row).agent
        if not self._fleet.connected(agent):
            raise self._fleet.offline(agent)

    async def _check_nics(self, call: Call, tx: Tx, found: dict[str, Any], before: dict[str, Any]) -> None:
        """A VM may only be given interfaces that are there, that no other has, and that the caller may use.

        The interface's own word of its VM is read from the VMs' rows, so there is nothing to write at it.
        """
        subscription = call.rid.subscription or ""
        known = {each.key for each in profiles.nics(before.get("networkProfile"), subscription)}
        named = list(profiles.nics(found.get("networkProfile"), subscription))
        if len({each.key for each in named}) < len(named):
            target = "properties.networkProfile.networkInterfaces"
            raise Fault("InvalidParameter", target=target, detail="each is named once")
        fresh = [each for each in named if each.key not in known]
        if not fresh:
            return
        rights = await self._authorizer.rights(call.principal, tx)
        for nic in fresh:
            rights.require(_JOIN, nic)
            row = await self._store.resources.get(tx, nic)
            if row is None or row.provisioning_state == DELETING:
                resource = f"{profiles.NIC}/{nic.name}"
                raise Fault("ResourceNotFound", resource=resource, group=nic.group or "")
            user = (await machines_of(self._store, tx, subscription, nic.name)).get(nic.key)
            if user is not None and user.lower() != call.rid.key:
                raise Fault("NicInUse", name=row.id, users=user)

    async def _location(self, call: Call, tx: Tx, draft: Draft) -> str:
        group = await self._store.resources.get(tx, group_id(call.rid))
        return draft.location or (group.location if group else None) or DEFAULT_LOCATION
