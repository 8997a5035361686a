"""Custom roles: definitions that a tenant made for itself. The built-in ones are part of the program."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

import msgspec
import sqlalchemy as sa

from outofband.core.errors import Fault
from outofband.store import tables
from outofband.store.tx import Tx, columns

MAX_PER_TENANT = 5000
"""As in Azure."""


class RoleDefinition(msgspec.Struct, frozen=True, kw_only=True):
    tenant_id: str
    id: str
    """GUID, lower case."""
    name: str
    """What people call it; unique in its tenant, whatever the case."""
    description: str
    permissions: list[dict[str, Any]]
    """In Resource Manager's words: `actions`, `notActions`, `dataActions`, `notDataActions`."""
    assignable_scopes: list[str]
    created: datetime
    created_by: str
    changed: datetime
    changed_by: str


class RoleDefinitions:
    async def get(self, tx: Tx, tenant_id: str, role_id: str) -> RoleDefinition | None:
        found = await self.some(tx, tenant_id, [role_id])
        return found[0] if found else None

    async def some(self, tx: Tx, tenant_id: str, role_ids: Iterable[str]) -> list[RoleDefinition]:
        """Those of the ids that are custom roles of the tenant."""
        table = tables.role_definitions
        wanted = [each.lower() for each in role_ids]
        query = columns(table, RoleDefinition).where(table.c.tenant_id == tenant_id, table.c.id.in_(wanted))
        return await tx.rows(RoleDefinition, query)

    async def of_tenant(self, tx: Tx, tenant_id: str) -> list[RoleDefinition]:
        """By id."""
        table = tables.role_definitions
        query = columns(table, RoleDefinition).where(table.c.tenant_id == tenant_id).order_by(table.c.id)
        return await tx.rows(RoleDefinition, query.limit(MAX_PER_TENANT))

    async def put(self, tx: Tx, definition: RoleDefinition) -> None:
        """Add it, or change the one with its id.

        Raises Fault RoleDefinitionWithSameNameExists, or RoleDefinitionLimitExceeded.
        """
        table = tables.role_definitions
        name_key = definition.name.lower()
        mine = table.c.tenant_id == definition.tenant_id
        namesake = sa.select(table.c.id).where(mine, table.c.name_key == name_key)
        if await tx.value(namesake) not in (None, definition.id):
            raise Fault("RoleDefinitionWithSameNameExists", name=definition.name)
        values = msgspec.structs.asdict(definition) | {"name_key": name_key}
        there = sa.update(table).where(mine, table.c.id == definition.id)
        kept = {"tenant_id", "id", "created", "created_by"}
        if await tx.change(there.values({key: each for key, each in values.items() if key not in kept})):
            return
        if await tx.value(sa.select(sa.func.count()).where(mine)) >= MAX_PER_TENANT:
            raise Fault("RoleDefinitionLimitExceeded", limit=MAX_PER_TENANT)
        await tx.change(sa.insert(table).values(values))

    async def remove(self, tx: Tx, tenant_id: str, role_id: str) -> bool:
        """Whether it is in use is the caller's to ask."""
        table = tables.role_definitions
        mine = sa.and_(table.c.tenant_id == tenant_id, table.c.id == role_id.lower())
        return await tx.change(sa.delete(table).where(mine)) > 0
