"""Name and password in, a browser's session out; and the change of a password, which asks for the old one.

What is told of a failure is the same whether the name is unknown or the password wrong, and so is the time
taken.
"""

from __future__ import annotations

import contextlib
import hmac
import math
from datetime import datetime, timedelta
from pathlib import Path

import msgspec
import structlog

from outofband.core import clock
from outofband.core.errors import Fault
from outofband.identity import names, passwords
from outofband.identity.limiter import Limiter
from outofband.identity.passwords import Passwords
from outofband.identity.requests import NOT_A_TENANT, Visitor
from outofband.identity.sessions import REPLACED, SignedIn
from outofband.identity.trail import Act, SignInTrail
from outofband.store.directory import Tenant
from outofband.store.people import User
from outofband.store.sign_in_failures import Failures
from outofband.store.store import Store
from outofband.store.tx import Tx

log = structlog.get_logger(__name__)

BROWSER_LIFE = timedelta(hours=12)
"""From the password to the next one; a console that is open outlasts it."""
MAX_TYPED = 320
"""Characters of a name that is looked up at all."""
PASSWORD_CHANGED = "PasswordChanged"  # noqa: S105 - a word
_UNKNOWN = "unknown"


class _Attempt(msgspec.Struct, frozen=True, kw_only=True):
    """What the store said before the hash was computed."""

    tenant: Tenant
    name: str
    user: User | None
    failures: Failures


