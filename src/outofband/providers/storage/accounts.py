"""Microsoft.Storage/storageAccounts, declared."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from outofband.core.errors import Fault
from outofband.providers.storage import shape
from outofband.providers.storage.keys import KeyActions
from outofband.providers.storage.shape import NAMESPACE, SINCE, VERSION, AccountProperties
from outofband.resources.declaration import Act, Delete, Draft, Item, Patch, Place, Put, ResourceType, Written
from outofband.resources.exchange import Answer, Call
from outofband.resources.polling import DEFAULT_LOCATION
from outofband.resources.rows import Rows
from outofband.storage.accounts import TYPE
from outofband.storage.service import Storage
from outofband.store.resources import Resource, group_id
from outofband.store.store import Store
from outofband.store.tx import Tx
from outofband.wire.storage import names

_NEW = {"sku": {"name": "Standard_LRS"}, "kind": "StorageV2", "location": DEFAULT_LOCATION}


class StorageAccounts:
    def __init__(self, store: Store, storage: Storage) -> None:
        self._store = store
        self._storage = storage
        self._rows = Rows(store, TYPE, lambda row, expand: shape.shown(row, storage))

    def declare(self) -> ResourceType:
        return ResourceType(
            name=TYPE,
            about="a storage account",
            many="storage accounts",
            since=SINCE,
            version=VERSION,
            source=self._rows,
            places=frozenset({Place.GROUP}),
            lists=frozenset({Place.SUBSCRIPTION, Place.GROUP}),
            names=names.ACCOUNT,
            # Azure answers 202 and a poll, or 200 when it is done; here it always is.
            put=Put(plan=self._put, properties=AccountProperties, created_status=200, example=_NEW),
            patch=Patch(plan=self._patch, properties=AccountProperties, example={"tags": {"owner": "me"}}),
            delete=Delete(plan=self._delete),
            actions=KeyActions(self._store, self._storage).actions(),
        )

    async def _put(self, call: Call, tx: Tx, draft: Draft, there: Item | None) -> Written:
        row: Resource | None = there.row if there is not None else None
        if row is not None and draft.location not in (None, row.location):
            raise Fault("PropertyChangeNotAllowed", property="location")
        return await self._write(call, tx, draft, row)

    async def _patch(self, call: Call, tx: Tx, draft: Draft, there: Item) -> Written:
        return await self._write(call, tx, draft, there.row)

    async def _write(self, call: Call, tx: Tx, draft: Draft, row: Resource | None) -> Written:
        wanted: AccountProperties = draft.properties
        before = row.envelope if row is not None else {}
        group = await self._store.resources.get(tx, group_id(call.rid))
        written, created = await self._store.resources.put(
            tx,
            call.rid,
            now=call.now,
            by=call.by,
            location=draft.location
            or (row.location if row is not None else None)
            or (group.location if group is not None else None)
            or DEFAULT_LOCATION,
            tags=draft.tags if draft.tags is not None else (row.tags if row is not None else {}),
            properties=wanted.merged(row.properties if row is not None else {}),
            envelope={
                "sku": shape.sku(draft.raw.get("sku"), before.get("sku")),
                "kind": shape.kind(draft.raw.get("kind"), before.get("kind")),
            },
        )
        if created:
            free = await self._storage.accounts.create(
                tx, written.uid, written.name, call.principal.tenant, call.now
            )
            if not free:
                raise Fault("StorageAccountAlreadyTaken", name=written.name)
        return Written(item=self._rows.item(written), created=created)

    async def _delete(self, call: Call, tx: Tx, there: Item) -> Any:
        """With the row the account is gone for every client; what was in it is swept."""
        await self._store.storage_accounts.remove(tx, there.row.uid)
        await self._store.resources.delete(tx, call.rid)
        await self._store.assignments.remove_below(tx, str(call.rid))
        await self._store.locks.remove_below(tx, str(call.rid))
        return None


class NameQuestion(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    type: str = TYPE


class NameAnswer(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    name_available: bool
    reason: str = ""
    message: str = ""


class AccountNames:
    """`POST .../providers/Microsoft.Storage/checkNameAvailability`. All tenants share one space of names, for
    they are parts of addresses.
    """

    def __init__(self, store: Store) -> None:
        self._store = store

    def actions(self) -> Mapping[str, Act]:
        return {
            "checkNameAvailability": Act(
                run=self._check,
                about="Tell whether a name is free for a storage account",
                body=NameQuestion,
                answer=NameAnswer,
                permission=f"{NAMESPACE}/checknameavailability/read",
            )
        }

    async def _check(self, call: Call, item: Item, body: NameQuestion) -> Answer:
        if item.rid.name != NAMESPACE:
            raise Fault("MethodNotAllowed", type=item.rid.name, method=call.request.method)
        return Answer(body=msgspec.to_builtins(await self._answer(body)))

    async def _answer(self, asked: NameQuestion) -> NameAnswer:
        if not names.ACCOUNT.match(asked.name):
            words = (
                f"{asked.name[:40]} is not a valid storage account name. Storage account name must be "
                "between 3 and 24 characters in length and use numbers and lower-case letters only."
            )
            return NameAnswer(name_available=False, reason="AccountNameInvalid", message=words)
        async with self._store.read() as tx:
            taken = await self._store.storage_accounts.named(tx, asked.name) is not None
        if taken:
            words = f"The storage account named {asked.name} is already taken."
            return NameAnswer(name_available=False, reason="AlreadyExists", message=words)
        return NameAnswer(name_available=True)
