"""Microsoft.Compute/virtualMachines, declared."""

from __future__ import annotations

import re
from typing import Any

import msgspec

from outofband.core.errors import Fault
from outofband.fleet.fleet import Fleet
from outofband.providers.compute import instance_view
from outofband.providers.compute.placement import check_offer, choose
from outofband.providers.compute.power import Consoles, Removal, Shutdown, Work
from outofband.providers.compute.shape import (
    PRIVATE,
    TYPE,
    Guest,
    Private,
    VmProperties,
    guest_of,
    private_of,
    shown,
    with_private,
)
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

SINCE = "2015-06-15"
_NAME = re.compile(r"^[A-Za-z0-9]([A-Za-z0-9_.-]{0,62}[A-Za-z0-9_])?$")

_NEW_VM = {"properties": {"outofband": {"driver": "qemu", "image": "demo", "memoryMiB": 256, "cpus": 1}}}
_SKIP_SHUTDOWN = Option(name="skipShutdown", about="Cut the power instead of asking the guest", flag=True)


class VirtualMachines:
    def __init__(self, store: Store, fleet: Fleet, consoles: Consoles) -> None:
        self._store = store
        self._fleet = fleet
        self._work = Work(store, fleet, consoles)
        self._rows = Rows(store, TYPE, self._render)

    def declare(self) -> ResourceType:
        return ResourceType(
            name=TYPE,
            about="a virtual machine",
            many="virtual machines",
            since=SINCE,
            version="2024-11-01",
            source=self._rows,
            places=frozenset({Place.GROUP}),
            lists=frozenset({Place.SUBSCRIPTION, Place.GROUP}),
            names=_NAME,
            put=Put(plan=self._put, properties=VmProperties, step=self._work.create, example=_NEW_VM),
            patch=Patch(plan=self._patch, properties=VmProperties, example={"tags": {"owner": "me"}}),
            delete=Delete(plan=self._delete, step=self._work.delete),
            actions={
                "start": self._power(self._work.start, "Start a VM"),
                "restart": self._power(self._work.restart, "Restart a VM: ask the guest, then force it"),
                "powerOff": self._power(self._work.power_off, "Shut a VM down", _SKIP_SHUTDOWN),
                "deallocate": self._power(
                    self._work.deallocate, "Shut a VM down, force it if need be, and mark it as not in use"
                ),
            },
            views={
                "instanceView": View(
                    render=self._instance_view, about="Read what is seen of a VM at this moment"
                )
            },
            options=(Option(name="$expand", about="`instanceView`: with what is seen of it at this moment"),),
        )

    def _render(self, row: Resource, expand: frozenset[str]) -> dict[str, Any]:
        properties = shown(row)
        if "instanceview" in expand:
            properties["instanceView"] = instance_view.render(self._fleet, row)
        return properties

    async def _instance_view(self, call: Call, tx: Tx, item: Item) -> dict[str, Any]:
        return instance_view.render(self._fleet, item.row)

    async def _put(self, call: Call, tx: Tx, draft: Draft, there: Item | None) -> Written:
        if there is not None and (private_of(there.row).placed or there.row.provisioning_state != "Failed"):
            return await self._update(call, tx, draft, there.row)
        return await self._create(call, tx, draft, there.row if there else None)

    async def _create(self, call: Call, tx: Tx, draft: Draft, failed: Resource | None) -> Written:
        wanted: VmProperties = draft.properties
        guest = wanted.outofband or (guest_of(failed) if failed else Guest())
        guest.check()
        named = wanted.host.id if wanted.host else None
        if named is None and failed is not None:
            named = failed.properties["host"]["id"]
        host = choose(self._fleet, call.rid, named)
        check_offer(host, guest)
        group = await self._store.resources.get(tx, group_id(call.rid))
        row, created = await self._store.resources.put(
            tx,
            call.rid,
            now=call.now,
            by=call.by,
            location=draft.location or (group.location if group else None) or DEFAULT_LOCATION,
            tags=draft.tags if draft.tags is not None else (failed.tags if failed else {}),
            properties={
                **wanted.profiles(failed.properties if failed else {}),
                "host": {"id": host.agent.resource_id},
                "outofband": msgspec.to_builtins(guest),
                PRIVATE: msgspec.to_builtins(Private(agent=host.agent.id)),
            },
            provisioning_state="Creating",
        )
        return Written(item=self._rows.item(row), created=created, work={})

    async def _update(self, call: Call, tx: Tx, draft: Draft, row: Resource) -> Written:
        wanted: VmProperties = draft.properties
        if wanted.host is not None and wanted.host.id.lower() != row.properties["host"]["id"].lower():
            raise Fault("PropertyChangeNotAllowed", property="host.id")
        if wanted.outofband is not None and wanted.outofband != guest_of(row):
            raise Fault("PropertyChangeNotAllowed", property="outofband")
        if draft.location not in (None, row.location):
            raise Fault("PropertyChangeNotAllowed", property="location")
        changed = await self._store.resources.update(
            tx,
            call.rid,
            now=call.now,
            by=call.by,
            tags=draft.tags,
            properties=row.properties | wanted.profiles(row.properties),
        )
        assert changed is not None
        return Written(item=self._rows.item(changed))

    async def _patch(self, call: Call, tx: Tx, draft: Draft, there: Item) -> Written:
        return await self._update(call, tx, draft, there.row)

    async def _delete(self, call: Call, tx: Tx, there: Item) -> Any:
        row: Resource = there.row
        agent = private_of(row).agent
        never_there = not private_of(row).placed and row.provisioning_state in ("Failed", DELETING)
        if not never_there and self._fleet.host(agent) is not None and not self._fleet.connected(agent):
            # D12: a host that cannot be reached may still run it.
            raise self._fleet.offline(agent)
        await self._store.resources.update(
            tx,
            call.rid,
            now=call.now,
            by=call.by,
            provisioning_state=DELETING,
            properties=with_private(row, failure=None),
        )
        return msgspec.to_builtins(Removal(from_host=not never_there or self._fleet.connected(agent)))

    def _power(self, step: Step, about: str, *options: Option) -> Begin:
        return Begin(plan=self._plan_power, step=step, about=about, options=options)

    async def _plan_power(self, call: Call, tx: Tx, item: Item, body: Any) -> Any:
        row: Resource = item.row
        private = private_of(row)
        if not private.placed and row.provisioning_state == "Failed":
            raise Fault("VmNotPlaced", vm=row.name)
        if not self._fleet.connected(private.agent):
            raise self._fleet.offline(private.agent)
        return msgspec.to_builtins(Shutdown(graceful=not call.request.flag("skipShutdown")))
