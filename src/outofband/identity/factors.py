"""A person's second factors: set up, named, removed, by who has proved a moment ago to be that person.

A new one is set up within half a sign-in: one that cannot go on without (the tenant requires it and the
person has none), or one that was begun for it in a session. Setting it up proves it, so that it completes the
sign-in.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import msgspec

from outofband.core.errors import Fault
from outofband.identity import passkeys, recovery_codes, totp
from outofband.identity.attempts import Attempts
from outofband.identity.requests import Visitor
from outofband.identity.second_step import OTP, PASSKEY, Address, Came, SecondStep
from outofband.identity.sessions import SignedIn
from outofband.identity.sign_in import Half
from outofband.identity.trail import Act, SignInTrail
from outofband.store.factors import MAX_FACTORS, Factor, FactorKind
from outofband.store.people import User
from outofband.store.store import Store
from outofband.store.tx import Tx
from outofband.store.wrapping import TOTP

MAX_NAME = 64
NAMES = {FactorKind.TOTP: "Authenticator app", FactorKind.PASSKEY: "Passkey"}


class Overview(msgspec.Struct, frozen=True, kw_only=True):
    factors: Sequence[Factor]
    codes: int
    """Recovery codes that are left."""
    required: bool
    """Whether the tenant requires a second factor."""


class Offer(msgspec.Struct, frozen=True, kw_only=True):
    """What an authenticator app is set up with; nothing of it goes into a log."""

    secret: str
    """For people who type it."""
    address: str
    picture: str
    """SVG."""

    def __repr__(self) -> str:
        return "Offer(...)"


class Factors:
    def __init__(self, store: Store, trail: SignInTrail, attempts: Attempts, second: SecondStep) -> None:
        self._store = store
        self._trail = trail
        self._attempts = attempts
        self._second = second

    async def overview(self, user: User) -> Overview:
        async with self._store.read() as tx:
            policy = await self._store.sign_in_policies.get(tx, user.tenant_id)
            return Overview(
                factors=await self._store.factors.of_user(tx, user.object_id),
                codes=await self._store.recovery_codes.left(tx, user.object_id),
                required=policy.require_mfa,
            )

    async def stale(self, who: SignedIn, now: datetime) -> bool:
        """Whether `who` has to prove it anew before anything of this may be changed."""
        async with self._store.read() as tx:
            factors = await self._store.factors.of_user(tx, who.user.object_id)
        return not _may_change(who, factors, now)

    async def offer_app(self, half: Half, who: SignedIn | None, host: str, now: datetime) -> Offer:
        """A secret for an app; the same again while it is being set up. Raises Fault SignInOver, ProofTooOld
        or TooManyFactors.
        """
        user, vault = half.user, self._store.vault
        async with self._store.write() as tx:
            await self._require(tx, half, who, now)
            offered = await self._store.factors.offered(tx, user.object_id)
            if offered is None or offered.secret is None or offered.created < half.step.created:
                about = TOTP.about(user.object_id)
                offered = await self._store.factors.offer_totp(
                    tx,
                    user.object_id,
                    NAMES[FactorKind.TOTP],
                    vault.seal(totp.make(), about),
                    wrap=vault.name,
                    now=now,
                )
        secret = self._opened(offered)
        address = totp.address(secret, user.name, host)
        return Offer(secret=totp.text(secret), address=address, picture=totp.picture(address))

    async def add_app(
        self,
        half: Half,
        who: SignedIn | None,
        typed: str,
        name: str,
        *,
        visitor: Visitor,
        now: datetime,
        replaces: SignedIn | None = None,
    ) -> Came:
        """The app that was offered, when it shows the right code. Raises Fault WrongCode, FactorNameInvalid,
        SignInOver, ProofTooOld, TooManyFactors, TooManyTries or AccountLocked.
        """
        user, wanted = half.user, _named(name, FactorKind.TOTP)
        attempt = await self._attempts.look(user.name, user.tenant_id, visitor, now)
        fault: Fault | None = None
        async with self._store.write() as tx:
            await self._require(tx, half, who, now)
            offered = await self._store.factors.offered(tx, user.object_id)
            if offered is None or offered.secret is None:
                raise Fault("SignInOver")
            step = totp.step_of(self._opened(offered), typed, now)
            if step is None or not await self._store.factors.confirm(tx, offered, step=step, now=now):
                fault = await self._attempts.failed(
                    tx, attempt, Act.ADD_FACTOR, Fault("WrongCode"), visitor, now
                )
            else:
                await self._store.factors.rename(tx, user.object_id, offered.id, wanted)
                came = await self._added(tx, half, OTP, wanted, FactorKind.TOTP, visitor, now, replaces)
        if fault is not None:
            raise fault
        return came

    async def asks_new_passkey(
        self, half: Half, who: SignedIn | None, at: Address, now: datetime
    ) -> str | None:
        """What the browser is asked to make, JSON; None where there can be none. Raises as `offer_app`."""
        if at.host is None:
            return None
        challenge = passkeys.challenge()
        async with self._store.write() as tx:
            known = await self._require(tx, half, who, now)
            await self._store.sign_in_steps.challenge(tx, half.step.digest, challenge)
        return passkeys.to_make(at.host, half.user, known, challenge)

    async def add_passkey(
        self,
        half: Half,
        who: SignedIn | None,
        answer: str,
        name: str,
        at: Address,
        *,
        visitor: Visitor,
        now: datetime,
        replaces: SignedIn | None = None,
    ) -> Came:
        """Raises Fault PasskeyRefused, PasskeyKnown, FactorNameInvalid, SignInOver, ProofTooOld or
        TooManyFactors.
        """
        user, wanted = half.user, _named(name, FactorKind.PASSKEY)
        async with self._store.write() as tx:
            await self._require(tx, half, who, now)
            step = await self._store.sign_in_steps.again(tx, half.step.digest, now)
            await self._store.sign_in_steps.challenge(tx, half.step.digest, None)
        if step is None or step.challenge is None or at.host is None:
            raise Fault("SignInOver")
        made = passkeys.made(answer, challenge=step.challenge, origin=at.origin, host=at.host)
        async with self._store.write() as tx:
            await self._require(tx, half, who, now)
            added = await self._store.factors.add_passkey(
                tx,
                user.object_id,
                wanted,
                credential_id=made.credential_id,
                public_key=made.public_key,
                host=at.host,
                sign_count=made.sign_count,
                transports=made.transports,
                now=now,
            )
            if added is None:
                raise Fault("PasskeyKnown")
            return await self._added(tx, half, PASSKEY, wanted, FactorKind.PASSKEY, visitor, now, replaces)

    async def rename(
        self, who: SignedIn, factor_id: str, name: str, *, visitor: Visitor, now: datetime
    ) -> None:
        """Raises Fault FactorNotFound, FactorNameInvalid or ProofTooOld."""
        async with self._store.write() as tx:
            found = await self._of(tx, who, factor_id, now)
            wanted = _named(name, found.kind)
            await self._store.factors.rename(tx, who.user.object_id, found.id, wanted)
            await self._note(tx, Act.RENAME_FACTOR, who.user, visitor, now, found.kind, wanted)

    async def remove(self, who: SignedIn, factor_id: str, *, visitor: Visitor, now: datetime) -> None:
        """With the last one the recovery codes go. Raises Fault FactorNotFound, LastFactor or ProofTooOld."""
        user = who.user
        async with self._store.write() as tx:
            found = await self._of(tx, who, factor_id, now)
            last = len(await self._store.factors.of_user(tx, user.object_id)) == 1
            if last and (await self._store.sign_in_policies.get(tx, user.tenant_id)).require_mfa:
                raise Fault("LastFactor", name=found.name)
            await self._store.factors.remove(tx, user.object_id, found.id)
            if last:
                await self._store.recovery_codes.clear(tx, user.object_id)
            await self._note(tx, Act.REMOVE_FACTOR, user, visitor, now, found.kind, found.name)

    async def new_codes(self, who: SignedIn, *, visitor: Visitor, now: datetime) -> list[str]:
        """Ten new recovery codes, shown once; the old ones are worth nothing. Raises Fault ProofTooOld, or
        NoFactor when there is nothing they could stand in for.
        """
        async with self._store.write() as tx:
            factors = await self._store.factors.of_user(tx, who.user.object_id)
            if not factors:
                raise Fault("NoFactor")
            if not _may_change(who, factors, now):
                raise Fault("ProofTooOld")
            codes = await self._codes(tx, who.user, now)
            await self._note(tx, Act.NEW_CODES, who.user, visitor, now)
        return codes

    async def clear(self, tx: Tx, user: User) -> int:
        """Take all factors of somebody away, who lost them; how many there were. For whoever manages people:
        the right, the end of the sessions and the row of the log are the caller's.
        """
        await self._store.recovery_codes.clear(tx, user.object_id)
        return await self._store.factors.clear(tx, user.object_id)

    async def _of(self, tx: Tx, who: SignedIn, factor_id: str, now: datetime) -> Factor:
        factors = await self._store.factors.of_user(tx, who.user.object_id)
        if not _may_change(who, factors, now):
            raise Fault("ProofTooOld")
        for each in factors:
            if each.id == factor_id:
                return each
        raise Fault("FactorNotFound")

    async def _require(self, tx: Tx, half: Half, who: SignedIn | None, now: datetime) -> Sequence[Factor]:
        """May a factor be set up within this half? The ones that are there."""
        user, step = half.user, half.step
        factors = await self._store.factors.of_user(tx, user.object_id)
        if await self._store.sign_in_steps.again(tx, step.digest, now) is None:
            raise Fault("SignInOver")
        if step.session_id is None:
            if factors or step.object_id != user.object_id or not step.methods:
                # It is completed by one of those, not by another.
                raise Fault("SignInOver")
        elif who is None or who.session.id != step.session_id or not _may_change(who, factors, now):
            raise Fault("ProofTooOld")
        if len(factors) >= MAX_FACTORS:
            raise Fault("TooManyFactors", limit=MAX_FACTORS)
        return factors

    async def _added(
        self,
        tx: Tx,
        half: Half,
        proved: str,
        name: str,
        kind: FactorKind,
        visitor: Visitor,
        now: datetime,
        replaces: SignedIn | None,
    ) -> Came:
        user = half.user
        await self._note(tx, Act.ADD_FACTOR, user, visitor, now, kind, name)
        codes: list[str] = []
        if not await self._store.recovery_codes.left(tx, user.object_id):
            codes = await self._codes(tx, user, now)
        return await self._second.finish(
            tx, half, proved, visitor=visitor, now=now, replaces=replaces, codes=codes
        )

    async def _codes(self, tx: Tx, user: User, now: datetime) -> list[str]:
        made = recovery_codes.make()
        await self._store.recovery_codes.replace(tx, user.object_id, made, now)
        return [recovery_codes.shown(each) for each in made]

    def _opened(self, factor: Factor) -> bytes:
        about = TOTP.about(factor.object_id)
        return self._store.vault.unseal(factor.secret or b"", about, factor.wrap)

    async def _note(
        self,
        tx: Tx,
        act: Act,
        user: User,
        visitor: Visitor,
        now: datetime,
        kind: FactorKind | None = None,
        name: str = "",
    ) -> None:
        about = {"kind": kind.value, "factor": name} if kind is not None else {}
        await self._trail.note(
            tx, act, user, tenant_id=user.tenant_id, visitor=visitor, now=now, properties=about
        )


def _may_change(who: SignedIn, factors: Sequence[Factor], now: datetime) -> bool:
    """Proved a moment ago, and with a second factor by who has one."""
    return who.fresh(now) and (who.session.mfa or not factors)


def _named(name: str, kind: FactorKind) -> str:
    text = " ".join(name.split()) or NAMES[kind]
    if len(text) > MAX_NAME or not text.isprintable():
        raise Fault("FactorNameInvalid", limit=MAX_NAME)
    return text
