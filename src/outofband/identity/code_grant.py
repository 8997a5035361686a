"""The authorization code: redeemed once, by the client, for the address and with the verifier it was made
for. Whoever shows it otherwise may not be who it was sent to, so that any failure uses it up.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re

from outofband.identity.clients import PublicClient
from outofband.identity.grants import PersonGrant
from outofband.identity.issuing import Grant
from outofband.identity.oauth import OAuthFault
from outofband.identity.requests import TokenRequest
from outofband.store.codes import AuthorizationCode
from outofband.store.tx import Tx

_VERIFIER = re.compile(r"[A-Za-z0-9._~-]{43,128}")


class CodeGrant(PersonGrant):
    async def _decide(self, tx: Tx, request: TokenRequest, client: PublicClient) -> Grant | OAuthFault:
        store, refuse = self._store, request.refuse
        for name in ("code", "redirect_uri", "code_verifier"):
            if not request.get(name):
                return refuse.missing(name)
        code = await store.codes.get(tx, request.get("code"))
        if code is None:
            return refuse.bad_code()
        browser = await store.sign_ins.get(tx, code.session_id)
        user = await store.people.get(tx, browser.object_id) if browser is not None else None
        if code.redeemed is not None:
            if code.issued_id is not None:
                await self._end_reused(tx, request, code.issued_id, user)
            return refuse.redeemed_code()
        methods = browser.methods if browser is not None else ""
        refusal = self._mismatch(request, client, code) or await self._standing(tx, request, user, methods)
        if refusal is None and (browser is None or not browser.live(request.now)):
            refusal = refuse.ended_session()
        scope = self._scope(code.scope, code.audience)
        if refusal is None and scope is None:
            refusal = refuse.bad_user_scope(code.scope)
        if refusal is not None or user is None or browser is None or scope is None:
            await store.codes.redeem(tx, code, issued_id=None, now=request.now)
            return refusal or refuse.bad_code()
        session = await self._begin(
            tx,
            request,
            client,
            user,
            parent=browser,
            authenticated=browser.authenticated,
            methods=browser.methods,
        )
        await store.codes.redeem(tx, code, issued_id=session.id, now=request.now)
        token = await self._refresh_token(tx, session, scope, request.now)
        return Grant(user=user, session=session, scope=scope, refresh_token=token, nonce=code.nonce)

    @staticmethod
    def _mismatch(request: TokenRequest, client: PublicClient, code: AuthorizationCode) -> OAuthFault | None:
        refuse = request.refuse
        if code.client_id != client.id:
            return refuse.bad_code()
        if code.redirect_uri != request.get("redirect_uri"):
            return refuse.wrong_redirect()
        if not proves(request.get("code_verifier"), code.challenge):
            return refuse.wrong_verifier()
        return refuse.expired_code() if code.expires <= request.now else None


def proves(verifier: str, challenge: str) -> bool:
    """RFC 7636 section 4.6, method S256."""
    if _VERIFIER.fullmatch(verifier) is None:
        return False
    made = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).decode().rstrip("=")
    return hmac.compare_digest(made.encode(), challenge.encode())
