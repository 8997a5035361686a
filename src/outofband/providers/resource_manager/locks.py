"""Microsoft.Authorization/locks: at a subscription, a resource group or a resource. The kernel obeys them."""

from __future__ import annotations

from typing import Any

import msgspec

from outofband.core.errors import Fault
from outofband.core.ids import ResourceId, parse_id
from outofband.resources.declaration import Delete, Draft, Item, Page, Place, Put, ResourceType, Written
from outofband.resources.exchange import Call
from outofband.resources.lookup import above
from outofband.store.assignments import scope_key
from outofband.store.locks import Lock, LockLevel
from outofband.store.store import Store
from outofband.store.tx import Tx
from outofband.wire.arm.filters import Condition, parse

TYPE = "Microsoft.Authorization/locks"
MAX_NOTES = 512
_PLACES = frozenset({Place.SUBSCRIPTION, Place.GROUP, Place.RESOURCE})


class LockProperties(msgspec.Struct, frozen=True, kw_only=True):
    level: str
    notes: str | None = None
    owners: list[dict[str, Any]] | None = None


class Locks:
    """The list at a scope holds the locks on it and those on what is inside it."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def declare(self) -> ResourceType:
        return ResourceType(
            name=TYPE,
            about="a lock",
            many="locks",
            since="2015-01-01",
            version="2020-05-01",
            source=self,
            places=_PLACES,
            lists=_PLACES,
            put=Put(
                plan=self._put,
                properties=LockProperties,
                example={"properties": {"level": LockLevel.CAN_NOT_DELETE.value, "notes": "Ask me first"}},
            ),
            delete=Delete(plan=self._delete),
            lockable=False,
            filters="`atScope()`: not those inside it",
        )

    async def get(self, call: Call, tx: Tx, rid: ResourceId) -> Item | None:
        found = await self._store.locks.get(tx, str(above(rid)), rid.name)
        return _item(found) if found is not None else None

    async def list(self, call: Call, tx: Tx, after: str | None, limit: int) -> Page:
        conditions = parse(call.request.parameter("$filter"))
        here = Condition("atscope", "call", "")
        if any(each != here for each in conditions):
            raise Fault("InvalidParameter", target="$filter", detail="only atScope() is supported here")
        found = await self._store.locks.at(tx, call.rid, below=not conditions)
        rest = [_item(each) for each in found if after is None or each.id.lower() > after]
        return Page(items=rest[:limit], after=rest[limit - 1].rid.key if len(rest) > limit else None)

    async def _put(self, call: Call, tx: Tx, draft: Draft, there: Item | None) -> Written:
        wanted: LockProperties = draft.properties
        level = next((each for each in LockLevel if each.value.lower() == wanted.level.lower()), None)
        if level is None:
            choices = ", ".join(each.value for each in LockLevel)
            raise Fault("InvalidParameter", target="level", detail=f"it is one of {choices}")
        if wanted.notes is not None and len(wanted.notes) > MAX_NOTES:
            raise Fault("InvalidParameter", target="notes", detail=f"{MAX_NOTES} characters at most")
        kept: Lock | None = there.row if there else None
        lock = Lock(
            name=kept.name if kept else call.rid.name,
            scope=kept.scope if kept else str(above(call.rid)),
            level=level,
            notes=wanted.notes,
            created=kept.created if kept else call.now,
            created_by=kept.created_by if kept else call.by,
            changed=call.now,
            changed_by=call.by,
        )
        await self._store.locks.put(tx, lock)
        return Written(item=_item(lock), created=kept is None)

    async def _delete(self, call: Call, tx: Tx, there: Item) -> Any:
        lock: Lock = there.row
        await self._store.locks.remove(tx, scope_key(lock.scope), lock.name)


def _item(lock: Lock) -> Item:
    properties = {"level": lock.level.value} | ({"notes": lock.notes} if lock.notes is not None else {})
    body = {"id": lock.id, "name": lock.name, "type": TYPE, "properties": properties}
    return Item(rid=parse_id(lock.id), body=body, row=lock)
