"""The directory: applications, their secrets and certificates, groups and custodians.

Every program so far becomes the service principal of an application of its own; its secrets stay its own.
"""

import uuid

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    op.create_table(
        "applications",
        sa.Column("object_id", sa.Text(), nullable=False),
        sa.Column("app_id", sa.Text(), nullable=False),
        sa.Column("tenant_id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("manifest", sa.Text(), nullable=False),
        sa.Column("created", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenants.id"], name=op.f("fk_applications_tenant_id")),
        sa.PrimaryKeyConstraint("object_id", name=op.f("pk_applications")),
        sa.UniqueConstraint("app_id", name=op.f("uq_applications_app_id")),
    )
    op.create_index(op.f("ix_applications_tenant_id"), "applications", ["tenant_id"])
    op.create_table(
        "client_secrets",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("app_id", sa.Text(), nullable=False),
        sa.Column("object_id", sa.Text(), nullable=False),
        sa.Column("label", sa.Text(), nullable=False),
        sa.Column("hint", sa.Text(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("created", sa.BigInteger(), nullable=False),
        sa.Column("begins", sa.BigInteger()),
        sa.Column("expires", sa.BigInteger()),
        sa.ForeignKeyConstraint(
            ["app_id"], ["applications.app_id"], name=op.f("fk_client_secrets_app_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_client_secrets")),
    )
    op.create_index(op.f("ix_client_secrets_app_id"), "client_secrets", ["app_id"])
    op.create_table(
        "client_certificates",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("app_id", sa.Text(), nullable=False),
        sa.Column("object_id", sa.Text(), nullable=False),
        sa.Column("label", sa.Text(), nullable=False),
        sa.Column("thumbprint", sa.Text(), nullable=False),
        sa.Column("thumbprint_sha256", sa.Text(), nullable=False),
        sa.Column("certificate", sa.Text(), nullable=False),
        sa.Column("created", sa.BigInteger(), nullable=False),
        sa.Column("begins", sa.BigInteger(), nullable=False),
        sa.Column("expires", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["app_id"],
            ["applications.app_id"],
            name=op.f("fk_client_certificates_app_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_client_certificates")),
        sa.UniqueConstraint("object_id", "thumbprint_sha256", name=op.f("uq_client_certificates_thumbprint")),
    )
    op.create_index(op.f("ix_client_certificates_app_id"), "client_certificates", ["app_id"])
    op.create_table(
        "groups",
        sa.Column("object_id", sa.Text(), nullable=False),
        sa.Column("tenant_id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("mail_nickname", sa.Text(), nullable=False),
        sa.Column("description", sa.Text()),
        sa.Column("created", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenants.id"], name=op.f("fk_groups_tenant_id")),
        sa.PrimaryKeyConstraint("object_id", name=op.f("pk_groups")),
    )
    op.create_index(op.f("ix_groups_tenant_id"), "groups", ["tenant_id"])
    op.create_table(
        "group_members",
        sa.Column("group_id", sa.Text(), nullable=False),
        sa.Column("member_id", sa.Text(), nullable=False),
        sa.Column("member_type", sa.Text(), nullable=False),
        sa.Column("added", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["group_id"], ["groups.object_id"], name=op.f("fk_group_members_group_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("group_id", "member_id", name=op.f("pk_group_members")),
    )
    op.create_index("ix_group_members_member", "group_members", ["member_id", "group_id"])
    op.create_table(
        "custodians",
        sa.Column("object_id", sa.Text(), nullable=False),
        sa.Column("owner_id", sa.Text(), nullable=False),
        sa.Column("added", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("object_id", "owner_id", name=op.f("pk_custodians")),
    )
    op.create_index("ix_custodians_owner", "custodians", ["owner_id"])
    _move()
    op.drop_index(op.f("ix_principal_secrets_object_id"), "principal_secrets")
    op.drop_table("principal_secrets")


def _move() -> None:
    """Applications for the programs there are, and their secrets under them."""
    names = ("object_id", "app_id", "tenant_id", "name", "created")
    principals = sa.table("service_principals", *map(sa.column, names))
    applications = sa.table("applications", *map(sa.column, (*names, "manifest")))
    there = op.get_bind()
    for row in there.execute(sa.select(principals)).mappings().all():
        values = dict(row) | {"object_id": str(uuid.uuid4()), "manifest": "{}"}
        there.execute(sa.insert(applications).values(values))
    kept = ("id", "object_id", "label", "digest", "created", "expires")
    old = sa.table("principal_secrets", *map(sa.column, kept))
    new = sa.table("client_secrets", *map(sa.column, ("app_id", "hint", *kept)))
    mine = old.join(principals, principals.c.object_id == old.c.object_id)
    moved = sa.select(principals.c.app_id, sa.literal(""), *old.c).select_from(mine)
    there.execute(sa.insert(new).from_select(["app_id", "hint", *kept], moved))
