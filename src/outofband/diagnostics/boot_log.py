"""The serial log of a VM, put together from what its host uploaded. It needs no host: the VM may be dead.

Two ways to read it: by the log's own offsets (`extent`, `read`), and as one blob that is not there
(`virtual`), whose bytes are the log's with a line in each place where some are missing.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from datetime import datetime

import msgspec

from outofband.diagnostics.places import LOG_SUFFIX, Places, vm_of
from outofband.storage.content import Content
from outofband.storage.service import Storage
from outofband.store.blobs import Blob
from outofband.store.blobs_containers import Container
from outofband.store.blobs_objects import Extent as Stored
from outofband.store.resources import Resource
from outofband.store.store import Store
from outofband.store.tx import Tx
from outofband.wire import segments
from outofband.wire.segments import Extent, Gap, Notes, Part, Segment

PORT = "0"
"""Whose log it is that Azure's clients read."""
MOST = 2 * segments.MAX_SEGMENTS
"""Segments that are read of a log, the newest: a host that never says what it stored is not trimmed."""


class Run(msgspec.Struct, frozen=True, kw_only=True):
    """`length` bytes of the virtual blob from `at` on: `text`, or those of the log from `start` on."""

    at: int
    length: int
    start: int = 0
    text: bytes | None = None


class Virtual(msgspec.Struct, frozen=True, kw_only=True):
    """The log as one blob, as it is now."""

    length: int
    etag: str
    """Tells the offsets between which the log is: no byte that is there ever changes."""
    created: datetime
    modified: datetime
    runs: tuple[Run, ...]
    extents: tuple[Stored, ...]
    """Of all segments, by the log's offsets."""

    async def read(self, content: Content, start: int, end: int) -> AsyncIterator[bytes]:
        """The bytes from `start` up to `end` of the blob."""
        for run in self.runs:
            low, high = max(start, run.at), min(end, run.at + run.length)
            if low >= high:
                continue
            if run.text is not None:
                yield run.text[low - run.at : high - run.at]
                continue
            shift = run.start - run.at
            async for piece in content.read(self.extents, low + shift, high + shift):
                yield piece


class BootLog:
    """The logs of VMs. `row` is a VM or an instance of a scale set."""

    def __init__(self, store: Store, storage: Storage, places: Places) -> None:
        self._store = store
        self._storage = storage
        self._places = places

    async def extent(self, row: Resource, port: str = PORT) -> Extent | None:
        """What is stored of a port's log; None when nothing is. Raises Fault BootDiagnostics* when the
        account that the VM names cannot be read.
        """
        async with self._store.read() as tx:
            blobs = await self._blobs(tx, row, port)
        return segments.extent([each.segment for each in blobs])

    async def read(self, row: Resource, start: int, end: int, port: str = PORT) -> AsyncIterator[bytes]:
        """The stored bytes of a port's log from offset `start` up to `end`, in pieces; of gaps nothing comes.

        Raises as `extent`. A segment that the ring gave up while this reads is not missed: what is taken from
        a blob stays readable for minutes.
        """
        async with self._store.read() as tx:
            blobs = await self._blobs(tx, row, port)
            wanted = [
                part
                for part in segments.parts([each.segment for each in blobs])
                if part.end > start and part.start < end
            ]
            used = {part.segment for part in wanted}
            extents = await _extents(
                self._store, tx, wanted, [each for each in blobs if each.segment.start in used]
            )
        for part in wanted:
            low, high = max(start, part.start), min(end, part.end)
            async for piece in self._storage.content.read(extents, low, high):
                yield piece

    async def _blobs(self, tx: Tx, row: Resource, port: str) -> list[_SegmentBlob]:
        found = await self._places.find(tx, row)
        container = await self._places.container(tx, found) if found is not None else None
        return await _listed(self._store, tx, container, port) if container is not None else []


