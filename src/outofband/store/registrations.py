"""Which providers a subscription is registered for, as far as somebody decided it."""

from __future__ import annotations

from datetime import datetime

import msgspec
import sqlalchemy as sa

from outofband.store import tables
from outofband.store.tx import Tx, columns


class Registration(msgspec.Struct, frozen=True, kw_only=True):
    namespace_key: str
    """Lower-cased namespace."""
    registered: bool
    changed: datetime
    changed_by: str


class Registrations:
    async def get(self, tx: Tx, subscription: str, namespace: str) -> Registration | None:
        """None when nobody decided: the namespace's own default holds."""
        table = tables.registrations
        where = sa.and_(
            table.c.subscription_id == subscription.lower(), table.c.namespace_key == namespace.lower()
        )
        return await tx.row(Registration, columns(table, Registration).where(where))

    async def of(self, tx: Tx, subscription: str) -> dict[str, Registration]:
        """What was decided for a subscription, by lower-cased namespace."""
        table = tables.registrations
        query = columns(table, Registration).where(table.c.subscription_id == subscription.lower())
        return {each.namespace_key: each for each in await tx.rows(Registration, query)}

    async def put(
        self, tx: Tx, subscription: str, namespace: str, *, registered: bool, now: datetime, by: str
    ) -> None:
        table = tables.registrations
        key = {"subscription_id": subscription.lower(), "namespace_key": namespace.lower()}
        values = {"registered": registered, "changed": now, "changed_by": by}
        made = tx.insert(table).values(key | values)
        await tx.change(
            made.on_conflict_do_update(index_elements=["subscription_id", "namespace_key"], set_=values)
        )
