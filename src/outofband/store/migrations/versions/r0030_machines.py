"""Machines: made by PUT and claimed by their key, their certificates, and how their agents say they are."""

import sqlalchemy as sa
from alembic import op

revision = "0030"
down_revision = "0029"


def upgrade() -> None:
    for name in ("awaiting", "renews"):
        op.add_column("agents", sa.Column(name, sa.Boolean(), nullable=False, server_default=sa.false()))
    for name in (
        "location",
        "tags",
        "properties",
        "created_by",
        "changed_by",
        "hardware",
        "former_key",
        "certificate",
        "beat",
        "trouble",
    ):
        op.add_column("agents", sa.Column(name, sa.Text()))
    for name in ("changed", "certificate_issued", "certificate_expires", "beat_at"):
        op.add_column("agents", sa.Column(name, sa.BigInteger()))
