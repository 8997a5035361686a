"""The second half of a sign-in: a code of an app, a passkey or a recovery code; and passkeys alone.

A failing factor is counted like a wrong password, and locks like one. What completes a sign-in is decided in
one unit of work: the code is used up, the half sign-in ends, the session begins.
"""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime

import msgspec

from outofband.core import clock
from outofband.core.errors import Fault
from outofband.identity import passkeys, recovery_codes, totp
from outofband.identity.attempts import Attempt, Attempts, locked
from outofband.identity.limiter import Limiter
from outofband.identity.requests import Visitor
from outofband.identity.sessions import MAX_SECRET, SignedIn, begin
from outofband.identity.sign_in import Half
from outofband.identity.trail import Act, SignInTrail
from outofband.store.factors import Factor, FactorKind
from outofband.store.people import User
from outofband.store.sign_in_steps import SignInStep
from outofband.store.sign_ins import MFA
from outofband.store.store import Store
from outofband.store.tx import Tx
from outofband.store.wrapping import TOTP

OTP, PASSKEY, RECOVERY = "otp", "fido", "rcv"
"""Words for how a second factor was proved, in `SignInSession.methods`."""

_Proof = Callable[[Tx, User, Sequence[Factor]], Awaitable[str | Fault]]
"""Uses up what was shown; the word for it, or why it does not count."""


class Came(msgspec.Struct, frozen=True, kw_only=True):
    """A sign-in that is whole. `secret` is for the cookie; `codes` are new recovery codes, shown once."""

    who: SignedIn
    secret: str
    codes: Sequence[str] = ()

    def __repr__(self) -> str:
        return f"Came({self.who.user.name!r})"


class Address(msgspec.Struct, frozen=True):
    """Where a browser is: `origin` as its answers name it, `host` as passkeys are bound to it."""

    origin: str
    host: str | None

    @classmethod
    def of(cls, base: str) -> Address:
        return cls(base, passkeys.host_of(base))


