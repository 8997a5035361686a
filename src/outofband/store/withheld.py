"""What somebody gave for one run and nobody is shown: protected settings of an extension, protected
parameters of a script, the password that a guest is to set. Sealed by the vault, and gone as soon as the run
has ended.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec
import sqlalchemy as sa

from outofband.store import tables
from outofband.store.tx import Tx
from outofband.store.vault import Vault
from outofband.store.wrapping import WITHHELD


class Withheld:
    """By the id of a run, or by the key of the command that brings it to a host."""

    async def put(self, tx: Tx, vault: Vault, id_: str, given: dict[str, Any], now: datetime) -> None:
        """Keep `given`, JSON values, unless it is kept already. Nothing is kept of nothing."""
        if not given:
            return
        secret = vault.seal(msgspec.json.encode(given), WITHHELD.about(id_))
        row = {"id": id_, "secret": secret, "wrap": vault.name, "created": now}
        await tx.change(tx.insert(tables.withheld).values(row).on_conflict_do_nothing())

    async def get(self, tx: Tx, vault: Vault, id_: str) -> dict[str, Any]:
        """Empty when there is nothing. Raises Fault VaultKeyInvalid."""
        return (await self.of(tx, vault, [id_])).get(id_, {})

    async def of(self, tx: Tx, vault: Vault, ids: Sequence[str]) -> dict[str, dict[str, Any]]:
        """Of several at once, as far as there is something. Raises Fault VaultKeyInvalid."""
        table = tables.withheld
        rows = await tx.fetch(sa.select(table.c.id, table.c.secret, table.c.wrap).where(table.c.id.in_(ids)))
        found: dict[str, dict[str, Any]] = {}
        for id_, secret, wrap in map(tuple, rows):
            found[id_] = msgspec.json.decode(vault.unseal(secret, WITHHELD.about(id_), wrap))
        return found

    async def drop(self, tx: Tx, id_: str) -> None:
        await tx.change(sa.delete(tables.withheld).where(tables.withheld.c.id == id_))

    async def prune(self, tx: Tx, before: datetime) -> int:
        """Forget what is older than any run: its resource went, or its host, before the end was told."""
        return await tx.change(sa.delete(tables.withheld).where(tables.withheld.c.created < before))
