"""The people at the consoles: one generator for every system, so that its own cost is in every figure.

A `Seat` is one person: it counts what arrives and times each key until its echo is back. How the bytes travel
is the business of a `Line`, one class a protocol; both run on one uvloop.
"""

from __future__ import annotations

import asyncio
import random
import ssl
import struct
import time
from collections import deque
from typing import Protocol, cast

import msgspec
from picows import WSCloseCode, WSFrame, WSListener, WSMsgType, WSTransport, ws_connect

from outofband.wire.console import Open
from outofband.wire.stream import MAX_FRAME, Kind

KEY = b"~"
"""A character that no guest prints by itself."""
OPEN_SECONDS = 20.0
SPREAD = 0.1
"""A person's keys come this much earlier or later than the beat."""
LATENESS_SECONDS = 0.003
_OFFSET = struct.Struct(">BQ")
_CONNECTED = b"[connected]\r\n"
"""conserver's own first words on a console."""


class Line(Protocol):
    """A way to one console."""

    def type(self, keys: bytes) -> None: ...

    async def close(self) -> None:
        """Leave; returns when the other side has let go."""
        ...


class Seat:
    """One person at one console. Times are seconds of `time.perf_counter`."""

    __slots__ = (
        "arrived",
        "attached",
        "first",
        "kept",
        "line",
        "missing",
        "received",
        "strays",
        "trips",
        "waiting",
    )

    def __init__(self, *, keep: bool = False) -> None:
        self.line: Line | None = None
        self.received = 0
        self.missing = 0
        """Bytes the system said it could not give."""
        self.strays = 0
        """Echoes of keys that nobody typed."""
        self.attached = 0.0
        """When the system said that the console is there."""
        self.first = 0.0
        """When the first byte of the guest came."""
        self.trips: list[float] = []
        self.waiting: deque[float] = deque()
        self.arrived = asyncio.Event()
        """Set with the first byte."""
        self.kept: bytearray | None = bytearray() if keep else None

    def press(self) -> None:
        assert self.line is not None
        self.waiting.append(time.perf_counter())
        self.line.type(KEY)

    def took(self, payload: bytes) -> None:
        """Output of the guest."""
        now = time.perf_counter()
        if not self.received:
            self.first = now
            self.arrived.set()
        self.received += len(payload)
        if self.kept is not None:
            self.kept += payload
        if KEY in payload:
            for _ in range(payload.count(KEY)):
                if self.waiting:
                    self.trips.append(now - self.waiting.popleft())
                else:
                    self.strays += 1

    def reset(self) -> None:
        """Forget what was counted; keys that are still on their way are timed all the same."""
        self.trips.clear()
        self.received = self.missing = 0
        if self.kept is not None:
            self.kept.clear()


class Typing:
    """Lets every seat press a key each `interval` seconds, one after the other, until stopped."""

    def __init__(self, seats: list[Seat], interval: float) -> None:
        self._loop = asyncio.get_running_loop()
        self._interval = interval
        self._random = random.Random(len(seats))
        self._timers: dict[int, asyncio.TimerHandle] = {}
        self.pressed = 0
        for number, seat in enumerate(seats):
            self._plan(number, seat, self._loop.time() + interval * (number + 1) / len(seats))

    def _plan(self, number: int, seat: Seat, due: float) -> None:
        self._timers[number] = self._loop.call_at(due, self._press, number, seat, due)

    def _press(self, number: int, seat: Seat, due: float) -> None:
        # The beat goes on whether the last echo is back or not: a slow answer must not slow the questions.
        self._plan(number, seat, due + self._interval * (1 + SPREAD * self._random.uniform(-1, 1)))
        self.pressed += 1
        seat.press()

    def stop(self) -> None:
        for timer in self._timers.values():
            timer.cancel()


class Lateness:
    """How late this generator itself comes: a timer that should ring every few milliseconds."""

    def __init__(self) -> None:
        self.late: list[float] = []
        self._loop = asyncio.get_running_loop()
        self._plan()

    def _plan(self) -> None:
        self._due = time.perf_counter() + LATENESS_SECONDS
        self._timer = self._loop.call_later(LATENESS_SECONDS, self._ring)

    def _ring(self) -> None:
        self.late.append(max(0.0, time.perf_counter() - self._due))
        self._plan()

    def stop(self) -> None:
        self._timer.cancel()


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
