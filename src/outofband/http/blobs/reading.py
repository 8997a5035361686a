"""Reading blobs: what they are, what is in them, and what they are made of."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator

from outofband.core.errors import Fault
from outofband.diagnostics.boot_log import Virtual, virtual
from outofband.diagnostics.places import LOG_SUFFIX
from outofband.http.blobs import properties
from outofband.http.blobs.containers import XML
from outofband.http.blobs.exchange import Ask, Reply
from outofband.store.blobs import APPEND, BLOCK, PAGE, Blob
from outofband.store.blobs_objects import Extent
from outofband.store.tx import Tx
from outofband.wire.storage import conditions, documents, leases, ranges
from outofband.wire.storage.conditions import Verdict
from outofband.wire.storage.ranges import Range

MAX_HASHED = 4 * 1024 * 1024
"""Bytes of a range whose MD5 may be asked for."""


async def found(ask: Ask, tx: Tx) -> Blob:
    """The blob; under its lease, if one is named. Raises Fault ContainerNotFound or BlobNotFound."""
    row = await ask.container(tx)
    blob = await ask.store.blobs.get(tx, row.id, ask.target.blob)
    if blob is None:
        raise Fault("BlobNotFound")
    held, given = properties.lease_of(blob.lease), ask.asked.header("x-ms-lease-id")
    leases.require(held, given, ask.now, of="Blob", writing=False)
    return blob


async def get(ask: Ask) -> Reply:
    async with ask.store.read() as tx:
        if (log := await put_together(ask, tx)) is not None:
            return _of_log(ask, log)
        blob = await found(ask, tx)
        if _unchanged(ask, blob):
            return Reply(status=304, headers=properties.tags(blob))
        part = ranges.wanted(ask.asked, blob.length)
        whole = part or Range(start=0, end=blob.length)
        extents = await ask.store.blob_objects.extents(tx, blob.id, whole.start, whole.end)
    headers = _headers(ask, blob)
    headers["Content-Length"] = str(whole.length)
    if part is None:
        return Reply(headers=headers, stream=ask.storage.content.read(extents, 0, blob.length))
    headers["Content-Range"] = part.of(blob.length)
    if (digest := headers.pop("Content-MD5", None)) is not None:
        headers["x-ms-blob-content-md5"] = digest
    if (ask.asked.header("x-ms-range-get-content-md5") or "").lower() == "true":
        return await _hashed(ask, part, extents, headers)
    stream = ask.storage.content.read(extents, part.start, part.end)
    return Reply(status=206, headers=headers, stream=stream)


async def put_together(ask: Ask, tx: Tx) -> Virtual | None:
    """The serial log of a VM, where the blob that is asked for is one and nobody wrote one of its name."""
    if not ask.target.blob.endswith(LOG_SUFFIX):
        return None
    row = await ask.container(tx)
    if await ask.store.blobs.get(tx, row.id, ask.target.blob) is not None:
        return None
    return await virtual(ask.store, tx, row, ask.target.blob, known=ask.asked.header("if-match"))


def _of_log(ask: Ask, log: Virtual) -> Reply:
    blob = _as_blob(log)
    if _unchanged(ask, blob):
        return Reply(status=304, headers=properties.tags(blob))
    part = ranges.wanted(ask.asked, log.length)
    whole = part or Range(start=0, end=log.length)
    headers = {**_headers(ask, blob), "Content-Length": str(whole.length)}
    if part is not None:
        headers["Content-Range"] = part.of(log.length)
    stream = log.read(ask.storage.content, whole.start, whole.end)
    return Reply(status=206 if part is not None else 200, headers=headers, stream=stream)


def _as_blob(log: Virtual) -> Blob:
    return Blob(
        id="",
        container_id="",
        name="",
        kind=BLOCK,
        length=log.length,
        headers={"Content-Type": "text/plain"},
        metadata={},
        lease=None,
        copy=None,
        tier=None,
        sequence=0,
        etag=log.etag,
        created=log.created,
        modified=log.modified,
    )


async def head(ask: Ask) -> Reply:
    async with ask.store.read() as tx:
        if (log := await put_together(ask, tx)) is not None:
            blob = _as_blob(log)
            return Reply(headers={**_headers(ask, blob), "Content-Length": str(log.length)})
        blob = await found(ask, tx)
    if _unchanged(ask, blob):
        return Reply(status=304, headers=properties.tags(blob))
    return Reply(headers={**_headers(ask, blob), "Content-Length": str(blob.length)})


async def metadata(ask: Ask) -> Reply:
    async with ask.store.read() as tx:
        blob = await found(ask, tx)
    if _unchanged(ask, blob):
        return Reply(status=304, headers=properties.tags(blob))
    return Reply(headers={**properties.tags(blob), **properties.meta_headers(blob.metadata)})


async def block_list(ask: Ask) -> Reply:
    wanted = (ask.asked.parameter("blocklisttype") or "committed").lower()
    if wanted not in ("committed", "uncommitted", "all"):
        raise Fault("InvalidQueryParameterValue", name="blocklisttype", value=wanted[:80])
    async with ask.store.read() as tx:
        row = await ask.container(tx)
        blob = await ask.store.blobs.get(tx, row.id, ask.target.blob)
        waiting = await ask.store.blob_objects.blocks(tx, row.id, ask.target.blob)
        if blob is None and not waiting:
            raise Fault("BlobNotFound")
        if blob is not None and blob.kind != BLOCK:
            raise Fault("InvalidBlobType")
        extents = await ask.store.blob_objects.extents(tx, blob.id) if blob is not None else []
    committed = [(each.block, each.length) for each in extents if each.block is not None]
    uncommitted = [(each.block, each.length) for each in waiting]
    tags = properties.tags(blob) if blob is not None else {}
    return Reply(
        headers={**tags, "x-ms-blob-content-length": str(blob.length if blob else 0), **XML},
        body=documents.block_list(
            committed if wanted != "uncommitted" else None, uncommitted if wanted != "committed" else None
        ),
    )


async def page_ranges(ask: Ask) -> Reply:
    ask.no_hierarchy()
    async with ask.store.read() as tx:
        blob = await found(ask, tx)
        if blob.kind != PAGE:
            raise Fault("InvalidBlobType")
        part = ranges.wanted(ask.asked, blob.length) or Range(start=0, end=blob.length)
        extents = await ask.store.blob_objects.extents(tx, blob.id, part.start, part.end)
    joined: list[Range] = []
    for extent in extents:
        start, end = max(extent.start, part.start), min(extent.end, part.end)
        if joined and joined[-1].end == start:
            start = joined.pop().start
        joined.append(Range(start=start, end=end))
    return Reply(
        headers={**properties.tags(blob), "x-ms-blob-content-length": str(blob.length), **XML},
        body=documents.page_list(joined),
    )


def counts(blob: Blob) -> dict[str, str]:
    """What a change of an append or page blob answers besides."""
    if blob.kind == APPEND:
        return {"x-ms-blob-committed-block-count": str(blob.sequence)}
    return {"x-ms-blob-sequence-number": str(blob.sequence)} if blob.kind == PAGE else {}


def _unchanged(ask: Ask, blob: Blob) -> bool:
    return conditions.check(ask.asked, blob.etag, blob.modified, reading=True) is Verdict.NOT_MODIFIED


def _headers(ask: Ask, blob: Blob) -> dict[str, str]:
    signed = ask.grant.sas
    return {**properties.blob_headers(blob, ask.now), **(signed.overrides if signed is not None else {})}


async def _hashed(ask: Ask, part: Range, extents: list[Extent], headers: dict[str, str]) -> Reply:
    """A small range with its MD5, for which it has to be read before it is sent."""
    if part.length > MAX_HASHED:
        raise Fault("InvalidHeaderValue", name="x-ms-range-get-content-md5", value="true")
    stream: AsyncIterator[bytes] = ask.storage.content.read(extents, part.start, part.end)
    data = b"".join([piece async for piece in stream])
    digest = hashlib.md5(data, usedforsecurity=False).digest()
    return Reply(status=206, headers={**headers, "Content-MD5": properties.md5_text(digest)}, body=data)
