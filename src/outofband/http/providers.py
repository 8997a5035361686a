"""Providers of others that people sign in through, in JSON: `/directory/identityProviders` and below.

To see them takes a right of its own, and so does to change them. Whoever says that a group there is one of
ours needs the right to change groups as well, whoever says who is who the right to change people, and neither
reaches above the caller: a provider is not a way around that.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from outofband.core import clock
from outofband.core.ids import ResourceId
from outofband.core.principal import Principal
from outofband.http import edge
from outofband.http.account.external import CALLBACK
from outofband.http.graph_door import GROUPS, ROOT, USERS, WRITES, Deed, GraphDoor, no_content
from outofband.http.provider_shapes import (
    LinkList,
    NewLink,
    NewProvider,
    ProviderChange,
    ProviderList,
    ProviderShape,
    ProviderTest,
    link_shape,
    provider_shape,
)
from outofband.http.services import Services
from outofband.identity.external.settings import Settings, read
from outofband.identity.trail import NAMESPACE
from outofband.resources import exchange
from outofband.resources.trail import Trail
from outofband.store.identity_providers import IdentityProvider
from outofband.store.tx import Tx

PATH = "/directory/identityProviders"
KIND = "identityProviders"
READ, WRITE = (f"Microsoft.Authorization/{KIND}/{verb}" for verb in ("read", "write"))


class ProviderDoors(GraphDoor):
    def __init__(self, services: Services) -> None:
        super().__init__(services)
        self._directory = services.authority.external_directory
        self._external = services.authority.external

    async def require_write(self, principal: Principal, tx: Tx | None, kind: str) -> None:
        await self.services.authorizer.require(principal, WRITE, ROOT, tx)

    async def list(self, request: Request) -> Response:
        """GET /directory/identityProviders"""

        async def work(asked: exchange.Request, tx: Tx) -> Any:
            found = await self.store.identity_providers.of_tenant(tx, asked.principal.tenant)
            return ProviderList([self._shape(each) for each in found])

        return await self._reading(request, work)

    async def get(self, request: Request) -> Response:
        """GET /directory/identityProviders/{provider}"""

        async def work(asked: exchange.Request, tx: Tx) -> Any:
            name = request.path_params["provider"]
            return self._shape(await self._directory.require(tx, asked.principal.tenant, name))

        return await self._reading(request, work)

    async def create(self, request: Request) -> Response:
        """POST /directory/identityProviders"""

        async def work(deed: Deed, body: bytes, tx: Tx) -> Response:
            wanted, principal = edge.decoded(body, NewProvider), deed.request.principal
            given, settings = wanted.given(), wanted.settings({})
            await self._require_reach(principal, tx, settings, frozenset())
            made = await self._directory.add(
                tx,
                principal.tenant,
                name=wanted.name,
                issuer=wanted.issuer,
                client_id=wanted.client_id,
                secret=given.get("secret"),
                settings=settings,
                disabled=given.get("disabled", False),
                by=principal.name,
                now=clock.now(),
            )
            deed.name = made.id
            await self.done(tx, deed, displayName=made.name, issuer=made.issuer)
            return edge.json_answer(201, self._shape(made), {})

        return await self.changing_at_once(request, KIND, "write", work)

    async def change(self, request: Request) -> Response:
        """PATCH /directory/identityProviders/{provider}"""

        async def work(deed: Deed, body: bytes, tx: Tx) -> Response:
            wanted, principal = edge.decoded(body, ProviderChange), deed.request.principal
            provider = await self._of(deed, tx)
            settings = wanted.settings(provider.settings)
            # Also when they stay: who else may say what is mapped decides who is let into the groups.
            proved = frozenset(read(provider.settings).second_factor)
            await self._require_reach(principal, tx, settings, proved)
            kept = await self._directory.change(
                tx,
                provider,
                given=wanted.given(),
                settings=settings,
                by=principal.name,
                now=clock.now(),
            )
            await self.done(tx, deed, displayName=kept.name, changed=wanted.told)
            self._external.providers.forget(kept.id)
            return edge.json_answer(200, self._shape(kept), {})

        return await self._changing_at_once(request, "write", work)

    async def remove(self, request: Request) -> Response:
        """DELETE /directory/identityProviders/{provider}"""

        async def work(deed: Deed, body: bytes, tx: Tx) -> Response:
            provider = await self._of(deed, tx)
            await self._directory.remove(tx, provider, clock.now())
            await self.done(tx, deed, displayName=provider.name)
            self._external.providers.forget(provider.id)
            return no_content()

        return await self._changing_at_once(request, "delete", work)

    async def test(self, request: Request) -> Response:
        """POST /directory/identityProviders/{provider}/test: nobody is signed in by it."""

        async def work(deed: Deed, body: bytes) -> Response:
            async with self.store.read() as tx:
                await self.require_write(deed.request.principal, tx, KIND)
                provider = await self._of(deed, tx)
            metadata = await self._external.providers.metadata(provider, fresh=True)
            keys = await self._external.providers.keys(provider)
            found = ProviderTest(
                issuer=metadata.issuer,
                authorization_endpoint=metadata.authorization_endpoint,
                token_endpoint=metadata.token_endpoint,
                userinfo_endpoint=metadata.userinfo_endpoint,
                keys=len(keys),
                sends_issuer=metadata.authorization_response_iss_parameter_supported,
            )
            return edge.json_answer(200, found, {})

        return await self.changing(request, KIND, "test/action", work, named="provider")

    async def links(self, request: Request) -> Response:
        """GET /directory/identityProviders/{provider}/links"""

        async def work(asked: exchange.Request, tx: Tx) -> Any:
            name = request.path_params["provider"]
            provider = await self._directory.require(tx, asked.principal.tenant, name)
            found = await self.store.external_identities.of_provider(tx, provider.id)
            return LinkList(
                [link_shape(each, await self.store.people.get(tx, each.object_id)) for each in found]
            )

        return await self._reading(request, work)

    async def link(self, request: Request) -> Response:
        """POST /directory/identityProviders/{provider}/links: say who a user is there, or invite."""

        async def work(deed: Deed, body: bytes, tx: Tx) -> Response:
            wanted, principal = edge.decoded(body, NewLink), deed.request.principal
            await self.services.authorizer.require(principal, WRITES[USERS], ROOT, tx)
            provider = await self._of(deed, tx)
            user = await self.services.directory.require(tx, principal.tenant, wanted.user)
            await self.require_not_above(principal, user.object_id, tx)
            made = await self._directory.invite(
                tx,
                provider,
                user,
                subject=wanted.subject,
                email=wanted.email,
                by=principal.name,
                now=clock.now(),
            )
            if wanted.drop_password:
                await self.services.directory.drop_password(tx, user, clock.now())
            await self._tell(tx, deed, user.object_id, provider)
            about = {
                "userPrincipalName": user.name,
                "label": made.label,
                "passwordRemoved": wanted.drop_password,
            }
            await self.done(tx, deed, displayName=provider.name, **about)
            return edge.json_answer(201, link_shape(made, user), {})

        return await self._changing_at_once(request, "link/action", work)

    async def unlink(self, request: Request) -> Response:
        """DELETE /directory/identityProviders/{provider}/links/{identity}"""

        async def work(deed: Deed, body: bytes, tx: Tx) -> Response:
            await self.services.authorizer.require(deed.request.principal, WRITES[USERS], ROOT, tx)
            provider = await self._of(deed, tx)
            gone = await self._directory.unlink(tx, provider, request.path_params["identity"], clock.now())
            await self.require_not_above(deed.request.principal, gone.object_id, tx)
            await self._tell(tx, deed, gone.object_id, provider)
            await self.done(tx, deed, displayName=provider.name, userId=gone.object_id, label=gone.label)
            return no_content()

        return await self._changing_at_once(request, "unlink/action", work)

    async def _reading(
        self, request: Request, work: Callable[[exchange.Request, Tx], Awaitable[Any]]
    ) -> Response:
        async def allowed(asked: exchange.Request, tx: Tx) -> Any:
            await self.services.authorizer.require(asked.principal, READ, ROOT, tx)
            return msgspec.to_builtins(await work(asked, tx))

        return await self.reading(request, allowed, for_anybody=True)

    async def _changing_at_once(
        self, request: Request, verb: str, work: Callable[[Deed, bytes, Tx], Awaitable[Response]]
    ) -> Response:
        async def whole(deed: Deed, body: bytes) -> Response:
            async with self.store.write() as tx:
                await self.require_write(deed.request.principal, tx, KIND)
                return await work(deed, body, tx)

        return await self.changing(request, KIND, verb, whole, named="provider")

    async def _require_reach(
        self, principal: Principal, tx: Tx, settings: Settings, proved: frozenset[str]
    ) -> None:
        """What a provider says decides on groups, and on factors: `proved` are the words that counted as a
        second one. More of them relax the tenant's rule, which is for who manages people.
        """
        if set(settings.second_factor) - proved:
            await self.services.authorizer.require(principal, WRITES[USERS], ROOT, tx)
        if settings.group_map:
            await self.services.authorizer.require(principal, WRITES[GROUPS], ROOT, tx)
        for each in settings.group_map:
            await self.require_not_above(principal, each.group, tx)

    async def _tell(self, tx: Tx, deed: Deed, user_id: str, provider: IdentityProvider) -> None:
        """A row of the user's as well, who is shown what others did to the account."""
        about = {"provider": provider.name}
        user = ResourceId(namespace=NAMESPACE, chain=((USERS, user_id),))
        action = f"{NAMESPACE}/{USERS}/write"
        await self._trail.request(
            tx, deed.request, user, action, Trail.SUCCEEDED, now=clock.now(), properties=about
        )

    async def _of(self, deed: Deed, tx: Tx) -> IdentityProvider:
        found = await self._directory.require(tx, deed.request.principal.tenant, deed.name)
        deed.name = found.id
        return found

    def _shape(self, provider: IdentityProvider) -> ProviderShape:
        tokens = self.services.authority.tokens
        bases = [tokens.base, *sorted(tokens.bases - {tokens.base})]
        return provider_shape(provider, [base + CALLBACK.format(provider=provider.id) for base in bases])


def provider_routes(services: Services) -> list[Route]:
    doors = ProviderDoors(services)
    one, links = f"{PATH}/{{provider}}", f"{PATH}/{{provider}}/links"
    return [
        Route(PATH, doors.list, methods=["GET"]),
        Route(PATH, doors.create, methods=["POST"]),
        Route(one, doors.get, methods=["GET"]),
        Route(one, doors.change, methods=["PATCH"]),
        Route(one, doors.remove, methods=["DELETE"]),
        Route(f"{one}/test", doors.test, methods=["POST"]),
        Route(links, doors.links, methods=["GET"]),
        Route(links, doors.link, methods=["POST"]),
        Route(f"{links}/{{identity}}", doors.unlink, methods=["DELETE"]),
    ]
