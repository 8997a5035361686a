"""Resource Manager's door: every path that no other door has."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocketClose

from outofband.http import edge
from outofband.http.services import Services
from outofband.resources import exchange


class ResourceManager:
    """An ASGI application. One catch-all: the kernel knows the paths, and compares them without case."""

    def __init__(self, services: Services) -> None:
        self._services = services

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await WebSocketClose()(scope, receive, send)
            return
        request = edge.QuickRequest(scope, receive)

        async def work(ids: edge.Ids) -> Response:
            return await self._answer(request, ids)

        response = await edge.guarded(request, self._services.authority, work)
        await response(scope, receive, send)

    async def _answer(self, request: Request, ids: edge.Ids) -> Response:
        services = self._services
        principal = await edge.caller_of(request, services.authority)
        body = await edge.body_of(request, exchange.MAX_BODY)
        asked = edge.asked(request, ids, principal, services.authority.base, body)
        answer = await services.kernel.handle(asked)
        given = edge.json_answer(answer.status, answer.body, {**ids.headers(), **answer.headers})
        # A single resource has the tag that a change of it may name in If-Match.
        plain = request.method == "GET" and answer.status == 200 and "ETag" not in answer.headers
        return edge.tagged(request, given) if plain else given
