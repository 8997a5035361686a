"""Changing what blobs are: headers, metadata, tier, size of pages, leases; deleting, and copying."""

from __future__ import annotations

import uuid
from urllib.parse import unquote, urlsplit

from outofband.core.errors import Fault
from outofband.http.blobs import leasing, properties
from outofband.http.blobs import target as targets
from outofband.http.blobs.exchange import Ask, Reply
from outofband.http.blobs.grants import Grants
from outofband.http.blobs.needs import READ_BLOB
from outofband.http.blobs.reading import counts
from outofband.http.blobs.writing import MAX_PAGE_BLOB, check, replace, target, tier_of
from outofband.storage import rows
from outofband.storage.rows import Fresh
from outofband.store.blobs import BLOCK, PAGE, Blob
from outofband.store.tx import Tx
from outofband.wire.storage import conditions, names, ranges
from outofband.wire.storage.asked import Asked, written_date

_SEQUENCES = ("max", "update", "increment")


async def set_headers(ask: Ask) -> Reply:
    headers = properties.own_headers(ask.asked)
    async with ask.store.write() as tx:
        blob = await _changing(ask, tx)
        size = ask.asked.number("x-ms-blob-content-length")
        action = ask.asked.header("x-ms-sequence-number-action")
        if (size is not None or action is not None) and blob.kind != PAGE:
            raise Fault("InvalidBlobType")
        sequence = _sequence(ask, blob, action) if action is not None else blob.sequence
        if size is not None:
            await _resize(ask, tx, blob, size)
        elif action is not None:
            headers = headers or blob.headers
        blob = await rows.change(
            ask.store,
            tx,
            blob,
            ask.now,
            # A resize alone leaves the headers as they are.
            headers=headers if size is None else (headers or blob.headers),
            length=blob.length if size is None else size,
            sequence=sequence,
        )
    return Reply(headers={**properties.tags(blob), **counts(blob)})


async def set_metadata(ask: Ask) -> Reply:
    metadata = names.metadata(ask.asked.metadata)
    async with ask.store.write() as tx:
        blob = await rows.change(ask.store, tx, await _changing(ask, tx), ask.now, metadata=metadata)
    return Reply(headers=properties.tags(blob))


async def set_tier(ask: Ask) -> Reply:
    tier = tier_of(ask)
    if tier is None:
        raise Fault("MissingRequiredHeader", name="x-ms-access-tier")
    async with ask.store.write() as tx:
        blob = await _changing(ask, tx)
        if blob.kind != BLOCK:
            raise Fault("InvalidBlobType")
        # As in Azure the tier is no change of the blob: its entity tag stays.
        await ask.store.blobs.update(tx, blob.id, tier=tier)
    return Reply(status=200)


async def lease(ask: Ask) -> Reply:
    async with ask.store.write() as tx:
        blob = await _there(ask, tx)
        conditions.check(ask.asked, blob.etag, blob.modified, reading=False)
        held, reply = leasing.perform(ask.asked, properties.lease_of(blob.lease), ask.now)
        await ask.store.blobs.update(tx, blob.id, lease=leasing.kept(held))
    return Reply(status=reply.status, headers={**properties.tags(blob), **reply.headers})


async def delete(ask: Ask) -> Reply:
    async with ask.store.write() as tx:
        blob = await _changing(ask, tx)
        await rows.remove(ask.store, tx, blob, ask.now)
    return Reply(status=202, headers={"x-ms-delete-type-permanent": "true"})


async def abort_copy(ask: Ask) -> Reply:
    raise Fault("NoPendingCopyOperation")


