"""All resources of a subscription or a group in one list, whatever provider they are of."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any

import msgspec

from outofband.core import clock
from outofband.core.errors import Fault
from outofband.core.ids import ResourceId, parse_id
from outofband.providers.resource_manager.directory import SINCE
from outofband.resources.declaration import Item, Option, Page, Place, ResourceType
from outofband.resources.exchange import Call
from outofband.resources.registry import Registry
from outofband.store.resources import Resource
from outofband.store.store import Store
from outofband.store.tx import Tx
from outofband.wire.arm.filters import Condition, parse

NAME = "Microsoft.Resources/resources"
CHUNK = 200
"""Rows looked at in one query while a filter is looked for in them."""
MAX_LOOKED_AT = 5000
"""Rows looked at for one page; a filter that fits fewer goes on in the next page."""
_SHOWN = ("id", "name", "type", "location", "kind", "sku", "plan", "identity", "managedBy", "zones", "tags")


class Resources:
    """In the order of their ids. A caller sees what it may read, each by its own type's right."""

    def __init__(self, store: Store, registry: Callable[[], Registry]) -> None:
        self._store = store
        self._registry = registry

    def declare(self) -> ResourceType:
        return ResourceType(
            name=NAME,
            about="a resource",
            many="all resources",
            since=SINCE,
            version="2021-04-01",
            source=self,
            places=frozenset(),
            lists=frozenset({Place.SUBSCRIPTION, Place.GROUP}),
            permission="Microsoft.Resources/subscriptions/resources",
            each_right=lambda item: f"{item.body['type']}/read",
            options=(
                Option(name="$expand", about="`createdTime,changedTime,provisioningState`: with these too"),
            ),
            filters="`resourceType eq 'TYPE'`, `name eq 'NAME'`, `location eq 'PLACE'`, `resourceGroup eq "
            "'NAME'` (each also `ne`), `substringof('TEXT', name)`, `tagName eq 'NAME' and tagValue eq "
            "'VALUE'`; joined by `and`",
        )

    async def get(self, call: Call, tx: Tx, rid: ResourceId) -> Item | None:
        return None

    async def list(self, call: Call, tx: Tx, after: str | None, limit: int) -> Page:
        fits = filter_of(parse(call.request.parameter("$filter")))
        rows = await self._rows(call, tx, after, limit, fits)
        items = rows.items
        last = rows.after
        for declared in self._registry().tracked():
            if not declared.apart:
                continue
            page = await declared.source.list(call, tx, after, limit)
            # Beyond the last row looked at nothing is known yet of the rows.
            items += [
                _shown(each, call.expand)
                for each in page.items
                if fits(each.body) and (last is None or each.rid.key <= last)
            ]
            if page.after is not None:
                last = min(page.after, last) if last is not None else page.after
        items.sort(key=lambda each: each.rid.key)
        if len(items) > limit:
            items, last = items[:limit], items[limit - 1].rid.key
        return Page(items=[each for each in items if last is None or each.rid.key <= last], after=last)

    async def _rows(
        self, call: Call, tx: Tx, after: str | None, limit: int, fits: Callable[[dict[str, Any]], bool]
    ) -> Page:
        items: list[Item] = []
        looked_at = 0
        while True:
            found = await self._store.resources.page(
                tx,
                subscription=call.rid.subscription,
                group=call.rid.group,
                located=True,
                after=after,
                limit=CHUNK,
            )
            for row in found.items:
                body = self._body(row, call.expand)
                if fits(body):
                    items.append(Item(rid=parse_id(row.id), body=body, row=row))
                if len(items) == limit:
                    return Page(items=items, after=row.key)
            after, looked_at = found.after, looked_at + len(found.items)
            if after is None or looked_at >= MAX_LOOKED_AT:
                return Page(items=items, after=after)

    def _body(self, row: Resource, expand: frozenset[str]) -> dict[str, Any]:
        declared = self._registry().find(row.type)
        whole = {
            **row.envelope,
            "id": row.id,
            "name": row.name,
            "type": declared.name if declared is not None else row.type,
            "location": row.location,
            "tags": row.tags,
        }
        body = {name: whole[name] for name in _SHOWN if whole.get(name)}
        if "createdtime" in expand:
            body["createdTime"] = clock.iso(row.created)
        if "changedtime" in expand:
            body["changedTime"] = clock.iso(row.changed)
        if "provisioningstate" in expand:
            body["provisioningState"] = row.provisioning_state
        return body


def filter_of(conditions: Iterable[Condition]) -> Callable[[dict[str, Any]], bool]:
    """Whether a resource's body meets all of them. Raises Fault InvalidParameter for what is not known."""
    tests = [_test(each) for each in _tags_joined(conditions)]
    return lambda body: all(test(body) for test in tests)


def _tags_joined(conditions: Iterable[Condition]) -> Iterable[Condition]:
    """`tagName` and `tagValue` speak of one tag together."""
    rest, name, value = [], None, None
    for each in conditions:
        if (each.name, each.operator) == ("tagname", "eq"):
            name = each.value
        elif (each.name, each.operator) == ("tagvalue", "eq"):
            value = each.value
        else:
            rest.append(each)
    if value is not None and name is None:
        raise _unknown(Condition("tagvalue", "eq", value), "stands beside 'tagName' only")
    if name is not None:
        rest.append(Condition(f"tag:{name}", "has" if value is None else "eq", value or ""))
    return rest


def _test(condition: Condition) -> Callable[[dict[str, Any]], bool]:
    name, operator, wanted = condition.name, condition.operator, condition.value.lower()
    if name.startswith("tag:"):
        tag = name[4:].lower()

        def tagged(body: dict[str, Any]) -> bool:
            tags = {key.lower(): value for key, value in body.get("tags", {}).items()}
            # A tag's name compares without case, its value with it.
            return tag in tags and (operator == "has" or tags[tag] == condition.value)

        return tagged
    if (name, operator) in (("name", "substringof"), ("name", "startswith")):
        inside = operator == "substringof"
        return lambda body: (
            wanted in body["name"].lower() if inside else body["name"].lower().startswith(wanted)
        )
    read = _READ.get(name)
    if read is None or operator not in ("eq", "ne"):
        raise _unknown(condition, "is not supported here")
    if name == "location":
        wanted = re.sub(r"\s", "", wanted)
    return lambda body: (read(body).lower() == wanted) == (operator == "eq")


def _group(body: dict[str, Any]) -> str:
    return parse_id(body["id"]).group or ""


_READ: dict[str, Callable[[dict[str, Any]], str]] = {
    "resourcetype": lambda body: str(body["type"]),
    "name": lambda body: str(body["name"]),
    "location": lambda body: str(body.get("location", "")),
    "resourcegroup": _group,
}


def _unknown(condition: Condition, why: str) -> Fault:
    detail = f"'{condition.name}' with '{condition.operator}' {why}"
    return Fault("InvalidParameter", target="$filter", detail=detail)


def _shown(item: Item, expand: frozenset[str]) -> Item:
    """The same resource as the list of all has it."""
    body = {name: item.body[name] for name in _SHOWN if item.body.get(name)}
    state = item.body.get("properties", {}).get("provisioningState")
    if "provisioningstate" in expand and state:
        body["provisioningState"] = state
    return msgspec.structs.replace(item, body=body)
