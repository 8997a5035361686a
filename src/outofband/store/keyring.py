"""Signing keys: several per use, so that a new one is published before it signs and an old one outlives its
tokens.
"""

from __future__ import annotations

import hashlib
from datetime import datetime
from typing import Any

import msgspec
import sqlalchemy as sa

from outofband.store import tables
from outofband.store.tx import Tx, columns


class StoredKey(msgspec.Struct, frozen=True, kw_only=True):
    """One key pair. It signs from `active_from` until `retired`, and is trusted until `expires`."""

    kid: str
    use: str
    """`token`, `grant` or `ticket`."""
    algorithm: str
    public: dict[str, Any]
    """JWK without private members."""
    private: bytes
    """JWK with private members, JSON, as the vault sealed it."""
    wrap: str
    """Name of the key it is sealed with."""
    created: datetime
    active_from: datetime
    retired: datetime | None
    expires: datetime | None

    def __repr__(self) -> str:
        return f"StoredKey(kid={self.kid!r}, use={self.use!r})"


class Keyring:
    async def add(self, tx: Tx, key: StoredKey) -> None:
        await tx.change(sa.insert(tables.signing_keys).values(msgspec.structs.asdict(key)))

    async def trusted(self, tx: Tx, use: str, now: datetime) -> list[StoredKey]:
        """Keys whose signatures count, newest first; those not active yet are in, for others to learn of
        them.
        """
        table = tables.signing_keys
        query = (
            columns(table, StoredKey)
            .where(table.c.use == use, sa.or_(table.c.expires.is_(None), table.c.expires > now))
            .order_by(table.c.active_from.desc(), table.c.kid)
        )
        return await tx.rows(StoredKey, query)

    async def get(self, tx: Tx, kid: str) -> StoredKey | None:
        table = tables.signing_keys
        return await tx.row(StoredKey, columns(table, StoredKey).where(table.c.kid == kid))

    async def stamp(self, tx: Tx) -> str:
        """Changes whenever a key comes, goes, or gets another time; cheap enough to ask every second."""
        table = tables.signing_keys
        times = (table.c.active_from, table.c.retired, table.c.expires)
        rows = await tx.fetch(sa.select(table.c.kid, *times).order_by(table.c.kid))
        return hashlib.sha256(repr([tuple(row) for row in rows]).encode()).hexdigest()

    async def activate(self, tx: Tx, kid: str, when: datetime) -> bool:
        """Begin to sign with a key at `when`."""
        table = tables.signing_keys
        change = sa.update(table).where(table.c.kid == kid)
        return await tx.change(change.values(active_from=when, retired=None, expires=None)) > 0

    async def retire(self, tx: Tx, kid: str, *, retired: datetime, expires: datetime) -> bool:
        """Stop signing with a key at `retired`, stop trusting it at `expires`."""
        table = tables.signing_keys
        change = sa.update(table).where(table.c.kid == kid).values(retired=retired, expires=expires)
        return await tx.change(change) > 0

    async def prune(self, tx: Tx, before: datetime) -> int:
        """Forget keys nobody has trusted since `before`."""
        table = tables.signing_keys
        return await tx.change(sa.delete(table).where(table.c.expires < before))
