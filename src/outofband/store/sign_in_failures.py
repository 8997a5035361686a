"""Wrong passwords in a row, by the name that was typed, and the lock that follows.

Names that nobody has are counted like any other, so that a lock does not tell who exists.
"""

from __future__ import annotations

from datetime import datetime, timedelta

import msgspec
import sqlalchemy as sa

from outofband.core import secrets
from outofband.store import sign_in_tables
from outofband.store.tx import Tx, columns

MAX_FAILURES = 20
LOCK = timedelta(minutes=15)


class Failures(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a name; the fields say it as of the last failure."""

    failures: int = 0
    locked_until: datetime | None = None

    def locked(self, now: datetime) -> bool:
        return self.locked_until is not None and self.locked_until > now


_NONE = Failures()


class SignInFailures:
    """`name` is a full sign-in name; what is kept is its digest, for people type passwords there too."""

    async def get(self, tx: Tx, name: str) -> Failures:
        table = sign_in_tables.sign_in_failures
        found = await tx.row(Failures, columns(table, Failures).where(table.c.name_digest == _digest(name)))
        return found or _NONE

    async def failed(self, tx: Tx, name: str, now: datetime) -> Failures:
        """Count one more. The last of MAX_FAILURES locks the name for LOCK; then the count begins anew."""
        before = await self.get(tx, name)
        if before.locked(now):
            return before
        failures = (0 if before.locked_until is not None else before.failures) + 1
        after = Failures(failures=failures, locked_until=now + LOCK if failures >= MAX_FAILURES else None)
        values = {"failures": after.failures, "locked_until": after.locked_until, "last": now}
        table = sign_in_tables.sign_in_failures
        statement = tx.insert(table).values(values | {"name_digest": _digest(name)})
        await tx.change(statement.on_conflict_do_update(index_elements=["name_digest"], set_=values))
        return after

    async def clear(self, tx: Tx, name: str) -> bool:
        """Forget the failures of a name and lift its lock; False when there was nothing to forget."""
        table = sign_in_tables.sign_in_failures
        return await tx.change(sa.delete(table).where(table.c.name_digest == _digest(name))) > 0

    async def prune(self, tx: Tx, before: datetime) -> int:
        """Forget names whose last failure was before `before`."""
        table = sign_in_tables.sign_in_failures
        return await tx.change(sa.delete(table).where(table.c.last < before))


def _digest(name: str) -> str:
    return secrets.digest(name.lower())
