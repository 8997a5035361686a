"""Consoles: trouble with the diagnostics' storage account warns instead of keeping people out."""

import sqlalchemy as sa
from alembic import op

revision = "0027"
down_revision = "0025"


def upgrade() -> None:
    op.add_column(
        "console_settings",
        sa.Column("storage_warns", sa.Boolean(), nullable=False, server_default=sa.false()),
    )
