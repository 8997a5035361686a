"""Programs: a secret or a certificate's signature in, an access token out (RFC 6749 4.4, RFC 7523)."""

from __future__ import annotations

import msgspec

from outofband.core import clock
from outofband.identity import assertions, claims
from outofband.identity.assertions import ASSERTION_TYPE, Proof
from outofband.identity.issuing import Issuer
from outofband.identity.limiter import Limiter
from outofband.identity.oauth import OAuthFault, TokenResponse
from outofband.identity.requests import NOT_A_TENANT, TokenRequest
from outofband.store.directory import Tenant
from outofband.store.principals import ClientCertificate, PrincipalSecret, ServicePrincipal
from outofband.store.store import Store

_SUFFIX = "/.default"
_GUESSES = frozenset({7000215, 700027})
"""Refusals that somebody gets who tries secrets or keys."""


class _Known(msgspec.Struct, frozen=True):
    """A program and what proves it."""

    client: ServicePrincipal
    secrets: list[PrincipalSecret] = []
    certificates: list[ClientCertificate] = []
    host_key: str | None = None
    """Of a machine's own identity: the public key of its agent, which nothing else proves."""


class ClientCredentials:
    """Wrong proofs are counted per client and address, and per address; beyond the limit even a right one
    waits.
    """

    def __init__(self, store: Store, issuer: Issuer, *, by_client: Limiter, by_address: Limiter) -> None:
        self._store = store
        self._issuer = issuer
        self._by_client = by_client
        self._by_address = by_address

    async def redeem(self, request: TokenRequest) -> TokenResponse | OAuthFault:
        refuse, source = request.refuse, request.visitor.source
        home = await self._home(request)
        if isinstance(home, OAuthFault):
            return home
        known = await self._known(request, home)
        if known is None:
            self._by_address.failed(source, clock.monotonic())
            return refuse.unknown_client(request.client_id, home.name)
        proven = await self._prove(request, known, home)
        if isinstance(proven, OAuthFault):
            if proven.code in _GUESSES:
                self._by_client.failed((request.client_id, source), clock.monotonic())
                self._by_address.failed(source, clock.monotonic())
            return proven
        if known.client.disabled:
            return refuse.disabled_client(request.client_id)
        audience = self._audience(request, home)
        if isinstance(audience, OAuthFault):
            return audience
        wanted = claims.read(request.get("claims"))
        if wanted is None or not wanted.possible(request.now):
            return refuse.malformed("The parameter 'claims' is no JSON, or asks for what cannot be.")
        return await self._issuer.to_program(
            known.client, audience, credential=proven or None, wanted=wanted, now=request.now
        )

    async def _home(self, request: TokenRequest) -> Tenant | OAuthFault:
        async with self._store.read() as tx:
            if request.tenant.lower() not in NOT_A_TENANT:
                home = await self._store.directory.tenant(tx, request.tenant)
                return home or request.refuse.unknown_tenant(request.tenant[:80])
            # Only a host's own identity implies its tenant: agents know no other name of it.
            agent = await self._store.agents.get(tx, request.client_id)
            home = await self._store.directory.tenant(tx, agent.tenant_id) if agent is not None else None
            return home or request.refuse.no_tenant()

    async def _known(self, request: TokenRequest, home: Tenant) -> _Known | None:
        async with self._store.read() as tx:
            client = await self._store.principals.by_app(tx, request.client_id)
            if client is None or client.tenant_id != home.id:
                return None
            agent = await self._store.agents.get(tx, client.object_id)
            if agent is not None:
                return _Known(client, host_key=agent.public_key if agent.trusted(request.now) else "")
            if request.get("client_assertion"):
                found = await self._store.principals.certificates(tx, client.object_id)
                return _Known(client, certificates=found)
            return _Known(client, secrets=await self._store.principals.secrets(tx, client.object_id))

    async def _prove(self, request: TokenRequest, known: _Known, home: Tenant) -> str | OAuthFault:
        """The id of the secret or certificate that proves the program; empty for the key of a host."""
        secret, assertion = request.get("client_secret"), request.get("client_assertion")
        if assertion and secret:
            return request.refuse.malformed("Give the client's credentials once.")
        if assertion:
            return await self._by_assertion(request, known, home)
        if not secret:
            return request.refuse.no_credential()
        # Every secret is compared, whichever matches: the time taken tells nothing about them.
        matching = [each for each in known.secrets if each.matches(secret)]
        # One that is not good yet is none yet.
        matching = [each for each in matching if each.begun(request.now)]
        if not matching:
            return request.refuse.wrong_secret(request.client_id)
        good = [each for each in matching if not each.ended(request.now)]
        return good[0].id if good else request.refuse.ended_secret(request.client_id)

    async def _by_assertion(self, request: TokenRequest, known: _Known, home: Tenant) -> str | OAuthFault:
        refuse, text = request.refuse, request.get("client_assertion")
        if request.get("client_assertion_type") != ASSERTION_TYPE:
            return refuse.malformed(f"The parameter 'client_assertion_type' has to be '{ASSERTION_TYPE}'.")
        addresses = self._addresses(request, home)
        if known.host_key is not None:
            proof = assertions.verify_host(
                text, request.client_id, known.host_key, addresses, now=request.now, refuse=refuse
            )
        else:
            proof = assertions.verify(
                text, request.client_id, known.certificates, addresses, now=request.now, refuse=refuse
            )
        if not isinstance(proof, Proof):
            return proof
        async with self._store.write() as tx:
            alone = await self._store.client_assertions.shown(
                tx,
                request.client_id,
                proof.jti,
                source=request.visitor.host,
                now=request.now,
                expires=proof.ends,
            )
        return proof.credential if alone else refuse.assertion_replayed()

    def _addresses(self, request: TokenRequest, home: Tenant) -> frozenset[str]:
        """What an assertion may be for: the token endpoint, as the client came to it, or the issuer."""
        tokens = self._issuer.tokens
        names = {home.id, request.tenant.lower(), *([home.domain] if home.domain else [])}
        ends = ("oauth2/v2.0/token", "oauth2/token", "v2.0")
        every = {f"{base}/{name}/{end}" for base in tokens.bases for name in names for end in ends}
        return frozenset(each.lower() for each in (*every, tokens.issuer(home.id)))

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
