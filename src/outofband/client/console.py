"""One person at one console over the network: connects, comes back after every drop, hands on what happens.

The rules are in `wire/console.py`; here are the sockets, the waiting and the order of things.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import urlsplit

import msgspec
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed, WebSocketException
from websockets.typing import Subprotocol

from outofband.client import background
from outofband.client.ahead import Ahead, Connect
from outofband.client.faults import explained
from outofband.client.http import SERIAL_VERSION, ArmClient
from outofband.client.transport import unreachable
from outofband.core import clock
from outofband.core.errors import Fault, ProtocolError
from outofband.net.backoff import Backoff
from outofband.net.proxies import proxy_for
from outofband.net.tasks import Tasks
from outofband.wire import stream
from outofband.wire.console import SUBPROTOCOL, ClientSession, Ended, Event, InputDropped, Phase, offer
from outofband.wire.grant import Mode

KEEPALIVE_SECONDS = 15.0
DEAD_SECONDS = 30.0
"""Without an answer to a keepalive; 45 s after the last sign of life a line counts as dead."""
CONNECT_SECONDS = 10.0
CLOSE_SECONDS = 1.0
FIRST_TRIES = 4
"""How often a temporary refusal is met, before anything was shown, until the person is told of it."""
RETRY_FIRST_SECONDS = 0.2
RETRY_LIMIT_SECONDS = 5.0
STABLE_SECONDS = 5.0
"""A socket that lived this long was a good one: after it the waiting begins anew."""
MAX_BACKLOG = 1024 * 1024
"""Typed bytes that wait here until the port took those before them: a large paste."""
_SERVER_FAILED = 500
_WORTH_WAITING = frozenset({"VmNotRunning", "VmProvisioning"})
"""For somebody who was attached these mean: stay, the VM is being restarted."""

# Whoever shows the console shows what goes wrong with it; a line of a log amid its output helps nobody.
_silent = logging.getLogger("outofband.client.console")
_silent.addHandler(logging.NullHandler())
_silent.propagate = False


class Lost(msgspec.Struct, frozen=True):
    """The console is not there for the moment; `retry_in` seconds until the next attempt.

    `before` is False while it was never there: then only a few attempts are made.
    """

    fault: Fault
    retry_in: float
    before: bool


Sink = Callable[[Event | Lost], Awaitable[None]]
"""Gets every event in order. While it waits nothing more is read, and the network slows the rest down."""


class Opening(msgspec.Struct):
    """What Resource Manager answers to `connect`: the way to one socket."""

    url: str
    ticket: str
    session: str
    subprotocol: str = ""
    """Of the gateway, where it takes the first message with the request for the socket."""


class Console:
    """Drives a `ClientSession`. `run` returns how the session ended; `leave` makes it end."""

    def __init__(self, client: ArmClient, vm: str, *, port: str, session: ClientSession, sink: Sink) -> None:
        self._client = client
        self._path = f"{vm}/providers/Microsoft.SerialConsole/serialPorts/{port}/connect"
        self.session = session
        self._sink = sink
        self._gateway = client.profile.gateway
        """Where the listener is, as far as is known before the answer."""
        self._id: str | None = None
        self._attached_at: float | None = None
        self._backlog = bytearray()
        self._leaving = asyncio.Event()
        self._flush_wanted = asyncio.Event()
        self._tasks = Tasks()

    async def run(self) -> Ended:
        """Stay at the console until it ends. Raises Fault when it cannot be opened, or not any more."""
        staying = self._tasks.spawn("console", self._stay())
        leaving = self._tasks.spawn("console-leaving", self._leaving.wait())
        try:
            await asyncio.wait((staying, leaving), return_when=asyncio.FIRST_COMPLETED)
            if not staying.done():
                return Ended("Left", {}, False)
            ended: Ended | Fault = staying.result()
        finally:
            # Cancelling it closes the socket with a goodbye, so that the writer's seat is free at once.
            await self._tasks.close()
        if isinstance(ended, Fault):
            raise ended
        return ended

    def type(self, keys: bytes) -> int:
        """Queue typed bytes; returns how many were taken: none without a connection or the keyboard."""
        if not self.may_type:
            return 0
        taken = keys[: MAX_BACKLOG - len(self._backlog)]
        self._backlog += taken
        self._pump()
        return len(taken)

    @property
    def all_typed(self) -> bool:
        """The port has taken all that was typed."""
        return not self._backlog and not self.session.unconfirmed

    def put(self, frame: stream.Control | stream.Paste) -> None:
        """Queue a frame of a paste. Raises ProtocolError while there is no connection."""
        self.session.put(frame)
        self._flush_wanted.set()

    def ask(self, verb: str, **fields: Any) -> None:
        """Queue a wish, `write` or `release`. Raises ProtocolError while there is no connection."""
        self.session.ask(verb, **fields)
        self._flush_wanted.set()

    def leave(self) -> None:
        """End the session for good: `run` returns within CLOSE_SECONDS, whatever it is waiting for."""
        self._leaving.set()

    @property
    def may_type(self) -> bool:
        """Whether typed bytes go anywhere now."""
        return self.session.phase is Phase.ATTACHED and self.session.mode is Mode.WRITE

    async def _stay(self) -> Ended | Fault:
        """Socket after socket, until the session's end or a fault that waiting does not mend."""
        backoff = Backoff(first=RETRY_FIRST_SECONDS, limit=RETRY_LIMIT_SECONDS)
        refusals = 0
        while True:
            self._attached_at = None
            ended: Ended | Fault
            try:
                ended = await self._once()
            except Fault as fault:
                ended = fault
            if self._attached_at is None:
                refusals += 1
            elif clock.monotonic() - self._attached_at >= STABLE_SECONDS:
                backoff.reset()
            if isinstance(ended, Ended):
                if not ended.resumable:
                    return ended
                ended = Fault(ended.code, **ended.fields)
            elif not self._is_temporary(ended):
                return ended
            if self._id is None and refusals >= FIRST_TRIES:
                return ended
            self.session.lost(clock.monotonic())
            wait = backoff.next()
            await self._sink(Lost(ended, wait, self._id is not None))
            await asyncio.sleep(wait)

    def _is_temporary(self, fault: Fault) -> bool:
        temporary = explained(fault).retry
        if self._id is None:
            return temporary
        # A proxy in front of a control plane that restarts answers for it, without an envelope.
        broken = fault.code == "UnexpectedAnswer" and fault.fields.get("status", 0) >= _SERVER_FAILED
        return temporary or broken or fault.code in _WORTH_WAITING

    async def _once(self) -> Ended:
        """From ticket to the end of one socket: what the far side said, else raises a Fault."""
        ahead = Ahead(self._gateway, self._client.tls, self._tasks)
        try:
            opening = await background.call(self._connect_call)
            self._gateway = opening.url
            return await self._attend(opening, await ahead.transport_for(opening.url))
        except (OSError, WebSocketException) as error:
            raise _away(opening.url, error) from error
        except ProtocolError as error:
            raise Fault("ProtocolViolated", detail=str(error)) from error
        finally:
            ahead.close()

    async def _attend(self, opening: Opening, transport: asyncio.Transport | None) -> Ended:
        first = self.session.open(opening.ticket)
        early = offer(first) if opening.subprotocol == SUBPROTOCOL else []
        async with Connect(
            opening.url,
            transport=transport,
            subprotocols=[Subprotocol(each) for each in early] or None,
            ssl=self._client.tls,
            proxy=proxy_for(opening.url),
            max_size=stream.MAX_FRAME,
            compression=None,
            open_timeout=CONNECT_SECONDS,
            close_timeout=CLOSE_SECONDS,
            ping_interval=KEEPALIVE_SECONDS,
            ping_timeout=DEAD_SECONDS,
            logger=_silent,
        ) as socket:
            if socket.subprotocol != SUBPROTOCOL:
                await socket.send(first)
            writer = self._tasks.spawn("console-writer", self._write(socket))
            try:
                return await self._read(socket, opening.session)
            except asyncio.CancelledError:
                await self._part(socket)
                raise
            finally:
                writer.cancel()

    async def _part(self, socket: ClientConnection) -> None:
        """Say goodbye: what was typed before goes first, and the seat is free at once."""
        with contextlib.suppress(ConnectionClosed, TimeoutError):
            async with asyncio.timeout(CLOSE_SECONDS):
                for frame in self.session.outgoing():
                    await socket.send(frame)
        # By itself the context would close with an error, and the seat would be kept for who comes back.
        await socket.close()

    def _connect_call(self) -> Opening:
        body = {"session": self._id} if self._id else None
        answer = self._client.post(self._path, body, version=SERIAL_VERSION)
        try:
            return msgspec.convert(answer["outofband"], Opening)
        except (msgspec.MsgspecError, KeyError, TypeError) as error:
            raise Fault("UnexpectedAnswer", url=self._path, status=200, detail=str(error)) from error

    async def _read(self, socket: ClientConnection, session: str) -> Ended:
        while True:
            message = await socket.recv(decode=False)
            for event in self.session.receive(message, clock.monotonic()):
                if self.session.phase is Phase.ATTACHED and self._attached_at is None:
                    self._id, self._attached_at = session, clock.monotonic()
                if isinstance(event, InputDropped):
                    await self._sink(InputDropped(event.count + self._drop_backlog()))
                else:
                    await self._sink(event)
                if isinstance(event, Ended):
                    return event
            if self.session.phase is Phase.ATTACHED and self.session.mode is not Mode.WRITE:
                if dropped := self._drop_backlog():
                    await self._sink(InputDropped(dropped))
            else:
                self._pump()
            # What was received may have queued frames of its own: unconfirmed keys are sent again.
            self._flush_wanted.set()

    def _pump(self) -> None:
        if self._backlog:
            taken = self.session.type(bytes(self._backlog[: self.session.room]))
            del self._backlog[:taken]
            self._flush_wanted.set()

    def _drop_backlog(self) -> int:
        count = len(self._backlog)
        self._backlog.clear()
        return count

    async def _write(self, socket: ClientConnection) -> None:
        with contextlib.suppress(ConnectionClosed):
            while True:
                await self._flush_wanted.wait()
                self._flush_wanted.clear()
                for frame in self.session.outgoing():
                    await socket.send(frame)


def _away(url: str, error: Exception) -> Fault:
    parts = urlsplit(url)
    listener = f"{parts.scheme}://{parts.netloc}"
    if isinstance(error, ConnectionClosed):
        return Fault("ConsoleUnreachable", url=listener, detail="the connection was cut")
    return unreachable(listener, error, "ConsoleUnreachable")
