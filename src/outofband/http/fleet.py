"""The agents' doors: enrolment tokens, enrolment, the control link. The decisions are the fleet's."""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import TypeVar

import msgspec
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState

from outofband.core import clock
from outofband.core.errors import Fault
from outofband.core.ids import ResourceId
from outofband.http import edge
from outofband.http.services import Services
from outofband.identity.limiter import Limiter
from outofband.providers.hybrid_compute.shape import ENROL
from outofband.wire.connecting import ConnectRequest, RekeyRequest
from outofband.wire.enrolment import MAX_REQUEST, EnrolRequest

MAX_TOKEN_REQUEST = 4096
_MAX_HOURS = 24 * 365
MAX_GUESSES = 100
"""Refused claims, re-keys and enrolments of one address before it has to wait: many servers may stand behind
one address.
"""
GUESS_SECONDS = 3.0
_GUESSES = frozenset({"EnrollmentTokenInvalid", "MachineNotClaimed", "AgentUnknown"})
T = TypeVar("T", bound=msgspec.Struct)


class TokenRequest(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Body of POST /fleet/tokens. `name` fixes the name the host will have."""

    subscription: str
    resource_group: str
    hours: int = 1
    name: str | None = None


class FleetDoors:
    def __init__(self, services: Services) -> None:
        self._services = services
        self._refused = Limiter(burst=MAX_GUESSES, interval=GUESS_SECONDS)
        """By address: what was refused at the doors that need no token of a caller."""

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

        return await self._by_key(request, EnrolRequest, self._services.fleet.enrol)

    async def connect(self, request: Request) -> Response:
        """POST /fleet/connect: the key that stands in the machine is the right."""
        return await self._by_key(request, ConnectRequest, self._services.fleet.connect)

    async def rekey(self, request: Request) -> Response:
        """POST /fleet/rekey: the old key is the right."""
        return await self._by_key(request, RekeyRequest, self._services.fleet.rekey)

    async def _by_key(
        self, request: Request, kind: type[T], run: Callable[[T, str], Awaitable[msgspec.Struct]]
    ) -> Response:
        """A door that takes no caller's token. Guesses from one address are slowed down."""

        async def work(ids: edge.Ids) -> Response:
            address = edge.address_of(request)
            if (wait := self._refused.wait(address, clock.monotonic())) > 0:
                raise Fault("TooManyRequests", seconds=math.ceil(wait))
            wanted = edge.decoded(await edge.body_of(request, MAX_REQUEST), kind)
            try:
                answer = await run(wanted, address)
            except Fault as fault:
                if fault.code in _GUESSES:
                    self._refused.failed(address, clock.monotonic())
                raise
            return edge.json_answer(
                200, msgspec.to_builtins(answer), {**ids.headers(), "Cache-Control": "no-store"}
            )

        return await edge.guarded(request, self._services.authority, work)

    async def link(self, socket: WebSocket) -> None:
        """WebSocket /fleet/link: the agent proves its key in the messages."""
        await socket.accept()
        address = socket.client.host if socket.client is not None else ""
        await self._services.fleet.switchboard.serve(_Link(socket), address)


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
