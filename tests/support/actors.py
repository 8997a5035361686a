"""An agent and a viewer for tests: the real protocols over real sockets, with a log in memory for a port."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import ssl
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from typing import Any

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from outofband.core import clock
from outofband.wire import link, stream
from outofband.wire.connecting import (
    ConnectAnswer,
    ConnectRequest,
    RekeyRequest,
    connect_text,
    rekey_text,
)
from outofband.wire.console import ClientSession, Ended, Event, Output, Told
from outofband.wire.enrolment import EnrolAnswer, EnrolRequest, parse_token, proof_text
from outofband.wire.grant import Grant, Mode, key_set, verify
from outofband.wire.machine import HostReport, PortReport, Power, VmReport
from tests.support.wait import until

WAIT = 30.0
KEEPALIVE_SECONDS = link.KEEPALIVE_SECONDS
"""A name of its own, for tests that change the link's times."""


def b64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


class HostKey:
    def __init__(self) -> None:
        self._key = Ed25519PrivateKey.generate()
        self.public = b64(self._key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw))

    def sign(self, text: bytes) -> str:
        return b64(self._key.sign(text))

    def enrolment(self, token: str, name: str) -> EnrolRequest:
        proof = self.sign(proof_text(parse_token(token).id, name, self.public))
        return EnrolRequest(token=token, name=name, public_key=self.public, proof=proof, version="9.9")

    def claim(self, machine: str, hardware: str = "") -> ConnectRequest:
        proof = self.sign(connect_text(machine, self.public, hardware))
        return ConnectRequest(
            machine=machine, public_key=self.public, proof=proof, hardware=hardware, version="9.9"
        )

    def successor(self, agent: str, new: HostKey) -> RekeyRequest:
        text = rekey_text(agent, new.public)
        return RekeyRequest(agent=agent, public_key=new.public, proof=new.sign(text), consent=self.sign(text))


def host_report() -> HostReport:
    return HostReport(
        hostname="h1",
        os="linux",
        version="9.9",
        cpus=2,
        memory_mib=4096,
        accelerator="tcg",
        probe="test",
        drivers=["qemu"],
        images=["demo"],
        programs=[],
        sockets=[],
    )


def vm_report(vm: str, power: Power = Power.RUNNING, epoch: int = 1) -> VmReport:
    return VmReport(
        vm=vm,
        name="demo",
        driver="qemu",
        epoch=epoch,
        power=power,
        since=clock.iso(),
        ports=[PortReport(name="0", start=0, end=0)],
    )


class Carrier:
    """One dial-back of the agent: the socket with the frames that came in."""

    def __init__(self, socket: ClientConnection, grant: Grant) -> None:
        self.socket = socket
        self.grant = grant
        self.frames: list[stream.Frame] = []
        self.closed: int | None = None

    async def send(self, frame: stream.Frame) -> None:
        await self.socket.send(stream.encode(frame))

    async def attached(self, offset: int, *, live: int | None = None, taken: int = 0) -> None:
        fields = {
            "session": self.grant.session,
            "vm": self.grant.vm,
            "port": self.grant.port,
            "mode": self.grant.mode.value,
            "writer": self.grant.name if self.grant.mode is Mode.WRITE else None,
            "offset": offset,
            "live": offset if live is None else live,
            "input": taken,
        }
        await self.send(stream.Notice("attached", fields))

    async def read(self) -> None:
        try:
            async for message in self.socket:
                assert isinstance(message, bytes)
                self.frames.append(stream.decode(message))
        except ConnectionClosed:
            pass
        self.closed = self.socket.close_code