class SignIn:
    """Failures are counted per name and address and per address in memory, and per name in the store, which
    locks the name. `first_password` is the file that the first start left for `oob up`.
    """

    def __init__(
        self,
        store: Store,
        passwords: Passwords,
        trail: SignInTrail,
        *,
        by_address: Limiter,
        first_password: Path | None = None,
    ) -> None:
        self._store = store
        self._passwords = passwords
        self._trail = trail
        self._by_name = Limiter(burst=20, interval=6.0)
        self._by_address = by_address
        self._first_password = first_password

    async def enter(
        self,
        typed: str,
        password: str,
        *,
        tenant: str,
        visitor: Visitor,
        now: datetime,
        replaces: SignedIn | None = None,
    ) -> tuple[SignedIn, str]:
        """The person and the secret for the browser's cookie. `tenant` is the path segment; `replaces` is who
        was at the browser before.

        Raises Fault TooManyTries, SignInBusy, TenantUnknown, WrongCredentials, AccountLocked, AccountDisabled
        or WrongTenant.
        """
        if len(typed) > MAX_TYPED:
            typed = _UNKNOWN
        attempt = await self._look(typed, tenant, visitor, now)
        right = await self._passwords.matches(password, _hash(attempt))
        async with self._store.write() as tx:
            decided = await self._decide(tx, attempt, right, tenant, visitor, now)
            if isinstance(decided, User):
                if replaces is not None:
                    await self._store.sign_ins.end(tx, replaces.session.id, REPLACED, now)
                session, secret = await self._store.sign_ins.start(
                    tx,
                    decided.object_id,
                    address=visitor.address,
                    agent=visitor.agent,
                    now=now,
                    life=BROWSER_LIFE,
                )
        # Outside the unit: a refusal is committed, with what it counts.
        if isinstance(decided, Fault):
            raise decided
        await self._renew_hash(decided, password)
        return SignedIn(decided, session), secret

    async def change_password(
        self, who: SignedIn, current: str, new: str, again: str, *, visitor: Visitor, now: datetime
    ) -> SignedIn:
        """The person as they are afterwards; every other session of theirs ends.

        Raises Fault TooManyTries, SignInBusy, AccountLocked, WrongPassword, PasswordsDiffer, PasswordRefused
        or SignedOutMeanwhile.
        """
        user = who.user
        attempt = await self._look(user.name, user.tenant_id, visitor, now)
        if not await self._passwords.matches(current, _hash(attempt)):
            async with self._store.write() as tx:
                fault = await self._failed(
                    tx, attempt, Act.CHANGE_PASSWORD, Fault("WrongPassword"), visitor, now
                )
            raise fault
        if new != again:
            raise Fault("PasswordsDiffer")
        passwords.check(new, user.name)
        if passwords.normalise(new) == passwords.normalise(current):
            raise Fault("PasswordRefused", detail="it is the one you have now")
        made = await self._passwords.hash(new)
        async with self._store.write() as tx:
            session = await self._store.sign_ins.get(tx, who.session.id)
            kept = await self._store.people.get(tx, user.object_id)
            if (
                session is None
                or not session.live(now)
                or kept is None
                or kept.password_hash != _hash(attempt)
            ):
                raise Fault("SignedOutMeanwhile")
            await self._store.people.set_password(tx, user.object_id, made, must_change=False, now=now)
            await self._store.sign_ins.end_user(tx, user.object_id, PASSWORD_CHANGED, now, keep=session.id)
            await self._store.sign_in_failures.clear(tx, user.name)
            await self._trail.note(
                tx, Act.CHANGE_PASSWORD, user, tenant_id=user.tenant_id, visitor=visitor, now=now
            )
            changed = await self._store.people.get(tx, user.object_id)
        self._forget_first(current)
        assert changed is not None
        return SignedIn(changed, session)

    async def _look(self, typed: str, path: str, visitor: Visitor, now: datetime) -> _Attempt:
        """What the password does not matter for. Raises AccountLocked, TooManyTries or TenantUnknown."""
        moment, source = clock.monotonic(), visitor.source
        async with self._store.read() as tx:
            tenant = await self._tenant(tx, path)
            name = names.complete(typed, tenant)
            attempt = _Attempt(
                tenant=tenant,
                name=name,
                user=await self._store.people.by_name(tx, name),
                failures=await self._store.sign_in_failures.get(tx, name),
            )
        wait = max(self._by_name.wait((name.lower(), source), moment), self._by_address.wait(source, moment))
        if attempt.failures.locked(now):
            # Told before the wait: it says for how long it is of no use to come back.
            if wait == 0:
                self._count(attempt, visitor)
                async with self._store.write() as tx:
                    await self._note(tx, attempt, Act.SIGN_IN, "AccountLocked", visitor, now)
            raise _locked(attempt.failures)
        if wait > 0:
            raise Fault("TooManyTries", seconds=math.ceil(wait))
        return attempt

    async def _tenant(self, tx: Tx, path: str) -> Tenant:
        """The tenant that a name without one belongs to. Raises Fault TenantUnknown."""
        if path.lower() in NOT_A_TENANT:
            # There is one, from the first start on; further ones have domains of their own.
            return (await self._store.directory.tenants(tx))[0]
        found = await self._store.directory.tenant(tx, path)
        if found is None:
            raise Fault("TenantUnknown", tenant=path[:80])
        return found

    async def _decide(
        self, tx: Tx, before: _Attempt, right: bool, path: str, visitor: Visitor, now: datetime
    ) -> User | Fault:
        """On what the store says after the hash: others tried meanwhile, and things change."""
        user = await self._store.people.by_name(tx, before.name)
        attempt = msgspec.structs.replace(
            before, user=user, failures=await self._store.sign_in_failures.get(tx, before.name)
        )
        if attempt.failures.locked(now):
            await self._note(tx, attempt, Act.SIGN_IN, "AccountLocked", visitor, now)
            return _locked(attempt.failures)
        if not right or user is None or user.password_hash != _hash(before):
            return await self._failed(tx, attempt, Act.SIGN_IN, Fault("WrongCredentials"), visitor, now)
        fault: Fault | None = None
        if user.disabled:
            fault = Fault("AccountDisabled", name=user.name)
        elif path.lower() not in NOT_A_TENANT and user.tenant_id != attempt.tenant.id:
            fault = Fault("WrongTenant", name=user.name, tenant=attempt.tenant.name)
        await self._note(tx, attempt, Act.SIGN_IN, fault.code if fault is not None else None, visitor, now)
        if fault is not None:
            return fault
        await self._store.sign_in_failures.clear(tx, attempt.name)
        return user

    async def _failed(
        self, tx: Tx, attempt: _Attempt, act: Act, fault: Fault, visitor: Visitor, now: datetime
    ) -> Fault:
        """Count a wrong password; `fault`, or the lock that this one led to."""
        self._count(attempt, visitor)
        await self._note(tx, attempt, act, fault.code, visitor, now)
        after = await self._store.sign_in_failures.failed(tx, attempt.name, now)
        if not after.locked(now):
            return fault
        await self._note(tx, attempt, Act.LOCK, None, visitor, now)
        return _locked(after)

    def _count(self, attempt: _Attempt, visitor: Visitor) -> None:
        moment = clock.monotonic()
        self._by_name.failed((attempt.name.lower(), visitor.source), moment)
        self._by_address.failed(visitor.source, moment)

    async def _note(
        self, tx: Tx, attempt: _Attempt, act: Act, failed: str | None, visitor: Visitor, now: datetime
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
        )

    async def _renew_hash(self, user: User, password: str) -> None:
        """Keep the same password at today's cost. Not worth a refusal when it cannot be done now."""
        if user.password_hash is None or not self._passwords.outdated(user.password_hash):
            return
        with contextlib.suppress(Fault):
            made = await self._passwords.hash(password)
            async with self._store.write() as tx:
                await self._store.people.rehash(tx, user.object_id, old=user.password_hash, new=made)

    def _forget_first(self, old: str) -> None:
        """Remove the file that holds `old`, the password of the first start, if it is there."""
        if self._first_password is None:
            return
        with contextlib.suppress(FileNotFoundError):
            kept = self._first_password.read_text("utf-8", "replace").strip()
            if hmac.compare_digest(kept.encode(), old.encode()):
                self._first_password.unlink()


def _hash(attempt: _Attempt) -> str | None:
    return attempt.user.password_hash if attempt.user is not None else None


def _locked(failures: Failures) -> Fault:
    until = failures.locked_until
    return Fault("AccountLocked", until=clock.iso(until) if until is not None else "")
