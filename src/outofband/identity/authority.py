"""The authority as one value: who asks for a token gets one or is told why not, who shows one is recognised,
and people sign in.

Clients are unmodified Azure ones, so the shapes are Entra's (v2.0 endpoints).
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

from outofband.core import clock
from outofband.core.errors import Fault
from outofband.core.principal import Principal
from outofband.identity.assertions import MAX_ASSERTION
from outofband.identity.attempts import Attempts
from outofband.identity.authorize import Authorizations, Mode
from outofband.identity.callers import Callers
from outofband.identity.client_credentials import ClientCredentials
from outofband.identity.code_grant import CodeGrant
from outofband.identity.device_grant import DEVICE_GRANT, DeviceGrant
from outofband.identity.devices import Devices
from outofband.identity.external.directory import ProviderDirectory
from outofband.identity.external.sign_in import External
from outofband.identity.factors import Factors
from outofband.identity.history import Event, lately
from outofband.identity.issuing import Issuer
from outofband.identity.keys import Keys
from outofband.identity.limiter import Limiter
from outofband.identity.oauth import OAuthFault, Refusals, TokenResponse
from outofband.identity.passwords import Passwords
from outofband.identity.refresh_grant import RefreshGrant
from outofband.identity.requests import MAX_FIELD, NOT_A_TENANT, TokenRequest, Visitor, add_basic
from outofband.identity.revocation import Revocation
from outofband.identity.second_step import SecondStep
from outofband.identity.sessions import Sessions
from outofband.identity.sign_in import SignIn
from outofband.identity.tokens import ALGORITHM, Tokens
from outofband.identity.trail import SignInTrail
from outofband.store.people import User
from outofband.store.store import Store
from outofband.wire.claims import insufficient_claims

_LONGER = {"client_assertion": MAX_ASSERTION}
"""Fields that may be longer than others."""


class _Grant(Protocol):
    async def redeem(self, request: TokenRequest) -> TokenResponse | OAuthFault: ...


class Authority:
    """`base` is the public address of this control plane, `https://host:port` without a slash at the end.

    `audiences` are further addresses it answers under, which clients may ask tokens for. `first_password` is
    the file that the first start left; it goes when that password is changed.
    """

    def __init__(
        self,
        store: Store,
        keys: Keys,
        *,
        base: str,
        audiences: Sequence[str] = (),
        passwords: Passwords | None = None,
        first_password: Path | None = None,
    ) -> None:
        self._store = store
        self._by_client = Limiter(burst=10, interval=6.0)
        self._by_address = Limiter(burst=60, interval=1.0)
        trail, issuer = SignInTrail(store), Issuer(Tokens(keys, base=base, others=audiences))
        self.tokens = issuer.tokens
        self.passwords = passwords or Passwords()
        self.sessions = Sessions(store, trail)
        self.authorizations = Authorizations(store, self.tokens)
        self.devices = Devices(store, trail)
        attempts = Attempts(store, trail, self._by_address)
        self.sign_in = SignIn(store, self.passwords, trail, attempts, first_password=first_password)
        self.external_directory = ProviderDirectory(store)
        self.external = External(store, trail, self.sign_in, self.external_directory)
        self.second_step = SecondStep(store, trail, attempts)
        self.factors = Factors(store, trail, attempts, self.second_step)
        self._callers = Callers(store, self.tokens)
        self._revocation = Revocation(store, trail)
        person = (store, issuer, trail, self._by_address)
        self._device_grant = DeviceGrant(*person)
        self._grants: dict[str, _Grant] = {
            "client_credentials": ClientCredentials(
                store, issuer, by_client=self._by_client, by_address=self._by_address
            ),
            "authorization_code": CodeGrant(*person),
            "refresh_token": RefreshGrant(*person),
            DEVICE_GRANT: self._device_grant,
        }

    @property
    def base(self) -> str:
        return self.tokens.base

    def issuer(self, tenant_id: str) -> str:
        return self.tokens.issuer(tenant_id)

    async def issue_token(
        self,
        form: Mapping[str, str],
        tenant: str,
        *,
        now: datetime,
        visitor: Visitor,
        authorization: str | None = None,
    ) -> TokenResponse | OAuthFault:
        """Decide a token request. `tenant` is the path segment; `authorization`, the header, may be Basic."""
        fields = dict(form)
        refuse = Refusals(now, visitor.correlation_id)
        if authorization is not None and (failed := add_basic(fields, authorization)):
            return refuse.malformed(failed)
        request = _bounded(fields, tenant, visitor, now)
        if isinstance(request, OAuthFault):
            return request
        if not request.get("grant_type"):
            return refuse.missing("grant_type")
        moment = clock.monotonic()
        key = (request.client_id, visitor.source)
        waits = self._by_client.wait(key, moment), self._by_address.wait(visitor.source, moment)
        if max(waits) > 0:
            return refuse.too_many(math.ceil(max(waits)))
        grant = self._grants.get(request.get("grant_type"))
        if grant is None:
            return refuse.unsupported_grant(request.get("grant_type")[:80])
        return await grant.redeem(request)

    async def begin_device(
        self,
        form: Mapping[str, str],
        tenant: str,
        *,
        base: str,
        now: datetime,
        visitor: Visitor,
    ) -> dict[str, Any] | OAuthFault:
        """Begin a sign-in on another device; `base` is where the person will be sent."""
        request = _bounded(form, tenant, visitor, now)
        if isinstance(request, OAuthFault):
            return request
        return await self._device_grant.begin(request, base)

    async def revoke(
        self, form: Mapping[str, str], tenant: str, *, now: datetime, visitor: Visitor
    ) -> OAuthFault | None:
        """End the session of a refresh token; None when that is done."""
        request = _bounded(form, tenant, visitor, now)
        return request if isinstance(request, OAuthFault) else await self._revocation.revoke(request)

    async def lately(self, user: User, now: datetime) -> list[Event]:
        """The newest changes of what protects an account, for its owner."""
        return await lately(self._store, user, now)

    async def verify_token(
        self, token: str, now: datetime, *, audiences: Collection[str] | None = None
    ) -> Principal:
        """Who sent `token` (the text after `Bearer`), which is for this service or for `audiences`.

        Looked up each time: who was disabled, removed or signed out is out at once. Raises Fault
        InvalidAuthenticationToken or ExpiredAuthenticationToken.
        """
        return await self._callers.verify(token, now, audiences=audiences)

    def require_tenant(self, principal: Principal, tenant_id: str) -> None:
        """Raises Fault InvalidAuthenticationTokenTenant when the caller belongs to another tenant."""
        if principal.tenant != tenant_id:
            issuer = self.issuer(principal.tenant)
            raise Fault("InvalidAuthenticationTokenTenant", issuer=issuer, tenant=tenant_id)

    def challenge(self, tenant_id: str, description: str, claims: Mapping[str, Any] | None = None) -> str:
        """Value of WWW-Authenticate for a 401 (RFC 6750 section 3); with `claims` one that a new sign-in
        meets.
        """
        if claims is not None:
            where = f"{self.base}/{tenant_id}"
            return insufficient_claims(claims, authorization_uri=where, description=description)
        safe = "".join(each for each in description if " " <= each <= "~" and each not in '"\\')
        where = f"{self.base}/{tenant_id}"
        return f'Bearer authorization_uri="{where}", error="invalid_token", error_description="{safe}"'

    async def discovery(
        self, tenant: str, now: datetime, *, base: str | None = None
    ) -> dict[str, Any] | OAuthFault:
        """OpenID configuration for a tenant as the client wrote it: id, domain, or `organizations`.

        `base` is the address the client used: the endpoints are there when it is one of ours. The issuer is
        the same under every address.
        """
        issuer = self.issuer("{tenantid}")
        if tenant.lower() not in NOT_A_TENANT:
            async with self._store.read() as tx:
                home = await self._store.directory.tenant(tx, tenant)
            if home is None:
                return Refusals(now, None).unknown_tenant(tenant[:80])
            issuer = self.issuer(home.id)
        root = f"{self.known(base)}/{tenant}"
        return {
            "issuer": issuer,
            "authorization_endpoint": f"{root}/oauth2/v2.0/authorize",
            "token_endpoint": f"{root}/oauth2/v2.0/token",
            "device_authorization_endpoint": f"{root}/oauth2/v2.0/devicecode",
            "end_session_endpoint": f"{root}/oauth2/v2.0/logout",
            "revocation_endpoint": f"{root}/oauth2/v2.0/revoke",
            "jwks_uri": f"{root}/discovery/v2.0/keys",
            "token_endpoint_auth_methods_supported": [
                "client_secret_post",
                "client_secret_basic",
                "private_key_jwt",
                "none",
            ],
            "token_endpoint_auth_signing_alg_values_supported": ["PS256", "RS256", "ES256"],
            "grant_types_supported": list(self._grants),
            "response_types_supported": ["code"],
            "response_modes_supported": list(Mode),
            "code_challenge_methods_supported": ["S256"],
            # In every answer; where the tenant is left to the person it is theirs.
            "authorization_response_iss_parameter_supported": True,
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": [ALGORITHM],
            "scopes_supported": ["openid", "profile", "offline_access"],
            "claims_supported": [
                "sub",
                "oid",
                "tid",
                "name",
                "preferred_username",
                "sid",
                "auth_time",
                "amr",
                "acr",
                "nonce",
            ],
        }

    def known(self, base: str | None) -> str:
        """`base` when it is an address of ours, the advertised one otherwise."""
        return base if base in self.tokens.bases else self.base

    async def jwks(self, now: datetime) -> dict[str, Any]:
        """The public keys that sign, signed or will sign access tokens."""
        return {"keys": await self.tokens.public(now)}


def _bounded(
    fields: Mapping[str, str], tenant: str, visitor: Visitor, now: datetime
) -> TokenRequest | OAuthFault:
    refuse = Refusals(now, visitor.correlation_id)
    if any(len(value) > _LONGER.get(name, MAX_FIELD) for name, value in fields.items()):
        return refuse.malformed("A parameter is too long.")
    if not fields.get("client_id"):
        return refuse.missing("client_id")
    return TokenRequest(fields=fields, tenant=tenant, visitor=visitor, now=now, refuse=refuse)
