"""What somebody is given after the checks: tokens for a program, or for a person at one client."""

from __future__ import annotations

import base64
from datetime import datetime
from typing import Any

import msgspec

from outofband.identity.callers import USER
from outofband.identity.claims import WantedClaims
from outofband.identity.oauth import TOKEN_SECONDS, TokenResponse
from outofband.identity.scopes import PERMISSION, Scope
from outofband.identity.tokens import Tokens
from outofband.store.people import User
from outofband.store.principals import ServicePrincipal
from outofband.store.sign_ins import SignInSession


class Grant(msgspec.Struct, frozen=True, kw_only=True):
    """A person's sign-in at one client, as its unit of work left it."""

    user: User
    session: SignInSession
    scope: Scope
    refresh_token: str | None
    nonce: str | None = None


class Issuer:
    def __init__(self, tokens: Tokens) -> None:
        self.tokens = tokens

    async def to_program(
        self,
        client: ServicePrincipal,
        audience: str,
        *,
        credential: str | None,
        wanted: WantedClaims,
        now: datetime,
    ) -> TokenResponse:
        """`credential` is the secret or certificate that was shown, whose end ends the token."""
        claims = {
            "oid": client.object_id,
            "sub": client.object_id,
            "appid": client.app_id,
            "azp": client.app_id,
            "app_displayname": client.name,
            "idtyp": "app",
            "gen": client.generation,
            **({"cred": credential} if credential is not None else {}),
            **_capable(wanted),
        }
        token = await self.tokens.sign(claims, tenant_id=client.tenant_id, audience=audience, now=now)
        return TokenResponse(access_token=token)

    async def to_person(
        self, grant: Grant, *, client_info: bool, wanted: WantedClaims, now: datetime
    ) -> TokenResponse:
        """`client_info` says whether the client asked for it."""
        user, session, scope = grant.user, grant.session, grant.scope
        client = session.client_id or ""
        who = {
            "oid": user.object_id,
            "sub": user.object_id,
            "name": user.display_name,
            "preferred_username": user.name,
            "upn": user.name,
            "sid": session.id,
            "auth_time": int(session.authenticated.timestamp()),
            "amr": methods_of(session),
            "acr": "1",
        }
        access = {
            **who,
            "unique_name": user.name,
            "appid": client,
            "azp": client,
            "scp": PERMISSION,
            "idtyp": USER,
            **({"acrs": ["p1"]} if session.mfa else {}),
            **_capable(wanted),
        }
        identity = {**who, **({"nonce": grant.nonce} if grant.nonce else {})}
        # Nothing of a sign-in is good for longer than the sign-in.
        life = max(1, min(TOKEN_SECONDS, int((session.expires - now).total_seconds())))

        async def sign(claims: dict[str, Any], audience: str) -> str:
            return await self.tokens.sign(
                claims, tenant_id=user.tenant_id, audience=audience, now=now, life=life
            )

        return TokenResponse(
            access_token=await sign(access, scope.audience),
            expires_in=life,
            ext_expires_in=life,
            scope=scope.granted,
            refresh_token=grant.refresh_token or msgspec.UNSET,
            id_token=await sign(identity, client) if scope.openid else msgspec.UNSET,
            client_info=_client_info(user) if client_info else msgspec.UNSET,
        )


def methods_of(session: SignInSession) -> list[str]:
    """Claim `amr` (RFC 8176): a code from paper is a one-time password like one from an app."""
    words = {"rcv": "otp"}
    return list(dict.fromkeys(words.get(each, each) for each in session.methods.split()))


def _capable(wanted: WantedClaims) -> dict[str, Any]:
    return {"xms_cc": wanted.capabilities} if wanted.capabilities else {}


def _client_info(user: User) -> str:
    body = msgspec.json.encode({"uid": user.object_id, "utid": user.tenant_id})
    return base64.urlsafe_b64encode(body).decode().rstrip("=")
