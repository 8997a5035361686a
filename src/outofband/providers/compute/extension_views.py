"""What is seen of the extensions of a VM, in its own instance view and in theirs."""

from __future__ import annotations

from typing import Any

import msgspec

from outofband.core.ids import ResourceId
from outofband.providers.compute.tasks import task_of
from outofband.resources.declaration import Item
from outofband.store.resources import Resource
from outofband.store.store import Store
from outofband.store.tx import Tx

KIND = "extensions"


async def views_of(store: Store, tx: Tx, vm: ResourceId) -> list[dict[str, Any]]:
    """`instanceView.extensions` of a VM."""
    found = await store.resources.page(tx, type=f"{vm.type}/{KIND}", parent=vm)
    return [view(row) for row in found.items]


async def with_extensions(store: Store, tx: Tx, item: Item) -> Item:
    """A VM with its instance view, and in it that of its extensions."""
    properties = item.body["properties"]
    view = properties["instanceView"] | {"extensions": await views_of(store, tx, item.rid)}
    body = item.body | {"properties": properties | {"instanceView": view}}
    return msgspec.structs.replace(item, body=body)


def view(row: Resource) -> dict[str, Any]:
    """The instance view of one extension."""
    found: dict[str, Any] = {
        "name": row.name,
        "type": f"{row.properties['publisher']}.{row.properties['type']}",
        "typeHandlerVersion": row.properties.get("typeHandlerVersion", "1.0"),
        "statuses": [],
    }
    if status := task_of(row).view:
        found["statuses"] = [status]
    return found
