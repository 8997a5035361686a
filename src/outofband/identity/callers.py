"""From an access token to the principal behind it, looked up each time: who was disabled, removed or signed
out is out at the very next request. A client that can is told to ask for another token, and why it gets none.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from outofband.core.errors import Fault
from outofband.core.principal import Principal, PrincipalKind
from outofband.identity.challenges import challenge, issued_since
from outofband.identity.tokens import AccessClaims, Tokens, invalid
from outofband.store.store import Store
from outofband.store.tx import Tx
from outofband.wire.claims import MFA

USER = "user"
"""Claim `idtyp` of a person's token."""


class Callers:
    def __init__(self, store: Store, tokens: Tokens) -> None:
        self._store = store
        self._tokens = tokens

    async def verify(
        self, token: str, now: datetime, *, audiences: Collection[str] | None = None
    ) -> Principal:
        """Who sent `token` (the text after `Bearer`), which is for this service or for `audiences`.

        Raises Fault InvalidAuthenticationToken, ExpiredAuthenticationToken, MfaRequired or
        TokenIssuedBeforeRevocationTimestamp; of a client that can, they are claims challenges.
        """
        claims = await self._tokens.access(token, now, audiences=audiences)
        async with self._store.read() as tx:
            if claims.idtyp == USER:
                return await self._user(tx, claims, now)
            return await self._program(tx, claims, now)

    async def _program(self, tx: Tx, claims: AccessClaims, now: datetime) -> Principal:
        client = await self._store.principals.get(tx, claims.oid)
        if client is None or (client.tenant_id, client.app_id) != (claims.tid, claims.appid):
            raise invalid("its principal is unknown or disabled")
        if client.disabled:
            raise _ended("its principal is unknown or disabled", claims, now)
        if claims.gen < client.floor:
            raise _older(claims, now)
        # A secret or certificate was taken back since; perhaps another one.
        doubtful = claims.cred if claims.gen != client.generation else None
        if doubtful and not await self._store.principals.has_credential(tx, client.object_id, doubtful):
            raise _ended("the secret or certificate it was given for was taken back", claims, now)
        return Principal(
            tenant=client.tenant_id,
            object_id=client.object_id,
            app_id=client.app_id,
            kind=PrincipalKind.SERVICE_PRINCIPAL,
            name=client.name,
            expires=claims.exp,
            capable=claims.capable,
        )

    async def _user(self, tx: Tx, claims: AccessClaims, now: datetime) -> Principal:
        user = await self._store.people.get(tx, claims.oid)
        if user is None or user.tenant_id != claims.tid:
            raise invalid("its user is unknown or disabled")
        if user.disabled:
            raise _ended("its user is unknown or disabled", claims, now)
        session = await self._store.sign_ins.get(tx, claims.sid or "")
        known = session is not None and (session.object_id, session.client_id) == (claims.oid, claims.appid)
        if session is None or not known or not session.live(now):
            raise _ended("the sign-in it came from has ended", claims, now)
        if user.must_change:
            raise _ended("its user has to change the password first", claims, now)
        if not session.mfa and (await self._store.sign_in_policies.get(tx, user.tenant_id)).require_mfa:
            raise Fault("MfaRequired", name=user.name, claims=MFA)
        return Principal(
            tenant=user.tenant_id,
            object_id=user.object_id,
            app_id=claims.appid,
            kind=PrincipalKind.USER,
            name=user.name,
            expires=claims.exp,
            session=session.id,
            capable=claims.capable,
        )


def _ended(detail: str, claims: AccessClaims, now: datetime) -> Fault:
    """What the token stood for is over. A client that asks for another is told why there is none."""
    return challenge(invalid(detail), capable=claims.capable, claims=issued_since(now))


def _older(claims: AccessClaims, now: datetime) -> Fault:
    """The token was issued before its program was switched off. With a newer one its client goes on."""
    plain = Fault("TokenIssuedBeforeRevocationTimestamp")
    return challenge(plain, capable=claims.capable, claims=issued_since(now))