async def virtual(
    store: Store, tx: Tx, container: Container, name: str, *, known: str | None = None
) -> Virtual | None:
    """The log as the blob of that name; None where the name is not one of a log.

    `known`: the entity tag that a reader has of an earlier part. While the log still begins where it did, it
    is read as it was then: a log that grows can be read in pieces.
    """
    vm = vm_of(container.name)
    if vm is None or not name.lower().endswith(f".{vm}{LOG_SUFFIX}"):
        return None
    blobs = await _listed(store, tx, container, PORT)
    whole = segments.extent([each.segment for each in blobs])
    if whole is None:
        # Nothing was printed yet, and that is what is in it.
        whole = Extent(start=0, end=0)
    end = _earlier(known, whole)
    parts = segments.parts([each.segment for each in blobs])
    runs = _runs([part for part in parts if part.start < end], whole, end)
    return Virtual(
        length=runs[-1].at + runs[-1].length if runs else 0,
        etag=_etag(whole.start, end),
        created=min((each.blob.created for each in blobs), default=container.created),
        modified=max((each.blob.modified for each in blobs), default=container.modified),
        runs=tuple(runs),
        extents=tuple(await _extents(store, tx, parts, blobs)),
    )


def marker(gap: Gap) -> bytes:
    """The line that stands in the place of bytes that are missing."""
    count = f"{gap.bytes} bytes are" if gap.bytes else "Output is"
    return f"\r\n[outofband: {count} missing here]\r\n".encode()


class _SegmentBlob(msgspec.Struct, frozen=True):
    blob: Blob
    segment: Segment


async def _listed(store: Store, tx: Tx, container: Container, port: str) -> list[_SegmentBlob]:
    found = []
    for blob in await store.blobs.last(tx, container.id, segments.prefix(port), MOST):
        if (named := segments.parse(blob.name)) is not None:
            start = named[1]
            notes = Notes.read(blob.metadata, start)
            found.append(_SegmentBlob(blob, Segment(start=start, length=blob.length, notes=notes)))
    return found


async def _extents(
    store: Store, tx: Tx, parts: Sequence[Part], blobs: Sequence[_SegmentBlob]
) -> list[Stored]:
    """Where the bytes of the log are, by the log's offsets."""
    by_start = {each.segment.start: each.blob.id for each in blobs}
    stored = await store.blob_objects.extents_of(tx, list(by_start.values()))
    found: list[Stored] = []
    for part in parts:
        for extent in stored.get(by_start[part.segment], ()):
            low = max(part.start, part.segment + extent.start)
            high = min(part.end, part.segment + extent.end)
            if low < high:
                object_start = extent.object_start + low - part.segment - extent.start
                found.append(
                    Stored(
                        start=low, length=high - low, object_key=extent.object_key, object_start=object_start
                    )
                )
    return found


def _runs(parts: Sequence[Part], whole: Extent, end: int) -> list[Run]:
    """What the blob is made of, up to offset `end` of the log."""
    gaps = [gap for gap in whole.gaps if gap.start < end or (gap.start == gap.end == end)]
    runs: list[Run] = []
    at = 0

    def add(length: int, start: int = 0, text: bytes | None = None) -> None:
        nonlocal at
        if length:
            runs.append(Run(at=at, length=length, start=start, text=text))
            at += length

    def tell(upto: int) -> None:
        while gaps and gaps[0].start <= upto:
            line = marker(gaps.pop(0))
            add(len(line), text=line)

    for part in parts:
        low, high = part.start, min(part.end, end)
        while low < high:
            tell(low)
            stop = min(high, gaps[0].start) if gaps else high
            add(stop - low, start=low)
            low = stop
    tell(end)
    return runs


def _etag(start: int, end: int) -> str:
    return f'"0x{start:X}-{end:X}"'


def _earlier(known: str | None, whole: Extent) -> int:
    """The end that an entity tag of this log names, else its end now."""
    text = (known or "").strip().removeprefix("W/").strip('"').removeprefix("0x")
    first, dash, last = text.partition("-")
    try:
        start, end = int(first, 16), int(last, 16)
    except ValueError:
        return whole.end
    return end if dash and start == whole.start and start <= end <= whole.end else whole.end
