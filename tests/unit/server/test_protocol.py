"""One connection of the edge: plain GETs past h11 and everything else through it, in any order."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from typing import Any

import pytest
import uvicorn
from starlette.types import Message, Receive, Scope, Send
from uvicorn.server import ServerState

from outofband.server import protocol
from outofband.server.protocol import EdgeProtocol, PlainCycle

pytestmark = pytest.mark.anyio

HEAD = "Host: oob\r\n\r\n"


class App:
    """Does what a path says, and remembers what it was sent."""

    def __init__(self) -> None:
        self.go_on = asyncio.Event()
        self.began = asyncio.Event()
        self.seen: list[Scope] = []
        self.heard: list[Message] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.seen.append(scope)
        message = await receive()
        self.heard.append(message)
        body = b"%s %s %s" % (scope["method"].encode(), scope["raw_path"], message.get("body", b""))
        headers: list[tuple[bytes, bytes]] = [(b"content-length", b"%d" % len(body))]
        match scope["path"]:
            case "/wait":
                self.began.set()
                await self.go_on.wait()
            case "/gone":
                self.began.set()
                self.heard.append(await receive())
                self.go_on.set()
                return
            case "/breaks":
                raise ZeroDivisionError
            case "/splits":
                headers.append((b"x-name", b"a\r\nx-other: b"))
            case "/close":
                headers.append((b"connection", b"close"))
            case "/short":
                body = body[:-1]
            case "/chunks":
                headers = []
            case "/none":
                await send({"type": "http.response.start", "status": 304, "headers": [(b"etag", b'"1"')]})
                await send({"type": "http.response.body"})
                return
            case _:
                pass
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        if scope["path"] == "/chunks":
            self.began.set()
            await self.go_on.wait()
            await send({"type": "http.response.body", "body": b"first ", "more_body": True})
        await send({"type": "http.response.body", "body": body})


class Wire:
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    def send(self, *texts: str) -> None:
        for text in texts:
            self.writer.write(text.encode())

    async def head(self) -> str:
        return (await self.reader.readuntil(b"\r\n\r\n")).decode()

    async def answer(self) -> tuple[str, str]:
        head = await self.head()
        length = int(head.lower().partition("content-length: ")[2].partition("\r\n")[0])
        return head, (await self.reader.readexactly(length)).decode()


@pytest.fixture
def app() -> App:
    return App()


@pytest.fixture
def connections() -> list[EdgeProtocol]:
    return []


@pytest.fixture
async def wire(app: App, connections: list[EdgeProtocol]) -> AsyncIterator[Wire]:
    config = uvicorn.Config(app, lifespan="off", log_config=None, access_log=False)
    config.load()
    state = ServerState()

    def connected() -> EdgeProtocol:
        connections.append(EdgeProtocol(config, state, {}))
        return connections[-1]

    server = await asyncio.get_running_loop().create_server(connected, "127.0.0.1", 0)
    reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
    try:
        async with asyncio.timeout(60):
            yield Wire(reader, writer)
    finally:
        app.go_on.set()
        writer.close()
        server.close()
        await asyncio.gather(*state.tasks, return_exceptions=True)


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The paths that went past h11."""
    paths: list[str] = []

    class Counted(PlainCycle):
        def __init__(self, **parts: Any) -> None:
            super().__init__(**parts)
            paths.append(parts["scope"]["path"])

    monkeypatch.setattr(protocol, "PlainCycle", Counted)
    return paths


async def test_requests_of_both_kinds_follow_each_other(wire: Wire, app: App, short: list[str]) -> None:
    for number in range(3):
        wire.send(f"GET /a{number}?q HTTP/1.1\r\n{HEAD}")
        assert (await wire.answer())[1] == f"GET /a{number} "
        wire.send(f"POST /b{number} HTTP/1.1\r\nContent-Length: 4\r\n{HEAD}body")
        assert (await wire.answer())[1] == f"POST /b{number} body"
    assert short == ["/a0", "/a1", "/a2"]
    assert app.seen[0]["query_string"] == b"q"
    for key in ("type", "asgi", "scheme", "client", "server", "http_version", "root_path"):
        assert app.seen[0][key] == app.seen[1][key], key


async def test_a_request_that_comes_in_parts_is_h11s(wire: Wire, app: App, short: list[str]) -> None:
    wire.send("GET /a HTTP/1.1\r\nHo")
    await wire.writer.drain()
    wire.send(f"st: oob\r\n\r\nGET /b HTTP/1.1\r\n{HEAD}")
    assert [(await wire.answer())[1] for _ in range(2)] == ["GET /a ", "GET /b "]


async def test_what_comes_meanwhile_is_answered_after(wire: Wire, app: App, short: list[str]) -> None:
    wire.send(f"GET /wait HTTP/1.1\r\n{HEAD}")
    await app.began.wait()
    wire.send(f"POST /b HTTP/1.1\r\nContent-Length: 2\r\n{HEAD}", "xy", f"GET /c HTTP/1.1\r\n{HEAD}")
    await wire.writer.drain()
    app.go_on.set()
    assert [(await wire.answer())[1] for _ in range(3)] == ["GET /wait ", "POST /b xy", "GET /c "]
    assert short[0] == "/wait"


