"""The directory's doors for people, and names for ids, in the shapes of Microsoft Graph as far as they go."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from outofband.core import clock
from outofband.core.errors import Fault
from outofband.core.principal import Principal
from outofband.http import edge
from outofband.http.graph_door import NO_STORE, USERS, Deed, GraphDoor
from outofband.http.graph_shapes import (
    IdList,
    NewUser,
    UserChange,
    Wanted,
    conditions,
    display_name_in,
    named_in,
    page,
    shape,
    told,
)
from outofband.http.services import Services
from outofband.resources import exchange
from outofband.store.people import User
from outofband.store.tx import Tx
from outofband.wire.arm import paging

MAX_IDS = 1000
"""Of one `getByIds`, as in Graph."""


class Graph(GraphDoor):
    def __init__(self, services: Services) -> None:
        super().__init__(services)
        self.directory = services.directory

    async def me(self, request: Request) -> Response:
        """GET /v1.0/me"""

        async def work(asked: exchange.Request, tx: Tx) -> Any:
            return shape(await self.require(tx, asked.principal.object_id, asked.principal.tenant))

        return await self.reading(request, work, for_anybody=True)

    async def users(self, request: Request) -> Response:
        """GET /v1.0/users"""

        async def work(asked: exchange.Request, tx: Tx) -> Any:
            wanted = Wanted.of(conditions(asked.parameter("$filter")))
            size = paging.size(asked.parameter("$top"))
            found = await self.store.people.page(
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

        async def work(deed: Deed, body: bytes) -> Response:
            wanted = edge.decoded(body, NewUser)
            principal, profile = deed.request.principal, wanted.password_profile
            display_name = display_name_in(wanted.display_name)
            async with self.store.read() as tx:
                name = await self.directory.complete(tx, principal.tenant, wanted.user_principal_name)
            password = await self.directory.password(
                profile.password, name, must_change=profile.force_change_password_next_sign_in
            )
            async with self.store.write() as tx:
                await self.require_write(principal, tx, USERS)
                made = await self.directory.add(
                    tx,
                    principal.tenant,
                    name=name,
                    display_name=display_name,
                    disabled=not wanted.account_enabled,
                    password=password,
                    now=clock.now(),
                )
                deed.name = made.object_id
                await self.done(tx, deed, userPrincipalName=made.name)
            answer = shape(made)
            if password.made is not None:
                answer["passwordProfile"] = told(password.made, password.must_change)
            return edge.json_answer(201, answer, NO_STORE)

        return await self.changing(request, USERS, "write", work, named="user")

    async def change(self, request: Request) -> Response:
        """PATCH /v1.0/users/{id or name}"""

        async def work(deed: Deed, body: bytes) -> Response:
            wanted = edge.decoded(body, UserChange)
            principal, profile = deed.request.principal, wanted.password_profile
            async with self.store.read() as tx:
                user = await self._named(principal, request, tx)
            deed.name = user.object_id
            display_name = None if wanted.display_name is None else display_name_in(wanted.display_name)
            password = None
            if profile is not None:
                must_change = profile.force_change_password_next_sign_in
                password = await self.directory.password(profile.password, user.name, must_change=must_change)
            async with self.store.write() as tx:
                await self.require_write(principal, tx, USERS)
                user = await self.directory.require(tx, principal.tenant, user.object_id)
                if password is not None or wanted.account_enabled is not None:
                    await self.require_not_above(principal, user.object_id, tx)
                if display_name is not None:
                    await self.directory.set_display_name(tx, user, display_name)
                if password is not None:
                    await self.directory.set_password(tx, user, password, clock.now())
                if wanted.account_enabled is not None:
                    await self.directory.set_disabled(tx, user, not wanted.account_enabled, clock.now())
                await self.done(tx, deed, userPrincipalName=user.name, changed=named_in(wanted))
            if password is None or password.made is None:
                return Response(status_code=204)
            answer = {"passwordProfile": told(password.made, password.must_change)}
            return edge.json_answer(200, answer, NO_STORE)

        return await self.changing(request, USERS, "write", work, named="user")

    async def remove(self, request: Request) -> Response:
        """DELETE /v1.0/users/{id or name}"""

        async def work(deed: Deed, body: bytes) -> Response:
            async with self.store.write() as tx:
                await self.require_write(deed.request.principal, tx, USERS)
                user = await self._named(deed.request.principal, request, tx)
                deed.name = user.object_id
                await self.require_not_above(deed.request.principal, user.object_id, tx)
                await self.directory.remove(tx, user)
                await self.done(tx, deed, userPrincipalName=user.name)
            return Response(status_code=204)

        return await self.changing(request, USERS, "delete", work, named="user")

    async def by_ids(self, request: Request) -> Response:
        """POST /v1.0/directoryObjects/getByIds: names for the ids that role assignments hold."""

        async def work(asked: exchange.Request, tx: Tx) -> Any:
            ids = edge.decoded(asked.body, IdList).ids
            if len(ids) > MAX_IDS:
                raise Fault("InvalidParameter", target="ids", detail=f"there are more than {MAX_IDS}")
            wanted = dict.fromkeys(each.lower() for each in ids)
            found = [await self.thing(tx, each, asked.principal.tenant) for each in wanted]
            return {"value": [shape(each, typed=True) for each in found if each is not None]}

        return await self.reading(request, work)

    async def _named(self, principal: Principal, request: Request, tx: Tx) -> User:
        return await self.directory.require(tx, principal.tenant, request.path_params["user"])
