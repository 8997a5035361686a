"""Assertions that programs have shown: each is one host's, so that a copy is worth nothing elsewhere."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa

from outofband.core import secrets
from outofband.store import sign_in_tables
from outofband.store.tx import Tx


class ClientAssertions:
    """By the digest of program and `jti`; where they came from as `Visitor.source` has it."""

    async def shown(
        self, tx: Tx, app_id: str, jti: str, *, source: str, now: datetime, expires: datetime
    ) -> bool:
        """Note that an assertion came. False when another host had shown it before.

        MSAL shows one assertion several times, for as long as it lasts: to ask for a second audience, or for
        a token with more claims.
        """
        table, digest = sign_in_tables.client_assertions, secrets.digest(f"{app_id.lower()} {jti}")
        row = {"digest": digest, "source": source, "shown": now, "expires": expires}
        if await tx.change(tx.insert(table).values(row).on_conflict_do_nothing()):
            return True
        first = await tx.value(sa.select(table.c.source).where(table.c.digest == digest))
        return bool(first == source)

    async def prune(self, tx: Tx, before: datetime) -> int:
        """Forget those that ended before."""
        table = sign_in_tables.client_assertions
        return await tx.change(sa.delete(table).where(table.c.expires < before))
