"""Users: the people of a tenant. Passwords come and go as argon2 hashes only."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

import msgspec
import sqlalchemy as sa

from outofband.core.errors import Fault
from outofband.store import sign_in_tables
from outofband.store.query import Query
from outofband.store.tx import Tx, columns

MAX_LISTED = 1000


class User(msgspec.Struct, frozen=True, kw_only=True):
    object_id: str
    """What role assignments name (claim `oid`)."""
    tenant_id: str
    name: str
    """What the person signs in with, `admin@outofband.local`; Azure's user principal name."""
    display_name: str
    disabled: bool
    password_hash: str | None
    """argon2's own text, parameters and salt included; None: nobody can sign in as this user."""
    password_changed: datetime | None
    must_change: bool
    """The password was given by somebody else: nothing is open before it is changed."""
    created: datetime

    def __repr__(self) -> str:
        return f"User({self.name!r}, {self.object_id!r})"


_BY_ID = Query(
    User, columns(sign_in_tables.users, User).where(sign_in_tables.users.c.object_id == sa.bindparam("id"))
)


class People:
    """Names compare without case, and are unique across tenants: each ends with its tenant's domain."""

    async def add(self, tx: Tx, user: User) -> None:
        """Raises Fault UserExists when somebody has the name."""
        values = msgspec.structs.asdict(user) | {"name_key": user.name.lower()}
        if not await tx.change(tx.insert(sign_in_tables.users).values(values).on_conflict_do_nothing()):
            raise Fault("UserExists", name=user.name)

    async def get(self, tx: Tx, object_id: str) -> User | None:
        return await tx.first(_BY_ID, id=object_id.lower())

    async def by_name(self, tx: Tx, name: str) -> User | None:
        table = sign_in_tables.users
        return await tx.row(User, columns(table, User).where(table.c.name_key == name.lower()))

    async def of_tenant(self, tx: Tx, tenant_id: str, *, limit: int = MAX_LISTED) -> list[User]:
        """By name."""
        table = sign_in_tables.users
        query = columns(table, User).where(table.c.tenant_id == tenant_id.lower()).order_by(table.c.name_key)
        return await tx.rows(User, query.limit(max(1, min(limit, MAX_LISTED))))

    async def page(
        self,
        tx: Tx,
        tenant_id: str,
        *,
        name: str | None = None,
        display_name: str | None = None,
        begins: Mapping[str, str] | None = None,
        after: str | None = None,
        limit: int = MAX_LISTED,
    ) -> list[User]:
        """By name. `name` and `display_name` are whole ones; `begins` says how columns begin; `after` is the
        name before the page. Nothing here compares by case.
        """
        table = sign_in_tables.users
        query = columns(table, User).where(table.c.tenant_id == tenant_id.lower()).order_by(table.c.name_key)
        if name is not None:
            query = query.where(table.c.name_key == name.lower())
        if display_name is not None:
            query = query.where(sa.func.lower(table.c.display_name) == display_name.lower())
        for column, text in (begins or {}).items():
            folded = sa.func.lower(table.c[column])
            query = query.where(folded.startswith(text.lower(), autoescape=True))
        if after is not None:
            query = query.where(table.c.name_key > after.lower())
        return await tx.rows(User, query.limit(max(1, min(limit, MAX_LISTED))))

    async def set_display_name(self, tx: Tx, object_id: str, display_name: str) -> bool:
        return await self._update(tx, object_id, display_name=display_name)

    async def set_disabled(self, tx: Tx, object_id: str, disabled: bool) -> bool:
        """Switch a user off or on; tokens and consoles stop at their next check. False when unknown."""
        return await self._update(tx, object_id, disabled=disabled)

    async def set_password(
        self, tx: Tx, object_id: str, password_hash: str, *, must_change: bool, now: datetime
    ) -> bool:
        """Sessions that are to end with the old password are the caller's to end."""
        return await self._update(
            tx, object_id, password_hash=password_hash, password_changed=now, must_change=must_change
        )

    async def drop_password(self, tx: Tx, object_id: str) -> bool:
        """Nobody signs in as this user with a password any more."""
        return await self._update(tx, object_id, password_hash=None, password_changed=None, must_change=False)

    async def rehash(self, tx: Tx, object_id: str, *, old: str, new: str) -> bool:
        """The same password under newer parameters; False when it was changed meanwhile."""
        table = sign_in_tables.users
        mine = sa.and_(table.c.object_id == object_id.lower(), table.c.password_hash == old)
        return await tx.change(sa.update(table).where(mine).values(password_hash=new)) > 0

    async def remove(self, tx: Tx, object_id: str) -> bool:
        """Delete with all sessions and codes. Role assignments are the caller's to remove."""
        table = sign_in_tables.users
        return await tx.change(sa.delete(table).where(table.c.object_id == object_id.lower())) > 0

    async def _update(self, tx: Tx, object_id: str, **values: object) -> bool:
        table = sign_in_tables.users
        change = sa.update(table).where(table.c.object_id == object_id.lower()).values(values)
        return await tx.change(change) > 0
