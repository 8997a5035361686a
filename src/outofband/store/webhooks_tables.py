"""The schema of webhooks and of what is on its way to them, part of `tables.metadata`."""

from __future__ import annotations

import sqlalchemy as sa

from outofband.store.columns import Key, Moment, Sequence, Text, sealed
from outofband.store.tables import metadata

webhooks = sa.Table(
    "webhooks",
    metadata,
    sa.Column("id", Text, primary_key=True),
    sa.Column("subscription_id", Text, nullable=False),
    sa.Column("name", Text, nullable=False),
    sa.Column("name_key", Key, nullable=False),
    sa.Column("url", Text, nullable=False),
    # The least severity that is told.
    sa.Column("severity", Text, nullable=False),
    sa.Column("enabled", sa.Boolean, nullable=False),
    # PEM of the authorities that its certificate is trusted by; null: the system's.
    sa.Column("authorities", Text),
    *sealed("secret"),
    sa.Column("created", Moment, nullable=False),
    sa.Column("changed", Moment, nullable=False),
    sa.Column("changed_by", Text, nullable=False),
    # What became of deliveries so far; the last attempt of all.
    sa.Column("delivered", sa.BigInteger, nullable=False, server_default=sa.text("0")),
    sa.Column("failed", sa.BigInteger, nullable=False, server_default=sa.text("0")),
    sa.Column("tried", Moment),
    sa.Column("status", sa.Integer),
    sa.Column("trouble", Text),
    sa.UniqueConstraint("subscription_id", "name_key", name="uq_webhooks_name"),
)

webhook_deliveries = sa.Table(
    "webhook_deliveries",
    metadata,
    sa.Column("number", Sequence, primary_key=True, autoincrement=True),
    sa.Column(
        "webhook_id", Text, sa.ForeignKey("webhooks.id", ondelete="CASCADE"), nullable=False, index=True
    ),
    # Of the event: every attempt has the same.
    sa.Column("event", Text, nullable=False),
    sa.Column("body", Text, nullable=False),
    sa.Column("created", Moment, nullable=False),
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("due", Moment, nullable=False),
)
