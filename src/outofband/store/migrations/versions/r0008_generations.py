"""Tokens that are older than a loss: how often something was taken from a user or a program."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    for table in ("users", "service_principals"):
        column = sa.Column("generation", sa.Integer(), nullable=False, server_default=sa.text("0"))
        op.add_column(table, column)
