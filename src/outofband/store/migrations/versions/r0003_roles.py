"""Roles: custom definitions, the tenant of an assignment, and the role a deed was allowed by."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

# Ids in lower case; ordered by code point on both databases.
KEY = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    op.create_table(
        "role_definitions",
        sa.Column("tenant_id", sa.Text(), nullable=False),
        sa.Column("id", KEY, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("name_key", KEY, nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("permissions", sa.Text(), nullable=False),
        sa.Column("assignable_scopes", sa.Text(), nullable=False),
        sa.Column("created", sa.BigInteger(), nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.Column("changed", sa.BigInteger(), nullable=False),
        sa.Column("changed_by", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_role_definitions")),
        sa.UniqueConstraint("tenant_id", "name_key", name=op.f("uq_role_definitions_name")),
    )
    op.add_column(
        "role_assignments", sa.Column("tenant_id", sa.Text(), nullable=False, server_default=sa.text("''"))
    )
    op.add_column("role_assignments", sa.Column("description", sa.Text()))
    op.add_column("activity", sa.Column("role", sa.Text()))
    assignments = sa.table("role_assignments", *map(sa.column, ("key", "tenant_id", "principal_id")))
    for people in ("users", "service_principals"):
        them = sa.table(people, sa.column("object_id"), sa.column("tenant_id"))
        theirs = them.c.object_id == assignments.c.principal_id
        tenant = sa.select(them.c.tenant_id).where(theirs).scalar_subquery()
        op.execute(sa.update(assignments).where(sa.exists().where(theirs)).values(tenant_id=tenant))
    # Whoever it was given to is gone, and with it the tenant.
    op.execute(sa.delete(assignments).where(assignments.c.tenant_id == ""))
    # Every tenant has a `/` of its own: one name may stand there in each of them.
    op.execute(
        sa.update(assignments).values(
            key=sa.literal("/tenants/") + assignments.c.tenant_id + assignments.c.key
        )
    )
    op.create_index(op.f("ix_role_assignments_role"), "role_assignments", ["tenant_id", "role_id"])
