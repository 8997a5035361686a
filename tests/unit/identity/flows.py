"""A person and a program at the authority, without pages between them: codes, tokens, devices."""

from __future__ import annotations

import base64
import hashlib
import json
from datetime import datetime
from typing import Any

import msgspec

from outofband.identity.authority import Authority
from outofband.identity.authorize import AuthorizeRequest
from outofband.identity.clients import CLI, PORTAL
from outofband.identity.device_grant import DEVICE_GRANT
from outofband.identity.oauth import OAuthFault, Refusals, TokenResponse
from outofband.identity.requests import Visitor
from outofband.identity.sessions import SignedIn
from outofband.store.store import Store
from tests.support.users import PASSWORD
from tests.unit.identity.conftest import BASE, VISITOR

VERIFIER = "v" * 43
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).decode().rstrip("=")
REDIRECTS = {PORTAL.id: f"{BASE}/portal/", CLI.id: "http://localhost:4711"}
SCOPE = f"{BASE}/.default openid profile offline_access"


def claims(token: str) -> dict[str, Any]:
    text = token.split(".")[1]
    found: dict[str, Any] = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    return found


class Flows(msgspec.Struct):
    """`tenant` is the path segment of every request, `visitor` where it comes from."""

    authority: Authority
    store: Store
    tenant: str
    visitor: Visitor = VISITOR

    async def sign_in(self, now: datetime, name: str = "ann") -> tuple[SignedIn, str]:
        return await self.authority.sign_in.enter(
            name, PASSWORD, tenant="organizations", visitor=self.visitor, now=now
        )

    async def code(self, who: SignedIn, now: datetime, client: str = PORTAL.id, **changes: str) -> str:
        """An authorization code, as the browser takes it back."""
        query = {
            "client_id": client,
            "response_type": "code",
            "redirect_uri": REDIRECTS[client],
            "scope": SCOPE,
            "code_challenge": CHALLENGE,
            "code_challenge_method": "S256",
            "nonce": "n1",
        } | changes
        asked = await self.authority.authorizations.read(query, self.tenant, Refusals(now, None))
        assert isinstance(asked, AuthorizeRequest), asked
        return (await self.authority.authorizations.grant(asked, who, now)).parameters["code"]

    async def redeem(
        self, code: str, now: datetime, /, client: str = PORTAL.id, **changes: str
    ) -> TokenResponse | OAuthFault:
        form = {
            "grant_type": "authorization_code",
            "client_id": client,
            "code": code,
            "redirect_uri": REDIRECTS[client],
            "code_verifier": VERIFIER,
            "client_info": "1",
        } | changes
        return await self.token(form, now)

    async def refresh(
        self, token: str, now: datetime, /, client: str = PORTAL.id, **changes: str
    ) -> TokenResponse | OAuthFault:
        form = {"grant_type": "refresh_token", "client_id": client, "refresh_token": token} | changes
        return await self.token(form, now)

    async def begin_device(self, now: datetime, client: str = CLI.id, **changes: str) -> dict[str, Any]:
        form = {"client_id": client, "scope": SCOPE} | changes
        found = await self.authority.begin_device(form, self.tenant, base=BASE, now=now, visitor=self.visitor)
        assert isinstance(found, dict), found
        return found

    async def poll(
        self, code: str, now: datetime, /, client: str = CLI.id, **changes: str
    ) -> TokenResponse | OAuthFault:
        form = {"grant_type": DEVICE_GRANT, "client_id": client, "device_code": code} | changes
        return await self.token(form, now)

    async def token(self, form: dict[str, str], now: datetime) -> TokenResponse | OAuthFault:
        sent = {name: value for name, value in form.items() if value}
        return await self.authority.issue_token(sent, self.tenant, now=now, visitor=self.visitor)


def given(answer: TokenResponse | OAuthFault) -> TokenResponse:
    assert isinstance(answer, TokenResponse), answer
    return answer


def fault(answer: TokenResponse | OAuthFault) -> tuple[str, int]:
    """What clients go by: the word and the number."""
    assert isinstance(answer, OAuthFault), answer
    return answer.error, answer.code
