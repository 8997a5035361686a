"""Writing blobs: whole ones, blocks and their lists, appends, pages.

Bytes first, rows afterwards: whatever can be refused is refused before the bytes are taken, and looked at
once more in the unit that commits the rows.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from outofband.core.errors import Fault
from outofband.http.blobs import properties
from outofband.http.blobs.exchange import Ask, Reply
from outofband.http.blobs.reading import counts
from outofband.storage import rows
from outofband.storage.content import Uploaded
from outofband.storage.rows import Fresh
from outofband.store.blobs import APPEND, BLOCK, KINDS, PAGE, Blob
from outofband.store.blobs_containers import Container
from outofband.store.blobs_objects import Block, Extent
from outofband.store.tx import Tx
from outofband.wire.storage import conditions, documents, leases, names, ranges
from outofband.wire.storage.documents import MAX_BLOCKS

MIB = 1024 * 1024
MAX_PUT = 5000 * MIB
MAX_BLOCK = 4000 * MIB
MAX_APPEND = 100 * MIB
MAX_PAGE_BLOB = 8 * 1024 * 1024 * MIB
MAX_UNCOMMITTED = 100_000
_UPDATE, _CLEAR = "update", "clear"


async def put_blob(ask: Ask) -> Reply:
    kind = ask.asked.header("x-ms-blob-type")
    if kind not in KINDS:
        raise Fault("InvalidHeaderValue", name="x-ms-blob-type", value=(kind or "")[:80])
    if kind == PAGE:
        ask.no_hierarchy()
    headers = properties.own_headers(ask.asked, plain=True)
    metadata = names.metadata(ask.asked.metadata)
    tier = tier_of(ask)
    length = ask.body.within(MAX_PUT if kind == BLOCK else 0)
    ask.md5("content-md5")
    await _look(ask)
    async with ask.storage.content.uploaded(ask.body.pieces(), length) as uploaded:
        ask.check_md5(uploaded.md5)
        if kind == BLOCK:
            headers.setdefault("Content-MD5", properties.md5_text(uploaded.md5))
        fresh = Fresh(
            kind=kind,
            length=_page_length(ask) if kind == PAGE else uploaded.length,
            headers=headers,
            metadata=metadata,
            tier=tier if kind == BLOCK else None,
            sequence=(ask.asked.number("x-ms-blob-sequence-number") or 0) if kind == PAGE else 0,
        )
        async with ask.store.write() as tx:
            container, there = await target(ask, tx)
            await ask.storage.content.keep(tx, uploaded)
            blob = await replace(ask, tx, container, there, fresh, uploaded.extent())
    return Reply(status=201, headers={**properties.tags(blob), **_written(uploaded)})


async def put_block(ask: Ask) -> Reply:
    block = names.block(ask.asked.parameter("blockid") or "")
    length = ask.body.within(MAX_BLOCK)
    if length == 0:
        raise Fault("InvalidHeaderValue", name="Content-Length", value="0")
    ask.md5("content-md5")
    async with ask.store.read() as tx:
        await _block_target(ask, tx)
    async with ask.storage.content.uploaded(ask.body.pieces(), length) as uploaded:
        ask.check_md5(uploaded.md5)
        async with ask.store.write() as tx:
            container, _ = await _block_target(ask, tx)
            await ask.storage.content.keep(tx, uploaded)
            waiting = Block(block=block, length=uploaded.length, object_key=uploaded.key or "")
            if not await ask.store.blob_objects.put_block(
                tx, container.id, ask.target.blob, waiting, ask.now, most=MAX_UNCOMMITTED
            ):
                raise Fault("BlockCountExceedsLimit", limit=MAX_UNCOMMITTED)
    return Reply(status=201, headers=_written(uploaded))


async def put_block_list(ask: Ask) -> Reply:
    body = await ask.body.whole()
    ask.check_md5(hashlib.md5(body, usedforsecurity=False).digest())
    listed = documents.read_block_list(body)
    headers = properties.own_headers(ask.asked)
    metadata = names.metadata(ask.asked.metadata)
    tier = tier_of(ask)
    async with ask.store.write() as tx:
        container, there = await target(ask, tx)
        if there is not None and there.kind != BLOCK:
            raise Fault("InvalidBlobType")
        extents = await _assembled(ask, tx, container, there, listed)
        length = extents[-1].end if extents else 0
        fresh = Fresh(kind=BLOCK, length=length, headers=headers, metadata=metadata, tier=tier)
        blob = await replace(ask, tx, container, there, fresh, extents)
    return Reply(status=201, headers=properties.tags(blob))


async def append(ask: Ask) -> Reply:
    length = ask.body.within(MAX_APPEND)
    if length == 0:
        raise Fault("InvalidHeaderValue", name="Content-Length", value="0")
    ask.md5("content-md5")
    async with ask.store.read() as tx:
        await _appendable(ask, tx, length)
    async with ask.storage.content.uploaded(ask.body.pieces(), length) as uploaded:
        ask.check_md5(uploaded.md5)
        async with ask.store.write() as tx:
            blob = await _appendable(ask, tx, length)
            at = blob.length
            await ask.storage.content.keep(tx, uploaded)
            await ask.store.blob_objects.add_extents(tx, blob.id, uploaded.extent(at))
            blob = await rows.change(
                ask.store, tx, blob, ask.now, length=at + length, sequence=blob.sequence + 1
            )
    return Reply(
        status=201,
        headers={
            **properties.tags(blob),
            **_written(uploaded),
            **counts(blob),
            "x-ms-blob-append-offset": str(at),
        },
    )


async def put_pages(ask: Ask) -> Reply:
    ask.no_hierarchy()
    action = (ask.asked.header("x-ms-page-write") or "").lower()
    if action not in (_UPDATE, _CLEAR):
        raise Fault("InvalidHeaderValue", name="x-ms-page-write", value=action[:80])
    length = ask.body.within(ranges.MAX_PAGES if action == _UPDATE else 0)
    async with ask.store.read() as tx:
        part = ranges.pages(ask.asked, (await _paged(ask, tx)).length)
    if action == _UPDATE and part.length != length:
        raise Fault("InvalidHeaderValue", name="Content-Length", value=str(length))
    async with ask.storage.content.uploaded(ask.body.pieces(), length) as uploaded:
        ask.check_md5(uploaded.md5)
        async with ask.store.write() as tx:
            blob = await _paged(ask, tx)
            part = ranges.pages(ask.asked, blob.length)
            await ask.storage.content.keep(tx, uploaded)
            await ask.store.blob_objects.cut(tx, blob.id, part.start, part.end, ask.now)
            await ask.store.blob_objects.add_extents(tx, blob.id, uploaded.extent(part.start))
            blob = await rows.change(ask.store, tx, blob, ask.now)
    return Reply(status=201, headers={**properties.tags(blob), **_written(uploaded), **counts(blob)})


async def target(ask: Ask, tx: Tx) -> tuple[Container, Blob | None]:
    """Where a whole blob is to be written, when conditions, lease and grant let it.

    Raises Fault ContainerNotFound and many others.
    """
    container = await ask.container(tx)
    there = await ask.store.blobs.get(tx, container.id, ask.target.blob)
    check(ask, there)
    if there is not None and not ask.grant.overwrites:
        raise Fault("AuthorizationPermissionMismatch", permissions="w")
    return container, there


async def replace(
    ask: Ask, tx: Tx, container: Container, there: Blob | None, fresh: Fresh, extents: Sequence[Extent]
) -> Blob:
    """The whole blob is `fresh` from now on; blocks that were put for it and not listed are dropped."""
    blob = await rows.write(
        ask.store,
        tx,
        container=container.id,
        name=ask.target.blob,
        there=there,
        fresh=fresh,
        extents=extents,
        now=ask.now,
    )
    await ask.store.blob_objects.drop_blocks(tx, container.id, ask.target.blob, ask.now)
    return blob


def check(ask: Ask, there: Blob | None) -> None:
    """Conditions and the lease of what is about to be changed."""
    etag, modified = (there.etag, there.modified) if there is not None else (None, None)
    conditions.check(ask.asked, etag, modified, reading=False)
    held = properties.lease_of(there.lease) if there is not None else None
    leases.require(held, ask.asked.header("x-ms-lease-id"), ask.now, of="Blob", writing=True)


def tier_of(ask: Ask) -> str | None:
    """The tier that the request asks for; all are kept in the same place. Raises Fault InvalidHeaderValue."""
    given = ask.asked.header("x-ms-access-tier")
    if given is None:
        return None
    if given not in properties.TIERS:
        raise Fault("InvalidHeaderValue", name="x-ms-access-tier", value=given[:80])
    return given


async def _look(ask: Ask) -> None:
    async with ask.store.read() as tx:
        await target(ask, tx)


async def _block_target(ask: Ask, tx: Tx) -> tuple[Container, Blob | None]:
    container = await ask.container(tx)
    there = await ask.store.blobs.get(tx, container.id, ask.target.blob)
    if there is not None and there.kind != BLOCK:
        raise Fault("InvalidBlobType")
    held = properties.lease_of(there.lease) if there is not None else None
    leases.require(held, ask.asked.header("x-ms-lease-id"), ask.now, of="Blob", writing=True)
    return container, there


async def _assembled(
    ask: Ask, tx: Tx, container: Container, there: Blob | None, listed: list[tuple[str, str]]
) -> list[Extent]:
    """Raises Fault InvalidBlockList when one is not there."""
    waiting = {
        each.block: (each.object_key, 0, each.length)
        for each in await ask.store.blob_objects.blocks(tx, container.id, ask.target.blob)
    }
    before = await ask.store.blob_objects.extents(tx, there.id) if there is not None else []
    committed = {
        each.block: (each.object_key, each.object_start, each.length)
        for each in before
        if each.block is not None
    }
    sources = {
        "Uncommitted": (waiting,),
        "Committed": (committed,),
        "Latest": (waiting, committed),
    }
    extents, position = [], 0
    for kind, block in listed:
        found = next((source[block] for source in sources[kind] if block in source), None)
        if found is None:
            raise Fault("InvalidBlockList")
        key, start, length = found
        extents.append(Extent(start=position, length=length, object_key=key, object_start=start, block=block))
        position += length
    return extents


async def _appendable(ask: Ask, tx: Tx, length: int) -> Blob:
    blob = await _existing(ask, tx, APPEND)
    at = ask.asked.number("x-ms-blob-condition-appendpos")
    most = ask.asked.number("x-ms-blob-condition-maxsize")
    if at is not None and at != blob.length:
        raise Fault("AppendPositionConditionNotMet")
    if most is not None and blob.length + length > most:
        raise Fault("MaxBlobSizeConditionNotMet")
    if blob.sequence >= MAX_BLOCKS:
        raise Fault("BlockCountExceedsLimit", limit=MAX_BLOCKS)
    return blob


async def _paged(ask: Ask, tx: Tx) -> Blob:
    blob = await _existing(ask, tx, PAGE)
    sequence, number = blob.sequence, ask.asked.number
    above, past = number("x-ms-if-sequence-number-le"), number("x-ms-if-sequence-number-lt")
    exact = number("x-ms-if-sequence-number-eq")
    met = (
        (above is None or sequence <= above)
        and (past is None or sequence < past)
        and (exact is None or sequence == exact)
    )
    if not met:
        raise Fault("SequenceNumberConditionNotMet")
    return blob


async def _existing(ask: Ask, tx: Tx, kind: str) -> Blob:
    container = await ask.container(tx)
    blob = await ask.store.blobs.get(tx, container.id, ask.target.blob)
    if blob is None:
        raise Fault("BlobNotFound")
    if blob.kind != kind:
        raise Fault("InvalidBlobType")
    check(ask, blob)
    return blob


def _page_length(ask: Ask) -> int:
    length = ask.asked.number("x-ms-blob-content-length")
    if length is None:
        raise Fault("MissingRequiredHeader", name="x-ms-blob-content-length")
    if length % ranges.PAGE or length > MAX_PAGE_BLOB:
        raise Fault("InvalidHeaderValue", name="x-ms-blob-content-length", value=str(length))
    return length


def _written(uploaded: Uploaded) -> dict[str, str]:
    return {"Content-MD5": properties.md5_text(uploaded.md5), "x-ms-request-server-encrypted": "false"}
