"""The ways to a console, one class a protocol: each gives its seat what the guest said, and types for it."""

from __future__ import annotations

import asyncio
import ssl
import struct
import time
from typing import cast
from urllib.parse import urlsplit

import msgspec
from picows import WSCloseCode, WSFrame, WSListener, WSMsgType, WSTransport, ws_connect

from bench.load import Seat
from outofband.client.console import Console, Lost, Opening
from outofband.client.http import ArmClient
from outofband.wire.console import Attached, ClientSession, Ended, Event, Open, Output
from outofband.wire.stream import MAX_FRAME, Kind

OPEN_SECONDS = 20.0
_OFFSET = struct.Struct(">BQ")
_CONNECTED = b"[connected]\r\n"
"""conserver's own first words on a console."""


class PlainLine(asyncio.Protocol):
    """A socket that is the console's as soon as it is there, but for `answer`: a first line to wait for."""

    def __init__(self, seat: Seat, hello: bytes, answer: bytes) -> None:
        self.seat = seat
        self._hello, self._answer = hello, answer
        self._partial = b""
        self._attached: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._gone = asyncio.Event()
        self._transport: asyncio.Transport | None = None

    @classmethod
    async def attach(cls, seat: Seat, port: int, hello: bytes, answer: bytes = b"") -> PlainLine:
        """Say `hello`, wait for a line that begins with `answer`. Raises ConnectionError with what came."""
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(OPEN_SECONDS):
            _, line = await loop.create_connection(lambda: cls(seat, hello, answer), "127.0.0.1", port)
            await line._attached
        return line

    def type(self, keys: bytes) -> None:
        assert self._transport is not None
        self._transport.write(keys)

    async def close(self) -> None:
        if self._transport is not None:
            self._transport.close()
            await self._gone.wait()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._transport.write(self._hello)
        if not self._answer:
            self._is_there()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self._attached.done():
            self._attached.set_exception(ConnectionError("the connection was lost"))
        self._gone.set()

    def data_received(self, data: bytes) -> None:
        if self._attached.done():
            self.seat.took(data)
            return
        first, end, rest = (self._partial + data).partition(b"\n")
        if not end:
            self._partial = first
        elif not first.startswith(self._answer):
            self._attached.set_exception(ConnectionError(f"the answer was {first!r}"))
        else:
            self._is_there()
            if rest:
                self.seat.took(rest)

    def _is_there(self) -> None:
        self.seat.attached = time.perf_counter()
        self._attached.set_result(None)


class ConserverLine(asyncio.Protocol):
    """conserver's line protocol, plain TCP: the master names a port, there the console is called again."""

    def __init__(self, seat: Seat) -> None:
        self.seat = seat
        self._answers: asyncio.Queue[bytes] = asyncio.Queue()
        self._partial = b""
        self._attached = self._greeted = False
        self._gone = asyncio.Event()
        self._transport: asyncio.Transport | None = None

    @classmethod
    async def ask(cls, port: int, console: str, *, attach: Seat | None = None) -> tuple[ConserverLine, bytes]:
        """Log in and call a console; the answer to `call`, and with `attach` a line that is the console's."""
        loop = asyncio.get_running_loop()
        _, line = await loop.create_connection(lambda: cls(attach or Seat()), "127.0.0.1", port)
        await line._expect(b"ok")
        line._say(b"login bench")
        await line._expect(b"ok")
        line._say(b"call " + console.encode())
        return line, await line._expect(b"[" if attach else b"")

    def enter(self, *, replay: bool) -> None:
        """Begin the console: output flows after this; with `replay` the last 20 lines come first."""
        assert self._transport is not None
        self._attached = True
        self._transport.write(b"\x05c;" + (b"\x05cr" if replay else b""))

    def type(self, keys: bytes) -> None:
        assert self._transport is not None
        self._transport.write(keys)

    async def close(self) -> None:
        if self._transport is not None:
            self._transport.close()
            await self._gone.wait()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def connection_lost(self, exc: Exception | None) -> None:
        self._answers.put_nowait(b"the connection was lost")
        self._gone.set()

    def data_received(self, data: bytes) -> None:
        if self._greeted:
            self.seat.took(data)
            return
        if self._attached:
            self._partial += data
            if self._partial.startswith(_CONNECTED):
                self._greeted = True
                self.seat.attached = time.perf_counter()
                if text := self._partial[len(_CONNECTED) :]:
                    self.seat.took(text)
            return
        *lines, self._partial = (self._partial + data).split(b"\n")
        for line in lines:
            self._answers.put_nowait(line.strip())

    def _say(self, line: bytes) -> None:
        assert self._transport is not None
        self._transport.write(line + b"\r\n")

    async def _expect(self, prefix: bytes) -> bytes:
        async with asyncio.timeout(OPEN_SECONDS):
            answer = await self._answers.get()
        if not answer.startswith(prefix):
            raise ConnectionError(f"conserver said {answer!r}")
        return answer


