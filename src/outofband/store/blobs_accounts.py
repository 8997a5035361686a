"""Storage accounts as the blob service sees them: a name in an address, keys, and whose they are.

An account exists while its resource does: a row whose resource is gone counts as not there, and is swept.
"""

from __future__ import annotations

from datetime import datetime

import msgspec
import sqlalchemy as sa

from outofband.store import tables
from outofband.store.blobs_tables import storage_accounts
from outofband.store.query import Query
from outofband.store.tx import Tx, columns


class StorageAccount(msgspec.Struct, frozen=True, kw_only=True):
    uid: str
    """Of its resource."""
    name: str
    tenant_id: str
    keys: bytes
    """Encrypted; `storage.accounts` reads them."""
    wrap: str
    created: datetime

    def __repr__(self) -> str:
        return f"StorageAccount(uid={self.uid!r}, name={self.name!r})"


class StorageAccounts:
    async def named(self, tx: Tx, name: str) -> StorageAccount | None:
        return await tx.first(_NAMED, name=name)

    async def get(self, tx: Tx, uid: str) -> StorageAccount | None:
        table = storage_accounts
        return await tx.row(StorageAccount, columns(table, StorageAccount).where(table.c.uid == uid))

    async def add(self, tx: Tx, account: StorageAccount) -> bool:
        """False when the name is taken by an account that is alive."""
        table = storage_accounts
        await tx.change(sa.delete(table).where(table.c.name == account.name, sa.not_(_alive())))
        values = msgspec.structs.asdict(account)
        return await tx.change(tx.insert(table).values(values).on_conflict_do_nothing()) > 0

    async def set_keys(self, tx: Tx, uid: str, *, keys: bytes, wrap: str) -> bool:
        table = storage_accounts
        change = sa.update(table).where(table.c.uid == uid).values(keys=keys, wrap=wrap)
        return await tx.change(change) > 0

    async def remove(self, tx: Tx, uid: str) -> None:
        await tx.change(sa.delete(storage_accounts).where(storage_accounts.c.uid == uid))

    async def orphans(self, tx: Tx, limit: int) -> list[StorageAccount]:
        """Those whose resource is gone."""
        query = columns(storage_accounts, StorageAccount).where(sa.not_(_alive())).limit(limit)
        return await tx.rows(StorageAccount, query)


def _alive() -> sa.ColumnElement[bool]:
    return sa.exists().where(tables.resources.c.uid == storage_accounts.c.uid)


_NAMED = Query(
    StorageAccount,
    columns(storage_accounts, StorageAccount).where(
        storage_accounts.c.name == sa.bindparam("name"), _alive()
    ),
)
