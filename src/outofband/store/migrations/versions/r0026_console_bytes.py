"""Consoles: how many bytes went in and out of a session."""

import sqlalchemy as sa
from alembic import op

revision = "0026"
down_revision = "0027"


def upgrade() -> None:
    for name in ("bytes_in", "bytes_out"):
        op.add_column(
            "console_sessions", sa.Column(name, sa.BigInteger(), nullable=False, server_default="0")
        )
