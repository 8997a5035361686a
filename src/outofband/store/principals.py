"""Service principals: programs that sign in. What proves them is `credentials`, what they are applications of
`applications`.
"""

from __future__ import annotations

import uuid
from datetime import datetime

import msgspec
import sqlalchemy as sa

from outofband.core.errors import Fault
from outofband.store import tables
from outofband.store.applications import Application, Applications
from outofband.store.credentials import ClientCertificate, Credentials, PrincipalSecret
from outofband.store.generations import ended
from outofband.store.query import Query
from outofband.store.tx import Tx, columns

__all__ = ["ClientCertificate", "PrincipalSecret", "Principals", "ServicePrincipal"]


class ServicePrincipal(msgspec.Struct, frozen=True, kw_only=True):
    object_id: str
    """What role assignments name (claim `oid`)."""
    app_id: str
    """What a client signs in with (`client_id`, claim `appid`)."""
    tenant_id: str
    name: str
    disabled: bool
    created: datetime
    generation: int = 0
    """How often something was taken from the program: see `store.generations`."""
    floor: int = 0
    """Tokens with a lower count are over."""


_BY_ID = Query(
    ServicePrincipal,
    columns(tables.service_principals, ServicePrincipal).where(
        tables.service_principals.c.object_id == sa.bindparam("id")
    ),
)

_BY_APP = Query(
    ServicePrincipal,
    columns(tables.service_principals, ServicePrincipal).where(
        tables.service_principals.c.app_id == sa.bindparam("app")
    ),
)


class Principals(Credentials):
    async def add(self, tx: Tx, principal: ServicePrincipal, *, application: bool = True) -> None:
        """Its application too, when there is none yet; without `application` it is one of nobody's, and no
        secret or certificate can prove it. Raises Fault ServicePrincipalExists.
        """
        if application and await Applications().by_app(tx, principal.app_id) is None:
            made = Application(
                object_id=str(uuid.uuid4()),
                app_id=principal.app_id,
                tenant_id=principal.tenant_id,
                name=principal.name,
                manifest={},
                created=principal.created,
            )
            await Applications().add(tx, made)
        values = msgspec.structs.asdict(principal)
        table = tables.service_principals
        if not await tx.change(tx.insert(table).values(values).on_conflict_do_nothing()):
            raise Fault("ServicePrincipalExists", app_id=principal.app_id)

    async def by_app(self, tx: Tx, app_id: str) -> ServicePrincipal | None:
        return await tx.first(_BY_APP, app=app_id.lower())

    async def get(self, tx: Tx, object_id: str) -> ServicePrincipal | None:
        return await tx.first(_BY_ID, id=object_id.lower())

    async def of_tenant(self, tx: Tx, tenant_id: str) -> list[ServicePrincipal]:
        table = tables.service_principals
        query = columns(table, ServicePrincipal).where(table.c.tenant_id == tenant_id.lower())
        return await tx.rows(ServicePrincipal, query.order_by(table.c.created, table.c.object_id))

    async def rename(self, tx: Tx, object_id: str, name: str) -> bool:
        table = tables.service_principals
        change = sa.update(table).where(table.c.object_id == object_id.lower()).values(name=name)
        return await tx.change(change) > 0

    async def set_disabled(self, tx: Tx, object_id: str, disabled: bool) -> bool:
        """Switch a principal off or on; its tokens stop working at their next use. False when unknown."""
        table = tables.service_principals
        values = {"disabled": disabled} | (ended() if disabled else {})
        change = sa.update(table).where(table.c.object_id == object_id.lower()).values(values)
        return await tx.change(change) > 0

    async def remove(self, tx: Tx, object_id: str) -> bool:
        """Delete with all that it holds itself. Role assignments and memberships are the caller's to remove,
        and its application stays.
        """
        await self.remove_held(tx, object_id)
        table = tables.service_principals
        return await tx.change(sa.delete(table).where(table.c.object_id == object_id.lower())) > 0
