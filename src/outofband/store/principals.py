"""Service principals and their secrets. A secret of 256 random bits is kept as its SHA-256; nothing leads
back.
"""

from __future__ import annotations

import uuid
from datetime import datetime

import msgspec
import sqlalchemy as sa

from outofband.core import secrets
from outofband.store import tables
from outofband.store.generations import advance, taken
from outofband.store.query import Query
from outofband.store.tx import Tx, columns

MAX_SECRETS = 10
"""Secrets looked at for one sign-in; the newest count."""


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


class PrincipalSecret(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    object_id: str
    label: str
    digest: str
    created: datetime
    expires: datetime | None

    def matches(self, secret: str) -> bool:
        return secrets.matches(secret, self.digest)

    def ended(self, now: datetime) -> bool:
        return self.expires is not None and self.expires <= now


_BY_ID = Query(
    ServicePrincipal,
    columns(tables.service_principals, ServicePrincipal).where(
        tables.service_principals.c.object_id == sa.bindparam("id")
    ),
)


class Principals:
    async def add(self, tx: Tx, principal: ServicePrincipal) -> None:
        await tx.change(sa.insert(tables.service_principals).values(msgspec.structs.asdict(principal)))

    async def by_app(self, tx: Tx, app_id: str) -> ServicePrincipal | None:
        table = tables.service_principals
        found = columns(table, ServicePrincipal).where(table.c.app_id == app_id.lower())
        return await tx.row(ServicePrincipal, found)

    async def get(self, tx: Tx, object_id: str) -> ServicePrincipal | None:
        return await tx.first(_BY_ID, id=object_id.lower())

    async def of_tenant(self, tx: Tx, tenant_id: str) -> list[ServicePrincipal]:
        table = tables.service_principals
        query = columns(table, ServicePrincipal).where(table.c.tenant_id == tenant_id.lower())
        return await tx.rows(ServicePrincipal, query.order_by(table.c.created, table.c.object_id))

    async def set_disabled(self, tx: Tx, object_id: str, disabled: bool) -> bool:
        """Switch a principal off or on; its tokens stop working at their next use. False when unknown."""
        table = tables.service_principals
        values = {"disabled": disabled} | (taken(table) if disabled else {})
        change = sa.update(table).where(table.c.object_id == object_id.lower()).values(values)
        return await tx.change(change) > 0

    async def remove(self, tx: Tx, object_id: str) -> bool:
        """Delete with all secrets. Role assignments are the caller's to remove."""
        table = tables.service_principals
        return await tx.change(sa.delete(table).where(table.c.object_id == object_id.lower())) > 0

    async def add_secret(
        self,
        tx: Tx,
        object_id: str,
        *,
        label: str,
        now: datetime,
        secret: str | None = None,
        expires: datetime | None = None,
    ) -> tuple[PrincipalSecret, str]:
        """Add `secret`, or a new one; the row and the secret itself, which is not seen again."""
        chosen = secret or secrets.token()
        row = PrincipalSecret(
            id=str(uuid.uuid4()),
            object_id=object_id.lower(),
            label=label,
            digest=secrets.digest(chosen),
            created=now,
            expires=expires,
        )
        await tx.change(sa.insert(tables.principal_secrets).values(msgspec.structs.asdict(row)))
        return row, chosen

    async def secrets(self, tx: Tx, object_id: str) -> list[PrincipalSecret]:
        """Newest first, ended ones too: a client is told when its secret has ended, not that it is wrong."""
        table = tables.principal_secrets
        query = columns(table, PrincipalSecret).where(table.c.object_id == object_id.lower())
        return await tx.rows(PrincipalSecret, query.order_by(table.c.created.desc()).limit(MAX_SECRETS))

    async def remove_secret(self, tx: Tx, secret_id: str) -> bool:
        """Take a secret back; the tokens that were given for it end at their next use."""
        table = tables.principal_secrets
        owner = sa.select(table.c.object_id).where(table.c.id == secret_id)
        await advance(tx, owner)
        return await tx.change(sa.delete(table).where(table.c.id == secret_id)) > 0

    async def has_credential(self, tx: Tx, object_id: str, credential_id: str) -> bool:
        """Whether the program still has this secret, ended or not."""
        table = tables.principal_secrets
        mine = sa.and_(table.c.id == credential_id, table.c.object_id == object_id.lower())
        return await tx.value(sa.select(table.c.id).where(mine)) is not None