class OurLine(WSListener):
    """Our console protocol (docs/protocol/console.md) over TLS."""

    def __init__(self, seat: Seat) -> None:
        self.seat = seat
        self._transport: WSTransport | None = None
        self._attached: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._gone = asyncio.Event()
        self._next = 0
        self._typed = 0

    @classmethod
    async def attach(cls, seat: Seat, url: str, ticket: str, *, tls: ssl.SSLContext, replay: int) -> OurLine:
        """From the ticket to `attached`. Raises ConnectionError with the gateway's words."""
        async with asyncio.timeout(OPEN_SECONDS):
            line = cls(seat)
            await ws_connect(
                lambda: line, url, ssl_context=tls, enable_auto_ping=False, max_frame_size=MAX_FRAME
            )
            first = msgspec.json.encode(Open(ticket=ticket, replay=replay, client="bench"))
            assert line._transport is not None
            line._transport.send(WSMsgType.TEXT, first)
            await line._attached
        return line

    def type(self, keys: bytes) -> None:
        assert self._transport is not None
        self._transport.send(WSMsgType.BINARY, _OFFSET.pack(Kind.INPUT, self._typed) + keys)
        self._typed += len(keys)

    async def close(self) -> None:
        if self._transport is not None:
            self._transport.send_close(WSCloseCode.OK)
            await self._gone.wait()

    def on_ws_connected(self, transport: WSTransport) -> None:
        self._transport = transport

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        if not self._attached.done():
            self._attached.set_exception(ConnectionError("the socket was closed"))
        self._gone.set()

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        if frame.msg_type != WSMsgType.BINARY:
            if frame.msg_type == WSMsgType.CLOSE:
                transport.disconnect()
            return
        message = frame.get_payload_as_bytes()
        kind = message[0]
        if kind == Kind.DATA:
            offset = _OFFSET.unpack_from(message)[1]
            self.seat.missing += offset - self._next
            payload = message[_OFFSET.size :]
            self._next = offset + len(payload)
            self.seat.took(payload)
        elif kind == Kind.NOTICE:
            notice = msgspec.json.decode(message[1:])
            if notice["what"] == "attached":
                self.seat.attached = time.perf_counter()
                self._next = notice["fields"]["offset"]
                self._attached.set_result(None)
        elif kind == Kind.CLOSE and not self._attached.done():
            self._attached.set_exception(ConnectionError(message[1:].decode()))


