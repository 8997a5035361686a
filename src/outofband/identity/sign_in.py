"""Name and password in, a browser's session out, or half a one when a second factor is asked for; and the
change of a password, which asks for the old one.

What is told of a failure is the same whether the name is unknown or the password wrong, and so is the time
taken.
"""

from __future__ import annotations

import contextlib
import hmac
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec
import structlog

from outofband.core.errors import Fault
from outofband.identity import passwords
from outofband.identity.attempts import Attempt, Attempts, locked
from outofband.identity.passwords import Passwords
from outofband.identity.requests import NOT_A_TENANT, Visitor
from outofband.identity.sessions import SignedIn, begin
from outofband.identity.trail import Act, SignInTrail
from outofband.store.factors import Factor
from outofband.store.people import User
from outofband.store.sign_in_steps import SignInStep
from outofband.store.sign_ins import MFA, PASSWORD
from outofband.store.store import Store
from outofband.store.tx import Tx

log = structlog.get_logger(__name__)

MAX_TYPED = 320
"""Characters of a name that is looked up at all."""
PASSWORD_CHANGED = "PasswordChanged"  # noqa: S105 - a word
_UNKNOWN = "unknown"


class Half(msgspec.Struct, frozen=True, kw_only=True):
    """Half a sign-in: who it is, and what may complete it. Without factors one has to be set up first."""

    user: User
    step: SignInStep
    factors: Sequence[Factor]


