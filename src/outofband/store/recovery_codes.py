"""Recovery codes: for the day on which phone and key are gone. Each is good once; what is kept is a digest,
which is right for codes of 79 random bits.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import sqlalchemy as sa

from outofband.core import secrets
from outofband.store import sign_in_tables
from outofband.store.tx import Tx


class RecoveryCodes:
    """`code` is in the form it was made in; what people type is put into that form before."""

    async def replace(self, tx: Tx, object_id: str, codes: Sequence[str], now: datetime) -> None:
        """Give a person new codes; the old ones are worth nothing any more."""
        table = sign_in_tables.recovery_codes
        await self.clear(tx, object_id)
        for code in codes:
            values = {"digest": _digest(object_id, code), "object_id": object_id.lower(), "created": now}
            await tx.change(sa.insert(table).values(values))

    async def use(self, tx: Tx, object_id: str, code: str, now: datetime) -> bool:
        """Use one up; False when the person has no such code, or had used it."""
        table = sign_in_tables.recovery_codes
        mine = sa.and_(table.c.digest == _digest(object_id, code), table.c.used.is_(None))
        return await tx.change(sa.update(table).where(mine).values(used=now)) > 0

    async def left(self, tx: Tx, object_id: str) -> int:
        table = sign_in_tables.recovery_codes
        mine = sa.and_(table.c.object_id == object_id.lower(), table.c.used.is_(None))
        return int(await tx.value(sa.select(sa.func.count()).select_from(table).where(mine)) or 0)

    async def clear(self, tx: Tx, object_id: str) -> None:
        table = sign_in_tables.recovery_codes
        await tx.change(sa.delete(table).where(table.c.object_id == object_id.lower()))


def _digest(object_id: str, code: str) -> str:
    return secrets.digest(f"{object_id.lower()}:{code}")