async def test_a_body_without_a_length_comes_in_chunks_and_its_head_first(
    wire: Wire, app: App, short: list[str]
) -> None:
    wire.send(f"GET /chunks HTTP/1.1\r\n{HEAD}")
    assert "transfer-encoding: chunked" in await wire.head()
    app.go_on.set()
    end = b"0\r\n\r\n"
    assert await wire.reader.readuntil(end) == b"6\r\nfirst \r\nc\r\nGET /chunks \r\n" + end
    wire.send(f"GET /after HTTP/1.1\r\n{HEAD}")
    assert (await wire.answer())[1] == "GET /after "
    assert short == ["/chunks", "/after"]


async def test_an_answer_without_a_body_has_none(wire: Wire, short: list[str]) -> None:
    wire.send(f"GET /none HTTP/1.1\r\n{HEAD}")
    head = await wire.head()
    assert head.startswith("HTTP/1.1 304 ") and "transfer-encoding" not in head
    wire.send(f"GET /after HTTP/1.1\r\n{HEAD}")
    assert (await wire.answer())[1] == "GET /after "


@pytest.mark.parametrize(
    ("path", "status"), [("/close", "200"), ("/breaks", "500"), ("/splits", "500")], ids=lambda each: each
)
async def test_the_last_answer_of_a_connection(
    wire: Wire, short: list[str], caplog: pytest.LogCaptureFixture, path: str, status: str
) -> None:
    with caplog.at_level(logging.CRITICAL, "uvicorn.error"):
        wire.send(f"GET {path} HTTP/1.1\r\n{HEAD}")
        rest = (await wire.reader.read()).decode()
    assert rest.startswith(f"HTTP/1.1 {status} ")
    assert "x-other" not in rest
    assert short == [path]


async def test_a_body_of_another_length_ends_the_connection(
    wire: Wire, short: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.CRITICAL, "uvicorn.error"):
        wire.send(f"GET /short HTTP/1.1\r\n{HEAD}")
        # Nobody may take it for whole.
        assert b"GET /short" not in await wire.reader.read()


async def test_the_application_hears_that_its_client_has_gone(wire: Wire, app: App, short: list[str]) -> None:
    wire.send(f"GET /gone HTTP/1.1\r\n{HEAD}")
    await app.began.wait()
    wire.writer.close()
    await app.go_on.wait()
    assert [each["type"] for each in app.heard] == ["http.request", "http.disconnect"]


async def test_a_server_that_stops_answers_what_is_at_hand(
    wire: Wire, app: App, connections: list[EdgeProtocol], short: list[str]
) -> None:
    wire.send(f"GET /wait HTTP/1.1\r\n{HEAD}")
    await app.began.wait()
    connections[0].shutdown()
    app.go_on.set()
    assert (await wire.reader.read()).endswith(b"GET /wait ")


async def test_nonsense_is_refused(wire: Wire) -> None:
    wire.send("GET / HTTP/1.1\r\nBad Field: 1\r\n\r\n")
    assert (await wire.reader.read()).startswith(b"HTTP/1.1 400 ")


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Before `wire`, whose connection begins to count."""
    monkeypatch.setattr(protocol, "HEAD_SECONDS", 1.0)


async def test_half_a_head_is_not_waited_for_for_ever(impatient: None, wire: Wire) -> None:
    """Not even while it comes byte by byte; a connection between requests has the time it always had."""
    wire.send("GET /a HTTP/1.1\r\n", HEAD)
    assert (await wire.answer())[1] == "GET /a "
    await asyncio.sleep(1.5)
    wire.send("POST /b HTTP/1.1\r\nContent-Length: 0\r\n", HEAD)
    assert (await wire.answer())[1] == "POST /b "
    await asyncio.sleep(1.5)

    async def trickle() -> None:
        while True:
            wire.send("x")
            await asyncio.sleep(0.05)

    wire.send("GET /c HTTP/1.1\r\nx-slow: ")
    slow = asyncio.get_running_loop().create_task(trickle())
    async with asyncio.timeout(30):
        assert await wire.reader.read() == b""
    slow.cancel()


async def test_who_connects_has_to_ask(impatient: None, wire: Wire) -> None:
    async with asyncio.timeout(30):
        assert await wire.reader.read() == b""


async def test_a_long_answer_is_not_cut_off(impatient: None, wire: Wire, app: App) -> None:
    for method in ("GET", "PUT"):
        app.go_on.clear()
        wire.send(f"{method} /wait HTTP/1.1\r\n", HEAD)
        await app.began.wait()
        await asyncio.sleep(1.5)
        app.go_on.set()
        assert (await wire.answer())[1] == f"{method} /wait "
