"""What hosts offer, in the lists that Azure's clients read before they create: sizes, SKUs, usage, images.

Hosts have no regions of their own, so every location answers the same. Only hosts of the caller's
subscription count.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from typing import Any

from outofband.core.errors import Fault
from outofband.core.ids import ResourceId
from outofband.fleet.fleet import Fleet
from outofband.fleet.hosts import MAX_MACHINES
from outofband.providers.compute import sizes
from outofband.providers.compute.guests import PUBLISHER, SKU, VERSION
from outofband.providers.compute.shape import INSTANCES, SCALE_SETS, TYPE, guest_of
from outofband.providers.compute.sizes import MAX_CPUS, Size
from outofband.resources.declaration import Item, Page, Place, ResourceType
from outofband.resources.exchange import Call
from outofband.resources.polling import DEFAULT_LOCATION
from outofband.store.resources import Resource
from outofband.store.store import Store
from outofband.store.tx import Tx

SINCE = "2015-06-15"
VERSION_SHAPE = "2024-11-01"
_LOCATIONS = "Microsoft.Compute/locations"
_PUBLISHERS = f"{_LOCATIONS}/publishers"
_OFFERS = f"{_PUBLISHERS}/artifacttypes/offers"
_SKUS = f"{_OFFERS}/skus"
_VERSIONS = f"{_SKUS}/versions"
_MIB_PER_GIB = 1024

Find = Callable[[Call, Tx, ResourceId], Awaitable[list[dict[str, Any]]]]


class Computed:
    """A source of what is worked out at the moment: no rows, names compare without case."""

    def __init__(self, find: Find) -> None:
        self._find = find

    async def get(self, call: Call, tx: Tx, rid: ResourceId) -> Item | None:
        for body in await self._find(call, tx, rid):
            if str(body["name"]).lower() == rid.name.lower():
                return Item(rid=rid, body=body)
        return None

    async def list(self, call: Call, tx: Tx, after: str | None, limit: int) -> Page:
        items = []
        for body in await self._find(call, tx, call.rid):
            items.append(Item(rid=call.rid, body=body))
        start = int(after) if after is not None and after.isdecimal() else 0
        more = len(items) > start + limit
        return Page(items=items[start : start + limit], after=str(start + limit) if more else None)


class Offers:
    def __init__(self, store: Store, fleet: Fleet) -> None:
        self._store = store
        self._fleet = fleet

    def declare(self) -> list[ResourceType]:
        return [
            _type(f"{_LOCATIONS}/vmSizes", "a size of VMs", "sizes of VMs", self._sizes),
            _type(f"{_LOCATIONS}/usages", "what is used", "what is used of what there is", self._usages),
            _type("Microsoft.Compute/skus", "a SKU", "SKUs that can be had", self._skus, Place.SUBSCRIPTION),
            _type(_PUBLISHERS, "a publisher of images", "publishers of images", self._publishers, bare=True),
            _type(_OFFERS, "an image of hosts", "images that hosts have", self._images, bare=True),
            _type(_SKUS, "a SKU of an image", "SKUs of an image", self._image_skus, bare=True),
            _type(_VERSIONS, "a version of an image", "versions of an image", self._versions, bare=True),
        ]

    async def _sizes(self, call: Call, tx: Tx, rid: ResourceId) -> list[dict[str, Any]]:
        return [sizes.body(size) for size in sizes.fitting(self._fleet.agents(rid.subscription))]

    async def _usages(self, call: Call, tx: Tx, rid: ResourceId) -> list[dict[str, Any]]:
        machines = await self._rows(tx, rid, TYPE)
        instances = await self._rows(tx, rid, INSTANCES)
        scale_sets = await self._rows(tx, rid, SCALE_SETS)
        cores = sum(guest_of(row).cpus for row in (*machines, *instances))
        most = MAX_MACHINES * len(self._fleet.agents(rid.subscription))
        return [
            _usage("cores", "Total Regional vCPUs", cores, most * MAX_CPUS),
            _usage("virtualMachines", "Virtual Machines", len(machines) + len(instances), most),
            _usage("virtualMachineScaleSets", "Virtual Machine Scale Sets", len(scale_sets), most),
        ]

    async def _skus(self, call: Call, tx: Tx, rid: ResourceId) -> list[dict[str, Any]]:
        fitting = sizes.fitting(self._fleet.agents(rid.subscription))
        return [_sku(size, fits=size in fitting) for size in sizes.NAMED]

    async def _publishers(self, call: Call, tx: Tx, rid: ResourceId) -> list[dict[str, Any]]:
        return [_artifact(_under(rid, ("publishers", PUBLISHER)))] if self._named_images(rid) else []

    async def _images(self, call: Call, tx: Tx, rid: ResourceId) -> list[dict[str, Any]]:
        if _at(rid, 1) != PUBLISHER or _at(rid, 2) != "vmimage":
            return []
        return [_artifact(_under(rid, ("offers", name))) for name in self._named_images(rid)]

    async def _image_skus(self, call: Call, tx: Tx, rid: ResourceId) -> list[dict[str, Any]]:
        self._require_image(rid)
        return [_artifact(_under(rid, ("skus", SKU)))]

    async def _versions(self, call: Call, tx: Tx, rid: ResourceId) -> list[dict[str, Any]]:
        self._require_image(rid)
        body = _artifact(_under(rid, ("versions", VERSION)))
        return [body | {"properties": {"hyperVGeneration": "V1", "architecture": "x64"}}]

    def _named_images(self, rid: ResourceId) -> list[str]:
        hosts = self._fleet.agents(rid.subscription)
        return sorted({name for host in hosts if host.report is not None for name in host.report.images})

    def _require_image(self, rid: ResourceId) -> None:
        names = {name.lower() for name in self._named_images(rid)}
        if _at(rid, 1) != PUBLISHER or _at(rid, 3) not in names:
            image = f"{_at(rid, 1)}:{_at(rid, 3)}"
            raise Fault("PlatformImageNotFound", image=image[:80])

    async def _rows(self, tx: Tx, rid: ResourceId, kind: str) -> list[Resource]:
        found: list[Resource] = []
        after: str | None = None
        while True:
            page = await self._store.resources.page(tx, subscription=rid.subscription, type=kind, after=after)
            found += page.items
            if (after := page.after) is None:
                return found


def _type(
    name: str, about: str, many: str, find: Find, place: Place = Place.RESOURCE, *, bare: bool = False
) -> ResourceType:
    return ResourceType(
        name=name,
        about=about,
        many=many,
        since=SINCE,
        version=VERSION_SHAPE,
        source=Computed(find),
        places=frozenset({Place.SUBSCRIPTION}),
        lists=frozenset({place}),
        bare=bare,
    )


def _usage(name: str, about: str, current: int, limit: int) -> dict[str, Any]:
    return {
        "unit": "Count",
        "currentValue": current,
        "limit": limit,
        "name": {"value": name, "localizedValue": about},
    }


def _sku(size: Size, *, fits: bool) -> dict[str, Any]:
    restriction = {
        "type": "Location",
        "values": [DEFAULT_LOCATION],
        "restrictionInfo": {"locations": [DEFAULT_LOCATION]},
        # Azure's word for a size that cannot be had; here no host is large enough.
        "reasonCode": "NotAvailableForSubscription",
    }
    return {
        "resourceType": "virtualMachines",
        "name": size.name,
        "tier": "Standard",
        "size": size.name.partition("_")[2],
        "family": size.family,
        "locations": [DEFAULT_LOCATION],
        "locationInfo": [{"location": DEFAULT_LOCATION, "zones": []}],
        "capabilities": [
            {"name": "vCPUs", "value": str(size.cpus)},
            {"name": "MemoryGB", "value": f"{size.memory_mib / _MIB_PER_GIB:g}"},
        ],
        "restrictions": [] if fits else [restriction],
    }


def _under(rid: ResourceId, *pairs: tuple[str, str]) -> ResourceId:
    """The id of one of a list; `rid` is the list's node, or already one of them."""
    kept: Iterable[tuple[str, str]] = rid.chain
    if rid.chain and rid.chain[-1][0].lower() == pairs[0][0]:
        kept = rid.chain[:-1]
    return ResourceId(subscription=rid.subscription, namespace="Microsoft.Compute", chain=(*kept, *pairs))


def _at(rid: ResourceId, position: int) -> str:
    return rid.chain[position][1].lower() if len(rid.chain) > position else ""


def _artifact(rid: ResourceId) -> dict[str, Any]:
    location = rid.chain[0][1]
    return {"id": str(rid), "name": rid.name, "location": location}
