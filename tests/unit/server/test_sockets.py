"""Sockets of Azure's consoles are pinged and have small messages; the control link has its own ways."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest
import uvicorn
from starlette.types import Receive, Scope, Send
from uvicorn.server import ServerState
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from outofband.server import sockets
from outofband.server.protocol import EdgeProtocol
from outofband.server.sockets import EdgeSockets
from outofband.wire.azure_console import MAX_MESSAGE
from tests.support.wait import until

pytestmark = pytest.mark.anyio
CONSOLE, LINK = "/serial/v1/0/client", "/fleet/link"


class App:
    """Reads until the end, and remembers the codes of the ends."""

    def __init__(self) -> None:
        self.ended: list[int] = []
        self.read = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        while (message := await receive())["type"] == "websocket.receive":
            self.read += len(message.get("text") or "")
        self.ended.append(message["code"])


@pytest.fixture
def app() -> App:
    return App()


@pytest.fixture
async def base(app: App, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[str]:
    monkeypatch.setattr(sockets, "PING_SECONDS", 0.1)
    config = uvicorn.Config(
        app,
        ws=EdgeSockets,
        ws_ping_interval=None,
        ws_ping_timeout=1.5,
        lifespan="off",
        log_config=None,
        ws_per_message_deflate=False,
    )
    config.load()
    state = ServerState()
    server = await asyncio.get_running_loop().create_server(
        lambda: EdgeProtocol(config, state, {}), "127.0.0.1", 0
    )
    host, port = server.sockets[0].getsockname()
    yield f"ws://{host}:{port}"
    server.close()
    await asyncio.gather(*state.tasks, return_exceptions=True)


async def test_who_answers_stays(base: str, app: App) -> None:
    async with connect(base + CONSOLE, ping_interval=None) as socket:
        await asyncio.sleep(2.5)
        await socket.send("still here")
        await until(lambda: app.read)
        assert app.ended == []


async def test_who_does_not_answer_is_gone(base: str, app: App) -> None:
    socket = await connect(base + CONSOLE, ping_interval=None)
    socket.transport.pause_reading()
    await until(lambda: app.ended)
    socket.transport.abort()


async def test_the_control_link_is_left_to_itself(base: str, app: App) -> None:
    socket = await connect(base + LINK, ping_interval=None)
    socket.transport.pause_reading()
    await asyncio.sleep(2.5)
    assert app.ended == []
    socket.transport.resume_reading()
    await socket.send("x" * 200_000)
    await until(lambda: app.read == 200_000)
    await socket.close()


async def test_a_message_that_is_far_too_long_is_not_even_gathered(base: str, app: App) -> None:
    async with connect(base + CONSOLE, ping_interval=None) as socket:
        await socket.send("x" * 2 * MAX_MESSAGE)
        await until(lambda: app.read == 2 * MAX_MESSAGE)
        with contextlib.suppress(ConnectionClosed):
            await socket.send("x" * (2 * MAX_MESSAGE + 1))
        await socket.wait_closed()
        assert socket.close_code == 1009
        assert app.read == 2 * MAX_MESSAGE
