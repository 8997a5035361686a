"""What Microsoft Graph's clients ask of any object of the directory: the object itself, and its owners.

Owners are people to ask; no right comes of it.
"""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from outofband.core import clock
from outofband.core.errors import Fault
from outofband.http.graph_door import APPLICATIONS, GROUPS, Deed, GraphDoor, named, no_content, referred
from outofband.http.graph_shapes import Thing, shape
from outofband.resources import exchange
from outofband.store.applications import Application
from outofband.store.groups import Group
from outofband.store.principals import ServicePrincipal
from outofband.store.tx import Tx
from outofband.wire.arm import paging

MAX_OWNERS = 100
_KINDS = {GROUPS: Group, APPLICATIONS: Application, "servicePrincipals": ServicePrincipal}


class GraphObjects(GraphDoor):
    async def object(self, request: Request) -> Response:
        """GET /v1.0/directoryObjects/{object}"""

        async def work(asked: exchange.Request, tx: Tx) -> Any:
            return shape(await self.require(tx, named(request), asked.principal.tenant), typed=True)

        return await self.reading(request, work)

    async def owned(self, request: Request) -> Response:
        """GET /v1.0/me/ownedObjects"""

        async def work(asked: exchange.Request, tx: Tx) -> Any:
            ids = await self.store.custodians.owned_by(tx, asked.principal.object_id)
            return await self._shapes(tx, ids, asked.principal.tenant)

        return await self.reading(request, work, for_anybody=True)

    async def owners(self, request: Request) -> Response:
        """GET /v1.0/{kind}/{object}/owners"""

        async def work(asked: exchange.Request, tx: Tx) -> Any:
            found = await self._of_kind(tx, request, asked.principal.tenant)
            ids = await self.store.custodians.of(tx, found.object_id)
            return await self._shapes(tx, ids, asked.principal.tenant)

        return await self.reading(request, work)

    async def add_owner(self, request: Request) -> Response:
        """POST /v1.0/{kind}/{object}/owners/$ref"""

        async def work(deed: Deed, body: bytes, tx: Tx) -> Response:
            tenant = deed.request.principal.tenant
            found = await self._of_kind(tx, request, tenant)
            owner = await self.require(tx, referred(body), tenant)
            if isinstance(owner, Application | Group):
                detail = "it is the id of neither a user nor a service principal"
                raise Fault("InvalidParameter", target="@odata.id", detail=detail)
            if len(await self.store.custodians.of(tx, found.object_id)) >= MAX_OWNERS:
                detail = f"there are {MAX_OWNERS} already"
                raise Fault("InvalidParameter", target="owners", detail=detail)
            if not await self.store.custodians.add(tx, found.object_id, owner.object_id, clock.now()):
                raise Fault("OwnerExists", owner=owner.name, name=_name(found))
            await self.done(tx, deed, displayName=_name(found), ownerId=owner.object_id)
            return no_content()

        return await self.changing_at_once(request, _kind(request), "addOwner/action", work)

    async def remove_owner(self, request: Request) -> Response:
        """DELETE /v1.0/{kind}/{object}/owners/{member}/$ref"""

        async def work(deed: Deed, body: bytes, tx: Tx) -> Response:
            found = await self._of_kind(tx, request, deed.request.principal.tenant)
            owner = str(request.path_params["member"])
            if not await self.store.custodians.remove(tx, found.object_id, owner):
                raise Fault("DirectoryObjectNotFound", id=owner[:80])
            await self.done(tx, deed, displayName=_name(found), ownerId=owner)
            return no_content()

        return await self.changing_at_once(request, _kind(request), "removeOwner/action", work)

    async def _of_kind(self, tx: Tx, request: Request, tenant: str) -> Thing:
        """What the path names. Raises Fault DirectoryObjectNotFound."""
        found = await self.thing(tx, named(request), tenant)
        if found is None or not isinstance(found, _KINDS[_kind(request)]):
            raise Fault("DirectoryObjectNotFound", id=named(request)[:80])
        return found

    async def _shapes(self, tx: Tx, ids: list[str], tenant: str) -> Any:
        found = [await self.thing(tx, each, tenant) for each in ids]
        return paging.page([shape(each, typed=True) for each in found if each is not None])


def _name(found: Thing) -> str:
    return found.name


def _kind(request: Request) -> str:
    return str(request.scope["path"]).split("/")[2]
