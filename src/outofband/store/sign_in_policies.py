"""What a tenant requires of the people who sign in to it."""

from __future__ import annotations

from datetime import datetime

import msgspec
import sqlalchemy as sa

from outofband.store import sign_in_tables
from outofband.store.query import Query
from outofband.store.sign_ins import MFA
from outofband.store.tx import Tx, columns


class SignInPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """As somebody set it, or, with the last two None, as it is without that."""

    require_mfa: bool = False
    changed: datetime | None = None
    changed_by: str | None = None


class Lacking(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody who may sign in and has no second factor."""

    object_id: str
    name: str
    display_name: str


class Reach(msgspec.Struct, frozen=True, kw_only=True):
    """What requiring a second factor would meet, of those who may sign in."""

    people: int
    without: int
    """Of them, who has none."""
    lacking: list[Lacking]
    """The first of those, by name."""
    sessions: int
    """Sign-ins of browsers and clients that go on with one thing proved only."""


_OF_TENANT = Query(
    SignInPolicy,
    columns(sign_in_tables.sign_in_policies, SignInPolicy).where(
        sign_in_tables.sign_in_policies.c.tenant_id == sa.bindparam("tenant")
    ),
)
_NONE = SignInPolicy()


class SignInPolicies:
    async def get(self, tx: Tx, tenant_id: str) -> SignInPolicy:
        return await tx.first(_OF_TENANT, tenant=tenant_id.lower()) or _NONE

    async def reach(self, tx: Tx, tenant_id: str, now: datetime, *, limit: int) -> Reach:
        """Whom `require_mfa` would ask; at most `limit` of those who have no factor by name."""
        users, factors, sessions = (
            sign_in_tables.users,
            sign_in_tables.sign_in_factors,
            sign_in_tables.sign_in_sessions,
        )
        enabled = sa.and_(users.c.tenant_id == tenant_id.lower(), users.c.disabled.is_(False))
        has = sa.exists().where(factors.c.object_id == users.c.object_id, factors.c.confirmed.is_not(None))
        lacking = (
            sa.select(users.c.object_id, users.c.name, users.c.display_name)
            .where(enabled, ~has)
            .order_by(users.c.name_key)
            .limit(limit)
        )
        of_people = sa.exists().where(users.c.object_id == sessions.c.object_id, enabled)
        going_on = sa.and_(
            of_people,
            sessions.c.parent_id.is_(None),
            sessions.c.ended.is_(None),
            sessions.c.expires > now,
            ~sa.literal(" ").concat(sessions.c.methods).concat(" ").like(f"% {MFA} %"),
        )
        return Reach(
            people=await _count(tx, users, enabled),
            without=await _count(tx, users, sa.and_(enabled, ~has)),
            lacking=await tx.rows(Lacking, lacking),
            sessions=await _count(tx, sessions, going_on),
        )

    async def set(self, tx: Tx, tenant_id: str, *, require_mfa: bool, by: str, now: datetime) -> None:
        table = sign_in_tables.sign_in_policies
        values = {"require_mfa": require_mfa, "changed": now, "changed_by": by}
        statement = tx.insert(table).values(values | {"tenant_id": tenant_id.lower()})
        await tx.change(statement.on_conflict_do_update(index_elements=["tenant_id"], set_=values))


async def _count(tx: Tx, table: sa.Table, which: sa.ColumnElement[bool]) -> int:
    return int(await tx.value(sa.select(sa.func.count()).select_from(table).where(which)) or 0)
