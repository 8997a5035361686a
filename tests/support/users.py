"""People with passwords, at a cost that tests can bear: the algorithm is the real one, the work is not."""

from __future__ import annotations

import uuid
from datetime import datetime

from argon2 import PasswordHasher

from outofband.core import clock
from outofband.core.principal import PrincipalKind
from outofband.identity.passwords import Passwords
from outofband.store.assignments import Assignment
from outofband.store.people import User
from outofband.store.store import Store

PASSWORD = "correct horse battery 7"
CHEAP = PasswordHasher(time_cost=1, memory_cost=64, parallelism=1)


def cheap_passwords(*, waiting: int = 16) -> Passwords:
    return Passwords(CHEAP, waiting=waiting)


async def add_user(
    store: Store,
    tenant: str,
    name: str,
    *,
    password: str | None = PASSWORD,
    role: str | None = None,
    scope: str = "/",
    disabled: bool = False,
    must_change: bool = False,
    now: datetime | None = None,
) -> User:
    """`name` is a whole sign-in name; `role` a GUID."""
    moment = now or clock.now()
    user = User(
        object_id=str(uuid.uuid4()),
        tenant_id=tenant,
        name=name,
        display_name=name.partition("@")[0].title(),
        disabled=disabled,
        password_hash=CHEAP.hash(password) if password is not None else None,
        password_changed=moment,
        must_change=must_change,
        created=moment,
    )
    async with store.write() as tx:
        await store.people.add(tx, user)
        if role is not None:
            assignment = Assignment(
                tenant_id=tenant,
                name=str(uuid.uuid4()),
                scope=scope,
                role_id=role,
                principal_id=user.object_id,
                principal_type=PrincipalKind.USER,
                created=moment,
                created_by="test",
            )
            await store.assignments.add(tx, assignment)
    return user
