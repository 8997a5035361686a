"""ARM resources, resource groups among them. Ids keep their first spelling and compare without case."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from functools import cache
from typing import Any

import msgspec
import sqlalchemy as sa

from outofband.core.errors import Fault
from outofband.core.ids import ResourceId
from outofband.store import tables
from outofband.store.columns import inside
from outofband.store.query import Query
from outofband.store.tx import Tx, columns

GROUP_TYPE = "Microsoft.Resources/resourceGroups"
MAX_PAGE = 1000
NETWORKS_TOPIC = "networks"
"""Rings when a network resource, or a machine that may have one, is written or gone."""
_OF_NETWORKS = (
    "/providers/microsoft.network/",
    "/providers/microsoft.compute/virtualmachine",
    "/providers/microsoft.classiccompute/virtualmachine",
)
"""Rows in one page of a listing."""
_UIDS_AT_ONCE = 500


class Resource(msgspec.Struct, frozen=True, kw_only=True):
    key: str
    """Lower-cased id."""
    id: str
    uid: str
    """GUID that no other resource ever has, also not a later one of the same id; a VM's vmId."""
    type: str
    subscription_id: str
    resource_group: str | None
    parent_key: str | None
    """Key of what it hangs on: the parent of a child or an extension resource, else the group's or
    subscription's.
    """
    name: str
    location: str | None
    tags: dict[str, str]
    properties: dict[str, Any]
    envelope: dict[str, Any]
    """Members beside `properties` that only some types have: sku, kind, identity, zones."""
    etag: str
    provisioning_state: str
    epoch: int
    """Fencing number: it grows each time what runs elsewhere on the resource's behalf must be left behind."""
    created: datetime
    created_by: str
    changed: datetime
    changed_by: str


class _Uid(msgspec.Struct, frozen=True):
    uid: str


class ResourcePage(msgspec.Struct, frozen=True, kw_only=True):
    items: list[Resource]
    after: str | None
    """Pass to the next call; None on the last page."""


_BY_KEY = Query(
    Resource, columns(tables.resources, Resource).where(tables.resources.c.key == sa.bindparam("key"))
)


_BY_UID = Query(
    Resource, columns(tables.resources, Resource).where(tables.resources.c.uid == sa.bindparam("uid"))
)


