"""Consoles: a policy that ends logins left behind, and what became of the one of a session."""

import sqlalchemy as sa
from alembic import op

revision = "0025"
down_revision = "0020"


def upgrade() -> None:
    op.add_column("console_sessions", sa.Column("login", sa.Text()))
    op.add_column(
        "console_settings", sa.Column("end_login", sa.Boolean(), nullable=False, server_default=sa.false())
    )
