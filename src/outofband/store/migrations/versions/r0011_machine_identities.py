"""Hosts that were enrolled before: each gets the service principal that newer ones come with."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    op.execute(
        sa.text(
            "INSERT INTO service_principals "
            "(object_id, app_id, tenant_id, name, disabled, created, generation) "
            "SELECT id, id, tenant_id, name, revoked IS NOT NULL, enrolled, 0 FROM agents "
            "WHERE id NOT IN (SELECT object_id FROM service_principals)"
        )
    )
