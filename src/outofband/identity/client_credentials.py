"""Programs: a secret in, an access token out (RFC 6749 section 4.4)."""

from __future__ import annotations

from outofband.core import clock
from outofband.identity import claims
from outofband.identity.issuing import Issuer
from outofband.identity.limiter import Limiter
from outofband.identity.oauth import OAuthFault, TokenResponse
from outofband.identity.requests import NOT_A_TENANT, TokenRequest
from outofband.store.directory import Tenant
from outofband.store.principals import PrincipalSecret, ServicePrincipal
from outofband.store.store import Store

_SUFFIX = "/.default"


class ClientCredentials:
    """Wrong secrets are counted per client and address, and per address; beyond the limit even a right one
    waits.
    """

    def __init__(self, store: Store, issuer: Issuer, *, by_client: Limiter, by_address: Limiter) -> None:
        self._store = store
        self._issuer = issuer
        self._by_client = by_client
        self._by_address = by_address

    async def redeem(self, request: TokenRequest) -> TokenResponse | OAuthFault:
        refuse, source = request.refuse, request.visitor.source
        found = await self._client(request)
        if isinstance(found, OAuthFault):
            return found
        home, client, secrets = found
        if client is None:
            self._by_address.failed(source, clock.monotonic())
            return refuse.unknown_client(request.client_id, home.name)
        if not request.get("client_secret"):
            assertion = request.get("client_assertion")
            return refuse.unknown_certificate() if assertion else refuse.no_credential()
        # Every secret is compared, whichever matches: the time taken tells nothing about them.
        matching = [each for each in secrets if each.matches(request.get("client_secret"))]
        # One that is not good yet is none yet.
        matching = [each for each in matching if each.begun(request.now)]
        if not matching:
            self._by_client.failed((request.client_id, source), clock.monotonic())
            self._by_address.failed(source, clock.monotonic())
            return refuse.wrong_secret(request.client_id)
        if all(each.ended(request.now) for each in matching):
            return refuse.ended_secret(request.client_id)
        if client.disabled:
            return refuse.disabled_client(request.client_id)
        audience = self._audience(request, home)
        if isinstance(audience, OAuthFault):
            return audience
        wanted = claims.read(request.get("claims"))
        if wanted is None or not wanted.possible(request.now):
            return refuse.malformed("The parameter 'claims' is no JSON, or asks for what cannot be.")
        return await self._issuer.to_program(
            client, audience, credential=matching[0].id, wanted=wanted, now=request.now
        )

    async def _client(
        self, request: TokenRequest
    ) -> OAuthFault | tuple[Tenant, ServicePrincipal | None, list[PrincipalSecret]]:
        if request.tenant.lower() in NOT_A_TENANT:
            return request.refuse.no_tenant()
        async with self._store.read() as tx:
            home = await self._store.directory.tenant(tx, request.tenant)
            if home is None:
                return request.refuse.unknown_tenant(request.tenant[:80])
            client = await self._store.principals.by_app(tx, request.client_id)
            if client is None or client.tenant_id != home.id:
                return home, None, []
            return home, client, await self._store.principals.secrets(tx, client.object_id)

    def _audience(self, request: TokenRequest, home: Tenant) -> str | OAuthFault:
        """`scope` (v2.0) is an audience plus one `/.default`; `resource` (v1) is the audience itself."""
        scope, resource = request.get("scope"), request.get("resource")
        if scope:
            if not scope.endswith(_SUFFIX) or " " in scope:
                return request.refuse.bad_scope(scope[:200])
            resource = scope.removesuffix(_SUFFIX)
        if not resource:
            return request.refuse.missing("scope")
        if resource not in self._issuer.tokens.audiences:
            return request.refuse.unknown_resource(resource[:200], home.name)
        return resource
