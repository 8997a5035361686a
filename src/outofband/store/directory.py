"""Tenants and subscriptions: who owns what."""

from __future__ import annotations

from datetime import datetime

import msgspec
import sqlalchemy as sa

from outofband.core.errors import Fault
from outofband.store import tables
from outofband.store.query import Query
from outofband.store.tx import Tx, columns


class Tenant(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    name: str
    domain: str | None
    created: datetime


class Subscription(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    tenant_id: str
    name: str
    state: str
    """`Enabled`, or another of ARM's words; tools pick only an enabled one as default."""
    created: datetime


_TENANT = Query(
    Tenant,
    columns(tables.tenants, Tenant).where(
        sa.or_(tables.tenants.c.id == sa.bindparam("name"), tables.tenants.c.domain == sa.bindparam("name"))
    ),
)
_SUBSCRIPTION = Query(
    Subscription,
    columns(tables.subscriptions, Subscription).where(tables.subscriptions.c.id == sa.bindparam("id")),
)


class Directory:
    """Ids are lower-case GUIDs; lookups take any case."""

    async def add_tenant(self, tx: Tx, tenant: Tenant) -> None:
        await tx.change(sa.insert(tables.tenants).values(msgspec.structs.asdict(tenant)))

    async def tenant(self, tx: Tx, name: str) -> Tenant | None:
        """By id or by domain."""
        return await tx.first(_TENANT, name=name.lower())

    async def set_domain(self, tx: Tx, tenant_id: str, domain: str) -> None:
        """`domain` is what the sign-in names of the tenant's people end with; lower case."""
        table = tables.tenants
        await tx.change(sa.update(table).where(table.c.id == tenant_id.lower()).values(domain=domain))

    async def tenants(self, tx: Tx) -> list[Tenant]:
        return await tx.rows(Tenant, columns(tables.tenants, Tenant).order_by(tables.tenants.c.created))

    async def add_subscription(self, tx: Tx, subscription: Subscription) -> None:
        await tx.change(sa.insert(tables.subscriptions).values(msgspec.structs.asdict(subscription)))

    async def subscription(self, tx: Tx, subscription_id: str) -> Subscription | None:
        return await tx.first(_SUBSCRIPTION, id=subscription_id.lower())

    async def require_subscription(self, tx: Tx, subscription_id: str) -> Subscription:
        """Raises Fault SubscriptionNotFound."""
        found = await self.subscription(tx, subscription_id)
        if found is None:
            raise Fault("SubscriptionNotFound", subscription=subscription_id)
        return found

    async def subscriptions(self, tx: Tx, tenant_id: str | None = None) -> list[Subscription]:
        """Every subscription, or those of one tenant, oldest first."""
        table = tables.subscriptions
        query = columns(table, Subscription).order_by(table.c.created, table.c.id)
        if tenant_id is not None:
            query = query.where(table.c.tenant_id == tenant_id.lower())
        return await tx.rows(Subscription, query)