class Resources:
    async def get(self, tx: Tx, rid: ResourceId | str) -> Resource | None:
        """By id, whatever its case."""
        return await tx.first(_BY_KEY, key=str(rid).lower())

    async def by_uid(self, tx: Tx, uid: str) -> Resource | None:
        """By its GUID; how an agent's report, which knows only the vmId, finds the VM."""
        return await tx.first(_BY_UID, uid=uid.lower())

    async def changed(self, tx: Tx, types: Collection[str], since: datetime, limit: int) -> list[Resource]:
        """Resources of these types that were changed since then, those changed first come first."""
        table = tables.resources
        kinds = [each.lower() for each in types]
        query = columns(table, Resource).where(table.c.type_key.in_(kinds), table.c.changed >= since)
        return await tx.rows(Resource, query.order_by(table.c.changed).limit(limit))

    async def taken(self, tx: Tx, uids: Sequence[str]) -> set[str]:
        """Those of `uids` (GUIDs in lower case) that a resource has, of whatever tenant."""
        table = tables.resources
        found: set[str] = set()
        for start in range(0, len(uids), _UIDS_AT_ONCE):
            chunk = uids[start : start + _UIDS_AT_ONCE]
            query = columns(table, _Uid).where(table.c.uid.in_(chunk))
            found |= {row.uid for row in await tx.rows(_Uid, query)}
        return found

    async def require(self, tx: Tx, rid: ResourceId) -> Resource:
        """Raises Fault ResourceGroupNotFound (for a resource in a missing group too) or ResourceNotFound."""
        found = await self.get(tx, rid)
        if found is not None:
            return found
        if rid.group is not None and await self.get(tx, group_id(rid)) is None:
            raise Fault("ResourceGroupNotFound", group=rid.group)
        if rid.chain:
            label = f"{rid.type}/{'/'.join(name for _, name in rid.chain)}"
            raise Fault("ResourceNotFound", resource=label, group=rid.group or "")
        raise Fault("SubscriptionNotFound", subscription=rid.subscription or "")

    async def put(
        self,
        tx: Tx,
        rid: ResourceId,
        *,
        now: datetime,
        by: str,
        uid: str | None = None,
        location: str | None = None,
        tags: Mapping[str, str] | None = None,
        properties: Mapping[str, Any] | None = None,
        envelope: Mapping[str, Any] | None = None,
        provisioning_state: str = "Succeeded",
        epoch: int = 1,
        if_match: str | None = None,
        if_none_match: bool = False,
    ) -> tuple[Resource, bool]:
        """Create or replace; the row as stored and whether it is new. An existing row keeps id, uid and
        epoch; `uid` and `epoch` are of a new one.

        `by` says who, for systemData. Raises Fault PreconditionFailed when `if_match` (an etag, or `*` for
        any) does not hold, or when `if_none_match` and the resource exists.
        """
        there = await self.get(tx, rid)
        if if_match is not None and (there is None or if_match not in ("*", there.etag)):
            raise Fault("PreconditionFailed", condition=f"If-Match: {if_match}")
        if if_none_match and there is not None:
            raise Fault("PreconditionFailed", condition="If-None-Match: *")
        row = Resource(
            key=rid.key,
            id=there.id if there else str(rid),
            uid=there.uid if there else (uid or str(uuid.uuid4())).lower(),
            type=rid.type,
            subscription_id=(rid.subscription or "").lower(),
            resource_group=there.resource_group if there else rid.group,
            parent_key=parent_key(rid),
            name=there.name if there else rid.name,
            location=location if location is not None else (there.location if there else None),
            tags=dict(tags or {}),
            properties=dict(properties or {}),
            envelope=dict(envelope or {}),
            etag=new_etag(),
            provisioning_state=provisioning_state,
            epoch=there.epoch if there else epoch,
            created=there.created if there else now,
            created_by=there.created_by if there else by,
            changed=now,
            changed_by=by,
        )
        values = msgspec.structs.asdict(row) | {
            "type_key": row.type.lower(),
            "group_key": rid.group.lower() if rid.group else None,
        }
        table = tables.resources
        if there is None:
            await tx.change(sa.insert(table).values(values))
        else:
            await tx.change(sa.update(table).where(table.c.key == row.key).values(values))
        _ring(tx, row.key)
        return row, there is None

    async def update(
        self,
        tx: Tx,
        rid: ResourceId | str,
        *,
        now: datetime,
        by: str | None = None,
        properties: Mapping[str, Any] | None = None,
        tags: Mapping[str, str] | None = None,
        envelope: Mapping[str, Any] | None = None,
        provisioning_state: str | None = None,
    ) -> Resource | None:
        """Replace the named parts and give it a new etag; None when it is gone."""
        there = await self.get(tx, rid)
        if there is None:
            return None
        changes: dict[str, Any] = {"etag": new_etag(), "changed": now}
        if by is not None:
            changes["changed_by"] = by
        if properties is not None:
            changes["properties"] = dict(properties)
        if tags is not None:
            changes["tags"] = dict(tags)
        if envelope is not None:
            changes["envelope"] = dict(envelope)
        if provisioning_state is not None:
            changes["provisioning_state"] = provisioning_state
        table = tables.resources
        await tx.change(sa.update(table).where(table.c.key == there.key).values(changes))
        _ring(tx, there.key)
        return msgspec.structs.replace(there, **changes)

    async def advance_epoch(self, tx: Tx, rid: ResourceId | str, *, now: datetime) -> int | None:
        """Add one to the epoch; the new one, or None when the resource is gone."""
        there = await self.get(tx, rid)
        if there is None:
            return None
        table = tables.resources
        changes = {"epoch": there.epoch + 1, "etag": new_etag(), "changed": now}
        await tx.change(sa.update(table).where(table.c.key == there.key).values(changes))
        return there.epoch + 1

    async def delete(self, tx: Tx, rid: ResourceId | str) -> int:
        """Delete it with everything below its id; how many rows went."""
        table, key = tables.resources, str(rid).lower()
        gone = await tx.change(sa.delete(table).where(sa.or_(table.c.key == key, inside(table.c.key, key))))
        _ring(tx, key)
        return gone

    async def page(
        self,
        tx: Tx,
        *,
        subscription: str | None = None,
        group: str | None = None,
        type: str | None = None,
        parent: ResourceId | str | None = None,
        located: bool = False,
        after: str | None = None,
        limit: int = MAX_PAGE,
    ) -> ResourcePage:
        """One page in the order of keys. Resource groups come only when `type` asks for them; `located`: only
        what has a location, as everything has that stands for itself.
        """
        size = max(1, min(limit, MAX_PAGE))
        if type is not None and subscription is not None and parent is None and not located:
            # In the order of an index, so it takes as long as its rows; the rest may have to be sorted first.
            values: dict[str, Any] = {"subscription": subscription.lower(), "type": type.lower()}
            if group is not None:
                values["group"] = group.lower()
            if after is not None:
                values["after"] = after
            found = await tx.all(_in_order(frozenset(values)), size=size + 1, **values)
            return _page(found, size)
        table = tables.resources
        query = columns(table, Resource).order_by(table.c.key)
        if subscription is not None:
            query = query.where(table.c.subscription_id == subscription.lower())
        if group is not None:
            query = query.where(table.c.group_key == group.lower())
        if located:
            query = query.where(table.c.location.is_not(None))
        if parent is not None:
            query = query.where(table.c.parent_key == str(parent).lower())
        if type is not None:
            query = query.where(table.c.type_key == type.lower())
        else:
            query = query.where(table.c.type_key != GROUP_TYPE.lower())
        if after is not None:
            query = query.where(table.c.key > after)
        return _page(await tx.rows(Resource, query.limit(size + 1)), size)

    async def first_of(self, tx: Tx, subscription: str, namespace: str) -> Resource | None:
        """Any resource of a provider."""
        table = tables.resources
        query = columns(table, Resource).where(
            table.c.subscription_id == subscription.lower(), inside(table.c.type_key, namespace.lower())
        )
        return await tx.row(Resource, query.order_by(table.c.key).limit(1))

    async def locations(self, tx: Tx, subscription: str, type: str) -> set[str]:
        """Where resources of a type are."""
        table = tables.resources
        query = columns(table, _Place).where(
            table.c.subscription_id == subscription.lower(), table.c.type_key == type.lower()
        )
        return {each.location for each in await tx.rows(_Place, query.distinct()) if each.location}

    async def tags(self, tx: Tx, subscription: str) -> list[dict[str, str]]:
        """The tags of everything in a subscription that has any."""
        table = tables.resources
        query = columns(table, _Tagged).where(
            table.c.subscription_id == subscription.lower(), sa.cast(table.c.tags, sa.Text) != "{}"
        )
        return [each.tags for each in await tx.rows(_Tagged, query)]


