"""Who looks after an application, a service principal or a group: `owners` in Microsoft Graph's words.

No right comes of it; it tells people whom to ask.
"""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa

from outofband.store.directory_tables import custodians
from outofband.store.tx import Tx


class Custodians:
    async def add(self, tx: Tx, object_id: str, owner_id: str, now: datetime) -> bool:
        """False when it is there."""
        values = {"object_id": object_id.lower(), "owner_id": owner_id.lower(), "added": now}
        return await tx.change(tx.insert(custodians).values(values).on_conflict_do_nothing()) > 0

    async def of(self, tx: Tx, object_id: str) -> list[str]:
        """Who looks after an object, by id."""
        mine = custodians.c.object_id == object_id.lower()
        found = await tx.fetch(sa.select(custodians.c.owner_id).where(mine).order_by(custodians.c.owner_id))
        return [row[0] for row in found]

    async def owned_by(self, tx: Tx, owner_id: str) -> list[str]:
        """What somebody looks after, by id."""
        mine = custodians.c.owner_id == owner_id.lower()
        query = sa.select(custodians.c.object_id).where(mine).order_by(custodians.c.object_id)
        return [row[0] for row in await tx.fetch(query)]

    async def remove(self, tx: Tx, object_id: str, owner_id: str) -> bool:
        one = sa.and_(custodians.c.object_id == object_id.lower(), custodians.c.owner_id == owner_id.lower())
        return await tx.change(sa.delete(custodians).where(one)) > 0

    async def forget(self, tx: Tx, object_id: str) -> None:
        """Everything that names an object that is removed."""
        key = object_id.lower()
        gone = sa.or_(custodians.c.object_id == key, custodians.c.owner_id == key)
        await tx.change(sa.delete(custodians).where(gone))
