"""Blobs: their names, headers and states. What is in them is with `blobs_objects`."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import cache
from typing import Any

import msgspec
import sqlalchemy as sa

from outofband.store.blobs_containers import beginning, past
from outofband.store.blobs_tables import blobs
from outofband.store.query import Change, Query, fresh, new
from outofband.store.tx import Tx, columns

BLOCK, APPEND, PAGE = "BlockBlob", "AppendBlob", "PageBlob"
KINDS = (BLOCK, APPEND, PAGE)
FEW = 8
"""Rows that a listing with a delimiter reads before it knows whether it gathers them."""


class Blob(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    container_id: str
    name: str
    kind: str
    """One of KINDS."""
    length: int
    headers: dict[str, str]
    """Content-Type and its like, by the names in which they are answered."""
    metadata: dict[str, str]
    lease: dict[str, Any] | None
    copy: dict[str, str] | None
    tier: str | None
    sequence: int
    etag: str
    created: datetime
    modified: datetime


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """A piece of a listing: blobs, and prefixes in which names were gathered, in one order."""

    entries: list[Blob | str]
    after: str | None
    """Where the next piece begins; None at the end."""


_BLOB = Query(
    Blob,
    columns(blobs, Blob).where(
        blobs.c.container_id == sa.bindparam("container"), blobs.c.name == sa.bindparam("name")
    ),
)


_ADD = Change(sa.insert(blobs).values(fresh(blobs, Blob.__struct_fields__)))


@cache
def _setting(names: tuple[str, ...]) -> Change:
    """The code has a dozen sets of names; none comes from outside."""
    return Change(sa.update(blobs).where(blobs.c.id == sa.bindparam("blob")).values(fresh(blobs, names)))


class Blobs:
    async def get(self, tx: Tx, container: str, name: str) -> Blob | None:
        return await tx.first(_BLOB, container=container, name=name)

    async def add(self, tx: Tx, blob: Blob) -> None:
        """The name has to be free."""
        await tx.apply(_ADD, **new(msgspec.structs.asdict(blob)))

    async def update(self, tx: Tx, id: str, **values: Any) -> None:
        await tx.apply(_setting(tuple(values)), blob=id, **new(values))

    async def remove(self, tx: Tx, ids: Sequence[str]) -> None:
        await tx.change(sa.delete(blobs).where(blobs.c.id.in_(ids)))

    async def lengths(self, tx: Tx, container: str, *, prefix: str) -> list[tuple[str, int]]:
        """Name and length of every blob whose name begins so, in the order of names."""
        query = sa.select(blobs.c.name, blobs.c.length).where(blobs.c.container_id == container)
        query = query.where(beginning(blobs.c.name, prefix)).order_by(blobs.c.name)
        return [(row.name, row.length) for row in await tx.fetch(query)]

    async def last(self, tx: Tx, container: str, prefix: str, limit: int) -> list[Blob]:
        """The last blobs whose name begins so, at most `limit`, in the order of names."""
        query = columns(blobs, Blob).where(blobs.c.container_id == container)
        query = query.where(beginning(blobs.c.name, prefix)).order_by(blobs.c.name.desc()).limit(limit)
        return (await tx.rows(Blob, query))[::-1]

    async def some(self, tx: Tx, container: str, limit: int) -> list[Blob]:
        query = columns(blobs, Blob).where(blobs.c.container_id == container)
        return await tx.rows(Blob, query.limit(limit))

    async def list(
        self, tx: Tx, container: str, *, prefix: str, delimiter: str, start: str, limit: int
    ) -> Found:
        """Names from `start` on that begin with `prefix`. With a delimiter those that share what comes up to
        it count as one entry, and what lies behind it is skipped, not read.
        """
        table = blobs
        entries: list[Blob | str] = []
        position: str | None = max(start, prefix)
        # Rows behind the first one that is gathered are read in vain: so few at first, more where none is.
        reach = FEW if delimiter else limit + 1
        while position is not None and len(entries) <= limit:
            query = columns(table, Blob).where(table.c.container_id == container)
            query = query.where(table.c.name >= position, beginning(table.c.name, prefix))
            size = min(reach, limit + 1 - len(entries))
            rows = await tx.rows(Blob, query.order_by(table.c.name).limit(size))
            # Fewer than were asked for are the last ones; else it goes on right behind the last.
            position = rows[-1].name + "\x01" if len(rows) == size else None
            reach = min(2 * reach, limit + 1)
            for row in rows:
                gathered = _gathered(row.name, prefix, delimiter)
                if gathered is not None:
                    entries.append(gathered)
                    position, reach = past(gathered), FEW
                    break
                entries.append(row)
        if len(entries) <= limit:
            return Found(entries=entries, after=None)
        last = entries[limit]
        return Found(entries=entries[:limit], after=last if isinstance(last, str) else last.name)


def _gathered(name: str, prefix: str, delimiter: str) -> str | None:
    if not delimiter:
        return None
    at = name.find(delimiter, len(prefix))
    return None if at < 0 else name[: at + len(delimiter)]
