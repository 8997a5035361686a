"""What is in blobs: bytes going in before a row tells of them, and coming out piece by piece."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Iterator, Sequence

import msgspec

from outofband.core import clock
from outofband.core.errors import Fault
from outofband.net.tasks import Tasks
from outofband.storage.objects import PIECE, Objects, new_key
from outofband.store.blobs_objects import Extent
from outofband.store.store import Store
from outofband.store.tx import Tx

_ZEROS = bytes(PIECE)


class Uploaded(msgspec.Struct, frozen=True, kw_only=True):
    """Bytes that are in the object store, whole. `key` is None for none at all."""

    key: str | None
    length: int
    md5: bytes

    def extent(self, start: int = 0, block: str | None = None) -> list[Extent]:
        """It as a part of a blob; an empty list when it is empty."""
        if self.key is None:
            return []
        return [Extent(start=start, length=self.length, object_key=self.key, block=block)]


class Content:
    def __init__(self, store: Store, objects: Objects) -> None:
        self._store = store
        self._objects = objects
        self._tasks = Tasks()

    @contextlib.asynccontextmanager
    async def uploaded(self, pieces: AsyncIterator[bytes], length: int) -> AsyncIterator[Uploaded]:
        """Take exactly `length` bytes into the object store. The block commits rows that refer to them, after
        `keep`; when it fails, or the pieces do, nothing stays.
        """
        if length == 0:
            async for piece in pieces:
                if piece:
                    raise Fault("IncompleteBody", expected=0, came=len(piece))
            yield Uploaded(key=None, length=0, md5=EMPTY_MD5)
            return
        key = new_key()
        async with self._store.write() as tx:
            await self._store.blob_objects.begin(tx, key, length, clock.now())
        try:
            md5 = await self._objects.put(key, pieces, length)
            yield Uploaded(key=key, length=length, md5=md5)
        except BaseException:
            # In a task of its own: who sent the bytes may be gone, and this be cancelled for it.
            self._tasks.spawn("blobs.abandon", self._abandon(key))
            raise

    async def keep(self, tx: Tx, uploaded: Uploaded) -> None:
        """Within the unit that refers to it."""
        if uploaded.key is not None:
            await self._store.blob_objects.keep(tx, uploaded.key, clock.now())

    async def read(self, extents: Sequence[Extent], start: int, end: int) -> AsyncIterator[bytes]:
        """The bytes from `start` up to `end` of a blob that is made of `extents`; zeros where none is."""
        position = start
        for extent in extents:
            if extent.end <= position:
                continue
            if extent.start >= end:
                break
            for piece in _zeros(extent.start - position):
                yield piece
            position = max(position, extent.start)
            upto = min(end, extent.end)
            offset = extent.object_start - extent.start
            async for piece in self._objects.read(extent.object_key, position + offset, upto + offset):
                yield piece
            position = upto
        for piece in _zeros(end - position):
            yield piece

    async def close(self) -> None:
        await self._tasks.close()
        await self._objects.close()

    async def _abandon(self, key: str) -> None:
        try:
            async with self._store.write() as tx:
                await self._store.blob_objects.abandon(tx, key, clock.now())
        except Fault:
            # It stays pending and is swept a day later.
            return


EMPTY_MD5 = bytes.fromhex("d41d8cd98f00b204e9800998ecf8427e")


def _zeros(length: int) -> Iterator[bytes]:
    while length > 0:
        yield _ZEROS[:length]
        length -= PIECE
