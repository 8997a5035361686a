"""What the grants of people have in common: a public client shows something it was given, one unit of work
decides, tokens follow.
"""

from __future__ import annotations

import abc
from datetime import datetime, timedelta

from outofband.core import clock
from outofband.identity import claims
from outofband.identity.clients import PublicClient, public_client
from outofband.identity.issuing import Grant, Issuer
from outofband.identity.limiter import Limiter
from outofband.identity.oauth import OAuthFault, TokenResponse
from outofband.identity.requests import NOT_A_TENANT, TokenRequest
from outofband.identity.scopes import Scope, parse
from outofband.identity.trail import Act, SignInTrail
from outofband.store.people import User
from outofband.store.sign_ins import MFA as MFA_WORD
from outofband.store.sign_ins import SignInSession
from outofband.store.store import Store
from outofband.store.tx import Tx
from outofband.wire.claims import MFA

NATIVE_LIFE = timedelta(days=30)
"""How long a program on somebody's machine stays signed in."""
REUSED = "Reused"
"""Why a session ended: what can be used once was used twice."""


class PersonGrant(abc.ABC):
    def __init__(self, store: Store, issuer: Issuer, trail: SignInTrail, by_address: Limiter) -> None:
        self._store = store
        self._issuer = issuer
        self._trail = trail
        self._by_address = by_address

    async def redeem(self, request: TokenRequest) -> TokenResponse | OAuthFault:
        """Raises Fault StoreBusy or StoreUnavailable; whether it was used up then is not known."""
        refuse, source = request.refuse, request.visitor.source
        client = public_client(request.client_id)
        if client is None:
            self._by_address.failed(source, clock.monotonic())
            return refuse.unknown_client(request.client_id, request.tenant[:80])
        if request.get("client_secret") or request.get("client_assertion"):
            return refuse.secret_of_public_client()
        wanted = claims.read(request.get("claims"))
        if wanted is None or not wanted.possible(request.now):
            return refuse.malformed("The parameter 'claims' is no JSON, or asks for what cannot be.")
        # Not `transact`: run again after a commit whose answer was lost, it would take itself for a thief.
        async with self._store.write() as tx:
            decided = await self._decide(tx, request, client)
        if isinstance(decided, OAuthFault):
            if decided.error == "invalid_grant":
                self._by_address.failed(source, clock.monotonic())
            return decided
        asked = request.get("client_info") == "1"
        return await self._issuer.to_person(decided, client_info=asked, wanted=wanted, now=request.now)

    @abc.abstractmethod
    async def _decide(self, tx: Tx, request: TokenRequest, client: PublicClient) -> Grant | OAuthFault:
        """The checks and the change. A refusal is committed like a grant: it may have ended something."""

    async def _standing(
        self, tx: Tx, request: TokenRequest, user: User | None, methods: str
    ) -> OAuthFault | None:
        """Why this user cannot be given tokens now for a sign-in proved by `methods`, if so."""
        if user is None or user.disabled:
            return request.refuse.disabled_user()
        if user.must_change:
            return request.refuse.must_change_password()
        if request.tenant.lower() not in NOT_A_TENANT:
            home = await self._store.directory.tenant(tx, request.tenant)
            if home is None or home.id != user.tenant_id:
                return request.refuse.wrong_tenant(request.tenant[:80])
        if MFA_WORD not in methods.split():
            policy = await self._store.sign_in_policies.get(tx, user.tenant_id)
            wanted = claims.read(request.get("claims"))
            if policy.require_mfa or (wanted is not None and wanted.mfa):
                return request.refuse.needs_mfa(MFA)
        return None

    async def _begin(
        self,
        tx: Tx,
        request: TokenRequest,
        client: PublicClient,
        user: User,
        *,
        parent: SignInSession | None,
        authenticated: datetime,
        methods: str,
    ) -> SignInSession:
        """The session of a client. A page's lives in its browser's; a program's is a sign-in of its own."""
        now, visitor = request.now, request.visitor
        inside = None if client.native else parent
        session = await self._store.sign_ins.issue(
            tx,
            user.object_id,
            client_id=client.id,
            parent=inside,
            address=visitor.address,
            agent=visitor.agent,
            authenticated=authenticated,
            methods=methods,
            now=now,
            expires=inside.expires if inside is not None else now + NATIVE_LIFE,
        )
        if inside is None:
            await self._trail.note(
                tx,
                Act.SIGN_IN,
                user,
                tenant_id=user.tenant_id,
                visitor=visitor,
                now=now,
                app_id=client.id,
                properties={"client": client.name},
            )
        return session

    async def _refresh_token(self, tx: Tx, session: SignInSession, scope: Scope, now: datetime) -> str | None:
        if not scope.offline:
            return None
        return await self._store.refresh_tokens.make(
            tx,
            session_id=session.id,
            scope=str(scope),
            audience=scope.audience,
            now=now,
            expires=session.expires,
        )

    async def _end_reused(self, tx: Tx, request: TokenRequest, session_id: str, user: User | None) -> None:
        """Somebody has what only one may have: what came of it ends, for the thief as for the owner."""
        if await self._store.sign_ins.end(tx, session_id, REUSED, request.now) and user is not None:
            await self._trail.note(
                tx,
                Act.END_SESSION,
                user,
                tenant_id=user.tenant_id,
                visitor=request.visitor,
                now=request.now,
                app_id=request.client_id,
                properties={"reason": REUSED},
            )

    def _scope(self, text: str, audience: str) -> Scope | None:
        return parse(text, self._issuer.tokens.audiences, default=audience)
