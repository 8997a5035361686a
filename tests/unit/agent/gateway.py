"""A console gateway small enough for a test: a real picows listener over TLS that keeps what streams say."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from itertools import pairwise
from typing import TypeVar

import msgspec
from picows import (
    WSCloseCode,
    WSFrame,
    WSListener,
    WSMsgType,
    WSTransport,
    WSUpgradeRequest,
    ws_create_server,
)

from outofband.wire import stream
from outofband.wire.link import StreamHello
from tests.support.wait import WAIT
from tests.unit.agent.control_plane import Authority

T = TypeVar("T")


class Incoming(WSListener):
    """One stream as the gateway sees it. `pongs` False keeps silent when asked whether it is there."""

    def __init__(self, gateway: Gateway) -> None:
        self.gateway = gateway
        self.path = ""
        self.transport: WSTransport | None = None
        self.hello: StreamHello | None = None
        self.frames: list[stream.Frame] = []
        self.pings = 0
        self.pongs = 0
        self.answer_pings = True
        self.close_code: WSCloseCode | None = None
        self.gone = False

    def on_ws_connected(self, transport: WSTransport) -> None:
        self.transport = transport
        self.gateway.streams.append(self)
        if self.gateway.slams:
            transport.disconnect(graceful=False)
        self.gateway.news.set()

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        if frame.msg_type == WSMsgType.TEXT:
            assert self.hello is None and not self.frames, "the hello is the first message and the only text"
            self.hello = msgspec.json.decode(frame.get_payload_as_bytes(), type=StreamHello)
        elif frame.msg_type == WSMsgType.BINARY:
            assert self.hello is not None
            self.frames.append(stream.decode(frame.get_payload_as_bytes()))
        elif frame.msg_type == WSMsgType.PING:
            self.pings += 1
            if self.answer_pings:
                transport.send_pong(frame.get_payload_as_bytes())
        elif frame.msg_type == WSMsgType.PONG:
            self.pongs += 1
        elif frame.msg_type == WSMsgType.CLOSE:
            self.close_code = frame.get_close_code()
            transport.send_close(WSCloseCode.OK)
            transport.disconnect()
        self.gateway.news.set()

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        self.gone = True
        self.gateway.news.set()

    def pause_writing(self) -> None:
        pass

    def resume_writing(self) -> None:
        pass

    def send(self, frame: stream.Frame) -> None:
        assert self.transport is not None
        self.transport.send(WSMsgType.BINARY, stream.encode(frame))

    def of(self, kind: type[T]) -> list[T]:
        return [frame for frame in self.frames if isinstance(frame, kind)]

    @property
    def output(self) -> bytes:
        """Everything printed, after checking that offsets run on without a gap."""
        pieces = self.of(stream.Data)
        for before, after in pairwise(pieces):
            assert before.offset + len(before.payload) == after.offset
        return b"".join(piece.payload for piece in pieces)

    def notice(self, what: str) -> dict[str, object] | None:
        """Fields of the last notice of a kind."""
        found = [notice.fields for notice in self.of(stream.Notice) if notice.what == what]
        return found[-1] if found else None


class Gateway:
    """`listening`: a bound socket, when it is to be another than one of the kernel's choice on 127.0.0.1."""

    def __init__(self, authority: Authority, listening: socket.socket | None = None) -> None:
        self._listening = listening or socket.create_server(("127.0.0.1", 0))
        self._listening.setblocking(False)
        self.host, self.port = self._listening.getsockname()[:2]
        self.streams: list[Incoming] = []
        self.slams = False
        """Close every socket the moment it is open."""
        self.news = asyncio.Event()
        self._authority = authority
        self._server: asyncio.Server | None = None

    def url(self, session: str) -> str:
        return f"wss://{self.host}:{self.port}/stream/v1/{session}"

    async def __aenter__(self) -> Gateway:
        def accept(request: WSUpgradeRequest) -> Incoming:
            incoming = Incoming(self)
            incoming.path = request.path.decode()
            return incoming

        self._server = await ws_create_server(
            accept,
            sock=self._listening,
            ssl=self._authority.context(),
            enable_auto_pong=False,
            max_frame_size=stream.MAX_FRAME,
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        for incoming in self.streams:
            if incoming.transport is not None:
                incoming.transport.disconnect(graceful=False)
        self._server.close()
        await self._server.wait_closed()

    async def until(self, there: Callable[[], T | None]) -> T:
        """Wait until `there` finds something; looked at again after every frame."""
        async with asyncio.timeout(WAIT):
            while not (found := there()):
                self.news.clear()
                await self.news.wait()
        return found

    async def stream(self, number: int = 1) -> Incoming:
        """The `number`-th stream, once it has said who it is."""

        def there() -> Incoming | None:
            if len(self.streams) >= number and self.streams[number - 1].hello is not None:
                return self.streams[number - 1]
            return None

        return await self.until(there)
