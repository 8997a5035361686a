"""Networks: which resource names which, and who has which address."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"

# Ids in lower case; ordered by code point on both databases.
KEY = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    op.create_table(
        "network_links",
        sa.Column("holder_key", KEY, nullable=False),
        sa.Column("part_key", KEY, nullable=False),
        sa.Column("part_id", sa.Text(), nullable=False),
        sa.Column("target_key", KEY, nullable=False),
        sa.Column("target_row", KEY, nullable=False),
        sa.PrimaryKeyConstraint("holder_key", "part_key", "target_key", name=op.f("pk_network_links")),
    )
    op.create_index("ix_network_links_target", "network_links", ["target_row", "target_key"])
    op.create_table(
        "network_addresses",
        sa.Column("space", KEY, nullable=False),
        sa.Column("address", KEY, nullable=False),
        sa.Column("owner_key", KEY, nullable=False),
        sa.Column("owner_id", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("space", "address", name=op.f("pk_network_addresses")),
    )
    op.create_index("ix_network_addresses_owner", "network_addresses", ["owner_key"])
