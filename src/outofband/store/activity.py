"""The activity log: one row for each step of a write or an action, who did it and how it ended."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any, Protocol

import msgspec
import sqlalchemy as sa

from outofband.core.errors import Fault
from outofband.core.ids import ResourceId
from outofband.store import tables
from outofband.store.audit import Audit
from outofband.store.columns import inside
from outofband.store.tx import Tx, columns

MAX_PAGE = 200


class ActivityEntry(msgspec.Struct, frozen=True, kw_only=True):
    sequence: int
    id: str
    at: datetime
    tenant_id: str
    subscription_id: str | None
    resource_id: str
    resource_type: str
    action: str
    """`Microsoft.Compute/virtualMachines/start/action`."""
    scope: str
    status: str
    """`Started`, `Accepted`, `Succeeded` or `Failed`."""
    sub_status: str
    """The HTTP status or the error code; empty when there is none."""
    level: str
    """`Informational`, `Warning` or `Error`."""
    caller: str
    """The name people know the caller by."""
    object_id: str
    app_id: str
    client_address: str | None
    method: str | None
    correlation_id: str
    """The same for everything one request led to."""
    operation_id: str
    properties: dict[str, Any]
    role: str | None = None
    """The name of a role that allowed it, at that time; None where none did or none was needed."""


class ActivityPage(msgspec.Struct, frozen=True, kw_only=True):
    items: list[ActivityEntry]
    after: str | None


class Doer(Protocol):
    """Who did it: a principal, or what a row remembers of one."""

    @property
    def tenant(self) -> str: ...
    @property
    def object_id(self) -> str: ...
    @property
    def app_id(self) -> str: ...
    @property
    def name(self) -> str: ...


class Activity:
    def __init__(self, audit: Audit | None = None) -> None:
        self._audit = audit or Audit()

    async def add(
        self,
        tx: Tx,
        *,
        now: datetime,
        principal: Doer,
        resource: ResourceId,
        action: str,
        status: str,
        correlation_id: str,
        sub_status: str = "",
        scope: str | None = None,
        operation_id: str | None = None,
        client_address: str | None = None,
        method: str | None = None,
        properties: dict[str, Any] | None = None,
        role: str | None = None,
    ) -> str:
        """Write one row; its event id. `scope` is the resource's id unless the right is checked higher."""
        event = str(uuid.uuid4())
        values = {
            "id": event,
            "at": now,
            "tenant_id": principal.tenant,
            "subscription_id": resource.subscription.lower() if resource.subscription else None,
            "group_key": resource.group.lower() if resource.group else None,
            "resource_id": str(resource),
            "resource_key": resource.key,
            "resource_type": resource.type,
            "action": action,
            "scope": scope or str(resource),
            "status": status,
            "sub_status": sub_status,
            "level": "Error" if status == "Failed" else "Informational",
            "caller": principal.name,
            "object_id": principal.object_id,
            "app_id": principal.app_id,
            "client_address": client_address,
            "method": method,
            "correlation_id": correlation_id,
            "operation_id": operation_id or correlation_id,
            "properties": properties or {},
            "role": role,
        }
        values = await self._audit.place(tx, values, now)
        await tx.change(sa.insert(tables.activity).values(values))
        return event

    async def page(
        self,
        tx: Tx,
        *,
        tenant: str | None = None,
        subscription: str | None = None,
        group: str | None = None,
        resource: ResourceId | str | None = None,
        within: ResourceId | None = None,
        correlation_id: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        equal: Mapping[str, Collection[str]] | None = None,
        provider: str | None = None,
        after: str | None = None,
        limit: int = MAX_PAGE,
    ) -> ActivityPage:
        """One page, newest first. A resource's has what was done below it too: at its port is at the VM.
        `tenant` asks for what belongs to no subscription of it: sign-ins, people, roles of the whole tenant.
        `within` is as far as the caller may see, whatever else is asked for. `equal` says of columns which
        texts they may have, `provider` whose resource types; both compare without case.
        `after` is what the page before gave.
        """
        table = tables.activity
        query = columns(table, ActivityEntry).order_by(table.c.sequence.desc())
        if tenant is not None:
            query = query.where(table.c.subscription_id.is_(None), table.c.tenant_id == tenant.lower())
        if subscription is not None:
            query = query.where(table.c.subscription_id == subscription.lower())
        if group is not None:
            query = query.where(table.c.group_key == group.lower())
        for each in (resource, within):
            if each is None:
                continue
            key = str(each).lower()
            query = query.where(sa.or_(table.c.resource_key == key, inside(table.c.resource_key, key)))
        if correlation_id is not None:
            query = query.where(table.c.correlation_id == correlation_id)
        for column, texts in (equal or {}).items():
            query = query.where(sa.func.lower(table.c[column]).in_([each.lower() for each in texts]))
        if provider is not None:
            theirs = sa.func.lower(table.c.resource_type)
            query = query.where(theirs.startswith(f"{provider.lower()}/", autoescape=True))
        if since is not None:
            query = query.where(table.c.at >= since)
        if until is not None:
            query = query.where(table.c.at <= until)
        if after is not None:
            query = query.where(table.c.sequence < _position(after))
        size = max(1, min(limit, MAX_PAGE))
        found = await tx.rows(ActivityEntry, query.limit(size + 1))
        more = len(found) > size
        return ActivityPage(items=found[:size], after=str(found[size - 1].sequence) if more else None)

    async def prune(self, tx: Tx, before: datetime) -> int:
        """Forget what is older than `before` and in no chain; for the rest see `audit/retention.py`."""
        table = tables.activity
        return await tx.change(sa.delete(table).where(table.c.at < before, table.c.link.is_(None)))


def _position(after: str) -> int:
    # Through a client's hands it comes back as any text, and SQLite's integers have 64 bits.
    if not (after.isascii() and after.isdecimal() and len(after) <= 18):
        raise Fault("InvalidParameter", target="$skiptoken", detail="it is not one this service gave")
    return int(after)
