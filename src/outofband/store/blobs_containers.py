"""Containers of the blob service."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec
import sqlalchemy as sa

from outofband.store import tables
from outofband.store.blobs_tables import blob_containers, storage_accounts
from outofband.store.query import Query
from outofband.store.tx import Tx, columns


class Container(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    account: str
    name: str
    public: str
    """`container`, `blob`, or empty."""
    metadata: dict[str, str]
    policies: list[dict[str, str]]
    lease: dict[str, Any] | None
    etag: str
    created: datetime
    modified: datetime


_CONTAINER = Query(
    Container,
    columns(blob_containers, Container).where(
        blob_containers.c.account == sa.bindparam("account"),
        blob_containers.c.name == sa.bindparam("name"),
        blob_containers.c.deleted.is_(None),
    ),
)


class Containers:
    async def get(self, tx: Tx, account: str, name: str) -> Container | None:
        return await tx.first(_CONTAINER, account=account, name=name)

    async def add(self, tx: Tx, container: Container) -> bool:
        """False when there is one of that name."""
        values = msgspec.structs.asdict(container)
        return await tx.change(tx.insert(blob_containers).values(values).on_conflict_do_nothing()) > 0

    async def update(self, tx: Tx, id: str, **values: Any) -> None:
        await tx.change(sa.update(blob_containers).where(blob_containers.c.id == id).values(values))

    async def page(self, tx: Tx, account: str, *, prefix: str, start: str, limit: int) -> list[Container]:
        """In the order of names; from `start` on, at most `limit`."""
        table = blob_containers
        query = columns(table, Container).where(table.c.account == account, table.c.deleted.is_(None))
        query = query.where(table.c.name >= start, beginning(table.c.name, prefix))
        return await tx.rows(Container, query.order_by(table.c.name).limit(limit))

    async def delete(self, tx: Tx, id: str, now: datetime) -> None:
        """Gone at once for everybody; what is in it is removed by and by."""
        table = blob_containers
        # No container can be called so: the name is free.
        change = sa.update(table).where(table.c.id == id).values(deleted=now, name=f".{id}")
        await tx.change(change)

    async def delete_orphans(self, tx: Tx, now: datetime) -> int:
        """Those whose account is gone."""
        table = blob_containers
        account = sa.exists().where(
            storage_accounts.c.uid == table.c.account, tables.resources.c.uid == table.c.account
        )
        where = sa.and_(table.c.deleted.is_(None), sa.not_(account))
        return await tx.change(
            sa.update(table).where(where).values(deleted=now, name=sa.literal(".") + table.c.id)
        )

    async def deleted(self, tx: Tx, limit: int) -> list[Container]:
        table = blob_containers
        query = columns(table, Container).where(table.c.deleted.is_not(None))
        return await tx.rows(Container, query.order_by(table.c.deleted).limit(limit))

    async def forget(self, tx: Tx, id: str) -> None:
        await tx.change(sa.delete(blob_containers).where(blob_containers.c.id == id))


def beginning(column: sa.ColumnElement[str], prefix: str) -> sa.ColumnElement[bool]:
    """Whether a text begins with `prefix`, as a range, for LIKE would not use the index."""
    if not prefix:
        return sa.true()
    end = past(prefix)
    return column >= prefix if end is None else sa.and_(column >= prefix, column < end)


def past(prefix: str) -> str | None:
    """The first text in the order of code points that comes after everything that begins with `prefix`."""
    for position in range(len(prefix) - 1, -1, -1):
        code = ord(prefix[position]) + 1
        if 0xD800 <= code <= 0xDFFF:
            code = 0xE000
        if code <= 0x10FFFF:
            return prefix[:position] + chr(code)
    return None
