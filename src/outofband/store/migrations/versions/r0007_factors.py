"""Second factors of people, their recovery codes, and what a tenant requires."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    op.create_table(
        "sign_in_factors",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("object_id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("created", sa.BigInteger(), nullable=False),
        sa.Column("confirmed", sa.BigInteger()),
        sa.Column("last_used", sa.BigInteger()),
        sa.Column("secret", sa.LargeBinary()),
        sa.Column("wrap", sa.Text(), nullable=False, server_default=sa.text("'none'")),
        sa.Column("last_step", sa.BigInteger()),
        sa.Column("credential_id", sa.Text()),
        sa.Column("public_key", sa.LargeBinary()),
        sa.Column("host", sa.Text()),
        sa.Column("sign_count", sa.BigInteger()),
        sa.Column("transports", sa.Text()),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sign_in_factors")),
        sa.UniqueConstraint("credential_id", name=op.f("uq_sign_in_factors_credential_id")),
        sa.ForeignKeyConstraint(
            ["object_id"],
            ["users.object_id"],
            ondelete="CASCADE",
            name=op.f("fk_sign_in_factors_object_id"),
        ),
    )
    op.create_index(op.f("ix_sign_in_factors_object_id"), "sign_in_factors", ["object_id"])
    op.create_table(
        "recovery_codes",
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("object_id", sa.Text(), nullable=False),
        sa.Column("created", sa.BigInteger(), nullable=False),
        sa.Column("used", sa.BigInteger()),
        sa.PrimaryKeyConstraint("digest", name=op.f("pk_recovery_codes")),
        sa.ForeignKeyConstraint(
            ["object_id"], ["users.object_id"], ondelete="CASCADE", name=op.f("fk_recovery_codes_object_id")
        ),
    )
    op.create_index(op.f("ix_recovery_codes_object_id"), "recovery_codes", ["object_id"])
    op.create_table(
        "sign_in_policies",
        sa.Column("tenant_id", sa.Text(), nullable=False),
        sa.Column("require_mfa", sa.Boolean(), nullable=False),
        sa.Column("changed", sa.BigInteger(), nullable=False),
        sa.Column("changed_by", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", name=op.f("pk_sign_in_policies")),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenants.id"], name=op.f("fk_sign_in_policies_tenant_id")),
    )
    op.create_table(
        "sign_in_steps",
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("object_id", sa.Text()),
        sa.Column("session_id", sa.Text()),
        sa.Column("methods", sa.Text(), nullable=False),
        sa.Column("challenge", sa.Text()),
        sa.Column("created", sa.BigInteger(), nullable=False),
        sa.Column("expires", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("digest", name=op.f("pk_sign_in_steps")),
        sa.ForeignKeyConstraint(
            ["object_id"], ["users.object_id"], ondelete="CASCADE", name=op.f("fk_sign_in_steps_object_id")
        ),
        sa.ForeignKeyConstraint(
            ["session_id"],
            ["sign_in_sessions.id"],
            ondelete="CASCADE",
            name=op.f("fk_sign_in_steps_session_id"),
        ),
    )
    op.create_index(op.f("ix_sign_in_steps_object_id"), "sign_in_steps", ["object_id"])
    op.create_index(op.f("ix_sign_in_steps_session_id"), "sign_in_steps", ["session_id"])
    op.add_column(
        "sign_in_sessions", sa.Column("methods", sa.Text(), nullable=False, server_default=sa.text("'pwd'"))
    )
    op.add_column("sign_in_sessions", sa.Column("last_used", sa.BigInteger()))
    op.add_column("device_codes", sa.Column("methods", sa.Text()))
