"""What Microsoft Graph's clients ask of the directory beside its people: one program, one object, groups.

There are no groups here: their list is empty, none is found, and nobody is in any.
"""

from __future__ import annotations

import re
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from outofband.core.errors import Fault
from outofband.http.graph import Graph
from outofband.http.graph_shapes import conditions, shape
from outofband.resources import exchange
from outofband.store.people import User
from outofband.store.principals import ServicePrincipal
from outofband.store.tx import Tx
from outofband.wire.arm import paging

_ID = re.compile(r"[0-9A-Fa-f-]{36}")


class GraphObjects:
    def __init__(self, graph: Graph) -> None:
        self._graph = graph

    async def program(self, request: Request) -> Response:
        """GET /v1.0/servicePrincipals/{object}"""

        async def work(asked: exchange.Request, tx: Tx) -> Any:
            found = await self._named(request, asked, tx)
            if not isinstance(found, ServicePrincipal):
                raise _missing(request)
            return shape(found)

        return await self._graph.reading(request, work)

    async def object(self, request: Request) -> Response:
        """GET /v1.0/directoryObjects/{object}"""

        async def work(asked: exchange.Request, tx: Tx) -> Any:
            return shape(await self._named(request, asked, tx), typed=True)

        return await self._graph.reading(request, work)

    async def groups(self, request: Request) -> Response:
        """GET /v1.0/groups"""

        async def work(asked: exchange.Request, tx: Tx) -> Any:
            conditions(asked.parameter("$filter"))
            return paging.page([])

        return await self._graph.reading(request, work)

    async def group(self, request: Request) -> Response:
        """GET /v1.0/groups/{object} and what is under it"""

        async def work(asked: exchange.Request, tx: Tx) -> Any:
            raise _missing(request)

        return await self._graph.reading(request, work)

    async def memberships(self, request: Request) -> Response:
        """POST /v1.0/{kind}/{object}/getMemberGroups and checkMemberGroups: none, for an object there is."""

        async def work(asked: exchange.Request, tx: Tx) -> Any:
            await self._named(request, asked, tx)
            return paging.page([])

        return await self._graph.reading(request, work)

    async def _named(self, request: Request, asked: exchange.Request, tx: Tx) -> User | ServicePrincipal:
        """Raises Fault DirectoryObjectNotFound, also for what is another tenant's."""
        wanted = request.path_params["object"]
        found = None
        if _ID.fullmatch(wanted):
            found = await self._graph.principal(tx, wanted, asked.principal.tenant)
        if found is None:
            raise _missing(request)
        return found


def _missing(request: Request) -> Fault:
    return Fault("DirectoryObjectNotFound", id=request.path_params["object"][:80])
