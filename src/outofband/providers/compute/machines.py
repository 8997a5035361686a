"""Microsoft.Compute/virtualMachines, declared."""

from __future__ import annotations

import re
from typing import Any

import msgspec

from outofband.access.authorizer import Authorizer
from outofband.core.errors import Fault
from outofband.fleet.fleet import Fleet
from outofband.providers.compute import instance_view, sizes
from outofband.providers.compute.extension_views import views_of, with_extensions
from outofband.providers.compute.finding_views import add, findings_of, with_findings
from outofband.providers.compute.importing import Importable
from outofband.providers.compute.placement import Placement
from outofband.providers.compute.planning import Plans
from outofband.providers.compute.power import Shutdown, Work
from outofband.providers.compute.shape import TYPE, VmProperties, is_spot, machine_name, private_of, shown
from outofband.resources.declaration import (
    Act,
    Begin,
    Delete,
    Item,
    Option,
    Page,
    Patch,
    Place,
    Put,
    ResourceType,
    Step,
    View,
)
from outofband.resources.exchange import Answer, Call, Caller
from outofband.resources.rows import Rows
from outofband.store.resources import Resource
from outofband.store.store import Store
from outofband.store.tx import Tx
from outofband.wire.arm import filters

SINCE = "2015-06-15"
_NAME = re.compile(r"^[A-Za-z0-9]([A-Za-z0-9_.-]{0,62}[A-Za-z0-9_])?$")

_NEW_VM = {"properties": {"outofband": {"driver": "qemu", "image": "demo", "memoryMiB": 256, "cpus": 1}}}
SKIP_SHUTDOWN = Option(name="skipShutdown", about="Cut the power instead of asking the guest", flag=True)
_NEVER = {
    "generalize": ("Mark a VM as generalized", "An image is made on the host by its administrator"),
    "capture": ("Capture a VM as an image", "An image is made on the host by its administrator"),
    "reimage": ("Put a VM's disk back to its image", "Delete the VM and create it anew for a fresh disk"),
    "performMaintenance": ("Do planned maintenance on a VM", "No maintenance is planned for this VM"),
    "assessPatches": ("Look for patches of a VM", "Patches are the guest's own affair: use a run command"),
    "installPatches": ("Install patches in a VM", "Patches are the guest's own affair: use a run command"),
    "convertToManagedDisks": ("Convert a VM's disks", "The disks of a VM are its host's"),
}