class SecondStep:
    def __init__(self, store: Store, trail: SignInTrail, attempts: Attempts) -> None:
        self._store = store
        self._trail = trail
        self._attempts = attempts
        self._begun = Limiter(burst=20, interval=6.0)

    async def at(self, secret: str | None, now: datetime) -> Half | None:
        """Whose half sign-in the cookie's `secret` stands for."""
        if not secret or len(secret) > MAX_SECRET:
            return None
        async with self._store.read() as tx:
            step = await self._store.sign_in_steps.by_secret(tx, secret, now)
            if step is None or step.object_id is None:
                return None
            return await self._half(tx, step, now)

    async def required(self, who: SignedIn) -> bool:
        """Whether the tenant wants more than this session has."""
        if who.session.mfa:
            return False
        async with self._store.read() as tx:
            return (await self._store.sign_in_policies.get(tx, who.user.tenant_id)).require_mfa

    async def begin(self, who: SignedIn, now: datetime) -> tuple[Half, str]:
        """Half a sign-in that will raise the session of `who`, and the secret for its cookie."""
        async with self._store.write() as tx:
            step, secret = await self._store.sign_in_steps.begin(
                tx, who.user.object_id, methods="", session_id=who.session.id, now=now
            )
            factors = await self._store.factors.of_user(tx, who.user.object_id)
        return Half(user=who.user, step=step, factors=factors), secret

    async def code(
        self, half: Half, typed: str, *, visitor: Visitor, now: datetime, replaces: SignedIn | None = None
    ) -> Came:
        """Raises Fault WrongCode, TooManyTries, AccountLocked or SignInOver."""

        async def proves(tx: Tx, user: User, factors: Sequence[Factor]) -> str | Fault:
            vault = self._store.vault
            for factor in factors:
                if factor.kind is not FactorKind.TOTP or factor.secret is None:
                    continue
                secret = vault.unseal(factor.secret, TOTP.about(factor.object_id), factor.wrap)
                step = totp.step_of(secret, typed, now)
                if step is not None and await self._store.factors.use_step(tx, factor, step=step, now=now):
                    return OTP
            return Fault("WrongCode")

        return await self._complete(half, proves, visitor, now, replaces)

    async def recovery(
        self, half: Half, typed: str, *, visitor: Visitor, now: datetime, replaces: SignedIn | None = None
    ) -> Came:
        """Raises Fault WrongCode, TooManyTries, AccountLocked or SignInOver."""
        code = recovery_codes.typed(typed)

        async def proves(tx: Tx, user: User, factors: Sequence[Factor]) -> str | Fault:
            # Without a factor there is nothing that one could stand in for.
            good = code is not None and bool(factors)
            if good and await self._store.recovery_codes.use(tx, user.object_id, code or "", now):
                return RECOVERY
            return Fault("WrongCode")

        return await self._complete(half, proves, visitor, now, replaces)

    async def asks_passkey(self, half: Half, at: Address) -> str | None:
        """What the browser is asked for, JSON; None when no passkey of the person is bound to this host."""
        fitting = [each for each in half.factors if each.host is not None and each.host == at.host]
        if not fitting or at.host is None:
            return None
        challenge = passkeys.challenge()
        async with self._store.write() as tx:
            await self._store.sign_in_steps.challenge(tx, half.step.digest, challenge)
        return passkeys.to_show(at.host, fitting, challenge, verify=False)

    async def passkey(
        self,
        half: Half,
        answer: str,
        at: Address,
        *,
        visitor: Visitor,
        now: datetime,
        replaces: SignedIn | None = None,
    ) -> Came:
        """Raises Fault PasskeyRefused, PasskeyCopied, TooManyTries, AccountLocked or SignInOver."""
        challenge = await self._challenge(half.step, now)

        async def proves(tx: Tx, user: User, factors: Sequence[Factor]) -> str | Fault:
            return await self._shown(tx, factors, answer, challenge, at, now, verify=False)

        return await self._complete(half, proves, visitor, now, replaces)

    async def begin_passkey(self, at: Address, visitor: Visitor, now: datetime) -> tuple[str, str]:
        """A passkey instead of name and password: what the browser is asked, and the secret for the cookie.

        Raises Fault PasskeyNeedsName or TooManyTries; each makes a row, and anybody may begin one.
        """
        if at.host is None:
            raise Fault("PasskeyNeedsName", address=at.origin)
        moment = clock.monotonic()
        if (wait := self._begun.wait(visitor.source, moment)) > 0:
            raise Fault("TooManyTries", seconds=math.ceil(wait))
        self._begun.failed(visitor.source, moment)
        challenge = passkeys.challenge()
        async with self._store.write() as tx:
            _, secret = await self._store.sign_in_steps.begin(
                tx, None, methods="", challenge=challenge, now=now
            )
        return passkeys.to_show(at.host, (), challenge, verify=True), secret

    async def enter_by_passkey(
        self,
        secret: str | None,
        answer: str,
        at: Address,
        *,
        visitor: Visitor,
        now: datetime,
        replaces: SignedIn | None = None,
    ) -> Came:
        """Whoever the passkey belongs to; it has asked for a PIN or a finger, so that it is two factors.

        Raises Fault PasskeyRefused, PasskeyCopied, TooManyTries, AccountLocked (by this very failure),
        AccountDisabled or SignInOver.
        """
        async with self._store.read() as tx:
            step = await self._store.sign_in_steps.by_secret(tx, secret or "", now)
            if step is None or step.object_id is not None or step.session_id is not None:
                raise Fault("SignInOver")
            factor = await self._store.factors.by_credential(tx, passkeys.credential_of(answer))
            user = await self._store.people.get(tx, factor.object_id) if factor is not None else None
        challenge = await self._challenge(step, now)
        if user is None:
            # Nobody's: it counts against the address, as a name that nobody has does.
            unknown = await self._attempts.look("unknown", "common", visitor, now)
            async with self._store.write() as tx:
                fault = await self._attempts.failed(
                    tx, unknown, Act.SIGN_IN, Fault("PasskeyRefused"), visitor, now
                )
            raise fault

        async def proves(tx: Tx, user: User, factors: Sequence[Factor]) -> str | Fault:
            if user.disabled:
                return Fault("AccountDisabled", name=user.name)
            return await self._shown(tx, factors, answer, challenge, at, now, verify=True)

        half = Half(user=user, step=step, factors=())
        return await self._complete(half, proves, visitor, now, replaces, guessable=False)

    async def finish(
        self,
        tx: Tx,
        half: Half,
        proved: str,
        *,
        visitor: Visitor,
        now: datetime,
        replaces: SignedIn | None,
        codes: Sequence[str] = (),
    ) -> Came:
        """Make the sign-in whole, in the unit that took the proof. Raises Fault SignInOver."""
        step, user = half.step, half.user
        if not await self._store.sign_in_steps.end(tx, step.digest):
            raise Fault("SignInOver")
        await self._attempts.forgive(tx, user.name)
        methods = " ".join(dict.fromkeys([*step.methods.split(), proved, MFA]))
        if step.session_id is None:
            session, secret = await begin(
                self._store, tx, user, methods=methods, visitor=visitor, now=now, replaces=replaces
            )
            act = Act.SIGN_IN
        else:
            there = await self._store.sign_ins.get(tx, step.session_id)
            if there is None or not there.live(now) or there.object_id != user.object_id:
                raise Fault("SignInOver")
            # With a password it was asked who this is, and all of it is new; without one it was added to.
            since = step.created if step.methods else there.authenticated
            if not step.methods:
                methods = " ".join(dict.fromkeys([*there.methods.split(), proved, MFA]))
            session, secret = await self._store.sign_ins.raise_to(tx, there, methods, authenticated=since)
            act = Act.STEP_UP
        await self._trail.note(
            tx,
            act,
            user,
            tenant_id=user.tenant_id,
            visitor=visitor,
            now=now,
            properties={"methods": methods},
        )
        return Came(who=SignedIn(user, session), secret=secret, codes=codes)

    async def _complete(
        self,
        half: Half,
        proves: _Proof,
        visitor: Visitor,
        now: datetime,
        replaces: SignedIn | None,
        *,
        guessable: bool = True,
    ) -> Came:
        user = half.user
        attempt = await self._attempts.look(user.name, user.tenant_id, visitor, now, guessable=guessable)
        async with self._store.write() as tx:
            decided = await self._decide(tx, attempt, half, proves, visitor, now, replaces, guessable)
        # Outside the unit: a refusal is committed, with what it counts.
        if isinstance(decided, Fault):
            raise decided
        return decided

    async def _decide(
        self,
        tx: Tx,
        before: Attempt,
        half: Half,
        proves: _Proof,
        visitor: Visitor,
        now: datetime,
        replaces: SignedIn | None,
        guessable: bool,
    ) -> Came | Fault:
        attempt = await self._attempts.again(tx, before)
        if guessable and attempt.failures.locked(now):
            await self._attempts.note(tx, attempt, Act.SIGN_IN, "AccountLocked", visitor, now)
            return locked(attempt.failures)
        step = await self._store.sign_in_steps.again(tx, half.step.digest, now)
        current = attempt.user
        if step is None or current is None or current.object_id != half.user.object_id:
            return Fault("SignInOver")
        if step.object_id is not None and await self._half(tx, step, now) is None:
            return Fault("SignInOver")
        factors = await self._store.factors.of_user(tx, current.object_id)
        proved = await proves(tx, current, factors)
        if isinstance(proved, Fault):
            return await self._attempts.failed(tx, attempt, Act.SIGN_IN, proved, visitor, now)
        whole = msgspec.structs.replace(half, user=current, step=step)
        return await self.finish(tx, whole, proved, visitor=visitor, now=now, replaces=replaces)

    async def _half(self, tx: Tx, step: SignInStep, now: datetime) -> Half | None:
        """None when what it rests on is gone."""
        user = await self._store.people.get(tx, step.object_id or "")
        if user is None or user.disabled:
            return None
        if step.session_id is not None:
            session = await self._store.sign_ins.get(tx, step.session_id)
            if session is None or not session.live(now):
                return None
        return Half(user=user, step=step, factors=await self._store.factors.of_user(tx, user.object_id))

    async def _challenge(self, step: SignInStep, now: datetime) -> str:
        """Take the challenge of a step; it is not there a second time. Raises Fault SignInOver."""
        async with self._store.write() as tx:
            current = await self._store.sign_in_steps.again(tx, step.digest, now)
            if current is None or current.challenge is None:
                raise Fault("SignInOver")
            await self._store.sign_in_steps.challenge(tx, step.digest, None)
        return current.challenge

    async def _shown(
        self,
        tx: Tx,
        factors: Sequence[Factor],
        answer: str,
        challenge: str,
        at: Address,
        now: datetime,
        *,
        verify: bool,
    ) -> str | Fault:
        try:
            credential = passkeys.credential_of(answer)
            factor = next((each for each in factors if each.credential_id == credential), None)
            if factor is None or at.host is None or factor.host != at.host:
                return Fault("PasskeyRefused")
            count = passkeys.shown(
                answer, factor, challenge=challenge, origin=at.origin, host=at.host, verify=verify
            )
        except Fault as fault:
            return fault
        if not await self._store.factors.use_passkey(tx, factor, sign_count=count, now=now):
            return Fault("PasskeyRefused")
        return PASSKEY
