"""Locks: what is in a scope stays as it is, or stays at all, whatever rights somebody has, until they go."""

from __future__ import annotations

import enum
from datetime import datetime

import msgspec
import sqlalchemy as sa

from outofband.core.ids import ResourceId
from outofband.store import tables
from outofband.store.assignments import scope_key
from outofband.store.columns import inside
from outofband.store.tx import Tx, columns

MAX_LISTED = 1000


class LockLevel(enum.StrEnum):
    CAN_NOT_DELETE = "CanNotDelete"
    READ_ONLY = "ReadOnly"


class Lock(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    scope: str
    """Id of a subscription, a resource group or a resource."""
    level: LockLevel
    notes: str | None
    created: datetime
    created_by: str
    changed: datetime
    changed_by: str

    @property
    def id(self) -> str:
        return f"{self.scope.rstrip('/')}/providers/Microsoft.Authorization/locks/{self.name}"


class Locks:
    async def get(self, tx: Tx, scope: str, name: str) -> Lock | None:
        table = tables.locks
        where = sa.and_(table.c.scope_key == scope_key(scope), sa.func.lower(table.c.name) == name.lower())
        return await tx.row(Lock, columns(table, Lock).where(where))

    async def put(self, tx: Tx, lock: Lock) -> None:
        """Add it, or replace level and notes of the one of that name at the scope."""
        table = tables.locks
        values = msgspec.structs.asdict(lock) | {"level": lock.level.value}
        key = {"key": lock.id.lower(), "scope_key": scope_key(lock.scope)}
        kept = {name: values[name] for name in ("level", "notes", "changed", "changed_by")}
        made = tx.insert(table).values(values | key)
        await tx.change(made.on_conflict_do_update(index_elements=["key"], set_=kept))

    async def remove(self, tx: Tx, scope: str, name: str) -> bool:
        table = tables.locks
        where = sa.and_(table.c.scope_key == scope_key(scope), sa.func.lower(table.c.name) == name.lower())
        return await tx.change(sa.delete(table).where(where)) > 0

    async def remove_below(self, tx: Tx, scope: str) -> int:
        """Forget the locks of a scope that is gone: its name may come back for something else."""
        table, key = tables.locks, scope_key(scope)
        where = sa.or_(table.c.scope_key == key, inside(table.c.scope_key, key))
        return await tx.change(sa.delete(table).where(where))

    async def over(self, tx: Tx, rid: ResourceId, *, below: bool = False) -> list[Lock]:
        """Locks that hold on `rid`: its own and those of every scope above. With `below` also those of what
        is inside it, which goes when `rid` goes.
        """
        table = tables.locks
        where: sa.ColumnElement[bool] = table.c.scope_key.in_([*rid.scopes(), rid.key])
        if below:
            where = sa.or_(where, inside(table.c.scope_key, rid.key))
        return await tx.rows(Lock, columns(table, Lock).where(where).order_by(table.c.key).limit(MAX_LISTED))

    async def at(self, tx: Tx, rid: ResourceId, *, below: bool = True) -> list[Lock]:
        """Locks made on `rid` itself and, with `below`, on what is inside it; in the order of their keys."""
        table = tables.locks
        where: sa.ColumnElement[bool] = table.c.scope_key == rid.key
        if below:
            where = sa.or_(where, inside(table.c.scope_key, rid.key))
        return await tx.rows(Lock, columns(table, Lock).where(where).order_by(table.c.key).limit(MAX_LISTED))
