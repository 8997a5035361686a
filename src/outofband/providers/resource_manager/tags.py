"""The tags of a subscription, a group or a resource as a resource of their own, and all names in use."""

from __future__ import annotations

import enum
import re
from collections import Counter, defaultdict
from collections.abc import Callable
from typing import Any

import msgspec

from outofband.core.errors import Fault
from outofband.core.ids import ResourceId, parse_id
from outofband.providers.resource_manager.directory import SINCE, tags_id, tags_of_subscription
from outofband.resources import drafts
from outofband.resources.declaration import (
    Delete,
    Draft,
    Item,
    Page,
    Patch,
    Place,
    Put,
    ResourceType,
    Written,
)
from outofband.resources.exchange import Call
from outofband.resources.lookup import above, missing
from outofband.store.store import Store
from outofband.store.tx import Tx

TYPE = "Microsoft.Resources/tags"
_PLACES = frozenset({Place.SUBSCRIPTION, Place.GROUP, Place.RESOURCE})


class Merging(enum.StrEnum):
    MERGE = "Merge"
    REPLACE = "Replace"
    DELETE = "Delete"


class TagsProperties(msgspec.Struct, frozen=True, kw_only=True):
    tags: dict[str, str] | None = None


class Tags:
    """Every scope has them, perhaps none; a subscription's, which has no row of its own, are a row here."""

    def __init__(self, store: Store, find: Callable[[str], ResourceType | None]) -> None:
        """`find` gives the declared type of a name: some keep their resources elsewhere."""
        self._store = store
        self._find = find

    def declare(self) -> ResourceType:
        example = {"properties": {"tags": {"owner": "me"}}}
        return ResourceType(
            name=TYPE,
            about="the tags of a scope",
            many="tags",
            since="2019-10-01",
            version="2021-04-01",
            source=self,
            places=_PLACES,
            names=re.compile(r"^default$", re.IGNORECASE),
            fixed={"tags": "default"},
            put=Put(plan=self._put, properties=TagsProperties, example=example),
            patch=Patch(
                plan=self._patch,
                properties=TagsProperties,
                example={"operation": Merging.MERGE.value, **example},
            ),
            delete=Delete(plan=self._delete),
        )

    async def get(self, call: Call, tx: Tx, rid: ResourceId) -> Item | None:
        if rid.name.lower() != "default":
            return None
        scope = above(rid)
        if not scope.group:
            return _item(scope, await tags_of_subscription(self._store, tx, scope))
        if (declared := self._apart(scope)) is not None:
            there = await declared.source.get(call, tx, scope)
            if there is None:
                raise await missing(self._store, tx, scope)
            return _item(there.rid, there.body.get("tags", {}))
        row = await self._store.resources.get(tx, scope)
        if row is None:
            raise await missing(self._store, tx, scope)
        return _item(parse_id(row.id), row.tags)

    async def list(self, call: Call, tx: Tx, after: str | None, limit: int) -> Page:
        return Page(items=[])

    async def _put(self, call: Call, tx: Tx, draft: Draft, there: Item | None) -> Written:
        return await self._keep(call, tx, draft.properties.tags or {})

    async def _patch(self, call: Call, tx: Tx, draft: Draft, there: Item) -> Written:
        word = draft.raw.get("operation")
        operation = next(
            (each for each in Merging if isinstance(word, str) and each.value.lower() == word.lower()), None
        )
        if operation is None:
            raise Fault(
                "InvalidParameter", target="operation", detail="it is one of Merge, Replace and Delete"
            )
        kept: dict[str, str] = dict(there.body["properties"]["tags"])
        given: dict[str, str] = draft.properties.tags or {}
        return await self._keep(call, tx, merged(kept, given, operation))

    async def _delete(self, call: Call, tx: Tx, there: Item) -> Any:
        await self._keep(call, tx, {})

    async def _keep(self, call: Call, tx: Tx, tags: dict[str, str]) -> Written:
        scope = above(call.rid)
        drafts.tags(tags)
        if (declared := self._apart(scope)) is not None:
            await self._keep_apart(msgspec.structs.replace(call, rid=scope), tx, declared, tags)
        elif scope.group:
            if await self._store.resources.update(tx, scope, now=call.now, by=call.by, tags=tags) is None:
                raise await missing(self._store, tx, scope)
        elif tags:
            await self._store.resources.put(tx, tags_id(scope), now=call.now, by=call.by, tags=tags)
        else:
            await self._store.resources.delete(tx, tags_id(scope))
        return Written(item=_item(scope, tags))

    def _apart(self, scope: ResourceId) -> ResourceType | None:
        """The type of a resource that is not in the resource table, and can be tagged."""
        declared = self._find(scope.type) if scope.chain else None
        return declared if declared is not None and declared.apart and declared.patch is not None else None

    async def _keep_apart(self, call: Call, tx: Tx, declared: ResourceType, tags: dict[str, str]) -> None:
        there = await declared.source.get(call, tx, call.rid)
        if there is None or declared.patch is None:
            raise await missing(self._store, tx, call.rid)
        empty: Any = declared.patch.properties() if declared.patch.properties is not None else {}
        draft = Draft(location=None, tags=tags, properties=empty, raw={})
        await declared.patch.plan(msgspec.structs.replace(call, rid=there.rid), tx, draft, there)