class Copying:
    """A copy within an account is done at once: both blobs are then made of the same objects."""

    def __init__(self, grants: Grants) -> None:
        self._grants = grants

    async def copy(self, ask: Ask) -> Reply:
        given = ask.asked.header("x-ms-copy-source") or ""
        # Put Blob From URL is told what the blob is to be as Put Blob is; Copy Blob takes it from the source.
        put = ask.asked.header("x-ms-blob-type") is not None
        own = properties.own_headers(ask.asked) if put else {}
        metadata = names.metadata(ask.asked.metadata)
        tier = tier_of(ask)
        async with ask.store.write() as tx:
            source = await self._source(ask, tx, given)
            conditions.check_source(ask.asked, source.etag, source.modified)
            container, there = await target(ask, tx)
            extents = await ask.store.blob_objects.extents(tx, source.id)
            mark = {"id": str(uuid.uuid4()), "source": _without_query(given), "at": written_date(ask.now)}
            fresh = Fresh(
                kind=source.kind,
                length=source.length,
                headers={**source.headers, **own},
                metadata=metadata or source.metadata,
                tier=tier or source.tier,
                sequence=source.sequence,
                copy=mark,
            )
            blob = await replace(ask, tx, container, there, fresh, extents)
        if put:
            return Reply(status=201, headers=properties.tags(blob))
        copied = {"x-ms-copy-id": mark["id"], "x-ms-copy-status": "success"}
        return Reply(status=202, headers={**properties.tags(blob), **copied})

    async def _source(self, ask: Ask, tx: Tx, given: str) -> Blob:
        """Raises Fault CannotVerifyCopySource unless the caller may read it."""
        url = urlsplit(given)
        here = targets.find(url.netloc, url.path)
        if here is None or here.account != ask.account.name or not here.blob:
            raise Fault("CannotVerifyCopySource", detail="Blobs are copied within one account only.")
        query = _query(url.query)
        asked = Asked(
            method="GET",
            path=url.path,
            query=query,
            headers={"x-ms-version": ask.asked.version},
            address=ask.asked.address,
            https=ask.asked.https,
        )
        try:
            if any(name == "sig" for name, _ in query) or ask.grant.sas is not None:
                await self._grants.decide(tx, asked, here, ask.account, READ_BLOB)
            elif ask.grant.rights is not None:
                self._grants.require(ask.grant.rights, here, ask.account, READ_BLOB)
        except Fault as fault:
            raise Fault("CannotVerifyCopySource", detail="You may not read it.") from fault
        container = await ask.store.containers.get(tx, ask.account.uid, here.container)
        blob = await ask.store.blobs.get(tx, container.id, here.blob) if container is not None else None
        if blob is None:
            raise Fault("CannotVerifyCopySource", detail="The specified blob does not exist.")
        return blob


async def _changing(ask: Ask, tx: Tx) -> Blob:
    blob = await _there(ask, tx)
    check(ask, blob)
    return blob


async def _there(ask: Ask, tx: Tx) -> Blob:
    container = await ask.container(tx)
    blob = await ask.store.blobs.get(tx, container.id, ask.target.blob)
    if blob is None:
        raise Fault("BlobNotFound")
    return blob


def _sequence(ask: Ask, blob: Blob, action: str) -> int:
    if action.lower() not in _SEQUENCES:
        raise Fault("InvalidHeaderValue", name="x-ms-sequence-number-action", value=action[:80])
    number = ask.asked.number("x-ms-blob-sequence-number")
    if action.lower() == "increment":
        return blob.sequence + 1
    if number is None:
        raise Fault("MissingRequiredHeader", name="x-ms-blob-sequence-number")
    return max(number, blob.sequence) if action.lower() == "max" else number


async def _resize(ask: Ask, tx: Tx, blob: Blob, size: int) -> None:
    if size % ranges.PAGE or size > MAX_PAGE_BLOB:
        raise Fault("InvalidHeaderValue", name="x-ms-blob-content-length", value=str(size))
    if size < blob.length:
        await ask.store.blob_objects.cut(tx, blob.id, size, blob.length, ask.now)


def _query(text: str) -> tuple[tuple[str, str], ...]:
    pairs = (each.partition("=") for each in text.split("&") if each)
    return tuple((unquote(name), unquote(value)) for name, _, value in pairs)


def _without_query(url: str) -> str:
    """A signature in it is a secret: it is neither kept nor shown."""
    return url.partition("?")[0]
