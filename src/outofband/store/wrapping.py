"""Every column that holds a secret, and how all of them come under the master key of the day.

A few rows at a time, each time in a unit of its own: a kill leaves some rows under one key and some under
another, all of which open, and the next run goes on. Nobody waits for more than one unit.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

import msgspec
import sqlalchemy as sa
import structlog

from outofband.store import sign_in_tables, tables
from outofband.store.blobs_tables import storage_accounts
from outofband.store.engine import Database
from outofband.store.external_tables import identity_providers
from outofband.store.tx import Tx
from outofband.store.vault import UNSCRUBBED, UNWRAPPED, Vault, about
from outofband.store.webhooks_tables import webhooks

log = structlog.get_logger(__name__)

BATCH = 20
"""Rows wrapped in one unit."""


class SecretColumn(msgspec.Struct, frozen=True):
    """`secret` holds bytes that `Vault` made about `purpose` and the row's `id`; `wrap` names the key.

    A table with such a column has to be in SECRETS: what is not there is left behind by a rotation.
    """

    purpose: str
    table: sa.Table
    id: str
    secret: str
    bound: str = ""
    """The column whose value the secret is bound to, when it is another one than `id`."""
    wrap: str = "wrap"

    def about(self, row: str) -> str:
        return about(self.purpose, row)

    @property
    def is_there(self) -> sa.ColumnElement[bool]:
        """Some rows of a table may have no secret."""
        return self.table.c[self.secret].is_not(None)


SIGNING_KEYS = SecretColumn("signing-key", tables.signing_keys, "kid", "private")
STORAGE_ACCOUNTS = SecretColumn("storage-account", storage_accounts, "uid", "keys")
TOTP = SecretColumn("totp", sign_in_tables.sign_in_factors, "id", "secret", bound="object_id")
WITHHELD = SecretColumn("withheld", tables.withheld, "id", "secret")
PROVIDERS = SecretColumn("identity-provider", identity_providers, "id", "secret")
WEBHOOKS = SecretColumn("webhook", webhooks, "id", "secret")
SECRETS = (SIGNING_KEYS, STORAGE_ACCOUNTS, TOTP, WITHHELD, PROVIDERS, WEBHOOKS)


async def names(tx: Tx) -> Counter[str]:
    """How many secrets are under which name of a key; those in clear are under `none`."""
    found: Counter[str] = Counter()
    for each in SECRETS:
        wrap = each.table.c[each.wrap]
        rows = await tx.fetch(sa.select(wrap, sa.func.count()).where(each.is_there).group_by(wrap))
        found.update(dict(map(tuple, rows)))
    return found


async def wrap_all(db: Database, vault: Vault) -> int:
    """Bring every secret under the vault's current key; how many were not. Restartable at any point.

    Raises Fault VaultKeyInvalid for a row that cannot be opened; the others of its unit stay as they were.
    """
    changed = 0
    for column in SECRETS:
        while done := await _some(db, vault, column):
            changed += done
    await _scrub(db)
    if changed:
        log.info("vault.wrapped", rows=changed, key=vault.ring.current.id)
    return changed


async def _some(db: Database, vault: Vault, column: SecretColumn) -> int:
    table, target = column.table, vault.name
    id_, secret, wrap = table.c[column.id], table.c[column.secret], table.c[column.wrap]
    bound = table.c[column.bound or column.id]
    settled = (target, target + UNSCRUBBED)

    async def work(tx: Tx) -> int:
        query = sa.select(id_, bound, secret, wrap).where(column.is_there, wrap.not_in(settled))
        rows = await tx.fetch(query.order_by(id_).limit(BATCH))
        for each in rows:
            row, place, sealed, name = tuple(each)
            fresh = vault.rewrap(sealed, column.about(place), name)
            mark = UNSCRUBBED if name == UNWRAPPED or name.endswith(UNSCRUBBED) else ""
            values: dict[str, Any] = {column.secret: fresh, column.wrap: target + mark}
            await tx.change(sa.update(table).where(id_ == row).values(values))
        return len(rows)

    return await db.transact(work)


async def _scrub(db: Database) -> None:
    """Where clear text was wrapped, remove what the database still has of it. A kill in between leaves the
    mark, and the next run does it again.
    """
    async with db.read() as tx:
        marked = [each for each in SECRETS if await _is_marked(tx, each)]
    if not marked:
        return
    await db.scrub([each.table.name for each in marked])
    for each in marked:
        wrap = each.table.c[each.wrap]
        async with db.write() as tx:
            change = sa.update(each.table).where(wrap.endswith(UNSCRUBBED))
            await tx.change(change.values({each.wrap: sa.func.rtrim(wrap, UNSCRUBBED)}))
    log.info("vault.scrubbed", tables=[each.table.name for each in marked])


async def _is_marked(tx: Tx, column: SecretColumn) -> bool:
    wrap = column.table.c[column.wrap]
    return await tx.value(sa.select(wrap).where(wrap.endswith(UNSCRUBBED)).limit(1)) is not None
