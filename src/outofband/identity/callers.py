"""From an access token to the principal behind it, looked up each time: who was disabled, removed or signed
out is out at the very next request.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from outofband.core.principal import Principal, PrincipalKind
from outofband.identity.tokens import AccessClaims, Tokens, invalid
from outofband.store.store import Store
from outofband.store.tx import Tx

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

        Raises Fault InvalidAuthenticationToken or ExpiredAuthenticationToken.
        """
        claims = await self._tokens.access(token, now, audiences=audiences)
        async with self._store.read() as tx:
            if claims.idtyp == USER:
                return await self._user(tx, claims, now)
            return await self._program(tx, claims)

    async def _program(self, tx: Tx, claims: AccessClaims) -> Principal:
        client = await self._store.principals.get(tx, claims.oid)
        known = client is not None and (client.tenant_id, client.app_id) == (claims.tid, claims.appid)
        if client is None or not known or client.disabled:
            raise invalid("its principal is unknown or disabled")
        return Principal(
            tenant=client.tenant_id,
            object_id=client.object_id,
            app_id=client.app_id,
            kind=PrincipalKind.SERVICE_PRINCIPAL,
            name=client.name,
            expires=claims.exp,
        )

    async def _user(self, tx: Tx, claims: AccessClaims, now: datetime) -> Principal:
        user = await self._store.people.get(tx, claims.oid)
        if user is None or user.tenant_id != claims.tid or user.disabled:
            raise invalid("its user is unknown or disabled")
        session = await self._store.sign_ins.get(tx, claims.sid or "")
        known = session is not None and (session.object_id, session.client_id) == (claims.oid, claims.appid)
        if session is None or not known or not session.live(now):
            raise invalid("the sign-in it came from has ended")
        if user.must_change:
            raise invalid("its user has to change the password first")
        return Principal(
            tenant=user.tenant_id,
            object_id=user.object_id,
            app_id=claims.appid,
            kind=PrincipalKind.USER,
            name=user.name,
            expires=claims.exp,
            session=session.id,
        )
