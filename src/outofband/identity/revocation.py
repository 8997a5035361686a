"""A client signs out by giving its refresh token back (RFC 7009): the session it belongs to ends."""

from __future__ import annotations

from outofband.identity.clients import public_client
from outofband.identity.oauth import OAuthFault
from outofband.identity.requests import TokenRequest
from outofband.identity.sessions import SIGNED_OUT
from outofband.identity.trail import Act, SignInTrail
from outofband.store.store import Store


class Revocation:
    def __init__(self, store: Store, trail: SignInTrail) -> None:
        self._store = store
        self._trail = trail

    async def revoke(self, request: TokenRequest) -> OAuthFault | None:
        """None also for a token that means nothing here: there is nothing left to be done (section 2.2)."""
        client = public_client(request.client_id)
        if client is None:
            return request.refuse.unknown_client(request.client_id, request.tenant[:80])
        if not request.get("token"):
            return request.refuse.missing("token")
        async with self._store.write() as tx:
            token = await self._store.refresh_tokens.get(tx, request.get("token"))
            session = await self._store.sign_ins.get(tx, token.session_id) if token is not None else None
            if session is None or session.client_id != client.id:
                return None
            # A used one ends it too: whoever has it should not, or lost the answer.
            ended = await self._store.sign_ins.end(tx, session.id, SIGNED_OUT, request.now)
            user = await self._store.people.get(tx, session.object_id)
            if ended and user is not None:
                await self._trail.note(
                    tx,
                    Act.SIGN_OUT,
                    user,
                    tenant_id=user.tenant_id,
                    visitor=request.visitor,
                    now=request.now,
                    app_id=client.id,
                    properties={"client": client.name},
                )
        return None
