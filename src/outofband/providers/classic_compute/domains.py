"""Microsoft.ClassicCompute/domainNames: the cloud services that classic VMs name. One is there as long as a
VM names it, so there is nothing to make or to delete.
"""

from __future__ import annotations

from typing import Any

import msgspec

from outofband.core.ids import ResourceId, parse_id
from outofband.providers.classic_compute.machines import SINCE, VERSION, in_service
from outofband.providers.classic_compute.shape import DOMAINS, TYPE, domain_id, domain_of
from outofband.providers.network.endpoints import SHOWN
from outofband.resources.declaration import Item, Page, Place, ResourceType
from outofband.resources.exchange import Call
from outofband.store.resources import Resource
from outofband.store.store import Store
from outofband.store.tx import Tx


class DomainNames:
    def __init__(self, store: Store) -> None:
        self._store = store

    def declare(self) -> ResourceType:
        return ResourceType(
            name=DOMAINS,
            about="a cloud service of classic VMs",
            many="cloud services of classic VMs",
            since=SINCE,
            version=VERSION,
            source=self,
            places=frozenset({Place.GROUP}),
            lists=frozenset({Place.SUBSCRIPTION, Place.GROUP}),
            apart=True,
        )

    async def get(self, call: Call, tx: Tx, rid: ResourceId) -> Item | None:
        rows = await in_service(self._store, tx, rid, rid.name)
        return _item(rows) if rows else None

    async def list(self, call: Call, tx: Tx, after: str | None, limit: int) -> Page:
        """By their ids; all rows are looked at, for a service is in several of them."""
        services: dict[str, list[Resource]] = {}
        start: str | None = None
        while True:
            page = await self._store.resources.page(
                tx, subscription=call.rid.subscription, group=call.rid.group, type=TYPE, after=start
            )
            for row in page.items:
                services.setdefault(domain_id(row).lower(), []).append(row)
            start = page.after
            if start is None:
                break
        keys = sorted(key for key in services if after is None or key > after)
        items = [_item(services[key]) for key in keys[:limit]]
        return Page(items=items, after=keys[limit - 1] if len(keys) > limit else None)


def _item(rows: list[Resource]) -> Item:
    first = rows[0]
    rid = parse_id(domain_id(first))
    properties: dict[str, Any] = {
        "provisioningState": "Succeeded",
        "status": "Created",
        "label": domain_of(first),
        "virtualMachines": [{"id": row.id} for row in rows],
        "inputEndpoints": [
            {"virtualMachine": row.name, **each} for row in rows for each in row.properties[SHOWN]
        ],
    }
    body = {
        "id": str(msgspec.structs.replace(rid, chain=(("domainNames", domain_of(first)),))),
        "name": domain_of(first),
        "type": DOMAINS,
        "location": first.location,
        "properties": properties,
    }
    return Item(rid=rid, body=body)