class _Place(msgspec.Struct, frozen=True):
    location: str | None


class _Tagged(msgspec.Struct, frozen=True):
    tags: dict[str, str]


@cache
def _in_order(given: frozenset[str]) -> Query[Resource]:
    """The listing of a `type` in a `subscription`, perhaps of one `group`, perhaps `after` a key."""
    table = tables.resources
    named = {
        "subscription": table.c.subscription_id,
        "group": table.c.group_key,
        "type": table.c.type_key,
    }
    query = columns(table, Resource).order_by(table.c.key)
    for name in sorted(given & named.keys()):
        query = query.where(named[name] == sa.bindparam(name))
    if "after" in given:
        query = query.where(table.c.key > sa.bindparam("after"))
    return Query(Resource, query.limit(sa.bindparam("size", type_=sa.Integer)))


def _page(found: list[Resource], size: int) -> ResourcePage:
    """`found` has one row more than the page when there is another page."""
    return ResourcePage(items=found[:size], after=found[size - 1].key if len(found) > size else None)


def _ring(tx: Tx, key: str) -> None:
    tx.ring(topic(key))
    if any(each in key for each in _OF_NETWORKS):
        tx.ring(NETWORKS_TOPIC)


def topic(rid: ResourceId | str) -> str:
    """The bell topic that rings when the resource changes."""
    return f"resource:{str(rid).lower()}"


def group_id(rid: ResourceId) -> ResourceId:
    """The resource group that `rid` lies in."""
    return ResourceId(subscription=rid.subscription, group=rid.group)


def parent_key(rid: ResourceId) -> str | None:
    """Key of the node above: for a child its parent, for an extension what it extends, else group or
    subscription.
    """
    if len(rid.chain) > 1:
        return msgspec.structs.replace(rid, chain=rid.chain[:-1]).key
    if rid.parent is not None:
        return rid.parent.key
    if rid.chain and rid.group:
        return group_id(rid).key
    if rid.subscription and (rid.chain or rid.group):
        return f"/subscriptions/{rid.subscription}".lower()
    return None


def new_etag() -> str:
    """An opaque entity tag, quoted as HTTP wants it."""
    return f'"{uuid.uuid4()}"'
