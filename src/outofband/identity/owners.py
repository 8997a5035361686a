"""Who can let others in: the enabled people with Owner on the whole tenant, themselves or through a group.
There is always one.

Only people count, with a password of their own and a role that no provider gives: a provider that is away, or
says something else tomorrow, must lock nobody out (ADR 24). A program with the role, such as the local client
of the control plane's host, is a way back for whoever holds that host, not for the people of the tenant.
"""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import AsyncIterator
from datetime import datetime

from outofband.core.errors import Fault
from outofband.core.principal import PrincipalKind
from outofband.store.assignments import Assignment
from outofband.store.groups import GROUP
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
        """Object ids of the enabled people with Owner at `/` who sign in here."""
        held: set[str] = set()
        for each in await self._store.assignments.at(tx, tenant_id, ROOT):
            if each.role_id != self._role:
                continue
            if each.principal_type == GROUP:
                groups = self._store.groups
                held |= await groups.people(tx, each.principal_id, PrincipalKind.USER, by_hand=True)
            else:
                held.add(each.principal_id)
        found = set()
        for object_id in held:
            user = await self._store.people.get(tx, object_id)
            enabled = user is not None and user.tenant_id == tenant_id and not user.disabled
            if user is not None and enabled and user.password_hash is not None:
                found.add(user.object_id)
        return found

    @contextlib.asynccontextmanager
    async def kept(self, tx: Tx, tenant_id: str, name: str) -> AsyncIterator[None]:
        """For a change, made inside, that may take the role away from many at once: raises Fault LastOwner
        after it when there was somebody and nobody is left. `name` is what people had the role by.
        """
        before = await self.of(tx, tenant_id)
        yield
        if before and not await self.of(tx, tenant_id):
            raise Fault("LastOwner", name=name)

    async def require_another(self, tx: Tx, user: User) -> None:
        """For whatever takes the role away from `user`: raises Fault LastOwner when nobody else has it."""
        if await self.of(tx, user.tenant_id) == {user.object_id}:
            raise Fault("LastOwner", name=user.name)

    async def give(self, tx: Tx, user: User, *, by: str, now: datetime) -> bool:
        """Make `user` an Owner at `/`; False when it is one."""
        there = await self._store.assignments.of_caller(tx, user.object_id)
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
