"""Tables of the audit chain: the head of each node's day, and the signed words on it (ADR 31)."""

from __future__ import annotations

import sqlalchemy as sa

from outofband.store.columns import Json, Moment, Text
from outofband.store.tables import metadata

audit_chains = sa.Table(
    "audit_chains",
    metadata,
    sa.Column("node", Text, primary_key=True),
    sa.Column("day", Text, primary_key=True),
    sa.Column("count", sa.BigInteger, nullable=False),
    sa.Column("link", Text, nullable=False),
    sa.Column("previous_day", Text),
    sa.Column("previous_link", Text),
    sa.Column("changed", Moment, nullable=False),
    # The signed word that stands for records removed by age.
    sa.Column("pruned", Json),
)

audit_checkpoints = sa.Table(
    "audit_checkpoints",
    metadata,
    sa.Column("node", Text, primary_key=True),
    sa.Column("day", Text, primary_key=True),
    sa.Column("count", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("word", Json, nullable=False),
    sa.Column("at", Moment, nullable=False),
)
