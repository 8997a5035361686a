"""All types of storage, as the program declares them."""

from __future__ import annotations

from typing import Any

from outofband.core.ids import ResourceId
from outofband.providers.storage.accounts import StorageAccounts
from outofband.providers.storage.services import BlobContainers, BlobServices
from outofband.providers.storage.shape import NAMESPACE, SINCE, VERSION
from outofband.resources.declaration import Item, Page, Place, ResourceType, View
from outofband.resources.exchange import Call
from outofband.storage.accounts import TYPE
from outofband.storage.service import Storage
from outofband.store.store import Store
from outofband.store.tx import Tx

LOCATIONS = f"{NAMESPACE}/locations"
MAX_ACCOUNTS = 250
"""Azure's limit for a subscription and location."""


def storages(store: Store, storage: Storage) -> list[ResourceType]:
    return [
        StorageAccounts(store, storage).declare(),
        BlobServices(store, storage).declare(),
        BlobContainers(store, storage).declare(),
        Places(store).declare(),
    ]


class Places:
    """What is asked of a location, without a resource."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def declare(self) -> ResourceType:
        return ResourceType(
            name=LOCATIONS,
            about="a location of storage accounts",
            many="locations of storage accounts",
            since=SINCE,
            version=VERSION,
            source=self,
            places=frozenset({Place.SUBSCRIPTION}),
            views={"usages": View(render=self._usages, about="Count storage accounts against their limit")},
        )

    async def get(self, call: Call, tx: Tx, rid: ResourceId) -> Item | None:
        name = rid.name.replace(" ", "").lower()
        return Item(rid=rid, body={"id": str(rid), "name": name, "type": LOCATIONS}, row=name)

    async def list(self, call: Call, tx: Tx, after: str | None, limit: int) -> Page:
        return Page(items=[])

    async def _usages(self, call: Call, tx: Tx, item: Item) -> dict[str, Any]:
        count, after = 0, None
        while True:
            page = await self._store.resources.page(
                tx, subscription=call.rid.subscription, type=TYPE, after=after
            )
            count += sum(row.location == item.row for row in page.items)
            after = page.after
            if after is None:
                break
        name = {"value": "StorageAccounts", "localizedValue": "Storage Accounts"}
        return {"value": [{"unit": "Count", "currentValue": count, "limit": MAX_ACCOUNTS, "name": name}]}
