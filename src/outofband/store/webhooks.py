"""Webhooks of subscriptions, and the events that wait for them: an outbox, in the order things happened."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec
import sqlalchemy as sa

from outofband.store.tx import Tx, columns
from outofband.store.webhooks_tables import webhook_deliveries, webhooks

MAX_OF_SUBSCRIPTION = 20
MAX_WAITING = 1000
"""Events that wait for one webhook; beyond it the oldest are given up."""
TOPIC = "webhooks"
"""Rings when there is something to deliver."""


class Webhook(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    subscription_id: str
    name: str
    url: str
    severity: str
    enabled: bool
    authorities: str | None
    secret: bytes
    """Sealed about the id (`wrapping.WEBHOOKS`)."""
    wrap: str
    created: datetime
    changed: datetime
    changed_by: str
    delivered: int
    failed: int
    tried: datetime | None
    status: int | None
    """HTTP status of the last attempt; None: there was no answer."""
    trouble: str | None
    """Why the last attempt failed, in words of ours."""

    def __repr__(self) -> str:
        return f"Webhook({self.name!r}, {self.id!r})"


class Delivery(msgspec.Struct, frozen=True, kw_only=True):
    """`attempts` counts those that were begun."""

    number: int
    webhook_id: str
    event: str
    body: str
    created: datetime
    attempts: int
    due: datetime


class Webhooks:
    async def get(self, tx: Tx, subscription: str, name: str) -> Webhook | None:
        return await tx.row(Webhook, columns(webhooks, Webhook).where(_named(subscription, name)))

    async def by_id(self, tx: Tx, webhook: str) -> Webhook | None:
        return await tx.row(Webhook, columns(webhooks, Webhook).where(webhooks.c.id == webhook))

    async def of(self, tx: Tx, subscription: str) -> list[Webhook]:
        """Those of a subscription, by name."""
        mine = webhooks.c.subscription_id == subscription.lower()
        return await tx.rows(Webhook, columns(webhooks, Webhook).where(mine).order_by(webhooks.c.name_key))

    async def put(self, tx: Tx, webhook: Webhook) -> None:
        """Add it, or write all of it anew but its counts."""
        values = msgspec.structs.asdict(webhook) | {"name_key": webhook.name.lower()}
        counts = ("id", "created", "delivered", "failed", "tried", "status", "trouble")
        kept = {name: value for name, value in values.items() if name not in counts}
        statement = tx.insert(webhooks).values(values)
        await tx.change(statement.on_conflict_do_update(index_elements=["id"], set_=kept))
        tx.ring(TOPIC)

    async def remove(self, tx: Tx, webhook: str) -> None:
        """With all that waits for it."""
        await tx.change(sa.delete(webhook_deliveries).where(webhook_deliveries.c.webhook_id == webhook))
        await tx.change(sa.delete(webhooks).where(webhooks.c.id == webhook))

    # --- the outbox ---

    async def enqueue(self, tx: Tx, webhook: str, *, event: str, body: bytes, now: datetime) -> int:
        """Have an event delivered; how many older ones were given up for it. Rings TOPIC."""
        table = webhook_deliveries
        values = {
            "webhook_id": webhook,
            "event": event,
            "body": body.decode(),
            "created": now,
            "attempts": 0,
            "due": now,
        }
        await tx.change(sa.insert(table).values(values))
        mine = table.c.webhook_id == webhook
        newest = sa.select(table.c.number).where(mine).order_by(table.c.number.desc()).offset(MAX_WAITING)
        doomed = [row[0] for row in await tx.fetch(newest)]
        if doomed:
            await tx.change(sa.delete(table).where(table.c.number.in_(doomed)))
            await self._count(tx, webhook, failed=len(doomed), trouble=f"more than {MAX_WAITING} waited")
        tx.ring(TOPIC)
        return len(doomed)

    async def waiting(self, tx: Tx, hooks: Sequence[str]) -> dict[str, int]:
        """How many events wait, by webhook."""
        table = webhook_deliveries
        query = sa.select(table.c.webhook_id, sa.func.count()).group_by(table.c.webhook_id)
        found = await tx.fetch(query.where(table.c.webhook_id.in_(list(hooks))))
        return {str(row[0]): int(row[1]) for row in map(tuple, found)}

    async def due(self, tx: Tx, now: datetime, limit: int) -> list[Delivery]:
        """The oldest event of each webhook that is switched on, where its time has come: one after the other,
        in the order things happened. Webhooks take turns, those that were tried longest ago first: a slow
        receiver with a thousand events holds up nobody else's one.
        """
        table = webhook_deliveries
        oldest = sa.select(sa.func.min(table.c.number)).group_by(table.c.webhook_id)
        wanted = sa.and_(table.c.due <= now, table.c.number.in_(oldest), webhooks.c.enabled)
        query = columns(table, Delivery).join(webhooks, webhooks.c.id == table.c.webhook_id).where(wanted)
        turns = (webhooks.c.tried.is_not(None), webhooks.c.tried, table.c.due, table.c.number)
        return await tx.rows(Delivery, query.order_by(*turns).limit(limit))

    async def claim(self, tx: Tx, delivery: Delivery, until: datetime) -> bool:
        """Begin an attempt. False when somebody else did. Whoever dies over it leaves it due at `until`."""
        table = webhook_deliveries
        same = sa.and_(table.c.number == delivery.number, table.c.attempts == delivery.attempts)
        values = {"attempts": delivery.attempts + 1, "due": until}
        return await tx.change(sa.update(table).where(same).values(values)) == 1

    async def settle(
        self,
        tx: Tx,
        delivery: Delivery,
        *,
        now: datetime,
        status: int | None,
        trouble: str | None,
        again: datetime | None,
    ) -> None:
        """What became of an attempt. Without trouble it is delivered; with it, tried `again`, or given up."""
        table = webhook_deliveries
        # SQLite gives the number of a row that was deleted meanwhile, with its webhook, to the next one.
        mine = sa.and_(table.c.number == delivery.number, table.c.event == delivery.event)
        over = again is None
        if over:
            await tx.change(sa.delete(table).where(mine))
        else:
            await tx.change(sa.update(table).where(mine).values(due=again))
        await self._count(
            tx,
            delivery.webhook_id,
            delivered=int(over and trouble is None),
            failed=int(over and trouble is not None),
            trouble=trouble,
            tried=now,
            status=status,
        )
        if over:
            tx.ring(TOPIC)

    async def _count(
        self, tx: Tx, webhook: str, *, delivered: int = 0, failed: int = 0, **values: Any
    ) -> None:
        counts = {
            "delivered": webhooks.c.delivered + delivered,
            "failed": webhooks.c.failed + failed,
        }
        change = sa.update(webhooks).where(webhooks.c.id == webhook)
        await tx.change(change.values(**counts, **values))


def _named(subscription: str, name: str) -> sa.ColumnElement[bool]:
    return sa.and_(webhooks.c.subscription_id == subscription.lower(), webhooks.c.name_key == name.lower())
