"""The schema of rescues, part of `tables.metadata`."""

from __future__ import annotations

import sqlalchemy as sa

from outofband.store.columns import Json, Key, Moment, Text
from outofband.store.tables import metadata

rescues = sa.Table(
    "rescues",
    metadata,
    sa.Column("id", Text, primary_key=True),
    # The VM's uid: a later VM of the same name has none of them.
    sa.Column("vm", Text, nullable=False),
    sa.Column("name", Text, nullable=False),
    sa.Column("name_key", Key, nullable=False),
    # The VM while the run has not ended, else null: there is one run of a VM at a time.
    sa.Column("busy", Text),
    # One more with each change; who writes over another number has lost its turn.
    sa.Column("version", sa.BigInteger, nullable=False),
    sa.Column("body", Json, nullable=False),
    sa.Column("created", Moment, nullable=False),
    sa.Column("created_by", Text, nullable=False),
    sa.Column("changed", Moment, nullable=False, index=True),
    sa.Column("ended", Moment),
    sa.UniqueConstraint("vm", "name_key", name="uq_rescues_name"),
    sa.UniqueConstraint("busy", name="uq_rescues_busy"),
)
