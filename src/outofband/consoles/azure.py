"""A viewer that speaks Azure's text protocol over a socket of the ASGI port, and is a viewer like any other.

To `Session` and to the agent's stream it is a `ViewerSocket`: `send` takes the stream's frames, `peer` gets
its own. Between them and the text stands `wire.azure_console`; whoever drives the socket (http/) fetches the
text with `next_text`, and waits in `readable` before it reads the client.
"""

from __future__ import annotations

import asyncio

from picows import WSCloseCode

from outofband.consoles.limits import Limits
from outofband.consoles.sockets import ConsoleSocket, Gate, ViewerSocket
from outofband.core import clock
from outofband.core.errors import Fault, ProtocolError
from outofband.wire import stream
from outofband.wire.azure_console import AzureConsole
from outofband.wire.azure_words import Closing
from outofband.wire.stream import Kind


def _nothing(_: ConsoleSocket) -> None:
    """The listener does not look after this one."""


class AzureViewer(ViewerSocket):
    """One client. `address` is where it comes from."""

    returns = False
    """The extension opens a new session instead: nothing is kept for it."""

    def __init__(self, gate: Gate, session: str, limits: Limits, console: AzureConsole, address: str) -> None:
        super().__init__(gate, session, limits, _nothing)
        self.console = console
        self.address = address
        self.opened = True
        self.over = asyncio.Event()
        """Nothing that is sent now would arrive."""
        self._news = asyncio.Event()
        self._may_read = asyncio.Event()

    # What the far sides do

    def receive(self, message: str | bytes) -> None:
        """One message of the client."""
        self.console.receive(message)
        self._settle()
        if self.console.closing is not None and not self.over.is_set():
            self._gate.violated(self, self.console.closing.reason)
            self._end()

    def send(self, frame: bytes | memoryview) -> None:
        if self.over.is_set():
            return
        try:
            self.console.frame(bytes(frame), clock.monotonic())
        except ProtocolError as error:
            self._gate.violated(self, str(error))
            return
        self._settle()

    def tell(self, text: str) -> None:
        """Words of our own, for the person there."""
        self.console.say(text)
        self._settle()

    def leave(self, *, goodbye: bool) -> None:
        """The client's socket is gone; `goodbye`: it said so itself."""
        self.left = goodbye and not self.over.is_set()
        self._end()
        self.gone.set()
        self._gate.gone(self)

    # For whoever drives the socket

    async def next_text(self) -> str | Closing:
        """The next message to the client; how to close the socket when there is none any more."""
        while True:
            if text := self.console.text():
                self._settle()
                return text
            if self.console.closing is not None:
                return self.console.closing
            self._news.clear()
            await self._news.wait()

    async def readable(self) -> None:
        """Wait until another message of the client can be taken: the port has a pace of its own."""
        while not self.over.is_set() and self._is_held:
            self._may_read.clear()
            await self._may_read.wait()

    # What a session does with its viewer

    @property
    def is_over(self) -> bool:
        return self.over.is_set()

    def finish(self, code: WSCloseCode = WSCloseCode.OK) -> None:
        self.tell_and_finish(stream.Close("SessionEnded", {"detail": "the control plane let go of it"}))

    def tell_and_finish(self, close: stream.Close) -> None:
        self.console.end(close.code, close.fields)
        self._end()

    def refuse_for(self, fault: Fault) -> None:
        """Send the client away before it has a session."""
        self.console.refuse(fault)
        self._end()

    def cut(self) -> None:
        self.finish()

    def pulse(self, now: float) -> None:
        """The ASGI port looks after its sockets itself."""

    # How it is done

    def _end(self) -> None:
        self.over.set()
        self.join(None)
        self._news.set()
        self._may_read.set()

    def _settle(self) -> None:
        """Bring both sides up to date with the console between them."""
        self._hand_on(self.console.frames())
        if self.console.waiting:
            self._news.set()
        self._balance()
        self._weigh()

    def _hand_on(self, frames: list[bytes]) -> None:
        for frame in frames:
            if frame[0] == Kind.CONTROL:
                wish = stream.decode(frame)
                assert isinstance(wish, stream.Control)
                self._gate.viewer_wishes(self, wish)
            if self.peer is not None:
                self.peer.send(frame)

    def _weigh(self) -> None:
        """The stream is not read while the client has not taken what is there."""
        waiting = self.console.waiting
        if not self.congested and waiting > self._limits.write_high:
            self.pause_writing()
        elif self.congested and waiting <= self._limits.write_low:
            self.resume_writing()

    @property
    def _is_held(self) -> bool:
        return not self.console.room or (self.peer is not None and self.peer.congested)

    def _balance(self) -> None:
        if not self._is_held:
            self._may_read.set()
