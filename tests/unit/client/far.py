"""A far side that does as the test says: Resource Manager over TLS and a console listener, both real sockets.

The answers to requests and the conversations on consoles are given out in order; what was asked is kept. Its
token authority has queues of its own: `token_answers`, `device_answers`, `revoke_answers`.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import msgspec
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route
from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from outofband.catalogue import explain
from outofband.client.credentials import Secret
from outofband.client.http import ArmClient
from outofband.client.profile import LocalProfile
from outofband.client.tokens import TokenCache
from outofband.core import clock, secrets
from outofband.core.errors import Fault
from outofband.identity.pki import Pki
from outofband.net import tls
from outofband.wire import stream
from outofband.wire.arm import errors
from outofband.wire.console import SUBPROTOCOL, Open, offered
from outofband.wire.grant import Mode

METHODS = ["GET", "PUT", "POST", "DELETE"]
VM = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Compute/virtualMachines/demo"
WAIT = 30.0


class Visit:
    """One socket a viewer opened, as the gateway sees it."""

    def __init__(self, socket: ServerConnection, first: Open) -> None:
        self.socket = socket
        self.first = first
        self.typed = bytearray()

    async def send(self, frame: stream.Frame) -> None:
        await self.socket.send(stream.encode(frame))

    async def attached(
        self,
        offset: int = 0,
        *,
        live: int | None = None,
        taken: int = 0,
        mode: Mode = Mode.WRITE,
        writer: str = "",
    ) -> None:
        fields = {
            "session": "one",
            "vm": "demo",
            "port": "0",
            "mode": mode.value,
            "writer": writer or None,
            "offset": offset,
            "live": offset if live is None else live,
            "input": taken,
        }
        await self.send(stream.Notice("attached", fields))

    async def output(self, offset: int, payload: bytes) -> None:
        await self.send(stream.Data(offset, payload))

    async def next(self) -> stream.Frame:
        async with asyncio.timeout(WAIT):
            message = await self.socket.recv()
        assert isinstance(message, bytes)
        return stream.decode(message)

    async def read(self, count: int, *, confirm: bool = True) -> bytes:
        """Typed bytes, until there are `count` of them on this socket."""
        while len(self.typed) < count:
            frame = await self.next()
            assert isinstance(frame, stream.Input)
            self.typed += frame.payload
            if confirm:
                await self.send(stream.Ack(frame.offset + len(frame.payload)))
        return bytes(self.typed)

    async def gone(self) -> int | None:
        """Wait until the viewer is gone; its close code, None when it said nothing."""
        with contextlib.suppress(ConnectionClosed):
            async with asyncio.timeout(WAIT):
                async for _ in self.socket:
                    pass
        return self.socket.close_code

    def cut(self) -> None:
        """The line breaks."""
        self.socket.transport.abort()


Script = Callable[[Visit], Awaitable[None]]
Answer = Response | Callable[[Request], Awaitable[Response]]


class Far:
    """`answers` go first, whatever is asked; then `connect` gives tickets. `scripts` are the consoles."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.pki = Pki.open(folder / "pki", [], clock.now())
        self.answers: deque[Answer] = deque()
        self.token_answers: deque[Answer] = deque()
        self.device_answers: deque[Answer] = deque()
        self.revoke_answers: deque[Answer] = deque()
        self.forms: list[tuple[str, dict[str, str]]] = []
        """What the authority was asked: the end of the path and the fields."""
        self.scripts: deque[Script] = deque()
        self.asked: list[tuple[str, str, Any]] = []
        self.tokens = 0
        self.subprotocol = ""
        """Told with each ticket. SUBPROTOCOL: the gateway takes the first message with the request."""
        self.early = 0
        """First messages that came with the request."""
        self.opened: list[Open] = []
        self.broken: list[BaseException] = []
        self._http_port = _listening()
        self.base = f"https://127.0.0.1:{self._http_port.getsockname()[1]}"
        self._console_port = 0
        self._consoles: Server | None = None

    @property
    def gateway(self) -> str:
        return f"wss://127.0.0.1:{self._console_port}"

    def profile(self, trust: Path | None = None) -> LocalProfile:
        secrets.write_private(self.folder / "secret", "hush\n")
        return LocalProfile(
            arm=self.base,
            gateway=self.gateway,
            ca_file=trust or self.pki.trust,
            tenant_id="t",
            subscription_id="s",
            resource_group="g",
            client_id="c",
            client_secret_file=self.folder / "secret",
        )

    def save(self, root: Path) -> None:
        """Leave a state directory whose client belongs to this far side."""
        secrets.write_private(root / "client" / "profile.json", msgspec.json.encode(_paths(self.profile())))

    def client(self, trust: Path | None = None) -> ArmClient:
        profile = self.profile(trust)
        return ArmClient(profile, Secret(profile, TokenCache(self.folder / "token.json", profile.arm)))

    @contextlib.asynccontextmanager
    async def serving(self) -> AsyncIterator[Far]:
        app = Starlette(
            routes=[
                Route("/{tenant}/oauth2/v2.0/{verb}", self._authority, methods=["POST"]),
                Route("/fleet/trust", self._trust),
                Route("/portal/config.json", self._config),
                Route("/{rest:path}", self._any, methods=METHODS),
            ]
        )
        config = uvicorn.Config(
            app,
            lifespan="off",
            log_config=None,
            ssl_certfile=self.pki.certificate,
            ssl_keyfile=self.pki.key,
            timeout_graceful_shutdown=1,
        )
        server = _Server(config)
        serving = asyncio.get_running_loop().create_task(server.serve(sockets=[self._http_port]))
        await self.open_consoles()
        try:
            yield self
            assert not self.broken, self.broken
        finally:
            await self.close_consoles()
            server.leaving.set()
            await serving

    async def open_consoles(self) -> None:
        context = tls.server_context(self.pki.certificate, self.pki.key)
        self._consoles = await serve(
            self._console,
            "127.0.0.1",
            self._console_port,
            ssl=context,
            compression=None,
            ping_interval=None,
            select_subprotocol=lambda _, asked: SUBPROTOCOL if SUBPROTOCOL in asked else None,
        )
        self._console_port = self._consoles.sockets[0].getsockname()[1]

    @property
    def consoles(self) -> int:
        """Connections to the console listener, whether they said anything or not."""
        return len(self._consoles.handler_tasks) if self._consoles is not None else 0

    async def close_consoles(self) -> None:
        if self._consoles is not None:
            self._consoles.close()
            await self._consoles.wait_closed()
            self._consoles = None

    async def _authority(self, request: Request) -> Response:
        verb = request.path_params["verb"]
        self.forms.append((verb, dict(parse_qsl((await request.body()).decode()))))
        queue = {"devicecode": self.device_answers, "revoke": self.revoke_answers}.get(
            verb, self.token_answers
        )
        if queue:
            answer = queue.popleft()
            return answer if isinstance(answer, Response) else await answer(request)
        if verb == "revoke":
            return Response()
        self.tokens += 1
        return JSONResponse({"access_token": f"token-{self.tokens}", "expires_in": 3600})

    async def _trust(self, request: Request) -> Response:
        return PlainTextResponse(self.pki.trust.read_text())

    async def _config(self, request: Request) -> Response:
        told = {"tenantId": "t", "resource": "https://oob.example:8443", "gateways": [self.gateway]}
        return JSONResponse(told | {"version": "9.9"})

    async def _any(self, request: Request) -> Response:
        body = await request.body()
        self.asked.append((request.method, request.url.path, json.loads(body) if body else None))
        if self.answers:
            answer = self.answers.popleft()
            return answer if isinstance(answer, Response) else await answer(request)
        if not request.url.path.endswith("/connect"):
            return refusal(Fault("ResourceNotFound", resource="it", group="g"))
        ticket = f"ticket-{len(self.asked)}"
        own = {"url": f"{self.gateway}/console/v1/one/client", "ticket": ticket, "session": "one"}
        if self.subprotocol:
            own["subprotocol"] = self.subprotocol
        return JSONResponse({"connectionString": own["url"], "outofband": own | {"expiresIn": 60}})

    async def _console(self, socket: ServerConnection) -> None:
        try:
            assert socket.request is not None
            early = offered(socket.request.headers.get_all("Sec-WebSocket-Protocol"))
            self.early += early is not None
            first = msgspec.json.decode(early or await socket.recv(), type=Open)
            self.opened.append(first)
            assert self.scripts, "nobody was expected"
            await self.scripts.popleft()(Visit(socket, first))
        except ConnectionClosed:
            pass
        except BaseException as error:
            self.broken.append(error)
            raise


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.leaving = asyncio.Event()

    async def main_loop(self) -> None:
        # Its own looks every tenth of a second whether it should end; sixty tests would wait for that.
        await self.leaving.wait()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def refusal(fault: Fault, **headers: str) -> Response:
    """What Resource Manager answers when it refuses."""
    said = explain(fault)
    return JSONResponse(errors.envelope(said, fault.fields), status_code=said.status, headers=headers)


def _paths(profile: LocalProfile) -> dict[str, str]:
    named: dict[str, str] = msgspec.to_builtins(profile, enc_hook=str)
    return named


def _listening() -> socket.socket:
    listening = socket.socket()
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listening.bind(("127.0.0.1", 0))
    listening.setblocking(False)
    return listening
