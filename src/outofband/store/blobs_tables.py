"""The schema of the blob service, part of `tables.metadata`.

account (a resource's uid) -> containers -> blobs -> extents -> objects (bytes, in the object store)
                                         -> blocks (uploaded, not yet part of a blob) -> objects
"""

from __future__ import annotations

import sqlalchemy as sa

from outofband.store.columns import Json, Key, Moment, Text, sealed, tagged
from outofband.store.tables import metadata

storage_accounts = sa.Table(
    "storage_accounts",
    metadata,
    # Of the resource: a later account of the same name is another one.
    sa.Column("uid", Text, primary_key=True),
    # Part of addresses, so no two tenants can have the same.
    sa.Column("name", Text, nullable=False, unique=True),
    sa.Column("tenant_id", Text, nullable=False),
    # Two keys as JSON, encrypted.
    *sealed("keys"),
    sa.Column("created", Moment, nullable=False),
)

blob_containers = sa.Table(
    "blob_containers",
    metadata,
    sa.Column("id", Text, primary_key=True),
    sa.Column("account", Text, nullable=False),
    sa.Column("name", Key, nullable=False),
    # `container`, `blob`, or empty: what anyone may read.
    sa.Column("public", Text, nullable=False),
    sa.Column("metadata", Json, nullable=False),
    sa.Column("policies", Json, nullable=False),
    sa.Column("lease", Json),
    *tagged(),
    # Deleted ones give up their name and are emptied piece by piece.
    sa.Column("deleted", Moment, index=True),
    sa.UniqueConstraint("account", "name", name="uq_blob_containers_name"),
)

blobs = sa.Table(
    "blobs",
    metadata,
    sa.Column("id", Text, primary_key=True),
    sa.Column("container_id", Text, nullable=False),
    sa.Column("name", Key, nullable=False),
    sa.Column("kind", Text, nullable=False),
    sa.Column("length", sa.BigInteger, nullable=False),
    sa.Column("headers", Json, nullable=False),
    sa.Column("metadata", Json, nullable=False),
    sa.Column("lease", Json),
    # Of the last copy onto it: id, source, when.
    sa.Column("copy", Json),
    sa.Column("tier", Text),
    # Of a page blob its sequence number, of an append blob the number of its blocks.
    sa.Column("sequence", sa.BigInteger, nullable=False),
    *tagged(),
    sa.UniqueConstraint("container_id", "name", name="uq_blobs_name"),
)

# What a blob is made of. Bytes that no extent covers are zero (page blobs).
blob_extents = sa.Table(
    "blob_extents",
    metadata,
    sa.Column("blob_id", Text, primary_key=True),
    sa.Column("start", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("length", sa.BigInteger, nullable=False),
    sa.Column("object_key", Text, nullable=False, index=True),
    sa.Column("object_start", sa.BigInteger, nullable=False),
    # The id of the committed block that this is.
    sa.Column("block", Text),
)

blob_blocks = sa.Table(
    "blob_blocks",
    metadata,
    sa.Column("container_id", Text, primary_key=True),
    sa.Column("name", Key, primary_key=True),
    sa.Column("block", Text, primary_key=True),
    sa.Column("length", sa.BigInteger, nullable=False),
    sa.Column("object_key", Text, nullable=False, index=True),
    sa.Column("created", Moment, nullable=False, index=True),
)

blob_objects = sa.Table(
    "blob_objects",
    metadata,
    sa.Column("key", Text, primary_key=True),
    sa.Column("length", sa.BigInteger, nullable=False),
    # `pending` while it is uploaded, `kept`, `loose` when nothing refers to it, `doomed` while it is erased.
    sa.Column("state", Text, nullable=False),
    sa.Column("since", Moment, nullable=False),
    sa.Index("ix_blob_objects_state", "state", "since"),
)
