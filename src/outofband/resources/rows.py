"""Types that live in the store's resource table: how their rows are read and what each of them answers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from outofband.core.ids import ResourceId, parse_id
from outofband.resources.declaration import Item, Page
from outofband.resources.exchange import Call
from outofband.store.resources import Resource
from outofband.store.store import Store
from outofband.store.tx import Tx

CHUNK = 50
"""Rows made at a time: consoles run on the same loop, and a long list must not hold up their keys."""


class Rows:
    """A `Source`. `render` makes the answer's `properties` from a row and the words of `$expand`."""

    def __init__(
        self, store: Store, type_name: str, render: Callable[[Resource, frozenset[str]], dict[str, Any]]
    ) -> None:
        self._store = store
        self._type = type_name
        self._render = render

    async def get(self, call: Call, tx: Tx, rid: ResourceId) -> Item | None:
        row = await self._store.resources.get(tx, rid)
        return self.item(row, call.expand) if row is not None else None

    async def list(self, call: Call, tx: Tx, after: str | None, limit: int) -> Page:
        items: list[Item] = []
        while True:
            found = await self._store.resources.page(
                tx,
                subscription=call.rid.subscription,
                group=call.rid.group,
                type=self._type,
                parent=call.rid if call.rid.chain else None,
                after=after,
                limit=min(CHUNK, limit - len(items)),
            )
            items += [self.item(row, call.expand) for row in found.items]
            after = found.after
            if after is None or len(items) >= limit:
                return Page(items=items, after=after)

    def item(self, row: Resource, expand: frozenset[str] = frozenset()) -> Item:
        body: dict[str, Any] = {"id": row.id, "name": row.name, "type": self._type}
        if row.location is not None:
            body["location"] = row.location
        if row.tags:
            body["tags"] = row.tags
        body.update(row.envelope)
        properties = self._render(row, expand)
        body["properties"] = {"provisioningState": row.provisioning_state, **properties}
        body["etag"] = row.etag
        return Item(rid=parse_id(row.id), body=body, etag=row.etag, row=row)
