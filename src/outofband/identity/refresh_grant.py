"""Refresh tokens: good once each. A second use of one ends the whole family, which is the client's session
(RFC 9700 section 4.14.2).
"""

from __future__ import annotations

from outofband.identity.clients import PublicClient
from outofband.identity.grants import PersonGrant
from outofband.identity.issuing import Grant
from outofband.identity.oauth import OAuthFault
from outofband.identity.requests import TokenRequest
from outofband.store.tx import Tx


class RefreshGrant(PersonGrant):
    async def _decide(self, tx: Tx, request: TokenRequest, client: PublicClient) -> Grant | OAuthFault:
        store, refuse, now = self._store, request.refuse, request.now
        if not request.get("refresh_token"):
            return refuse.missing("refresh_token")
        token = await store.refresh_tokens.get(tx, request.get("refresh_token"))
        session = await store.sign_ins.get(tx, token.session_id) if token is not None else None
        if token is None or session is None or session.client_id != client.id:
            return refuse.bad_refresh_token()
        user = await store.people.get(tx, session.object_id)
        if token.used is not None:
            await self._end_reused(tx, request, session.id, user)
            return refuse.reused_refresh_token()
        if session.ended is not None:
            return refuse.ended_session()
        if token.expires <= now or not session.live(now):
            return refuse.expired_refresh_token()
        refusal = await self._standing(tx, request, user, session.methods)
        if refusal is not None or user is None:
            return refusal or refuse.disabled_user()
        # The next one keeps what the first was asked with; a request may only name a resource anew.
        asked = self._scope(request.get("scope") or token.scope, token.audience)
        kept = self._scope(token.scope, token.audience)
        if asked is None or kept is None:
            return refuse.bad_user_scope(request.get("scope")[:200])
        await store.refresh_tokens.use(tx, token, now)
        await store.sign_ins.used(tx, session.id, now)
        if session.parent_id is not None:
            # A page that is open keeps the browser's session in use.
            await store.sign_ins.used(tx, session.parent_id, now)
        following = await self._refresh_token(tx, session, kept, now)
        return Grant(user=user, session=session, scope=asked, refresh_token=following)
