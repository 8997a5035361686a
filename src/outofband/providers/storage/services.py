"""An account's Blob service and its containers, seen through Resource Manager."""

from __future__ import annotations

import re
import uuid
from datetime import datetime
from typing import Any

import msgspec

from outofband.core.errors import Fault
from outofband.core.ids import ResourceId
from outofband.providers.storage.shape import SINCE, VERSION
from outofband.resources.declaration import (
    Delete,
    Draft,
    Item,
    Page,
    Patch,
    Place,
    Put,
    ResourceType,
    Written,
)
from outofband.resources.exchange import Call
from outofband.resources.lookup import missing
from outofband.storage.accounts import TYPE, Account
from outofband.storage.rows import new_etag
from outofband.storage.service import Storage
from outofband.store.blobs_containers import Container
from outofband.store.store import Store
from outofband.store.tx import Tx
from outofband.wire.storage import leases, names
from outofband.wire.storage.leases import Lease

SERVICES = f"{TYPE}/blobServices"
CONTAINERS = f"{SERVICES}/containers"
_DEFAULT = "default"
_PUBLIC = {"None": "", "Blob": "blob", "Container": "container"}


class Switch(msgspec.Struct, frozen=True, kw_only=True):
    enabled: bool = False


class ServiceProperties(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """All of them are off here; what switches one on is refused."""

    delete_retention_policy: Switch = Switch()
    container_delete_retention_policy: Switch = Switch()
    restore_policy: Switch = Switch()
    change_feed: Switch = Switch()
    is_versioning_enabled: bool = False


class BlobServices:
    def __init__(self, store: Store, storage: Storage) -> None:
        self._store = store
        self._storage = storage

    def declare(self) -> ResourceType:
        return ResourceType(
            name=SERVICES,
            about="the Blob service of a storage account",
            many="Blob services of a storage account",
            since=SINCE,
            version=VERSION,
            source=self,
            places=frozenset({Place.GROUP}),
            lists=frozenset({Place.RESOURCE}),
            names=re.compile(f"^{_DEFAULT}$"),
            fixed={"blobServices": _DEFAULT},
            put=Put(plan=self._put, properties=ServiceProperties, example={"properties": {}}),
        )

    async def get(self, call: Call, tx: Tx, rid: ResourceId) -> Item | None:
        parent = await account_of(self._store, self._storage, tx, rid)
        return _service(parent) if parent is not None and rid.name.lower() == _DEFAULT else None

    async def list(self, call: Call, tx: Tx, after: str | None, limit: int) -> Page:
        parent = await account_of(self._store, self._storage, tx, call.rid)
        if parent is None:
            raise await missing(self._store, tx, call.rid)
        return Page(items=[_service(parent)])

    async def _put(self, call: Call, tx: Tx, draft: Draft, there: Item | None) -> Written:
        if there is None:
            raise await missing(self._store, tx, _first(call.rid))
        if draft.properties != ServiceProperties():
            detail = "retention, versions, restores and the change feed are not offered"
            raise Fault("InvalidParameter", target="properties", detail=detail)
        return Written(item=there)


class ContainerProperties(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    public_access: str | None = None
    metadata: dict[str, str] | None = None

    def public(self, account: Account, before: str) -> str:
        """Raises Fault InvalidParameter or PublicAccessNotPermitted."""
        if self.public_access is None:
            return before
        if self.public_access not in _PUBLIC:
            raise Fault("InvalidParameter", target="publicAccess", detail=f"one of {', '.join(_PUBLIC)}")
        found = _PUBLIC[self.public_access]
        if found and not account.may_be_public:
            raise Fault("PublicAccessNotPermitted")
        return found


class BlobContainers:
    def __init__(self, store: Store, storage: Storage) -> None:
        self._store = store
        self._storage = storage

    def declare(self) -> ResourceType:
        example = {"properties": {"publicAccess": "None", "metadata": {"purpose": "logs"}}}
        return ResourceType(
            name=CONTAINERS,
            about="a container of blobs",
            many="containers of blobs",
            since=SINCE,
            version=VERSION,
            source=self,
            places=frozenset({Place.GROUP}),
            lists=frozenset({Place.RESOURCE}),
            names=re.compile(r"^[a-z0-9$](?:[a-z0-9]|-(?=[a-z0-9])){2,62}$"),
            fixed={"blobServices": _DEFAULT},
            put=Put(plan=self._put, properties=ContainerProperties, example=example),
            patch=Patch(plan=self._patch, properties=ContainerProperties, example=example),
            delete=Delete(plan=self._delete),
        )

    async def get(self, call: Call, tx: Tx, rid: ResourceId) -> Item | None:
        account = await account_of(self._store, self._storage, tx, rid)
        if account is None:
            return None
        row = await self._store.containers.get(tx, account.uid, rid.name)
        return _container(account, row, call.now) if row is not None else None

    async def list(self, call: Call, tx: Tx, after: str | None, limit: int) -> Page:
        account = await account_of(self._store, self._storage, tx, call.rid)
        if account is None:
            raise await missing(self._store, tx, _first(call.rid))
        rows = await self._store.containers.page(
            tx, account.uid, prefix="", start=after or "", limit=limit + 1
        )
        items = [_container(account, row, call.now) for row in rows[:limit]]
        return Page(items=items, after=rows[limit].name if len(rows) > limit else None)

    async def _put(self, call: Call, tx: Tx, draft: Draft, there: Item | None) -> Written:
        account = await account_of(self._store, self._storage, tx, call.rid)
        if account is None:
            raise await missing(self._store, tx, _first(call.rid))
        if there is not None:
            return await self._change(call, tx, draft, there, account)
        wanted: ContainerProperties = draft.properties
        row = Container(
            id=uuid.uuid4().hex,
            account=account.uid,
            name=names.container(call.rid.name),
            public=wanted.public(account, ""),
            metadata=names.metadata(wanted.metadata or {}),
            policies=[],
            lease=None,
            etag=new_etag(),
            created=call.now,
            modified=call.now,
        )
        await self._store.containers.add(tx, row)
        return Written(item=_container(account, row, call.now), created=True)

    async def _patch(self, call: Call, tx: Tx, draft: Draft, there: Item) -> Written:
        account = await account_of(self._store, self._storage, tx, call.rid)
        assert account is not None
        return await self._change(call, tx, draft, there, account)

    async def _change(self, call: Call, tx: Tx, draft: Draft, there: Item, account: Account) -> Written:
        wanted: ContainerProperties = draft.properties
        before: Container = there.row
        changes: dict[str, Any] = {
            "public": wanted.public(account, before.public),
            "metadata": before.metadata if wanted.metadata is None else names.metadata(wanted.metadata),
            "etag": new_etag(),
            "modified": call.now,
        }
        await self._store.containers.update(tx, before.id, **changes)
        row = msgspec.structs.replace(before, **changes)
        return Written(item=_container(account, row, call.now))

    async def _delete(self, call: Call, tx: Tx, there: Item) -> Any:
        row: Container = there.row
        held = _lease(row)
        if held is not None and held.locked(call.now):
            raise Fault("LeaseIdMissing", what="container")
        await self._store.containers.delete(tx, row.id, call.now)
        await self._store.assignments.remove_below(tx, str(call.rid))
        await self._store.locks.remove_below(tx, str(call.rid))
        return None


async def account_of(store: Store, storage: Storage, tx: Tx, rid: ResourceId) -> Account | None:
    """The account that something lies in."""
    row = await store.resources.get(tx, _first(rid))
    return await storage.accounts.of(tx, row) if row is not None else None


def _first(rid: ResourceId) -> ResourceId:
    return msgspec.structs.replace(rid, chain=rid.chain[:1])


def _service(account: Account) -> Item:
    rid = account.rid.child("blobServices", _DEFAULT)
    off = {"enabled": False}
    properties = {"cors": {"corsRules": []}, "deleteRetentionPolicy": {**off, "allowPermanentDelete": False}}
    body = {"id": str(rid), "name": _DEFAULT, "type": SERVICES, "properties": properties}
    return Item(rid=rid, body=body)


def _container(account: Account, row: Container, now: datetime) -> Item:
    rid = account.rid.child("blobServices", _DEFAULT).child("containers", row.name)
    shown = leases.shown(_lease(row), now)
    words = {name: value.capitalize() for name, value in shown.items()}
    properties: dict[str, Any] = {
        "publicAccess": next(name for name, value in _PUBLIC.items() if value == row.public),
        "metadata": row.metadata,
        "lastModifiedTime": row.modified.strftime("%Y-%m-%dT%H:%M:%S.%f0Z"),
        "leaseStatus": words["status"],
        "leaseState": words["state"],
        "hasImmutabilityPolicy": False,
        "hasLegalHold": False,
        "deleted": False,
        "remainingRetentionDays": 0,
        "defaultEncryptionScope": "$account-encryption-key",
        "denyEncryptionScopeOverride": False,
    }
    if "duration" in words:
        properties["leaseDuration"] = words["duration"]
    body = {
        "id": str(rid),
        "name": row.name,
        "type": CONTAINERS,
        "etag": row.etag,
        "properties": properties,
    }
    return Item(rid=rid, body=body, etag=row.etag, row=row)


def _lease(row: Container) -> Lease | None:
    return msgspec.convert(row.lease, Lease) if row.lease is not None else None