class VirtualMachines:
    def __init__(
        self,
        store: Store,
        authorizer: Authorizer,
        fleet: Fleet,
        work: Work,
        placement: Placement,
        importable: Importable,
    ) -> None:
        self._store = store
        self._fleet = fleet
        self._work = work
        self._rows = Rows(store, TYPE, self._render)
        self._plans = Plans(store, authorizer, fleet, placement, importable, self._rows)

    def declare(self) -> ResourceType:
        return ResourceType(
            name=TYPE,
            about="a virtual machine",
            many="virtual machines",
            since=SINCE,
            version="2024-11-01",
            source=self,
            urgent=frozenset({"GET"}),
            places=frozenset({Place.GROUP}),
            lists=frozenset({Place.SUBSCRIPTION, Place.GROUP}),
            names=_NAME,
            put=Put(plan=self._plans.put, properties=VmProperties, step=self._work.write, example=_NEW_VM),
            patch=Patch(plan=self._plans.patch, properties=VmProperties, example={"tags": {"owner": "me"}}),
            delete=Delete(plan=self._plans.delete, step=self._work.delete),
            actions={
                "start": self._power(self._work.start, "Start a VM"),
                "restart": self._power(self._work.restart, "Restart a VM: ask the guest, then force it"),
                "powerOff": self._power(self._work.power_off, "Shut a VM down", SKIP_SHUTDOWN),
                "deallocate": self._power(
                    self._work.deallocate,
                    "Shut a VM down, force it if need be, and mark it as not in use",
                    SKIP_SHUTDOWN,
                ),
                "reapply": self._power(
                    self._work.reapply, "Tell a VM's host once more what the VM is, its power left alone"
                ),
                "simulateEviction": Act(
                    run=self._evict, about="Evict a Spot VM, as its eviction policy says"
                ),
                **{name: never(about, why) for name, (about, why) in _NEVER.items()},
            },
            views={
                "instanceView": View(
                    render=self._instance_view, about="Read what is seen of a VM at this moment"
                ),
                "vmSizes": View(render=self._sizes, about="List the sizes that a VM can be changed to"),
            },
            options=(
                Option(name="$expand", about="`instanceView`: with what is seen of it at this moment"),
                Option(name="statusOnly", about="Of a list: what is seen of each, and no more", flag=True),
            ),
            filters="`'virtualMachineScaleSet/id' eq '...'`, the id in the VM's own properties",
        )

    async def get(self, call: Call, tx: Tx, rid: Any) -> Item | None:
        item = await self._rows.get(call, tx, rid)
        if item is None or "instanceview" not in call.expand:
            return item
        (item,) = await with_findings(self._store, tx, [item], call.request.locale)
        return await with_extensions(self._store, tx, item)

    async def list(self, call: Call, tx: Tx, after: str | None, limit: int) -> Page:
        scale_set = _scale_set(call.request.parameter("$filter"))
        if call.request.flag("statusOnly"):
            expanded = (*call.request.query, ("$expand", "instanceView"))
            request = msgspec.structs.replace(call.request, query=expanded)
            page = await self._page(msgspec.structs.replace(call, request=request), tx, after, limit)
            return msgspec.structs.replace(page, items=[_status_only(item) for item in page.items])
        page = await self._page(call, tx, after, limit)
        if scale_set is None:
            return page
        return msgspec.structs.replace(
            page, items=[item for item in page.items if _of_scale_set(item) == scale_set]
        )

    async def _page(self, call: Call, tx: Tx, after: str | None, limit: int) -> Page:
        page = await self._rows.list(call, tx, after, limit)
        if "instanceview" not in call.expand:
            return page
        items = await with_findings(self._store, tx, page.items, call.request.locale)
        return msgspec.structs.replace(page, items=items)

    def _render(self, row: Resource, expand: frozenset[str]) -> dict[str, Any]:
        properties = shown(row)
        if "instanceview" in expand:
            properties["instanceView"] = instance_view.render(self._fleet, row)
        return properties

    async def _instance_view(self, call: Call, tx: Tx, item: Item) -> dict[str, Any]:
        view = instance_view.render(self._fleet, item.row)
        view = add(view, await findings_of(self._store, tx, item.row), call.request.locale)
        return view | {"extensions": await views_of(self._store, tx, item.rid)}

    async def _sizes(self, call: Call, tx: Tx, item: Item) -> dict[str, Any]:
        host = self._fleet.host(private_of(item.row).agent)
        return {"value": [sizes.body(size) for size in sizes.fitting([host] if host is not None else [])]}

    def _power(self, step: Step, about: str, *options: Option) -> Begin:
        return Begin(plan=self._plan_power, step=step, about=about, options=options)

    async def _plan_power(self, call: Call, tx: Tx, item: Item, body: Any) -> Any:
        check_power(self._fleet, item.row)
        return msgspec.to_builtins(Shutdown(graceful=not call.request.flag("skipShutdown")))

    async def _evict(self, call: Call, item: Item, body: Any) -> Answer:
        """204 at once, as Azure's clients want it; what follows is an operation like any other."""
        row: Resource = item.row
        if not is_spot(row):
            raise Fault("OperationNotAllowed", detail=f"The VM '{row.name}' does not have the priority Spot.")
        deletes = str(row.properties.get("evictionPolicy", "")).lower() == "delete"
        request = call.request
        caller = Caller(
            principal=call.principal, address=request.address, method=request.method, version=call.version
        )
        async with self._store.write() as tx:
            if deletes:
                kind, given = f"{TYPE}/delete", await self._plans.delete(call, tx, item)
            else:
                check_power(self._fleet, row)
                kind, given = f"{TYPE}/deallocate/action", msgspec.to_builtins(Shutdown())
            await self._store.operations.begin(
                tx,
                resource=call.rid,
                kind=kind,
                now=call.now,
                input=given,
                caller=msgspec.to_builtins(caller),
                correlation_id=request.correlation_id,
            )
        return Answer(status=204)


def check_power(fleet: Fleet, row: Resource) -> None:
    """Whether an order about its power can reach the machine. Raises Fault VmNotPlaced, AgentOffline."""
    private = private_of(row)
    if not private.placed and row.provisioning_state == "Failed":
        raise Fault("VmNotPlaced", vm=machine_name(row))
    if not fleet.connected(private.agent):
        raise fleet.offline(private.agent)


def never(about: str, why: str) -> Act:
    """An action that Azure has and hosts like these cannot do: it says so, and what to do instead."""

    async def refuse(call: Call, item: Item, body: Any) -> Answer:
        raise Fault("ActionNotOffered", why=why)

    return Act(run=refuse, about=f"{about}: refused, for {why[0].lower()}{why[1:]}")


def _status_only(item: Item) -> Item:
    properties = item.body["properties"]
    body: dict[str, Any] = {
        name: item.body[name] for name in ("id", "name", "type", "location") if name in item.body
    }
    body["properties"] = {
        name: properties[name] for name in ("provisioningState", "vmId", "instanceView") if name in properties
    }
    return msgspec.structs.replace(item, body=body)


def _scale_set(text: str | None) -> str | None:
    """The id in the one filter that Azure knows here, in lower case."""
    if text is None:
        return None
    # Azure quotes the name of the property too.
    wanted = filters.parse(text.replace("'virtualMachineScaleSet/id'", "virtualMachineScaleSet/id"))
    if [(each.name, each.operator) for each in wanted] != [("virtualmachinescaleset/id", "eq")]:
        detail = "only 'virtualMachineScaleSet/id' eq '...' can be asked for"
        raise Fault("InvalidParameter", target="$filter", detail=detail)
    return wanted[0].value.lower()


def _of_scale_set(item: Item) -> str | None:
    found = item.body["properties"].get("virtualMachineScaleSet")
    return str(found.get("id", "")).lower() if isinstance(found, dict) else None
