"""The directory's doors, in the shapes of Microsoft Graph as far as they go: people, programs, names for ids.

To read takes any role in the tenant, to write `Microsoft.Authorization/users/write` on the whole of it. What
is of another tenant is not found.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from outofband.core import clock
from outofband.core.errors import Fault
from outofband.core.ids import ResourceId
from outofband.core.principal import Principal
from outofband.http import edge
from outofband.http.graph_shapes import (
    IdList,
    NewUser,
    UserChange,
    Wanted,
    conditions,
    display_name_in,
    fits,
    named_in,
    page,
    shape,
    told,
)
from outofband.http.services import Services
from outofband.identity.names import MAX_NAME
from outofband.identity.trail import KIND, NAMESPACE, UNKNOWN
from outofband.resources import exchange
from outofband.resources.trail import Trail
from outofband.store.people import User
from outofband.store.principals import ServicePrincipal
from outofband.store.tx import Tx
from outofband.wire.arm import paging

READ = "Microsoft.Authorization/users/read"
WRITE = "Microsoft.Authorization/users/write"
ROOT = "/"
MAX_BODY = 256 * 1024
MAX_IDS = 1000
"""Of one `getByIds`, as in Graph."""
_NO_STORE = {"Cache-Control": "no-store"}
_ID = re.compile(r"[0-9A-Fa-f-]{36}")


class Graph:
    def __init__(self, services: Services) -> None:
        self._services = services
        self._store = services.store
        self._directory = services.directory
        self._trail = Trail(services.store)

    async def me(self, request: Request) -> Response:
        """GET /v1.0/me"""

        async def work(asked: exchange.Request, tx: Tx) -> Any:
            found = await self.principal(tx, asked.principal.object_id, asked.principal.tenant)
            if found is None:
                # Its token was checked a moment ago, in another snapshot.
                raise Fault("DirectoryObjectNotFound", id=asked.principal.object_id)
            return shape(found)

        return await self.reading(request, work, for_anybody=True)

    async def users(self, request: Request) -> Response:
        """GET /v1.0/users"""

        async def work(asked: exchange.Request, tx: Tx) -> Any:
            wanted = Wanted.of(conditions(asked.parameter("$filter")))
            size = paging.size(asked.parameter("$top"))
            found = await self._store.people.page(
                tx,
                asked.principal.tenant,
                name=wanted.name,
                display_name=wanted.display_name,
                begins=wanted.begins,
                after=paging.after(asked.parameter("$skiptoken")),
                limit=min(size, paging.PAGE_DEFAULT) + 1,
            )
            return page(asked, found, min(size, paging.PAGE_DEFAULT), lambda user: user.name)

        return await self.reading(request, work)

    async def user(self, request: Request) -> Response:
        """GET /v1.0/users/{id or name}"""

        async def work(asked: exchange.Request, tx: Tx) -> Any:
            return shape(await self._named(asked.principal, request, tx))

        return await self.reading(request, work)

    async def create(self, request: Request) -> Response:
        """POST /v1.0/users"""

        async def work(deed: _Deed, body: bytes) -> Response:
            wanted = edge.decoded(body, NewUser)
            principal, profile = deed.request.principal, wanted.password_profile
            display_name = display_name_in(wanted.display_name)
            async with self._store.read() as tx:
                name = await self._directory.complete(tx, principal.tenant, wanted.user_principal_name)
            password = await self._directory.password(
                profile.password, name, must_change=profile.force_change_password_next_sign_in
            )
            async with self._store.write() as tx:
                await self._require_write(principal, tx)
                made = await self._directory.add(
                    tx,
                    principal.tenant,
                    name=name,
                    display_name=display_name,
                    disabled=not wanted.account_enabled,
                    password=password,
                    now=clock.now(),
                )
                deed.rid = _rid(made.object_id)
                await self._done(tx, deed, made)
            answer = shape(made)
            if password.made is not None:
                answer["passwordProfile"] = told(password.made, password.must_change)
            return edge.json_answer(201, answer, _NO_STORE)

        return await self._changing(request, "write", work)

    async def change(self, request: Request) -> Response:
        """PATCH /v1.0/users/{id or name}"""

        async def work(deed: _Deed, body: bytes) -> Response:
            wanted = edge.decoded(body, UserChange)
            principal, profile = deed.request.principal, wanted.password_profile
            async with self._store.read() as tx:
                user = await self._named(principal, request, tx)
            deed.rid = _rid(user.object_id)
            display_name = None if wanted.display_name is None else display_name_in(wanted.display_name)
            password = None
            if profile is not None:
                must_change = profile.force_change_password_next_sign_in
                password = await self._directory.password(
                    profile.password, user.name, must_change=must_change
                )
            async with self._store.write() as tx:
                await self._require_write(principal, tx)
                user = await self._directory.require(tx, principal.tenant, user.object_id)
                if display_name is not None:
                    await self._directory.set_display_name(tx, user, display_name)
                if password is not None:
                    await self._directory.set_password(tx, user, password, clock.now())
                if wanted.account_enabled is not None:
                    await self._directory.set_disabled(tx, user, not wanted.account_enabled, clock.now())
                await self._done(tx, deed, user, changed=named_in(wanted))
            if password is None or password.made is None:
                return Response(status_code=204)
            answer = {"passwordProfile": told(password.made, password.must_change)}
            return edge.json_answer(200, answer, _NO_STORE)

        return await self._changing(request, "write", work)

    async def remove(self, request: Request) -> Response:
        """DELETE /v1.0/users/{id or name}"""

        async def work(deed: _Deed, body: bytes) -> Response:
            async with self._store.write() as tx:
                await self._require_write(deed.request.principal, tx)
                user = await self._named(deed.request.principal, request, tx)
                deed.rid = _rid(user.object_id)
                await self._directory.remove(tx, user)
                await self._done(tx, deed, user)
            return Response(status_code=204)

        return await self._changing(request, "delete", work)

    async def programs(self, request: Request) -> Response:
        """GET /v1.0/servicePrincipals"""

        async def work(asked: exchange.Request, tx: Tx) -> Any:
            wanted = conditions(asked.parameter("$filter"))
            size, after = paging.size(asked.parameter("$top")), paging.after(asked.parameter("$skiptoken"))
            found = [
                each
                for each in await self._store.principals.of_tenant(tx, asked.principal.tenant)
                if (after is None or each.object_id > after) and all(fits(each, one) for one in wanted)
            ]
            found.sort(key=lambda each: each.object_id)
            return page(asked, found[: size + 1], size, lambda program: program.object_id)

        return await self.reading(request, work)

    async def by_ids(self, request: Request) -> Response:
        """POST /v1.0/directoryObjects/getByIds: names for the ids that role assignments hold."""

        async def work(asked: exchange.Request, tx: Tx) -> Any:
            ids = edge.decoded(asked.body, IdList).ids
            if len(ids) > MAX_IDS:
                raise Fault("InvalidParameter", target="ids", detail=f"there are more than {MAX_IDS}")
            wanted = dict.fromkeys(each.lower() for each in ids if _ID.fullmatch(each))
            found = [await self.principal(tx, each, asked.principal.tenant) for each in wanted]
            return {"value": [shape(each, typed=True) for each in found if each is not None]}

        return await self.reading(request, work)

    async def reading(
        self,
        request: Request,
        work: Callable[[exchange.Request, Tx], Awaitable[Any]],
        *,
        for_anybody: bool = False,
    ) -> Response:
        """The answer that `work` makes within one snapshot, for a caller with any role in its tenant."""

        async def answer(ids: edge.Ids) -> Response:
            authority = self._services.authority
            principal = await edge.caller_of(request, authority)
            body = await edge.body_of(request, MAX_BODY)
            asked = edge.asked(request, ids, principal, authority.base, body)
            async with self._store.read() as tx:
                rights = await self._services.authorizer.rights(principal, tx)
                if not for_anybody and not rights.assignments:
                    rights.require(READ, ROOT)
                found = await work(asked, tx)
            return edge.json_answer(200, found, ids.headers())

        return await edge.guarded(request, self._services.authority, answer)

    async def _changing(
        self, request: Request, verb: str, work: Callable[[_Deed, bytes], Awaitable[Response]]
    ) -> Response:
        """The right is asked for before the work, for a hash costs, and once more within its change."""

        async def answer(ids: edge.Ids) -> Response:
            authority = self._services.authority
            principal = await edge.caller_of(request, authority)
            deed = _Deed(
                edge.asked(request, ids, principal, authority.base),
                _rid(_known(request.path_params.get("user", "new"))),
                f"{NAMESPACE}/{KIND}/{verb}",
            )
            try:
                await self._require_write(principal, None)
                done = await work(deed, await edge.body_of(request, MAX_BODY))
            except Fault as fault:
                await self._trail.refused(deed.request, deed.rid, deed.action, fault)
                raise
            done.headers.update({**ids.headers(), **done.headers})
            return done

        return await edge.guarded(request, self._services.authority, answer)

    async def _require_write(self, principal: Principal, tx: Tx | None) -> None:
        await self._services.authorizer.require(principal, WRITE, ROOT, tx)

    async def _named(self, principal: Principal, request: Request, tx: Tx) -> User:
        return await self._directory.require(tx, principal.tenant, request.path_params["user"])

    async def principal(self, tx: Tx, object_id: str, tenant_id: str) -> User | ServicePrincipal | None:
        """Who has the object id in that tenant."""
        user = await self._store.people.get(tx, object_id)
        found = user or await self._store.principals.get(tx, object_id)
        return found if found is not None and found.tenant_id == tenant_id else None

    async def _done(self, tx: Tx, deed: _Deed, user: User, *, changed: list[str] | None = None) -> None:
        about = {"userPrincipalName": user.name, **({"changed": changed} if changed is not None else {})}
        await self._trail.request(
            tx, deed.request, deed.rid, deed.action, Trail.SUCCEEDED, now=clock.now(), properties=about
        )


class _Deed(msgspec.Struct):
    """A change as the activity log knows it. `rid` is what the caller named until the user is found."""

    request: exchange.Request
    rid: ResourceId
    action: str


def _known(user: str) -> str:
    """What a caller named, as far as it can be a user's: anything else is not for a row of the log."""
    return user if user.isprintable() and len(user) <= MAX_NAME else UNKNOWN


def _rid(user: str) -> ResourceId:
    return ResourceId(namespace=NAMESPACE, chain=((KIND, user),))