class SignIn:
    """`first_password` is the file that the first start left for `oob up`."""

    def __init__(
        self,
        store: Store,
        passwords: Passwords,
        trail: SignInTrail,
        attempts: Attempts,
        *,
        first_password: Path | None = None,
    ) -> None:
        self._store = store
        self._passwords = passwords
        self._trail = trail
        self._attempts = attempts
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
        mfa: bool = False,
    ) -> tuple[SignedIn | Half, str]:
        """The person, or half of it, and the secret for its cookie. `tenant` is the path segment; `replaces`
        is who was at the browser before; `mfa` asks for a second factor whatever the tenant requires.

        Raises Fault TooManyTries, SignInBusy, TenantUnknown, WrongCredentials, AccountLocked, AccountDisabled
        or WrongTenant.
        """
        if len(typed) > MAX_TYPED:
            typed = _UNKNOWN
        attempt = await self._attempts.look(typed, tenant, visitor, now)
        right = await self._passwords.matches(password, attempt.password_hash)
        async with self._store.write() as tx:
            decided = await self._decide(tx, attempt, right, tenant, visitor, now)
            if isinstance(decided, User):
                came, secret = await self.go_on(tx, decided, visitor, now, replaces=replaces, mfa=mfa)
        # Outside the unit: a refusal is committed, with what it counts.
        if isinstance(decided, Fault):
            raise decided
        await self._renew_hash(decided, password)
        return came, secret

    async def again(
        self, who: SignedIn, password: str, *, visitor: Visitor, now: datetime
    ) -> tuple[SignedIn | Half, str]:
        """The person proves anew who is at the browser, in the session that is there.

        Raises Fault TooManyTries, SignInBusy, AccountLocked, WrongPassword or SignedOutMeanwhile.
        """
        user = who.user
        attempt = await self._attempts.look(user.name, user.tenant_id, visitor, now)
        right = await self._passwords.matches(password, attempt.password_hash)
        async with self._store.write() as tx:
            session = await self._store.sign_ins.get(tx, who.session.id)
            kept = await self._attempts.again(tx, attempt)
            fault: Fault | None = None
            if kept.failures.locked(now):
                fault = locked(kept.failures)
            elif not right or kept.password_hash != attempt.password_hash:
                wrong = Fault("WrongPassword")
                fault = await self._attempts.failed(tx, kept, Act.STEP_UP, wrong, visitor, now)
            elif session is None or not session.live(now) or kept.user is None or kept.user.disabled:
                fault = Fault("SignedOutMeanwhile")
            else:
                came: SignedIn | Half
                user = kept.user
                factors = await self._store.factors.of_user(tx, user.object_id)
                if factors:
                    step, secret = await self._store.sign_in_steps.begin(
                        tx, user.object_id, methods=PASSWORD, session_id=session.id, now=now
                    )
                    came = Half(user=user, step=step, factors=factors)
                else:
                    raised, secret = await self._store.sign_ins.raise_to(
                        tx, session, PASSWORD, authenticated=now
                    )
                    await self._attempts.forgive(tx, user.name)
                    await self._attempts.note(tx, kept, Act.STEP_UP, None, visitor, now)
                    came = SignedIn(user, raised)
        if fault is not None:
            raise fault
        return came, secret

    async def change_password(
        self, who: SignedIn, current: str, new: str, again: str, *, visitor: Visitor, now: datetime
    ) -> SignedIn:
        """The person as they are afterwards; every other session of theirs ends.

        Raises Fault TooManyTries, SignInBusy, AccountLocked, WrongPassword, PasswordsDiffer, PasswordRefused
        or SignedOutMeanwhile.
        """
        user = who.user
        attempt = await self._attempts.look(user.name, user.tenant_id, visitor, now)
        if not await self._passwords.matches(current, attempt.password_hash):
            async with self._store.write() as tx:
                fault = await self._attempts.failed(
                    tx, attempt, Act.CHANGE_PASSWORD, Fault("WrongPassword"), visitor, now
                )
            raise fault
        if new != again:
            raise Fault("PasswordsDiffer")
        self._passwords.check(new, user.name)
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
                or kept.password_hash != attempt.password_hash
            ):
                raise Fault("SignedOutMeanwhile")
            await self._store.people.set_password(tx, user.object_id, made, must_change=False, now=now)
            await self._store.sign_ins.end_user(tx, user.object_id, PASSWORD_CHANGED, now, keep=session.id)
            await self._attempts.forgive(tx, user.name)
            await self._trail.note(
                tx, Act.CHANGE_PASSWORD, user, tenant_id=user.tenant_id, visitor=visitor, now=now
            )
            changed = await self._store.people.get(tx, user.object_id)
        self._forget_first(current)
        assert changed is not None
        return SignedIn(changed, session)

    async def _decide(
        self, tx: Tx, before: Attempt, right: bool, path: str, visitor: Visitor, now: datetime
    ) -> User | Fault:
        """On what the store says after the hash: others tried meanwhile, and things change."""
        attempt = await self._attempts.again(tx, before)
        user = attempt.user
        if attempt.failures.locked(now):
            await self._attempts.note(tx, attempt, Act.SIGN_IN, "AccountLocked", visitor, now)
            return locked(attempt.failures)
        if not right or user is None or user.password_hash != before.password_hash:
            wrong = Fault("WrongCredentials")
            return await self._attempts.failed(tx, attempt, Act.SIGN_IN, wrong, visitor, now)
        fault: Fault | None = None
        if user.disabled:
            fault = Fault("AccountDisabled", name=user.name)
        elif path.lower() not in NOT_A_TENANT and user.tenant_id != attempt.tenant.id:
            fault = Fault("WrongTenant", name=user.name, tenant=attempt.tenant.name)
        if fault is not None:
            await self._attempts.note(tx, attempt, Act.SIGN_IN, fault.code, visitor, now)
            return fault
        return user

    async def go_on(
        self,
        tx: Tx,
        user: User,
        visitor: Visitor,
        now: datetime,
        *,
        replaces: SignedIn | None,
        mfa: bool,
        methods: str = PASSWORD,
        about: dict[str, Any] | None = None,
    ) -> tuple[SignedIn | Half, str]:
        """After the right password, or what `methods` says: in, or on to the second factor. Failures are
        forgiven at the end only, for else whoever has the password could guess codes for ever.

        `about` is for the row of the activity log.
        """
        factors = await self._store.factors.of_user(tx, user.object_id)
        policy = await self._store.sign_in_policies.get(tx, user.tenant_id)
        if MFA not in methods.split() and (factors or mfa or policy.require_mfa):
            step, secret = await self._store.sign_in_steps.begin(tx, user.object_id, methods=methods, now=now)
            return Half(user=user, step=step, factors=factors), secret
        session, secret = await begin(
            self._store, tx, user, methods=methods, visitor=visitor, now=now, replaces=replaces
        )
        await self._attempts.forgive(tx, user.name)
        await self._trail.note(
            tx, Act.SIGN_IN, user, tenant_id=user.tenant_id, visitor=visitor, now=now, properties=about
        )
        return SignedIn(user, session), secret

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