class AgentPeer:
    """An agent by the book. `serve_stream` says what it does with a stream; by default it shows `log`."""

    def __init__(self, key: HostKey, identity: EnrolAnswer | ConnectAnswer, context: ssl.SSLContext) -> None:
        self.key, self.identity, self.context = key, identity, context
        self.log = bytearray()
        self.grown = asyncio.Event()
        self.welcome: link.Welcome | None = None
        self.rejected: link.Reject | None = None
        self.keys: link.Keys | None = None
        """What was told of keys after the welcome."""
        self.takes: tuple[str, ...] = (link.TAKES_KEYS, link.TAKES_PLACES)
        self.hardware = ""
        self.renewed: list[link.Renewed] = []
        self.commands: list[link.Command] = []
        self.ends: list[link.EndSession] = []
        self.opens: list[link.OpenStream] = []
        self.kept: list[int] = []
        """Numbers of the `found` messages that were answered."""
        self.carriers: list[Carrier] = []
        self.answer: Callable[[link.Command], link.Result | None] = lambda _: None
        self.refusal: link.StreamFailed | None = None
        self.ignore_opens = False
        self.serve_stream: Callable[[Carrier], Awaitable[None]] = self.show_log
        self.typed = bytearray()
        self.link_url = identity.link
        self._socket: ClientConnection | None = None
        self._tasks: set[asyncio.Task[Any]] = set()

    async def __aenter__(self) -> AgentPeer:
        await self.connect()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.kill()

    def spawn(self, work: Coroutine[Any, Any, Any]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def connect(self) -> None:
        """Open the link and wait for the welcome, or the reject."""
        self.welcome = self.rejected = None
        self._socket = await connect(
            self.link_url, ssl=self.context, compression=None, ping_interval=None, max_size=link.MAX_MESSAGE
        )
        self.protocol = link.LinkAgent(
            agent=self.identity.agent,
            version="9.9",
            instance=uuid.uuid4().hex,
            sign=self.key.sign,
            now=0.0,
            takes=self.takes,
            hardware=self.hardware,
        )
        self.spawn(self._read(self._socket, self.protocol))
        await until(lambda: self.welcome or self.rejected)
        if self.welcome is not None:
            self.spawn(self._keep(self._socket, self.protocol))

    async def kill(self) -> None:
        """Die: every socket is cut without a word."""
        if self._socket is not None:
            self._socket.transport.abort()
        for carrier in self.carriers:
            carrier.socket.transport.abort()
        tasks = tuple(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def send(self, message: link.AgentMessage) -> None:
        assert self._socket is not None
        self.protocol.send(message)
        await self._flush(self._socket, self.protocol)

    def grow(self, output: bytes) -> None:
        self.log += output
        self.grown.set()

    async def show_log(self, carrier: Carrier) -> None:
        """What the port broker does, in memory: replay, then follow; typed bytes are confirmed and kept."""
        grant = carrier.grant
        end = len(self.log)
        offset = grant.resume if grant.resume is not None else max(0, end - grant.replay)
        await carrier.attached(offset, live=end, taken=len(self.typed))
        seen = 0
        while carrier.closed is None:
            if offset < len(self.log):
                piece = bytes(self.log[offset : offset + 16384])
                await carrier.send(stream.Data(offset, piece))
                offset += len(piece)
                continue
            for frame in carrier.frames[seen:]:
                if isinstance(frame, stream.Input) and frame.offset == len(self.typed):
                    self.typed += frame.payload
                    await carrier.send(stream.Ack(len(self.typed)))
            seen = len(carrier.frames)
            with contextlib.suppress(TimeoutError):
                self.grown.clear()
                async with asyncio.timeout(0.01):
                    await self.grown.wait()

    async def _read(self, socket: ClientConnection, protocol: link.LinkAgent) -> None:
        with contextlib.suppress(ConnectionClosed):
            async for text in socket:
                for message in protocol.receive(text, 0.0):
                    await self._take(message)
                await self._flush(socket, protocol)

    async def _keep(self, socket: ClientConnection, protocol: link.LinkAgent) -> None:
        """A slow test may take longer than a link lives without a word."""
        with contextlib.suppress(ConnectionClosed):
            while protocol.state is link.State.OPEN:
                await asyncio.sleep(KEEPALIVE_SECONDS)
                await socket.send(msgspec.json.encode(link.Heartbeat()).decode())

    async def _flush(self, socket: ClientConnection, protocol: link.LinkAgent) -> None:
        for text in protocol.outgoing(0.0):
            await socket.send(text.decode())

    async def _take(self, message: link.ServerMessage) -> None:
        match message:
            case link.Welcome():
                self.welcome = message
            case link.Reject():
                self.rejected = message
            case link.Keys():
                self.keys = message
            case link.Command():
                self.commands.append(message)
                if (result := self.answer(message)) is not None:
                    self.protocol.send(result)
            case link.EndSession():
                self.ends.append(message)
            case link.FoundKept():
                self.kept.append(message.number)
            case link.Renewed():
                self.renewed.append(message)
            case link.OpenStream():
                self.opens.append(message)
                if self.refusal is not None:
                    failed = msgspec.structs.replace(self.refusal, session=message.session)
                    self.protocol.send(failed)
                elif not self.ignore_opens:
                    self.spawn(self.dial(message))

    async def dial(self, wish: link.OpenStream) -> Carrier:
        assert self.welcome is not None
        grant = verify(wish.grant, key_set(self.welcome.grant_keys), Grant, clock.wall())
        assert grant.agent == self.identity.agent
        assert grant.session == wish.session
        socket = await connect(
            wish.url, ssl=self.context, compression=None, ping_interval=None, max_size=stream.MAX_FRAME
        )
        await socket.send(msgspec.json.encode(link.StreamHello(wish.session, wish.token)).decode())
        carrier = Carrier(socket, grant)
        self.carriers.append(carrier)
        self.spawn(carrier.read())
        try:
            with contextlib.suppress(ConnectionClosed):
                await self.serve_stream(carrier)
        finally:
            await socket.close(1001)
        return carrier


class Viewer:
    """A person's client: `ClientSession` over a websockets socket, events kept in order."""

    def __init__(self, context: ssl.SSLContext, **options: Any) -> None:
        self.context = context
        self.session = ClientSession(**options)
        self.events: list[Event] = []
        self.output = bytearray()
        self.socket: ClientConnection | None = None
        self.connection: Any = None
        """What `connect` gave for the socket that is open now."""
        self._reader: asyncio.Task[None] | None = None

    async def open(self, url: str, ticket: str) -> None:
        self.socket = await connect(
            url, ssl=self.context, compression=None, ping_interval=None, max_size=stream.MAX_FRAME
        )
        await self.socket.send(self.session.open(ticket))
        self._reader = asyncio.get_running_loop().create_task(self._read(self.socket))

    async def type(self, keys: bytes) -> None:
        assert self.session.type(keys) == len(keys)
        await self.flush()

    async def flush(self) -> None:
        assert self.socket is not None
        for frame in self.session.outgoing():
            await self.socket.send(frame)

    async def leave(self) -> None:
        assert self.socket is not None
        await self.socket.close(1000)
        await self._over()

    async def drop(self) -> None:
        """The line breaks."""
        assert self.socket is not None
        self.socket.transport.abort()
        await self._over()

    def abandon(self) -> ClientConnection:
        """Know that the line is gone while the socket, and the other side, do not."""
        assert self.socket is not None
        if self._reader is not None:
            self._reader.cancel()
        self.session.lost(clock.monotonic())
        return self.socket

    async def _over(self) -> None:
        if self._reader is not None:
            await self._reader

    @property
    def ended(self) -> Ended | None:
        return next((event for event in self.events if isinstance(event, Ended)), None)

    def told(self, what: str) -> list[Told]:
        return [event for event in self.events if isinstance(event, Told) and event.what == what]

    async def _read(self, socket: ClientConnection) -> None:
        with contextlib.suppress(ConnectionClosed):
            async for message in socket:
                assert isinstance(message, bytes)
                for event in self.session.receive(message, clock.monotonic()):
                    self.events.append(event)
                    if isinstance(event, Output):
                        self.output += event.payload
                await self.flush()
        self.session.lost(clock.monotonic())


@contextlib.asynccontextmanager
async def viewer(context: ssl.SSLContext, **options: Any) -> AsyncIterator[Viewer]:
    made = Viewer(context, **options)
    try:
        yield made
    finally:
        if made.socket is not None:
            await made.drop()


__all__ = ["AgentPeer", "Carrier", "HostKey", "Mode", "Viewer", "host_report", "until", "viewer", "vm_report"]
