"""Who can let others in: the enabled people with Owner on the whole tenant. There is always one.

Only people count. A program with the role, such as the local client of the control plane's host, is a way
back for whoever holds that host, not for the people of the tenant.
"""

from __future__ import annotations

import uuid
from datetime import datetime

from outofband.core.errors import Fault
from outofband.core.principal import PrincipalKind
from outofband.store.assignments import Assignment
from outofband.store.people import User
from outofband.store.store import Store
from outofband.store.tx import Tx

ROOT = "/"
"""The scope above every subscription of a tenant; every tenant has its own."""


class Owners:
    """`role` is the GUID of the role Owner: roles are `access`'s, which stands beside this floor."""

    def __init__(self, store: Store, role: str) -> None:
        self._store = store
        self._role = role

    async def of(self, tx: Tx, tenant_id: str) -> set[str]:
        """Object ids of the enabled people with Owner at `/`."""
        found = set()
        for each in await self._store.assignments.at(tx, tenant_id, ROOT):
            user = await self._store.people.get(tx, each.principal_id) if each.role_id == self._role else None
            if user is not None and user.tenant_id == tenant_id and not user.disabled:
                found.add(user.object_id)
        return found

    async def require_another(self, tx: Tx, user: User) -> None:
        """For whatever takes the role away from `user`: raises Fault LastOwner when nobody else has it."""
        if await self.of(tx, user.tenant_id) == {user.object_id}:
            raise Fault("LastOwner", name=user.name)

    async def give(self, tx: Tx, user: User, *, by: str, now: datetime) -> bool:
        """Make `user` an Owner at `/`; False when it is one."""
        there = await self._store.assignments.of_principals(tx, [user.object_id])
        if any((each.role_id, each.scope_key) == (self._role, ROOT) for each in there):
            return False
        assignment = Assignment(
            tenant_id=user.tenant_id,
            name=str(uuid.uuid4()),
            scope=ROOT,
            role_id=self._role,
            principal_id=user.object_id,
            principal_type=PrincipalKind.USER,
            created=now,
            created_by=by,
        )
        await self._store.assignments.add(tx, assignment)
        return True
