"""A tenant with people, for tests of what is done to them."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta

import msgspec
from argon2 import PasswordHasher

from outofband.identity.directory import Directory
from outofband.identity.owners import Owners
from outofband.identity.passwords import Passwords
from outofband.store.assignments import Assignment
from outofband.store.directory import Tenant
from outofband.store.people import User
from outofband.store.sign_ins import SignInSession
from outofband.store.store import Store

NOW = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)
TENANT = "11111111-0000-4000-8000-000000000001"
OTHER = "11111111-0000-4000-8000-000000000002"
OWNER = "8e3af657-a8ff-443c-a75c-2fe8c4bcb635"
READER = "acdd72a7-3385-48ef-bd42-f606fba81ae7"
GOOD = "correct horse battery"


class Town(msgspec.Struct):
    store: Store
    passwords: Passwords
    owners: Owners
    directory: Directory

    async def person(
        self,
        name: str,
        role: str | None = None,
        *,
        scope: str = "/",
        tenant: str = TENANT,
        disabled: bool = False,
    ) -> User:
        password = await self.directory.password(GOOD, name)
        domain = "lab.example" if tenant == TENANT else "other.example"
        async with self.store.write() as tx:
            user = await self.directory.add(
                tx,
                tenant,
                name=f"{name}@{domain}",
                display_name=name.title(),
                disabled=disabled,
                password=password,
                now=NOW,
            )
            if role is not None:
                await self.store.assignments.add(tx, _assignment(user, role, scope))
        return user

    async def sign_in(self, user: User) -> SignInSession:
        async with self.store.write() as tx:
            session, _ = await self.store.sign_ins.start(
                tx, user.object_id, address="192.0.2.1", agent="test", now=NOW, life=timedelta(days=1)
            )
        return session

    async def live(self, session: SignInSession) -> bool:
        async with self.store.read() as tx:
            found = await self.store.sign_ins.get(tx, session.id)
        return found is not None and found.live(NOW)

    async def again(self, user: User) -> User | None:
        async with self.store.read() as tx:
            return await self.store.people.get(tx, user.object_id)

    async def owning(self) -> set[str]:
        async with self.store.read() as tx:
            return await self.owners.of(tx, TENANT)


async def found(store: Store) -> Town:
    """On an empty store: two tenants, nobody in them."""
    passwords = Passwords(PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))
    owners = Owners(store, OWNER)
    async with store.write() as tx:
        for tenant, domain in ((TENANT, "lab.example"), (OTHER, "other.example")):
            row = Tenant(id=tenant, name=domain, domain=domain, created=NOW)
            await store.directory.add_tenant(tx, row)
    return Town(store, passwords, owners, Directory(store, passwords, owners))


def _assignment(user: User, role: str, scope: str) -> Assignment:
    return Assignment(
        tenant_id=user.tenant_id,
        name=str(uuid.uuid4()),
        scope=scope,
        role_id=role,
        principal_id=user.object_id,
        principal_type="User",
        created=NOW,
        created_by="test",
    )
