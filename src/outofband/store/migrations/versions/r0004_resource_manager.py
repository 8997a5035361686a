"""Resource Manager: locks, the providers a subscription is registered for, operations to be canceled."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"

# Ids in lower case; ordered by code point on both databases.
KEY = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    op.create_table(
        "locks",
        sa.Column("key", KEY, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("scope", sa.Text(), nullable=False),
        sa.Column("scope_key", KEY, nullable=False),
        sa.Column("level", sa.Text(), nullable=False),
        sa.Column("notes", sa.Text()),
        sa.Column("created", sa.BigInteger(), nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.Column("changed", sa.BigInteger(), nullable=False),
        sa.Column("changed_by", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_locks")),
    )
    op.create_index("ix_locks_scope", "locks", ["scope_key"])
    op.create_table(
        "registrations",
        sa.Column("subscription_id", sa.Text(), nullable=False),
        sa.Column("namespace_key", KEY, nullable=False),
        sa.Column("registered", sa.Boolean(), nullable=False),
        sa.Column("changed", sa.BigInteger(), nullable=False),
        sa.Column("changed_by", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["subscription_id"], ["subscriptions.id"], name=op.f("fk_registrations_subscription_id")
        ),
        sa.PrimaryKeyConstraint("subscription_id", "namespace_key", name=op.f("pk_registrations")),
    )
    op.add_column("operations", sa.Column("cancel", sa.BigInteger()))
