"""The audit chain: the place of each row of the activity log in it, the heads, the signed words."""

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0013"


def upgrade() -> None:
    for name, kind in (
        ("node", sa.Text()),
        ("day", sa.Text()),
        ("number", sa.BigInteger()),
        ("link", sa.Text()),
    ):
        op.add_column("activity", sa.Column(name, kind))
    op.create_index("ix_activity_chain", "activity", ["node", "day", "number"], unique=True)
    op.create_table(
        "audit_chains",
        sa.Column("node", sa.Text(), nullable=False),
        sa.Column("day", sa.Text(), nullable=False),
        sa.Column("count", sa.BigInteger(), nullable=False),
        sa.Column("link", sa.Text(), nullable=False),
        sa.Column("previous_day", sa.Text()),
        sa.Column("previous_link", sa.Text()),
        sa.Column("changed", sa.BigInteger(), nullable=False),
        sa.Column("pruned", sa.Text()),
        sa.PrimaryKeyConstraint("node", "day", name=op.f("pk_audit_chains")),
    )
    op.create_table(
        "audit_checkpoints",
        sa.Column("node", sa.Text(), nullable=False),
        sa.Column("day", sa.Text(), nullable=False),
        sa.Column("count", sa.BigInteger(), nullable=False),
        sa.Column("word", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("node", "day", "count", name=op.f("pk_audit_checkpoints")),
    )
