"""What a tenant requires of the people who sign in to it."""

from __future__ import annotations

from datetime import datetime

import msgspec
import sqlalchemy as sa

from outofband.store import tables
from outofband.store.query import Query
from outofband.store.tx import Tx, columns


class SignInPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """As somebody set it, or, with the last two None, as it is without that."""

    require_mfa: bool = False
    changed: datetime | None = None
    changed_by: str | None = None


_OF_TENANT = Query(
    SignInPolicy,
    columns(tables.sign_in_policies, SignInPolicy).where(
        tables.sign_in_policies.c.tenant_id == sa.bindparam("tenant")
    ),
)
_NONE = SignInPolicy()


class SignInPolicies:
    async def get(self, tx: Tx, tenant_id: str) -> SignInPolicy:
        return await tx.first(_OF_TENANT, tenant=tenant_id.lower()) or _NONE

    async def set(self, tx: Tx, tenant_id: str, *, require_mfa: bool, by: str, now: datetime) -> None:
        table = tables.sign_in_policies
        values = {"require_mfa": require_mfa, "changed": now, "changed_by": by}
        statement = tx.insert(table).values(values | {"tenant_id": tenant_id.lower()})
        await tx.change(statement.on_conflict_do_update(index_elements=["tenant_id"], set_=values))