class TagNames:
    """Every tag in a subscription, with how often it and each of its values is used."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def declare(self) -> ResourceType:
        return ResourceType(
            name="Microsoft.Resources/tagNames",
            about="the name of a tag",
            many="names of tags in use",
            since=SINCE,
            version="2021-04-01",
            source=self,
            places=frozenset(),
            lists=frozenset({Place.SUBSCRIPTION}),
            permission="Microsoft.Resources/subscriptions/tagNames",
        )

    async def get(self, call: Call, tx: Tx, rid: ResourceId) -> Item | None:
        return None

    async def list(self, call: Call, tx: Tx, after: str | None, limit: int) -> Page:
        values: dict[str, Counter[str]] = defaultdict(Counter)
        spelled: dict[str, str] = {}
        used = await self._store.resources.tags(tx, call.rid.subscription or "")
        machines = await self._store.agents.find(tx, subscription_id=call.rid.subscription)
        for tags in [*used, *(each.tags for each in machines if each.tags)]:
            for name, value in tags.items():
                spelled.setdefault(name.lower(), name)
                values[name.lower()][value] += 1
        names = sorted(key for key in values if after is None or key > after)
        items = [_tag_name(call.rid, spelled[key], values[key]) for key in names[:limit]]
        return Page(items=items, after=names[limit - 1] if len(names) > limit else None)


def merged(kept: dict[str, str], given: dict[str, str], operation: Merging) -> dict[str, str]:
    """`kept` after `operation` with `given`. Names compare without case; the new spelling stays."""
    if operation is Merging.REPLACE:
        return dict(given)
    if operation is Merging.DELETE:
        # A tag goes when name and value are given as they are; an empty value means any.
        gone = {name.lower(): value for name, value in given.items()}
        return {
            name: value
            for name, value in kept.items()
            if name.lower() not in gone or gone[name.lower()] not in ("", value)
        }
    new = {name.lower() for name in given}
    return {name: value for name, value in kept.items() if name.lower() not in new} | given


def _item(scope: ResourceId, tags: dict[str, str]) -> Item:
    rid = tags_id(scope)
    body = {"id": str(rid), "name": "default", "type": TYPE, "properties": {"tags": tags}}
    return Item(rid=rid, body=body)


def _tag_name(subscription: ResourceId, name: str, values: Counter[str]) -> Item:
    path = f"{subscription}/tagNames/{name}"
    body = {
        "id": path,
        "tagName": name,
        "count": {"type": "Total", "value": values.total()},
        "values": [
            {"id": f"{path}/tagValues/{value}", "tagValue": value, "count": {"type": "Total", "value": count}}
            for value, count in sorted(values.items())
        ],
    }
    return Item(rid=subscription, body=body)
