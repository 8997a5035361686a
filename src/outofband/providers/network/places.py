"""Microsoft.Network/locations: what is asked of a location, without a resource."""

from __future__ import annotations

from typing import Any

from outofband.core.errors import Fault
from outofband.core.ids import ResourceId
from outofband.providers.network.house import LIMITS, LOCATIONS, SINCE, VERSION, House
from outofband.providers.network.public_addresses import check_label, dns_space
from outofband.resources.declaration import Item, Option, Page, Place, ResourceType, View
from outofband.resources.exchange import Call
from outofband.store.tx import Tx


class Places:
    def __init__(self, house: House) -> None:
        self._store = house.store

    def types(self) -> list[ResourceType]:
        return [
            ResourceType(
                name=LOCATIONS,
                about="a location of networks",
                many="locations of networks",
                since=SINCE,
                version=VERSION,
                source=self,
                places=frozenset({Place.SUBSCRIPTION}),
                views={
                    "usages": View(render=self._usages, about="Count networks against their limits"),
                    "CheckDnsNameAvailability": View(
                        render=self._dns, about="Tell whether a DNS label is free for a public address"
                    ),
                },
                options=(
                    Option(name="domainNameLabel", about="What `CheckDnsNameAvailability` is asked about"),
                ),
            )
        ]

    async def get(self, call: Call, tx: Tx, rid: ResourceId) -> Item | None:
        name = rid.name.replace(" ", "").lower()
        body = {"id": str(rid), "name": name, "type": LOCATIONS, "properties": {}}
        return Item(rid=rid, body=body, row=name)

    async def list(self, call: Call, tx: Tx, after: str | None, limit: int) -> Page:
        return Page(items=[])

    async def _usages(self, call: Call, tx: Tx, item: Item) -> dict[str, Any]:
        """Counts the subscription, not what the caller may see of it: that is what the limits are about."""
        subscription = call.rid.subscription or ""
        usages = []
        for type_name, (name, words, limit) in LIMITS.items():
            usages.append(
                {
                    "id": f"{item.rid}/usages/{name}",
                    "name": {"value": name, "localizedValue": words},
                    "unit": "Count",
                    "currentValue": await self._store.network.count(tx, subscription, type_name, item.row),
                    "limit": limit,
                }
            )
        return {"value": usages}

    async def _dns(self, call: Call, tx: Tx, item: Item) -> dict[str, Any]:
        label = call.request.parameter("domainNameLabel")
        if label is None:
            raise Fault("InvalidParameter", target="domainNameLabel", detail="it is needed")
        space = dns_space(call.principal.tenant)
        return {"available": await self._store.network.holder(tx, space, check_label(label)) is None}
