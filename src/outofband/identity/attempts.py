"""Tries to prove who one is, and what failing costs: the same for a password, a code and a passkey.

Failures are counted per name and address and per address in memory, and per name in the store, which locks
the name. A success is told here too, when all that was asked has been proved; half of it forgives nothing.
"""

from __future__ import annotations

import math
from datetime import datetime
from typing import Any

import msgspec

from outofband.core import clock
from outofband.core.errors import Fault
from outofband.identity import names
from outofband.identity.limiter import Limiter
from outofband.identity.requests import NOT_A_TENANT, Visitor
from outofband.identity.trail import Act, SignInTrail
from outofband.store.directory import Tenant
from outofband.store.people import User
from outofband.store.sign_in_failures import Failures
from outofband.store.store import Store
from outofband.store.tx import Tx


class Attempt(msgspec.Struct, frozen=True, kw_only=True):
    """What the store said before anything was checked."""

    tenant: Tenant
    name: str
    user: User | None
    failures: Failures

    @property
    def password_hash(self) -> str | None:
        return self.user.password_hash if self.user is not None else None


class Attempts:
    def __init__(self, store: Store, trail: SignInTrail, by_address: Limiter) -> None:
        self._store = store
        self._trail = trail
        self._by_name = Limiter(burst=20, interval=6.0)
        self._by_address = by_address

    async def look(
        self, typed: str, path: str, visitor: Visitor, now: datetime, *, guessable: bool = True
    ) -> Attempt:
        """What is known of a name; `path` is the path segment of its tenant. What cannot be guessed does not
        mind the lock: whoever fails on purpose keeps nobody out who has a passkey. Raises Fault
        AccountLocked, TooManyTries or TenantUnknown.
        """
        moment, source = clock.monotonic(), visitor.source
        async with self._store.read() as tx:
            tenant = await self._tenant(tx, path)
            name = names.complete(typed, tenant)
            attempt = Attempt(
                tenant=tenant,
                name=name,
                user=await self._store.people.by_name(tx, name),
                failures=await self._store.sign_in_failures.get(tx, name),
            )
        wait = max(self._by_name.wait((name.lower(), source), moment), self._by_address.wait(source, moment))
        if guessable and attempt.failures.locked(now):
            # Told before the wait: it says for how long it is of no use to come back.
            if wait == 0:
                self._count(attempt, visitor)
                async with self._store.write() as tx:
                    await self.note(tx, attempt, Act.SIGN_IN, "AccountLocked", visitor, now)
            raise locked(attempt.failures)
        if wait > 0:
            raise Fault("TooManyTries", seconds=math.ceil(wait))
        return attempt

    async def again(self, tx: Tx, before: Attempt) -> Attempt:
        """The same name on what the store says now: others tried meanwhile, and things change."""
        return msgspec.structs.replace(
            before,
            user=await self._store.people.by_name(tx, before.name),
            failures=await self._store.sign_in_failures.get(tx, before.name),
        )

    async def failed(
        self, tx: Tx, attempt: Attempt, act: Act, fault: Fault, visitor: Visitor, now: datetime
    ) -> Fault:
        """Count a failure; `fault`, or the lock that this one led to. To be committed, then raised."""
        self._count(attempt, visitor)
        await self.note(tx, attempt, act, fault.code, visitor, now)
        after = await self._store.sign_in_failures.failed(tx, attempt.name, now)
        if not after.locked(now):
            return fault
        await self.note(tx, attempt, Act.LOCK, None, visitor, now)
        return locked(after)

    async def forgive(self, tx: Tx, name: str) -> None:
        """All that was asked for was proved."""
        await self._store.sign_in_failures.clear(tx, name)

    async def note(
        self,
        tx: Tx,
        attempt: Attempt,
        act: Act,
        failed: str | None,
        visitor: Visitor,
        now: datetime,
        *,
        properties: dict[str, Any] | None = None,
    ) -> None:
        user = attempt.user
        await self._trail.note(
            tx,
            act,
            user,
            tenant_id=user.tenant_id if user is not None else attempt.tenant.id,
            visitor=visitor,
            now=now,
            failed=failed,
            properties=properties,
        )

    def _count(self, attempt: Attempt, visitor: Visitor) -> None:
        moment = clock.monotonic()
        self._by_name.failed((attempt.name.lower(), visitor.source), moment)
        self._by_address.failed(visitor.source, moment)

    async def _tenant(self, tx: Tx, path: str) -> Tenant:
        """The tenant that a name without one belongs to. Raises Fault TenantUnknown."""
        if path.lower() in NOT_A_TENANT:
            # There is one, from the first start on; further ones have domains of their own.
            return (await self._store.directory.tenants(tx))[0]
        found = await self._store.directory.tenant(tx, path)
        if found is None:
            raise Fault("TenantUnknown", tenant=path[:80])
        return found


def locked(failures: Failures) -> Fault:
    until = failures.locked_until
    return Fault("AccountLocked", until=clock.iso(until) if until is not None else "")
