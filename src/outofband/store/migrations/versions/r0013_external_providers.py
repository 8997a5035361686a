"""Providers of others that people sign in through, who is who there, and what they gave."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    op.create_table(
        "identity_providers",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("tenant_id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("name_key", sa.Text().with_variant(sa.Text(collation="C"), "postgresql"), nullable=False),
        sa.Column("issuer", sa.Text(), nullable=False),
        sa.Column("client_id", sa.Text(), nullable=False),
        sa.Column("secret", sa.LargeBinary()),
        sa.Column("wrap", sa.Text(), nullable=False, server_default=sa.text("'none'")),
        sa.Column("settings", sa.Text(), nullable=False),
        sa.Column("disabled", sa.Boolean(), nullable=False),
        sa.Column("created", sa.BigInteger(), nullable=False),
        sa.Column("changed", sa.BigInteger(), nullable=False),
        sa.Column("changed_by", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_identity_providers")),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenants.id"], name=op.f("fk_identity_providers_tenant_id")),
        sa.UniqueConstraint("tenant_id", "name_key", name=op.f("uq_identity_providers_name")),
    )
    op.create_table(
        "external_identities",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("provider_id", sa.Text(), nullable=False),
        sa.Column("object_id", sa.Text(), nullable=False),
        sa.Column("issuer", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text()),
        sa.Column("email_key", sa.Text()),
        sa.Column("label", sa.Text(), nullable=False),
        sa.Column("linked", sa.BigInteger(), nullable=False),
        sa.Column("linked_by", sa.Text(), nullable=False),
        sa.Column("last_used", sa.BigInteger()),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_external_identities")),
        sa.ForeignKeyConstraint(
            ["provider_id"],
            ["identity_providers.id"],
            ondelete="CASCADE",
            name=op.f("fk_external_identities_provider_id"),
        ),
        sa.ForeignKeyConstraint(
            ["object_id"],
            ["users.object_id"],
            ondelete="CASCADE",
            name=op.f("fk_external_identities_object_id"),
        ),
        sa.UniqueConstraint("provider_id", "issuer", "subject", name=op.f("uq_external_identities_subject")),
        sa.UniqueConstraint("provider_id", "issuer", "email_key", name=op.f("uq_external_identities_email")),
    )
    op.create_index(op.f("ix_external_identities_object_id"), "external_identities", ["object_id"])
    op.create_table(
        "external_memberships",
        sa.Column("group_id", sa.Text(), nullable=False),
        sa.Column("member_id", sa.Text(), nullable=False),
        sa.Column("provider_id", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("group_id", "member_id", "provider_id", name=op.f("pk_external_memberships")),
        sa.ForeignKeyConstraint(
            ["group_id"],
            ["groups.object_id"],
            ondelete="CASCADE",
            name=op.f("fk_external_memberships_group_id"),
        ),
        sa.ForeignKeyConstraint(
            ["member_id"],
            ["users.object_id"],
            ondelete="CASCADE",
            name=op.f("fk_external_memberships_member_id"),
        ),
        sa.ForeignKeyConstraint(
            ["provider_id"],
            ["identity_providers.id"],
            ondelete="CASCADE",
            name=op.f("fk_external_memberships_provider_id"),
        ),
    )
    op.create_index("ix_external_memberships_member", "external_memberships", ["member_id"])
    op.create_table(
        "external_sign_ins",
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("provider_id", sa.Text(), nullable=False),
        sa.Column("browser", sa.Text(), nullable=False),
        sa.Column("aim", sa.Text(), nullable=False),
        sa.Column("session_id", sa.Text()),
        sa.Column("mfa", sa.Boolean(), nullable=False),
        sa.Column("back", sa.Text(), nullable=False),
        sa.Column("created", sa.BigInteger(), nullable=False),
        sa.Column("expires", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("digest", name=op.f("pk_external_sign_ins")),
        sa.ForeignKeyConstraint(
            ["provider_id"],
            ["identity_providers.id"],
            ondelete="CASCADE",
            name=op.f("fk_external_sign_ins_provider_id"),
        ),
        sa.ForeignKeyConstraint(
            ["session_id"],
            ["sign_in_sessions.id"],
            ondelete="CASCADE",
            name=op.f("fk_external_sign_ins_session_id"),
        ),
    )
    op.create_index(op.f("ix_external_sign_ins_session_id"), "external_sign_ins", ["session_id"])
    op.create_index(op.f("ix_external_sign_ins_expires"), "external_sign_ins", ["expires"])
