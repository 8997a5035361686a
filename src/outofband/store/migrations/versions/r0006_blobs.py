"""The blob service: accounts, containers, blobs, and the objects they are made of."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"

# Ordered by code point on both databases.
KEY = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    op.create_table(
        "storage_accounts",
        sa.Column("uid", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("tenant_id", sa.Text(), nullable=False),
        sa.Column("keys", sa.LargeBinary(), nullable=False),
        sa.Column("wrap", sa.Text(), nullable=False),
        sa.Column("created", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("uid", name=op.f("pk_storage_accounts")),
        sa.UniqueConstraint("name", name=op.f("uq_storage_accounts_name")),
    )
    op.create_table(
        "blob_containers",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("name", KEY, nullable=False),
        sa.Column("public", sa.Text(), nullable=False),
        sa.Column("metadata", sa.Text(), nullable=False),
        sa.Column("policies", sa.Text(), nullable=False),
        sa.Column("lease", sa.Text()),
        sa.Column("etag", sa.Text(), nullable=False),
        sa.Column("created", sa.BigInteger(), nullable=False),
        sa.Column("modified", sa.BigInteger(), nullable=False),
        sa.Column("deleted", sa.BigInteger()),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_blob_containers")),
        sa.UniqueConstraint("account", "name", name=op.f("uq_blob_containers_name")),
    )
    op.create_index(op.f("ix_blob_containers_deleted"), "blob_containers", ["deleted"])
    op.create_table(
        "blobs",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("container_id", sa.Text(), nullable=False),
        sa.Column("name", KEY, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("length", sa.BigInteger(), nullable=False),
        sa.Column("headers", sa.Text(), nullable=False),
        sa.Column("metadata", sa.Text(), nullable=False),
        sa.Column("lease", sa.Text()),
        sa.Column("copy", sa.Text()),
        sa.Column("tier", sa.Text()),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.Column("etag", sa.Text(), nullable=False),
        sa.Column("created", sa.BigInteger(), nullable=False),
        sa.Column("modified", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_blobs")),
        sa.UniqueConstraint("container_id", "name", name=op.f("uq_blobs_name")),
    )
    op.create_table(
        "blob_extents",
        sa.Column("blob_id", sa.Text(), nullable=False),
        sa.Column("start", sa.BigInteger(), nullable=False),
        sa.Column("length", sa.BigInteger(), nullable=False),
        sa.Column("object_key", sa.Text(), nullable=False),
        sa.Column("object_start", sa.BigInteger(), nullable=False),
        sa.Column("block", sa.Text()),
        sa.PrimaryKeyConstraint("blob_id", "start", name=op.f("pk_blob_extents")),
    )
    op.create_index(op.f("ix_blob_extents_object_key"), "blob_extents", ["object_key"])
    op.create_table(
        "blob_blocks",
        sa.Column("container_id", sa.Text(), nullable=False),
        sa.Column("name", KEY, nullable=False),
        sa.Column("block", sa.Text(), nullable=False),
        sa.Column("length", sa.BigInteger(), nullable=False),
        sa.Column("object_key", sa.Text(), nullable=False),
        sa.Column("created", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("container_id", "name", "block", name=op.f("pk_blob_blocks")),
    )
    op.create_index(op.f("ix_blob_blocks_object_key"), "blob_blocks", ["object_key"])
    op.create_index(op.f("ix_blob_blocks_created"), "blob_blocks", ["created"])
    op.create_table(
        "blob_objects",
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("length", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("since", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_blob_objects")),
    )
    op.create_index("ix_blob_objects_state", "blob_objects", ["state", "since"])
