"""To a provider and back: a sign-in, a proof of who is in a session, or a link (ADR 24).

What comes back counts once, in the browser that went, from the provider it went to. All that is asked of a
local sign-in is asked of this one too: the account, the tenant's rule about second factors, own factors.
"""

from __future__ import annotations

import math
from datetime import datetime
from typing import Any

import msgspec

from outofband.core import clock, secrets
from outofband.core.errors import Fault
from outofband.identity.external.accounts import Accounts, Changed, allowed
from outofband.identity.external.client import MAX_CODE, Client, Proof, known_error
from outofband.identity.external.directory import ProviderDirectory
from outofband.identity.external.id_token import Told
from outofband.identity.external.metadata import Providers
from outofband.identity.external.settings import read
from outofband.identity.limiter import Limiter
from outofband.identity.requests import NOT_A_TENANT, Visitor
from outofband.identity.sessions import SignedIn
from outofband.identity.sign_in import Half, SignIn
from outofband.identity.trail import Act, SignInTrail
from outofband.store.external_identities import ExternalIdentity
from outofband.store.external_sign_ins import LIFE, Aim, ExternalSignIn
from outofband.store.identity_providers import IdentityProvider
from outofband.store.people import User
from outofband.store.sign_ins import EXTERNAL, MFA, SignInSession
from outofband.store.store import Store
from outofband.store.tx import Tx

MAX_STATE = 100
_CHECKED_BY = ("issuer", "client_id", "settings")
"""What an answer was checked by: it says nothing when one of these has changed meanwhile."""


class Gone(msgspec.Struct, frozen=True, kw_only=True):
    """Where the browser goes, and the secret for its cookie."""

    address: str
    name: str
    secret: str

    def __repr__(self) -> str:
        return f"Gone({self.name!r})"


class Back(msgspec.Struct, frozen=True, kw_only=True):
    """What came of it: the way goes on at `address`. `came` is None after a link."""

    address: str
    aim: Aim
    came: SignedIn | Half | None = None
    secret: str = ""

    def __repr__(self) -> str:
        return f"Back({self.aim!r})"


class Way(msgspec.Struct, frozen=True, kw_only=True):
    """A provider as a person has it on their account page. `identity` is None where nothing is linked."""

    provider: IdentityProvider
    identity: ExternalIdentity | None