class ClientLine:
    """Our own client, as `oob console` and scripts use it: from the request for a ticket on."""

    def __init__(self, seat: Seat, client: ArmClient, vm: str, *, replay: int, console_port: int) -> None:
        """`client` is closed with the line. `console_port`: where the listener is for this person."""
        self.seat = seat
        self._client = client
        session = ClientSession(replay=replay, client="bench")
        self._console = _ConsoleAt(client, vm, port="0", session=session, sink=self._heard)
        self._console.listener = console_port
        self._attached: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._run: asyncio.Task[Ended] | None = None

    async def attach(self) -> None:
        """Until it is attached. Raises Fault, or ConnectionError with the gateway's word."""
        self._run = asyncio.get_running_loop().create_task(self._console.run())
        async with asyncio.timeout(OPEN_SECONDS):
            await asyncio.wait((self._run, self._attached), return_when=asyncio.FIRST_COMPLETED)
        if not self._attached.done():
            raise ConnectionError(f"it ended with {self._run.result().code}")

    def type(self, keys: bytes) -> None:
        self._console.type(keys)

    async def close(self) -> None:
        self._console.leave()
        if self._run is not None:
            await self._run
        self._client.__exit__()

    async def _heard(self, event: Event | Lost) -> None:
        if isinstance(event, Output):
            self.seat.took(event.payload)
        elif isinstance(event, Attached) and not self._attached.done():
            self.seat.attached = time.perf_counter()
            self._attached.set_result(None)


class _ConsoleAt(Console):
    """A console whose listener is behind another port of this host."""

    listener = 0

    def _connect_call(self) -> Opening:
        opening = super()._connect_call()
        url = urlsplit(opening.url)._replace(netloc=f"127.0.0.1:{self.listener}").geturl()
        return msgspec.structs.replace(opening, url=url)


class _TextLine(WSListener):
    """A WebSocket whose messages are the console's bytes."""

    sends = WSMsgType.BINARY

    def __init__(self, seat: Seat) -> None:
        self.seat = seat
        self._transport: WSTransport | None = None
        self._attached: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._gone = asyncio.Event()

    def type(self, keys: bytes) -> None:
        assert self._transport is not None
        self._transport.send(self.sends, keys)

    async def close(self) -> None:
        if self._transport is not None:
            self._transport.send_close(WSCloseCode.OK)
            await self._gone.wait()

    def on_ws_connected(self, transport: WSTransport) -> None:
        self._transport = transport

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        if not self._attached.done():
            self._attached.set_exception(ConnectionError("the socket was closed"))
        self._gone.set()

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        if frame.msg_type == WSMsgType.CLOSE:
            transport.disconnect()
        elif frame.msg_type in (WSMsgType.TEXT, WSMsgType.BINARY, WSMsgType.CONTINUATION):
            self.took(frame.get_payload_as_bytes())

    def took(self, payload: bytes) -> None:
        self.seat.took(payload)

    def is_there(self) -> None:
        self.seat.attached = time.perf_counter()
        if not self._attached.done():
            self._attached.set_result(None)


class WebsockifyLine(_TextLine):
    """websockify: the console's bytes in binary messages, from the first one on."""

    @classmethod
    async def attach(cls, seat: Seat, url: str) -> WebsockifyLine:
        async with asyncio.timeout(OPEN_SECONDS):
            line = cls(seat)
            binary = {"Sec-WebSocket-Protocol": "binary"}
            await ws_connect(lambda: line, url, enable_auto_ping=False, extra_headers=binary)
            line.is_there()
        return line


class AzureLine(_TextLine):
    """Azure's protocol as version 1.0 of its extension speaks it: a greeting, the token, then text."""

    sends = WSMsgType.TEXT

    def __init__(self, seat: Seat, token: str) -> None:
        super().__init__(seat)
        self._token = token
        self._greeted = False

    @classmethod
    async def attach(cls, seat: Seat, url: str, token: str, *, tls: ssl.SSLContext) -> AzureLine:
        """From the address to the first words after the token."""
        async with asyncio.timeout(OPEN_SECONDS):
            line = cls(seat, token)
            await ws_connect(
                lambda: line, url, ssl_context=tls, enable_auto_ping=False, max_frame_size=MAX_FRAME * 4
            )
            await line._attached
        return line

    def took(self, payload: bytes) -> None:
        if not self._greeted:
            self._greeted = True
            self.type(self._token.encode())
        elif not self._attached.done():
            # The service's own words on who else is there.
            self.is_there()
        else:
            self.seat.took(payload)
