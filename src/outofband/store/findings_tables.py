"""The schema of findings, part of `tables.metadata`."""

from __future__ import annotations

import sqlalchemy as sa

from outofband.store.columns import Json, Key, Moment, Text
from outofband.store.tables import metadata

findings = sa.Table(
    "findings",
    metadata,
    # The VM's uid: a later VM of the same name has none of them.
    sa.Column("vm", Text, primary_key=True),
    sa.Column("id", Key, primary_key=True),
    sa.Column("code", Text, nullable=False),
    sa.Column("severity", Text, nullable=False),
    sa.Column("port", Text, nullable=False),
    sa.Column("boot", sa.BigInteger, nullable=False),
    sa.Column("offset", sa.BigInteger, nullable=False),
    # By the host's clock.
    sa.Column("first", Moment, nullable=False),
    sa.Column("last", Moment, nullable=False),
    sa.Column("count", sa.BigInteger, nullable=False),
    sa.Column("fields", Json, nullable=False),
    sa.Column("evidence", Json, nullable=False),
    # Null: it is open.
    sa.Column("ended", Moment),
    # By ours: when it was kept first, and changed last.
    sa.Column("kept", Moment, nullable=False),
    sa.Column("changed", Moment, nullable=False, index=True),
    sa.Index("ix_findings_open", "ended", "vm"),
)