class External:
    def __init__(
        self, store: Store, trail: SignInTrail, sign_in: SignIn, directory: ProviderDirectory
    ) -> None:
        self._store = store
        self._trail = trail
        self._sign_in = sign_in
        self._directory = directory
        # Each makes a row, and anybody may begin one; a whole office may come from one address.
        self._begun = Limiter(burst=120, interval=1.0)
        # Each makes a row of the log, and leaves the sign-in for the browser that it belongs to.
        self._astray = Limiter(burst=20, interval=6.0)
        self.providers = Providers()
        self.accounts = Accounts(store)
        self._client = Client(store, self.providers)

    async def offered(self, path: str) -> list[IdentityProvider]:
        """Providers that may be used at a tenant's sign-in page, by name; `path` is the path segment."""
        async with self._store.read() as tx:
            tenant_id = await self._tenant(tx, path)
            if tenant_id is None:
                return []
            found = await self._store.identity_providers.of_tenant(tx, tenant_id)
        return [each for each in found if not each.disabled]

    async def ways(self, user: User) -> list[Way]:
        """Providers that a person is linked to, or may link to."""
        async with self._store.read() as tx:
            found = await self._store.identity_providers.of_tenant(tx, user.tenant_id)
            linked = await self._store.external_identities.of_user(tx, user.object_id)
        mine = {(each.provider_id, each.issuer): each for each in linked if each.subject is not None}
        ways = [Way(provider=each, identity=mine.get((each.id, each.issuer))) for each in found]
        return [each for each in ways if each.identity is not None or not each.provider.disabled]

    async def linked(self, user: User) -> list[IdentityProvider]:
        """Providers that can say that it is this person."""
        ways = await self.ways(user)
        return [each.provider for each in ways if each.identity is not None and not each.provider.disabled]

    async def unlink(
        self, who: SignedIn, provider_id: str, identity_id: str, *, visitor: Visitor, now: datetime
    ) -> None:
        """Undo a link of one's own. Raises Fault ProviderNotFound, ExternalNotFound, LastWayIn or
        ProofTooOld.
        """
        user = who.user
        async with self._store.write() as tx:
            if not who.fresh(now):
                raise Fault("ProofTooOld")
            provider = await self._directory.require(tx, user.tenant_id, provider_id)
            await self._directory.unlink(tx, provider, identity_id, now, of=user, keep=who.session.id)
            await self._note(tx, Act.UNLINK, user, visitor, now, {"provider": provider.name})

    async def begin(
        self,
        provider_id: str,
        *,
        path: str,
        back: str,
        redirect: str,
        secret: str | None,
        visitor: Visitor,
        now: datetime,
        aim: Aim = Aim.SIGN_IN,
        who: SignedIn | None = None,
        mfa: bool = False,
        anew: bool = False,
        hint: str = "",
    ) -> Gone:
        """Send a browser to a provider. `redirect` has `{provider}` in it; `secret` is what its cookie holds.

        Raises Fault ProviderNotFound, ProviderDisabled, ProviderUnreachable, ProviderAnswerInvalid or
        TooManyTries.
        """
        self._limit(self._begun, visitor)
        async with self._store.read() as tx:
            tenant_id = who.user.tenant_id if who is not None else await self._tenant(tx, path)
            provider = await self._store.identity_providers.get(tx, provider_id[:MAX_STATE])
        if provider is None or provider.tenant_id != tenant_id:
            raise Fault("ProviderNotFound", name=provider_id[:MAX_STATE])
        if provider.disabled:
            raise Fault("ProviderDisabled", name=provider.name)
        proof = Proof(state=secrets.token(), secret=secret or secrets.token())
        address = await self._client.address(
            provider,
            proof,
            redirect.format(provider=provider.id),
            anew=anew or aim is Aim.PROVE,
            hint=hint,
        )
        row = ExternalSignIn(
            digest=secrets.digest(proof.state),
            provider_id=provider.id,
            browser=secrets.digest(proof.secret),
            aim=aim,
            session_id=who.session.id if who is not None else None,
            mfa=mfa,
            back=back,
            created=now,
            expires=now + LIFE,
        )
        async with self._store.write() as tx:
            await self._store.external_sign_ins.begin(tx, row)
        return Gone(address=address, name=provider.name, secret=proof.secret)

    async def end(
        self,
        provider_id: str,
        fields: dict[str, str],
        *,
        redirect: str,
        secret: str | None,
        who: SignedIn | None,
        visitor: Visitor,
        now: datetime,
    ) -> Back:
        """Take what a browser came back with. Raises Fault ExternalSignInOver, ExternalOtherBrowser,
        ExternalMixUp, ExternalDeclined, ProviderDisabled, ProviderUnreachable, ProviderAnswerInvalid,
        ProviderRefused, ExternalTokenInvalid, ExternalNotAllowed, ExternalUnknown, ExternalNameTaken,
        ExternalTaken, ExternalOtherUser, AccountDisabled or TooManyTries.
        """
        state = fields.get("state", "")
        if not 0 < len(state) <= MAX_STATE:
            raise Fault("ExternalSignInOver")
        async with self._store.read() as tx:
            row = await self._store.external_sign_ins.get(tx, state, now)
            provider = (
                await self._store.identity_providers.get(tx, row.provider_id) if row is not None else None
            )
        if row is None or provider is None:
            raise Fault("ExternalSignInOver")
        # Another browser's is left to the one that it belongs to.
        own = secret is not None and secrets.matches(secret, row.browser)
        if not own:
            self._limit(self._astray, visitor)
        if own:
            async with self._store.write() as tx:
                if not await self._store.external_sign_ins.end(tx, row.digest):
                    raise Fault("ExternalSignInOver")
        proof = Proof(state=state, secret=secret or "")
        try:
            if not own:
                raise Fault("ExternalOtherBrowser")
            told = await self._told(provider, provider_id, fields, proof, redirect, row, now)
        except Fault as fault:
            await self._note_refused(provider, fault, visitor, now)
            raise
        async with self._store.write() as tx:
            decided = await self._decide(tx, provider, told, row, who, visitor, now)
        # Outside the unit: a refusal is committed, with its row.
        if isinstance(decided, Fault):
            await self._note_refused(provider, decided, visitor, now)
            raise decided
        return decided

    def _limit(self, limiter: Limiter, visitor: Visitor) -> None:
        """Count one more from there. Raises Fault TooManyTries."""
        moment = clock.monotonic()
        if (wait := limiter.wait(visitor.source, moment)) > 0:
            raise Fault("TooManyTries", seconds=math.ceil(wait))
        limiter.failed(visitor.source, moment)

    async def _told(
        self,
        provider: IdentityProvider,
        provider_id: str,
        fields: dict[str, str],
        proof: Proof,
        redirect: str,
        row: ExternalSignIn,
        now: datetime,
    ) -> Told:
        """RFC 9207: whose answer this is, before anything of it is used."""
        if provider.id != provider_id:
            raise Fault("ExternalMixUp", name=provider.name)
        if provider.disabled:
            raise Fault("ProviderDisabled", name=provider.name)
        metadata = await self.providers.metadata(provider)
        issuer = fields.get("iss")
        if issuer is None and metadata.authorization_response_iss_parameter_supported:
            raise Fault("ExternalMixUp", name=provider.name)
        if issuer is not None and issuer != provider.issuer:
            raise Fault("ExternalMixUp", name=provider.name)
        code = fields.get("code", "")
        if "error" in fields or not 0 < len(code) <= MAX_CODE:
            error = known_error(fields.get("error", ""))
            raise Fault("ExternalDeclined", name=provider.name, error=error)
        return await self._client.redeem(
            provider,
            proof,
            code,
            redirect.format(provider=provider.id),
            now=now,
            since=row.created if row.aim is Aim.PROVE else None,
        )

    async def _decide(
        self,
        tx: Tx,
        asked: IdentityProvider,
        told: Told,
        row: ExternalSignIn,
        who: SignedIn | None,
        visitor: Visitor,
        now: datetime,
    ) -> Back | Fault:
        """On what the store says now: the provider that was `asked` was away for a while."""
        provider = await self._store.identity_providers.get(tx, asked.id)
        if provider is None or provider.disabled:
            return Fault("ProviderDisabled", name=asked.name)
        if any(getattr(provider, name) != getattr(asked, name) for name in _CHECKED_BY):
            # A subject is somebody else with another issuer, and other words prove a second factor.
            return Fault("ExternalSignInOver")
        methods = f"{EXTERNAL} {MFA}" if told.factors else EXTERNAL
        if row.aim is Aim.SIGN_IN:
            return await self._enter(tx, provider, told, row, methods, who, visitor, now)
        session = await self._store.sign_ins.get(tx, row.session_id or "")
        if who is None or session is None or who.session.id != session.id or not session.live(now):
            return Fault("SignedOutMeanwhile")
        user = await self._store.people.get(tx, session.object_id)
        if user is None or user.disabled or user.tenant_id != provider.tenant_id:
            return Fault("SignedOutMeanwhile")
        if row.aim is Aim.PROVE:
            return await self._prove(tx, provider, told, row, methods, user, session, visitor, now)
        return await self._link(tx, provider, told, row, user, visitor, now)

    async def _enter(
        self,
        tx: Tx,
        provider: IdentityProvider,
        told: Told,
        row: ExternalSignIn,
        methods: str,
        who: SignedIn | None,
        visitor: Visitor,
        now: datetime,
    ) -> Back | Fault:
        settings = read(provider.settings)
        user = await self.accounts.who(tx, provider, settings, told, now)
        if isinstance(user, Fault):
            return user
        changed = await self.accounts.refresh(tx, provider, settings, told, user, now)
        came, secret = await self._sign_in.go_on(
            tx,
            user,
            visitor,
            now,
            replaces=who,
            mfa=row.mfa,
            methods=methods,
            about=_about(provider, changed),
        )
        if isinstance(came, Half) and (changed.given or changed.taken):
            # The sign-in gets its row when it is whole; the groups have changed already.
            await self._note(tx, Act.CHANGE_GROUPS, user, visitor, now, _about(provider, changed))
        return Back(address=row.back, aim=row.aim, came=came, secret=secret)

    async def _prove(
        self,
        tx: Tx,
        provider: IdentityProvider,
        told: Told,
        row: ExternalSignIn,
        methods: str,
        user: User,
        session: SignInSession,
        visitor: Visitor,
        now: datetime,
    ) -> Back | Fault:
        settings = read(provider.settings)
        if (refused := allowed(provider, settings, told)) is not None:
            await self.accounts.refused(tx, provider, told)
            return refused
        if not await self.accounts.is_of(tx, provider, told, user):
            return Fault("ExternalOtherUser", name=user.name)
        changed = await self.accounts.refresh(tx, provider, settings, told, user, now)
        factors = await self._store.factors.of_user(tx, user.object_id)
        if factors and not told.factors:
            step, secret = await self._store.sign_in_steps.begin(
                tx, user.object_id, methods=methods, session_id=session.id, now=now
            )
            half = Half(user=user, step=step, factors=factors)
            return Back(address=row.back, aim=row.aim, came=half, secret=secret)
        raised, secret = await self._store.sign_ins.raise_to(tx, session, methods, authenticated=now)
        await self._note(tx, Act.STEP_UP, user, visitor, now, _about(provider, changed))
        return Back(address=row.back, aim=row.aim, came=SignedIn(user, raised), secret=secret)

    async def _link(
        self,
        tx: Tx,
        provider: IdentityProvider,
        told: Told,
        row: ExternalSignIn,
        user: User,
        visitor: Visitor,
        now: datetime,
    ) -> Back | Fault:
        settings = read(provider.settings)
        if (refused := allowed(provider, settings, told)) is not None:
            return refused
        try:
            await self.accounts.link(tx, provider, told, user, by=user.name, now=now)
        except Fault as fault:
            return fault
        changed = await self.accounts.refresh(tx, provider, settings, told, user, now)
        await self._note(tx, Act.LINK, user, visitor, now, _about(provider, changed))
        return Back(address=row.back, aim=row.aim)

    async def _tenant(self, tx: Tx, path: str) -> str | None:
        if path.lower() in NOT_A_TENANT:
            # As for a name without a domain: there is one from the first start on.
            return (await self._store.directory.tenants(tx))[0].id
        found = await self._store.directory.tenant(tx, path)
        return found.id if found is not None else None

    async def _note(
        self, tx: Tx, act: Act, user: User, visitor: Visitor, now: datetime, about: dict[str, Any]
    ) -> None:
        await self._trail.note(
            tx, act, user, tenant_id=user.tenant_id, visitor=visitor, now=now, properties=about
        )

    async def _note_refused(
        self, provider: IdentityProvider, fault: Fault, visitor: Visitor, now: datetime
    ) -> None:
        async with self._store.write() as tx:
            await self._trail.note(
                tx,
                Act.SIGN_IN,
                None,
                tenant_id=provider.tenant_id,
                visitor=visitor,
                now=now,
                failed=fault.code,
                properties={"provider": provider.name},
            )


def _about(provider: IdentityProvider, changed: Changed) -> dict[str, Any]:
    groups = {"groupsGiven": changed.given, "groupsTaken": changed.taken}
    return {"provider": provider.name, **{name: found for name, found in groups.items() if found}}
