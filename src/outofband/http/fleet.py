"""The agents' doors: enrolment tokens, enrolment, the control link. The decisions are the fleet's."""

from __future__ import annotations

from datetime import timedelta

import msgspec
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState

from outofband.core.errors import Fault
from outofband.core.ids import ResourceId
from outofband.http import edge
from outofband.http.services import Services
from outofband.providers.hybrid_compute import ENROL
from outofband.wire.enrolment import MAX_REQUEST, EnrolRequest

MAX_TOKEN_REQUEST = 4096
_MAX_HOURS = 24 * 365


class TokenRequest(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Body of POST /fleet/tokens. `name` fixes the name the host will have."""

    subscription: str
    resource_group: str
    hours: int = 1
    name: str | None = None


class FleetDoors:
    def __init__(self, services: Services) -> None:
        self._services = services

    async def tokens(self, request: Request) -> Response:
        """POST /fleet/tokens: a one-time token, for whoever may bring machines into the resource group."""

        async def work(ids: edge.Ids) -> Response:
            services = self._services
            principal = await edge.caller_of(request, services.authority)
            wanted = edge.decoded(await edge.body_of(request, MAX_TOKEN_REQUEST), TokenRequest)
            if not 0 < wanted.hours <= _MAX_HOURS:
                raise Fault("InvalidParameter", target="hours", detail=f"1 to {_MAX_HOURS}")

            async def make(group: ResourceId) -> str:
                life = timedelta(hours=wanted.hours)
                place = group.subscription or "", group.group or ""
                return await services.fleet.create_token(principal, *place, life, name=wanted.name)

            group = ResourceId(subscription=wanted.subscription, group=wanted.resource_group)
            asked = edge.asked(request, ids, principal, services.authority.base)
            token = await services.kernel.beside(asked, group, ENROL, make)
            body = {"token": token, "expiresIn": wanted.hours * 3600}
            return edge.json_answer(200, body, {**ids.headers(), "Cache-Control": "no-store"})

        return await edge.guarded(request, self._services.authority, work)

    async def trust(self, request: Request) -> Response:
        """GET /fleet/trust: the authorities, for a host to compare with the fingerprint in its token."""
        return PlainTextResponse(self._services.fleet.authorities(), media_type="application/x-pem-file")

    async def enrol(self, request: Request) -> Response:
        """POST /fleet/enroll: the token is the right."""

        async def work(ids: edge.Ids) -> Response:
            wanted = edge.decoded(await edge.body_of(request, MAX_REQUEST), EnrolRequest)
            answer = await self._services.fleet.enrol(wanted, edge.address_of(request))
            return edge.json_answer(
                200, msgspec.to_builtins(answer), {**ids.headers(), "Cache-Control": "no-store"}
            )

        return await edge.guarded(request, self._services.authority, work)

    async def link(self, socket: WebSocket) -> None:
        """WebSocket /fleet/link: the agent proves its key in the messages."""
        await socket.accept()
        address = socket.client.host if socket.client is not None else ""
        await self._services.fleet.serve_link(_Link(socket), address)


class _Link:
    """A Starlette WebSocket in the fleet's words."""

    def __init__(self, socket: WebSocket) -> None:
        self._socket = socket

    async def receive_text(self) -> str | None:
        try:
            message = await self._socket.receive()
        except (RuntimeError, OSError):
            return None
        text: str | None = message.get("text") if message["type"] == "websocket.receive" else None
        return text

    async def send_text(self, text: str) -> None:
        try:
            await self._socket.send_text(text)
        except (WebSocketDisconnect, RuntimeError) as error:
            raise OSError("the socket is over") from error

    async def close(self, code: int) -> None:
        if self._socket.application_state is not WebSocketState.CONNECTED:
            return
        try:
            await self._socket.close(code)
        except (WebSocketDisconnect, RuntimeError) as error:
            raise OSError("the socket is over") from error
