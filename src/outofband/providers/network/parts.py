"""Children that live in the row of what they belong to: rules, subnets, routes, IP configurations.

There is one copy of each, so that what is written inline and what is written as a child are the same thing,
and have the same entity tag.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from outofband.core import clock
from outofband.core.errors import Fault
from outofband.core.ids import ResourceId, parse_id
from outofband.providers.network.family import SUCCEEDED, UPDATING, Family, Form
from outofband.providers.network.house import SINCE, VERSION
from outofband.resources.declaration import (
    Delete,
    Draft,
    Item,
    Page,
    Place,
    Put,
    ResourceType,
    Step,
    Written,
)
from outofband.resources.exchange import Call
from outofband.resources.job import Done, Job
from outofband.resources.lookup import DELETING, missing
from outofband.store.resources import Resource
from outofband.store.tx import Tx

NAME = re.compile(r"^[A-Za-z0-9]([A-Za-z0-9_.-]{0,78}[A-Za-z0-9_])?$")


class Parts:
    """A `Source` of the children of one kind. Without `form` they are only read."""

    def __init__(
        self,
        family: Family,
        kind: str,
        *,
        about: str,
        many: str,
        form: Callable[[str, Any], dict[str, Any]] | None = None,
        properties: type[msgspec.Struct] | None = None,
        example: dict[str, Any] | None = None,
    ) -> None:
        self._family, self._store, self._kind = family, family.store, kind
        self._about, self._many = about, many
        self._form, self._properties = form, properties
        self._example = example or {}

    def declare(self) -> ResourceType:
        if self._form is None:
            return self._declare()
        return self._declare(
            put=Put(
                plan=self._put,
                properties=self._properties,
                step=self._family.finish,
                example=self._example,
            ),
            delete=Delete(plan=self._delete, step=Step(run=self._erase, failed=self._kept)),
        )

    def _declare(self, **more: Any) -> ResourceType:
        return ResourceType(
            name=f"{self._family.type_name}/{self._kind}",
            about=self._about,
            many=self._many,
            since=SINCE,
            version=VERSION,
            source=self,
            places=frozenset({Place.GROUP}),
            lists=frozenset({Place.RESOURCE}),
            names=NAME,
            **more,
        )

    async def get(self, call: Call, tx: Tx, rid: ResourceId) -> Item | None:
        owner = await self._store.resources.get(tx, _owner(rid))
        if owner is None:
            return None
        return next((each for each in await self._of(tx, owner) if each.rid.key == rid.key), None)

    async def list(self, call: Call, tx: Tx, after: str | None, limit: int) -> Page:
        owner = await self._store.resources.get(tx, call.rid)
        if owner is None:
            raise await missing(self._store, tx, call.rid)
        found = sorted(await self._of(tx, owner), key=lambda each: each.rid.key)
        rest = [each for each in found if after is None or each.rid.key > after]
        more = len(rest) > limit
        return Page(items=rest[:limit], after=rest[limit - 1].rid.key if more else None)

    async def _of(self, tx: Tx, owner: Resource) -> Sequence[Item]:
        (whole,) = await self._family.items(tx, [owner])
        return [
            Item(rid=parse_id(body["id"]), body=body, etag=owner.etag, row=owner)
            for body in whole.body["properties"].get(self._kind) or ()
        ]

    async def _put(self, call: Call, tx: Tx, draft: Draft, there: Item | None) -> Written:
        assert self._form is not None
        owner = await self._require(tx, call.rid)
        made = self._form(there.rid.name if there else call.rid.name, draft.properties)
        parts, name = owner.properties.get(self._kind) or [], call.rid.name.lower()
        if there is None:
            changed = [*parts, made]
        else:
            changed = [made if part["name"].lower() == name else part for part in parts]
        await self._write(call, tx, owner, changed)
        item = await self.get(call, tx, call.rid)
        assert item is not None
        return Written(item=item, created=there is None, work={})

    async def _write(self, call: Call, tx: Tx, owner: Resource, parts: Sequence[dict[str, Any]]) -> None:
        whole = msgspec.structs.replace(call, rid=parse_id(owner.id))
        # Copied, for checking completes what it is given.
        properties = msgspec.json.decode(msgspec.json.encode(owner.properties | {self._kind: list(parts)}))
        form = Form(properties=properties, envelope=owner.envelope)
        location = owner.location or ""
        await self._family.write(whole, tx, form, owner, location=location, tags=owner.tags)

    async def _require(self, tx: Tx, rid: ResourceId) -> Resource:
        owner = await self._store.resources.get(tx, _owner(rid))
        if owner is None:
            _, _, kinds = rid.type.partition("/")
            raise Fault("ParentResourceNotFound", type=kinds, parent=str(_owner(rid)))
        if owner.provisioning_state == DELETING:
            raise Fault("Conflict", detail=f"The resource '{owner.name}' is being deleted.")
        return owner

    async def _delete(self, call: Call, tx: Tx, there: Item) -> Any:
        owner = await self._require(tx, call.rid)
        await self._family.refuse_used_part(tx, owner, there.rid)
        marked = [
            part | {"state": DELETING} if part["name"].lower() == call.rid.name.lower() else part
            for part in owner.properties[self._kind]
        ]
        await self._store.resources.update(
            tx,
            _owner(call.rid),
            now=call.now,
            by=call.by,
            properties=owner.properties | {self._kind: marked},
            provisioning_state=UPDATING,
        )
        return {}

    async def _erase(self, job: Job) -> Done:
        async def settle(tx: Tx) -> None:
            owner = await self._store.resources.get(tx, _owner(job.rid))
            if owner is None or owner.provisioning_state == DELETING:
                return
            name = job.rid.name.lower()
            # One that was put again meanwhile is no longer marked and stays.
            left = [
                part
                for part in owner.properties.get(self._kind) or ()
                if part["name"].lower() != name or part.get("state") != DELETING
            ]
            await self._store.resources.update(
                tx,
                _owner(job.rid),
                now=clock.now(),
                properties=owner.properties | {self._kind: left},
                provisioning_state=SUCCEEDED,
            )
            await self._store.network.unlink(tx, owner.key, job.rid.key)
            await self._store.assignments.remove_below(tx, str(job.rid))

        return Done(settle=settle)

    async def _kept(self, job: Job, tx: Tx, fault: Fault) -> None:
        owner = await self._store.resources.get(tx, _owner(job.rid))
        if owner is None:
            return
        name = job.rid.name.lower()
        parts = [
            {key: value for key, value in part.items() if key != "state" or part["name"].lower() != name}
            for part in owner.properties.get(self._kind) or ()
        ]
        await self._store.resources.update(
            tx, _owner(job.rid), now=clock.now(), properties=owner.properties | {self._kind: parts}
        )


def shown(row: Resource, type_name: str, part: dict[str, Any], properties: dict[str, Any]) -> dict[str, Any]:
    """A child as it is answered, on its own or in what it belongs to."""
    kind = type_name.rpartition("/")[2]
    return {
        "name": part["name"],
        "id": f"{row.id}/{kind}/{part['name']}",
        "etag": row.etag,
        "type": type_name,
        "properties": {"provisioningState": part.get("state") or row.provisioning_state, **properties},
    }


def check_name(name: str | None, target: str) -> str:
    """Raises Fault InvalidParameter for an inline child without a legal name."""
    if name is None or not NAME.fullmatch(name):
        raise Fault("InvalidParameter", target=target, detail=f"'{(name or '')[:80]}' is no legal name")
    return name


def _owner(rid: ResourceId) -> ResourceId:
    return msgspec.structs.replace(rid, chain=rid.chain[:1])
