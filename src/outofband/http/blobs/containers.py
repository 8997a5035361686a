"""Containers: make, see, change, lease, delete, and list them and what is in them."""

from __future__ import annotations

import uuid

import msgspec

from outofband.core.errors import Fault
from outofband.http.blobs import leasing, properties
from outofband.http.blobs.exchange import Ask, Reply
from outofband.http.blobs.grants import policies_of
from outofband.storage.rows import new_etag
from outofband.store.blobs_containers import Container
from outofband.wire.storage import conditions, documents, leases, names
from outofband.wire.storage.documents import PAGE_SIZE, Listing

XML = {"Content-Type": "application/xml"}
_PUBLIC = ("container", "blob")


async def account_info(ask: Ask) -> Reply:
    hierarchical = "true" if ask.account.hierarchical else "false"
    return Reply(
        headers={
            "x-ms-sku-name": "Standard_LRS",
            "x-ms-account-kind": "StorageV2",
            "x-ms-is-hns-enabled": hierarchical,
        }
    )


async def service_properties(ask: Ask) -> Reply:
    return Reply(headers=XML, body=documents.service_properties())


async def list_containers(ask: Ask) -> Reply:
    prefix, marker, size = _page(ask)
    async with ask.store.read() as tx:
        # The marker names the first one of the next page.
        rows = await ask.store.containers.page(
            tx, ask.account.uid, prefix=prefix, start=marker, limit=(size or PAGE_SIZE) + 1
        )
    limit = size or PAGE_SIZE
    after = rows[limit].name if len(rows) > limit else ""
    listing = Listing(service=ask.base, prefix=prefix, marker=marker, size=size, after=after)
    metadata = "metadata" in ask.asked.words("include")
    entries = [properties.container_entry(row, ask.now, metadata=metadata) for row in rows[:limit]]
    return Reply(headers=XML, body=documents.containers(listing, entries))


async def create(ask: Ask) -> Reply:
    public, now = _public(ask), ask.now
    row = Container(
        id=uuid.uuid4().hex,
        account=ask.account.uid,
        name=ask.target.container,
        public=public,
        metadata=names.metadata(ask.asked.metadata),
        policies=[],
        lease=None,
        etag=new_etag(),
        created=now,
        modified=now,
    )
    async with ask.store.write() as tx:
        if not await ask.store.containers.add(tx, row):
            raise Fault("ContainerAlreadyExists")
    return Reply(status=201, headers=properties.tags(row))


async def show(ask: Ask) -> Reply:
    async with ask.store.read() as tx:
        row = await ask.container(tx)
    _require_lease(ask, row, writing=False)
    return Reply(headers=properties.container_headers(row, ask.now))


async def set_metadata(ask: Ask) -> Reply:
    metadata = names.metadata(ask.asked.metadata)
    async with ask.store.write() as tx:
        row = await ask.container(tx)
        _require_lease(ask, row, writing=False)
        _check(ask, row)
        row = msgspec.structs.replace(row, metadata=metadata, etag=new_etag(), modified=ask.now)
        await ask.store.containers.update(tx, row.id, metadata=metadata, etag=row.etag, modified=row.modified)
    return Reply(headers=properties.tags(row))


async def show_acl(ask: Ask) -> Reply:
    async with ask.store.read() as tx:
        row = await ask.container(tx)
    _require_lease(ask, row, writing=False)
    public = {"x-ms-blob-public-access": row.public} if row.public else {}
    body = documents.policies(policies_of(row))
    return Reply(headers={**properties.tags(row), **public, **XML}, body=body)


async def set_acl(ask: Ask) -> Reply:
    public = _public(ask)
    policies = [msgspec.to_builtins(each) for each in documents.read_policies(await ask.body.whole())]
    async with ask.store.write() as tx:
        row = await ask.container(tx)
        _require_lease(ask, row, writing=False)
        _check(ask, row)
        row = msgspec.structs.replace(
            row, public=public, policies=policies, etag=new_etag(), modified=ask.now
        )
        await ask.store.containers.update(
            tx, row.id, public=public, policies=policies, etag=row.etag, modified=row.modified
        )
    return Reply(headers=properties.tags(row))


async def lease(ask: Ask) -> Reply:
    async with ask.store.write() as tx:
        row = await ask.container(tx)
        _check(ask, row)
        held, reply = leasing.perform(ask.asked, properties.lease_of(row.lease), ask.now)
        await ask.store.containers.update(tx, row.id, lease=leasing.kept(held))
    return Reply(status=reply.status, headers={**properties.tags(row), **reply.headers})


async def delete(ask: Ask) -> Reply:
    async with ask.store.write() as tx:
        row = await ask.container(tx)
        _require_lease(ask, row, writing=True)
        _check(ask, row)
        await ask.store.containers.delete(tx, row.id, ask.now)
    return Reply(status=202)


async def list_blobs(ask: Ask) -> Reply:
    prefix, marker, size = _page(ask)
    delimiter = ask.asked.parameter("delimiter") or ""
    include = ask.asked.words("include")
    async with ask.store.read() as tx:
        row = await ask.container(tx)
        found = await ask.store.blobs.list(
            tx, row.id, prefix=prefix, delimiter=delimiter, start=marker, limit=size or PAGE_SIZE
        )
    listing = Listing(
        service=ask.base,
        container=row.name,
        prefix=prefix,
        marker=marker,
        size=size,
        delimiter=delimiter,
        after=found.after or "",
    )
    entries = [
        each
        if isinstance(each, str)
        else properties.blob_entry(each, ask.now, metadata="metadata" in include, copy="copy" in include)
        for each in found.entries
    ]
    return Reply(headers=XML, body=documents.blobs(listing, entries))


def _page(ask: Ask) -> tuple[str, str, int | None]:
    """Prefix, marker, and how many are wanted. Raises Fault InvalidQueryParameterValue."""
    given = ask.asked.parameter("maxresults")
    if given is not None and not (given.isascii() and given.isdecimal() and int(given[:9]) > 0):
        raise Fault("InvalidQueryParameterValue", name="maxresults", value=given[:80])
    size = min(int(given[:9]), PAGE_SIZE) if given is not None else None
    return ask.asked.parameter("prefix") or "", ask.asked.parameter("marker") or "", size


def _public(ask: Ask) -> str:
    given = ask.asked.header("x-ms-blob-public-access")
    if given is None:
        return ""
    if given.lower() not in _PUBLIC:
        raise Fault("InvalidHeaderValue", name="x-ms-blob-public-access", value=given[:80])
    if not ask.account.may_be_public:
        raise Fault("PublicAccessNotPermitted")
    return given.lower()


def _require_lease(ask: Ask, row: Container, *, writing: bool) -> None:
    held, given = properties.lease_of(row.lease), ask.asked.header("x-ms-lease-id")
    leases.require(held, given, ask.now, of="Container", writing=writing)


def _check(ask: Ask, row: Container) -> None:
    conditions.check(ask.asked, row.etag, row.modified, reading=False)
