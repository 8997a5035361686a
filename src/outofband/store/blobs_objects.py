"""Objects, and what refers to them: extents of blobs, and blocks that are not part of a blob yet.

An object is `pending` from before its first byte is written. The unit that lets something refer to it makes
it `kept`; the unit that takes the last reference away makes it `loose`. Only loose ones are erased, and
pending ones that nobody finished.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import msgspec
import sqlalchemy as sa

from outofband.core.errors import Fault
from outofband.store.blobs_tables import blob_blocks, blob_extents, blob_objects
from outofband.store.query import Change, Query, fresh, new
from outofband.store.tx import Tx, columns

PENDING, KEPT, LOOSE, DOOMED = "pending", "kept", "loose", "doomed"
BATCH = 500
"""Rows of one INSERT; databases bound the number of parameters."""
FEW = 20
"""Extents that are taken away on the event loop; a blob can have 50,000."""


class Extent(msgspec.Struct, frozen=True, kw_only=True):
    """`length` bytes of a blob from `start` on, which are those of an object from `object_start` on."""

    start: int
    length: int
    object_key: str
    object_start: int = 0
    block: str | None = None

    @property
    def end(self) -> int:
        return self.start + self.length


class Block(msgspec.Struct, frozen=True, kw_only=True):
    """One that was uploaded and is not part of a blob yet."""

    block: str
    length: int
    object_key: str


class _Owned(msgspec.Struct, frozen=True, kw_only=True):
    blob_id: str
    start: int
    length: int
    object_key: str
    object_start: int
    block: str | None

    @property
    def extent(self) -> Extent:
        return Extent(
            start=self.start,
            length=self.length,
            object_key=self.object_key,
            object_start=self.object_start,
            block=self.block,
        )


class _Key(msgspec.Struct, frozen=True):
    key: str


def _unused(*, but_blob: str | None = None) -> sa.ColumnElement[bool]:
    """Whether an object is kept and nothing refers to it, extents of `but_blob` aside."""
    table = blob_objects
    extent = blob_extents.c.object_key == table.c.key
    if but_blob is not None:
        extent = sa.and_(extent, blob_extents.c.blob_id != but_blob)
    used = sa.or_(sa.exists().where(extent), sa.exists().where(blob_blocks.c.object_key == table.c.key))
    return sa.and_(table.c.state == KEPT, sa.not_(used))


# The statements of a Put Blob, of which a thousand VMs send a hundred a second.
_BEGIN = Change(sa.insert(blob_objects).values(fresh(blob_objects, ("key", "length", "state", "since"))))
_TURN = Change(
    sa.update(blob_objects)
    .where(blob_objects.c.key == sa.bindparam("object"), blob_objects.c.state == sa.bindparam("was"))
    .values(fresh(blob_objects, ("state", "since")))
)
_LOOSEN_ONE = Change(
    sa.update(blob_objects)
    .where(blob_objects.c.key == sa.bindparam("object"), _unused())
    .values(fresh(blob_objects, ("state", "since")))
)
_EXTENTS = Query(
    Extent,
    columns(blob_extents, Extent)
    .where(blob_extents.c.blob_id == sa.bindparam("blob"))
    .order_by(blob_extents.c.start),
)
_ADD_EXTENT = Change(
    sa.insert(blob_extents).values(fresh(blob_extents, ("blob_id", *Extent.__struct_fields__)))
)
_DROP_EXTENTS = Change(sa.delete(blob_extents).where(blob_extents.c.blob_id == sa.bindparam("blob")))
_BLOCKS = Query(
    Block,
    columns(blob_blocks, Block).where(
        blob_blocks.c.container_id == sa.bindparam("container"), blob_blocks.c.name == sa.bindparam("blob")
    ),
)


class BlobObjects:
    async def begin(self, tx: Tx, key: str, length: int, now: datetime) -> None:
        values = {"key": key, "length": length, "state": PENDING, "since": now}
        await tx.apply(_BEGIN, **new(values))

    async def keep(self, tx: Tx, key: str, now: datetime) -> None:
        """Something refers to it from now on. Raises Fault ObjectStoreBusy when it was given up meanwhile."""
        if await tx.apply(_TURN, object=key, was=PENDING, new_state=KEPT, new_since=now) == 0:
            raise Fault("ObjectStoreBusy", detail="the upload took too long")

    async def abandon(self, tx: Tx, key: str, now: datetime) -> None:
        """An upload that came to nothing."""
        await tx.apply(_TURN, object=key, was=PENDING, new_state=LOOSE, new_since=now)

    # Extents

    async def extents(self, tx: Tx, blob: str, start: int = 0, end: int | None = None) -> list[Extent]:
        """Those that touch the range from `start` up to `end`, in order."""
        table = blob_extents
        if start <= 0 and end is None:
            return await tx.all(_EXTENTS, blob=blob)
        query = columns(table, Extent).where(table.c.blob_id == blob)
        if start > 0:
            query = query.where(table.c.start + table.c.length > start)
        if end is not None:
            query = query.where(table.c.start < end)
        return await tx.rows(Extent, query.order_by(table.c.start))

    async def extents_of(self, tx: Tx, ids: Sequence[str]) -> dict[str, list[Extent]]:
        """Those of many blobs at once, by the blob's id, each in order."""
        table, found = blob_extents, dict[str, list[Extent]]()
        for first in range(0, len(ids), BATCH):
            query = columns(table, _Owned).where(table.c.blob_id.in_(ids[first : first + BATCH]))
            for row in await tx.rows(_Owned, query.order_by(table.c.blob_id, table.c.start)):
                found.setdefault(row.blob_id, []).append(row.extent)
        return found

    async def add_extents(self, tx: Tx, blob: str, extents: Sequence[Extent]) -> None:
        if len(extents) == 1:
            await tx.apply(_ADD_EXTENT, new_blob_id=blob, **new(msgspec.structs.asdict(extents[0])))
            return
        for first in range(0, len(extents), BATCH):
            rows = [
                {"blob_id": blob, **msgspec.structs.asdict(each)} for each in extents[first : first + BATCH]
            ]
            await tx.change(sa.insert(blob_extents).values(rows))

    async def clear(self, tx: Tx, blob: str, now: datetime) -> None:
        """Take all extents away; objects that nothing else refers to become loose."""
        table = blob_extents
        mine = sa.select(table.c.object_key).where(table.c.blob_id == blob)
        await self._loosen(tx, blob_objects.c.key.in_(mine), now, but_blob=blob)
        await tx.change(sa.delete(table).where(table.c.blob_id == blob))

    async def replace(self, tx: Tx, blob: str, extents: Sequence[Extent], now: datetime) -> None:
        """Make the blob of these, which may refer to objects that it had before."""
        table = blob_extents
        there = await self.extents(tx, blob)
        before = list(dict.fromkeys(each.object_key for each in there))
        if len(there) <= FEW:
            await tx.apply(_DROP_EXTENTS, blob=blob)
        else:
            await tx.change(sa.delete(table).where(table.c.blob_id == blob))
        await self.add_extents(tx, blob, extents)
        if len(before) == 1:
            await tx.apply(_LOOSEN_ONE, object=before[0], new_state=LOOSE, new_since=now)
            return
        for first in range(0, len(before), BATCH):
            await self._loosen(tx, blob_objects.c.key.in_(before[first : first + BATCH]), now)

    async def cut(self, tx: Tx, blob: str, start: int, end: int, now: datetime) -> None:
        """Take the range from `start` up to `end` away; what sticks out on both sides stays."""
        table = blob_extents
        for extent in await self.extents(tx, blob, start, end):
            where = sa.and_(table.c.blob_id == blob, table.c.start == extent.start)
            await tx.change(sa.delete(table).where(where))
            rest = []
            if extent.start < start:
                rest.append(msgspec.structs.replace(extent, length=start - extent.start))
            if extent.end > end:
                skipped = end - extent.start
                rest.append(
                    msgspec.structs.replace(
                        extent,
                        start=end,
                        length=extent.end - end,
                        object_start=extent.object_start + skipped,
                    )
                )
            await self.add_extents(tx, blob, rest)
            if not rest:
                await self._loosen(tx, blob_objects.c.key == extent.object_key, now)

    # Blocks

    async def put_block(
        self, tx: Tx, container: str, name: str, block: Block, now: datetime, *, most: int
    ) -> bool:
        """In place of one of the same id; False when there are `most` already."""
        table = blob_blocks
        here = sa.and_(table.c.container_id == container, table.c.name == name)
        same = sa.and_(here, table.c.block == block.block)
        replaced = await tx.rows(Block, columns(table, Block).where(same))
        await tx.change(sa.delete(table).where(same))
        for each in replaced:
            await self._loosen(tx, blob_objects.c.key == each.object_key, now)
        if await tx.value(sa.select(sa.func.count()).select_from(table).where(here)) >= most:
            return False
        values = {
            "container_id": container,
            "name": name,
            "created": now,
            **msgspec.structs.asdict(block),
        }
        await tx.change(sa.insert(table).values(values))
        return True

    async def blocks(self, tx: Tx, container: str, name: str) -> list[Block]:
        table = blob_blocks
        query = columns(table, Block).where(table.c.container_id == container, table.c.name == name)
        return await tx.rows(Block, query.order_by(table.c.created, table.c.block))

    async def drop_blocks(self, tx: Tx, container: str, name: str, now: datetime) -> None:
        """Forget the uncommitted blocks; objects that a blob uses stay."""
        keys = [each.object_key for each in await tx.all(_BLOCKS, container=container, blob=name)]
        if not keys:
            # A blob that is put whole, over and over, never has any.
            return
        table = blob_blocks
        here = sa.and_(table.c.container_id == container, table.c.name == name)
        await tx.change(sa.delete(table).where(here))
        for first in range(0, len(keys), BATCH):
            await self._loosen(tx, blob_objects.c.key.in_(keys[first : first + BATCH]), now)

    # The sweep

    async def drop_old_blocks(self, tx: Tx, before: datetime, now: datetime, limit: int) -> int:
        """Blocks that nobody committed since `before`."""
        table = blob_blocks
        old = sa.select(table.c.object_key).where(table.c.created < before).limit(limit)
        keys = [row.key for row in await tx.rows(_Key, old)]
        if keys:
            await tx.change(sa.delete(table).where(table.c.object_key.in_(keys)))
            await self._loosen(tx, blob_objects.c.key.in_(keys), now)
        return len(keys)

    async def drop_container_blocks(self, tx: Tx, container: str, now: datetime, limit: int) -> int:
        table = blob_blocks
        query = sa.select(table.c.object_key).where(table.c.container_id == container).limit(limit)
        keys = [row.key for row in await tx.rows(_Key, query)]
        if keys:
            await tx.change(sa.delete(table).where(table.c.object_key.in_(keys)))
            await self._loosen(tx, blob_objects.c.key.in_(keys), now)
        return len(keys)

    async def doom(
        self, tx: Tx, *, loose_before: datetime, pending_before: datetime, limit: int
    ) -> list[str]:
        """Up to `limit` objects to erase; nobody can refer to one of them any more. Those that were doomed
        before and not erased come again; the oldest come first.
        """
        table = blob_objects
        wanted = sa.or_(
            sa.and_(table.c.state == LOOSE, table.c.since < loose_before),
            sa.and_(table.c.state == PENDING, table.c.since < pending_before),
            table.c.state == DOOMED,
        )
        found = await tx.rows(_Key, sa.select(table.c.key).where(wanted).order_by(table.c.since).limit(limit))
        keys = [row.key for row in found]
        if keys:
            await tx.change(sa.update(table).where(table.c.key.in_(keys)).values(state=DOOMED))
        return keys

    async def put_off(self, tx: Tx, keys: Sequence[str], now: datetime) -> None:
        """Doomed ones that could not be erased: all others come first."""
        await tx.change(sa.update(blob_objects).where(blob_objects.c.key.in_(keys)).values(since=now))

    async def forget(self, tx: Tx, keys: Sequence[str]) -> None:
        await tx.change(sa.delete(blob_objects).where(blob_objects.c.key.in_(keys)))

    async def _loosen(
        self, tx: Tx, which: sa.ColumnElement[bool], now: datetime, *, but_blob: str | None = None
    ) -> None:
        """Those of `which` that nothing refers to, extents of `but_blob` aside."""
        where = sa.and_(which, _unused(but_blob=but_blob))
        await tx.change(sa.update(blob_objects).where(where).values(state=LOOSE, since=now))
