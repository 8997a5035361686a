"""One control link: a socket driven by the rules of `wire.link`. Knows nothing of other links."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Protocol

import msgspec
import structlog

from outofband.core import clock, secrets
from outofband.core.errors import Fault, ProtocolError
from outofband.fleet import keys
from outofband.store.agents import Agent
from outofband.wire.link import AgentMessage, Hello, LinkServer, ServerMessage, State, Welcome

log = structlog.get_logger(__name__)

MAX_HELLO = 16 * 1024
"""Bytes of a first message; nobody is known yet who might send more."""
MAX_QUEUED = 4096
"""Messages that wait for an agent that does not read; then the link is given up and the agent comes back."""
TICK_SECONDS = 1.0
LEAST_TICK_SECONDS = 0.02
CLOSE_NORMAL = 1000
CLOSE_POLICY = 1008
CLOSE_BUSY = 1013


class LinkSocket(Protocol):
    """What the edge makes of a WebSocket."""

    async def receive_text(self) -> str | None:
        """The next text message; None when the socket is over, or sent something else."""

    async def send_text(self, text: str) -> None:
        """Returns when the socket took it. Raises OSError when it is over."""

    async def close(self, code: int) -> None: ...


class Link:
    """Drives one socket from the challenge to its end.

    `find` gives the agent's row for the id in its hello, so that a revoked key is refused from the next link
    on; `handle` gets every message that counts, one after the other, the Hello first.
    """

    def __init__(
        self,
        socket: LinkSocket,
        *,
        find: Callable[[str], Awaitable[Agent | None]],
        handle: Callable[[Link, AgentMessage], Awaitable[None]],
    ) -> None:
        self.id = uuid.uuid4().hex
        self.row: Agent | None = None
        self.server = LinkServer(nonce=secrets.token(), verify=self._verify, now=clock.monotonic())
        self._socket = socket
        self._find, self._handle = find, handle
        self.opened = asyncio.Event()
        """Set when the agent has proved itself and was welcomed."""
        self._wake = asyncio.Event()
        self._queued = 0
        self.instance = ""
        """Of the agent's process, as its hello says."""
        self.takes_keys = False
        """Whether the agent understands `keys`; one that does not hears of new ones with its next link."""
        self.takes_places = False
        """Whether the agent understands a `place` that it did not ask for."""
        self.takes_renewals = False
        """Whether the agent understands `renewed`."""
        self.renewed_at: float | None = None
        """When a certificate was sent last on this link; monotonic."""
        self.sent_up_to = 0
        """Sequence of the last command put on this link."""

    @property
    def agent(self) -> str | None:
        """Id of the agent that proved its key; None before."""
        return self.server.agent

    @property
    def is_open(self) -> bool:
        return self.server.state is State.OPEN

    def send(self, message: ServerMessage) -> None:
        """Queue a message. Raises ProtocolError when the link is not open."""
        self.server.send(message)
        self._queued += 1
        if self._queued > MAX_QUEUED:
            self.close("the agent does not read")
        self._wake.set()

    def welcome(self, welcome: Welcome) -> None:
        """From here on messages may be sent."""
        self.server.welcome(welcome)
        self.opened.set()
        self._wake.set()

    def reject(self, fault: Fault) -> None:
        """Instead of the welcome: say why, and end."""
        self.server.reject(fault.code, **fault.fields)
        self._wake.set()

    def close(self, reason: str) -> None:
        self.server.close(reason)
        self._wake.set()

    async def run(self, *companions: Callable[[Link], Coroutine[Any, Any, None]]) -> None:
        """Serve the socket until it ends; never raises for what the peer does. `companions` run beside it."""
        parts = [self._read(), self._write(), self._tick(), *(each(self) for each in companions)]
        try:
            async with asyncio.TaskGroup() as group:
                running = [group.create_task(part) for part in parts]
                await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
                self.close("the socket ended")
                for part in running:
                    part.cancel()
        finally:
            self.close("the socket ended")
            await self._hang_up()

    async def _read(self) -> None:
        while (text := await self._socket.receive_text()) is not None:
            if self.server.state is State.GREETING:
                await self._look_up(text)
            try:
                events = self.server.receive(text, clock.monotonic())
            except ProtocolError as error:
                log.warning("link.broken", agent=self.agent, error=str(error))
                self.close(str(error))
                return
            if self.server.state is State.CLOSED:
                # Rejected: the writer still has to say so.
                self._wake.set()
                await asyncio.sleep(TICK_SECONDS)
                return
            try:
                for event in events:
                    await self._handle(self, event)
            except (Fault, ProtocolError) as error:
                # What was not kept is asked for again on the next link.
                log.warning("link.failed", agent=self.agent, error=str(error))
                self.close(str(error))
                return

    async def _look_up(self, text: str) -> None:
        """Fetch the row before the rules ask for its key: they may not wait."""
        if len(text) > MAX_HELLO:
            return
        try:
            hello = msgspec.json.decode(text, type=Hello)
        except (msgspec.MsgspecError, RecursionError):
            return
        self.row = await self._find(hello.agent)

    def _verify(self, agent: str, signature: str, text: bytes) -> bool:
        row = self.row
        if row is None or row.id != agent or row.revoked is not None or row.awaiting:
            return False
        return keys.verify(row.public_key, signature, text)

    async def _write(self) -> None:
        while True:
            self._wake.clear()
            for text in self.server.outgoing(clock.monotonic()):
                try:
                    await self._socket.send_text(text.decode())
                except OSError:
                    return
            self._queued = 0
            if self.server.state is State.CLOSED:
                return
            await self._wake.wait()

    async def _tick(self) -> None:
        # Not once a second: that alone would be most of what an idle agent costs.
        while self.server.state is not State.CLOSED:
            await asyncio.sleep(max(LEAST_TICK_SECONDS, self.server.due(clock.monotonic())))
            self.server.tick(clock.monotonic())
            self._wake.set()

    async def _hang_up(self) -> None:
        try:
            async with asyncio.timeout(TICK_SECONDS):
                await self._socket.close(CLOSE_NORMAL)
        except (OSError, TimeoutError):
            pass
