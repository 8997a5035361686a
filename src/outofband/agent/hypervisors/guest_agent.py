"""The way to the agent inside a guest: a unix socket that is QEMU's end of a virtio-serial port.

A conversation is short: connect, synchronise, ask, hang up. Between two of them nobody is connected, so a
guest pays for the channel only while something is asked, and a request that was lost in a reset harms no
later one.

Three ways to hear nothing are told apart: nobody in the guest has the port open (no agent, or not yet),
somebody has and does not answer (it hangs, or the guest is paused), and a machine whose QEMU was started
without the port.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import os
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from outofband.core import clock
from outofband.core.errors import Fault, ProtocolError
from outofband.wire.guest_agent import Answered, Declined, Event, GuestAgentClient, State

CONNECT_SECONDS = 5.0
SYNC_SECONDS = 10.0
"""An agent that is busy with another request answers the sync after it; one under TCG takes its time."""
CALL_SECONDS = 30.0
TALK_SECONDS = 180.0
"""A whole conversation: an agent that answers everything a little too late keeps nobody longer."""
PIECE = 48 * 1024
"""Bytes of a file in one answer."""
_READ = 65536
_SEEK_END = 2
_POLL = (0.02, 0.5)
"""Seconds between two looks at a program that was started: the first, and the longest."""
_DISABLED = frozenset({"CommandNotFound", "CommandDisabled"})
_WORDS = 400


class Ended(msgspec.Struct, frozen=True, kw_only=True):
    """How a program in the guest ended: `status` is None when signal `signal` ended it.

    `truncated`: the guest's agent kept only the beginning of what was printed.
    """

    status: int | None
    signal: int | None
    out: bytes = b""
    err: bytes = b""
    truncated: bool = False


class _Started(msgspec.Struct, frozen=True):
    pid: int


class _Status(msgspec.Struct, frozen=True, kw_only=True, rename="kebab"):
    exited: bool
    exitcode: int | None = None
    signal: int | None = None
    out_data: bytes = b""
    err_data: bytes = b""
    out_truncated: bool = False
    err_truncated: bool = False


class _Place(msgspec.Struct, frozen=True):
    position: int


class _Piece(msgspec.Struct, frozen=True, rename="kebab"):
    count: int
    buf_b64: bytes
    eof: bool


class _Command(msgspec.Struct, frozen=True):
    name: str
    enabled: bool


class _Info(msgspec.Struct, frozen=True):
    version: str
    supported_commands: list[_Command]


T = TypeVar("T")


class GuestAgent:
    """`opened` says whether a program in the guest has the port open; None when it cannot be told."""

    def __init__(
        self, vm: str, directory: Path, socket: str, opened: Callable[[], Awaitable[bool | None]]
    ) -> None:
        self._vm = vm
        self._directory = directory
        self._socket = socket
        self._opened = opened
        # QEMU takes one client at a time; a second one would wait in the socket's queue without a word.
        self._turn = asyncio.Lock()

    @contextlib.asynccontextmanager
    async def talk(self) -> AsyncIterator[Conversation]:
        """A synchronised conversation. Keep it short: others wait for their turn.

        Raises Fault GuestChannelMissing, GuestAgentAbsent, GuestAgentSilent; so do the calls within.
        """
        async with self._turn:
            reader, writer = await self._dial()
            conversation = Conversation(self._vm, reader, writer, self._silence)
            try:
                await conversation.begin()
                yield conversation
            finally:
                # Not closed: that would wait for a guest that does not read to take the rest of a request.
                writer.transport.abort()
                with contextlib.suppress(OSError):
                    await writer.wait_closed()

    async def _dial(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if not (self._directory / self._socket).is_socket():
            raise Fault("GuestChannelMissing", vm=self._vm)
        if await self._opened() is False:
            # What is written to a port that nobody has open waits there and is read by a later agent.
            raise Fault("GuestAgentAbsent", vm=self._vm)
        folder = os.open(self._directory, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                # Through the descriptor, because the name of a unix socket ends at 108 bytes.
                return await asyncio.open_unix_connection(f"/proc/self/fd/{folder}/{self._socket}")
        except (OSError, TimeoutError) as error:
            raise Fault("GuestChannelMissing", vm=self._vm) from error
        finally:
            os.close(folder)

    async def _silence(self, seconds: float) -> Fault:
        """The Fault for an answer that did not come within `seconds`."""
        if await self._opened() is False:
            return Fault("GuestAgentAbsent", vm=self._vm)
        return Fault("GuestAgentSilent", vm=self._vm, seconds=round(seconds))


class Conversation:
    """Requests to the agent in a guest, one after another.

    Every method raises Fault GuestAgentSilent, GuestAgentAbsent, GuestAgentBroken, GuestCommandDisabled, or
    GuestAgentRefused with the agent's own words.
    """

    def __init__(
        self,
        vm: str,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        silence: Callable[[float], Awaitable[Fault]],
    ) -> None:
        self._vm = vm
        self._reader, self._writer = reader, writer
        self._silence = silence
        self._client = GuestAgentClient()
        self._until = clock.monotonic() + TALK_SECONDS

    async def begin(self) -> None:
        await self._exchange(self._client.sync(secrets.randbits(62)), SYNC_SECONDS)

    async def call(self, command: str, *, timeout: float = CALL_SECONDS, **arguments: Any) -> Any:
        """What the agent returns for `command`, a JSON value."""
        event = await self._exchange(self._client.call(command, **arguments), timeout)
        if isinstance(event, Declined):
            if event.kind in _DISABLED or "has been disabled" in event.detail:
                raise Fault("GuestCommandDisabled", vm=self._vm, command=command)
            raise Fault("GuestAgentRefused", vm=self._vm, command=command, detail=event.detail[:_WORDS])
        assert isinstance(event, Answered)
        return event.value

    async def ping(self) -> None:
        await self.call("guest-ping")

    async def info(self) -> dict[str, bool]:
        """The agent's commands, and whether each may be used."""
        found = await self._ask(_Info, "guest-info")
        return {each.name: each.enabled for each in found.supported_commands}

    async def set_password(self, user: str, password: str) -> None:
        """Give an account of the guest another password."""
        encoded = base64.b64encode(password.encode()).decode()
        await self.call("guest-set-user-password", username=user, password=encoded, crypted=False)

    async def start(self, path: str, arguments: list[str], given: bytes = b"", *, capture: bool) -> int:
        """Start a program with `given` on its standard input; its process id."""
        encoded = base64.b64encode(given).decode()
        options = {"arg": arguments, "input-data": encoded, "capture-output": capture}
        return (await self._ask(_Started, "guest-exec", path=path, **options)).pid

    async def run(self, path: str, arguments: list[str], given: bytes = b"", *, seconds: float) -> Ended:
        """Start a program and wait for its end. Raises GuestAgentSilent when it takes over `seconds`."""
        pid = await self.start(path, arguments, given, capture=True)
        until, pause = clock.monotonic() + seconds, _POLL[0]
        while True:
            found = await self._ask(_Status, "guest-exec-status", pid=pid)
            if found.exited:
                return Ended(
                    status=found.exitcode,
                    signal=found.signal,
                    out=found.out_data,
                    err=found.err_data,
                    truncated=found.out_truncated or found.err_truncated,
                )
            if clock.monotonic() > until:
                raise Fault("GuestAgentSilent", vm=self._vm, seconds=round(seconds))
            await asyncio.sleep(pause)
            pause = min(2 * pause, _POLL[1])

    async def read(self, path: str, limit: int, *, tail: bool = False) -> bytes | None:
        """The first or, with `tail`, the last `limit` bytes of a file; None when it cannot be read."""
        handle = None
        try:
            handle = await self._ask(int, "guest-file-open", path=path, mode="r")
            if tail:
                size = (await self._seek(handle, 0, _SEEK_END)).position
                await self._seek(handle, max(0, size - limit), 0)
            return await self._read(handle, limit)
        except Fault as fault:
            # Also what belonged to a process that ended after it was opened.
            if fault.code != "GuestAgentRefused":
                raise
            return None
        finally:
            # In a conversation that has broken down there is nothing to close any more.
            if handle is not None and self._client.state is State.READY:
                await self._close(handle)

    async def _close(self, handle: int) -> None:
        try:
            await self.call("guest-file-close", handle=handle)
        except Fault as fault:
            # Silence is the end of the conversation: whoever goes on with it has to know.
            if fault.code != "GuestAgentRefused":
                raise

    async def _read(self, handle: int, limit: int) -> bytes:
        found = bytearray()
        while len(found) < limit:
            count = min(PIECE, limit - len(found))
            piece = await self._ask(_Piece, "guest-file-read", handle=handle, count=count)
            found += piece.buf_b64
            # What the guest says of `count` is not relied on: without a byte there is no progress.
            if piece.eof or not piece.buf_b64:
                break
        return bytes(found[:limit])

    async def _seek(self, handle: int, offset: int, whence: int) -> _Place:
        return await self._ask(_Place, "guest-file-seek", handle=handle, offset=offset, whence=whence)

    async def _ask(self, kind: type[T], command: str, **arguments: Any) -> T:
        value = await self.call(command, **arguments)
        try:
            return msgspec.convert(value, kind)
        except msgspec.ValidationError as error:
            raise Fault("GuestAgentBroken", vm=self._vm, detail=str(error)) from error

    async def _exchange(self, request: bytes, timeout: float) -> Event:
        left = self._until - clock.monotonic()
        try:
            async with asyncio.timeout(max(0.0, min(timeout, left))):
                self._writer.write(request)
                await self._writer.drain()
                while True:
                    if not (data := await self._reader.read(_READ)):
                        raise Fault("GuestAgentAbsent", vm=self._vm)
                    if events := self._client.receive(data):
                        return events[0]
        except TimeoutError as error:
            raise await self._silence(timeout if timeout < left else TALK_SECONDS) from error
        except ProtocolError as error:
            raise Fault("GuestAgentBroken", vm=self._vm, detail=str(error)) from error
        except OSError as error:
            raise Fault("GuestAgentAbsent", vm=self._vm) from error
