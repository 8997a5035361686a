"""Custom roles on the way from the store to a decision."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec

from outofband.access.role import Permission, Role
from outofband.access.roles import BUILT_IN
from outofband.store.assignments import Assignment
from outofband.store.role_definitions import RoleDefinition
from outofband.store.store import Store
from outofband.store.tx import Tx


def role_of(definition: RoleDefinition) -> Role:
    return Role(
        id=definition.id,
        name=definition.name,
        description=definition.description,
        permissions=msgspec.convert(definition.permissions, tuple[Permission, ...]),
        custom=True,
        assignable_scopes=tuple(definition.assignable_scopes),
    )


async def roles_of(store: Store, tx: Tx, tenant_id: str, held: Iterable[Assignment]) -> Mapping[str, Role]:
    """Every role that `held`, assignments in one tenant, can mean. Built-in ones cost no read."""
    custom = {each.role_id for each in held} - BUILT_IN.keys()
    if not custom:
        return BUILT_IN
    found = await store.role_definitions.some(tx, tenant_id, custom)
    return {**BUILT_IN, **{each.id: role_of(each) for each in found}}
