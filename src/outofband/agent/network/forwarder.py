"""Carries connections from a public address to a VM, one rule at a time: who is denied is reset.

A decision is made when a connection comes, and made again for every one that lives when the rules change:
what is denied from then on is cut. Bytes go through unread.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import socket
import struct
from collections.abc import Callable
from ipaddress import ip_address

import structlog

from outofband.net.tasks import Tasks
from outofband.wire.network.plan import Plan, decide

MAX_FLOWS = 1024
"""Connections to one VM at the same time."""
CONNECT_SECONDS = 10.0
_PIECE = 64 * 1024
_RESET = struct.pack("ii", 1, 0)

log = structlog.get_logger(__name__)


class Forwarder:
    """`backend` is asked for the loopback port that leads to a port of the VM; None: there is none now."""

    def __init__(self, vm: str, backend: Callable[[int], int | None]) -> None:
        self._vm = vm
        self._backend = backend
        self._plan = Plan()
        self._servers: dict[tuple[str, int], asyncio.Server] = {}
        self._flows: dict[asyncio.Task[None], tuple[str, int, int, int]] = {}
        """By flow: whose it is, the port it came to and the VM's port that it leads to."""
        self._tasks = Tasks()
        self.problems: dict[str, str] = {}
        """By `ADDRESS:PORT`, why nothing listens there."""
        self.denied = 0

    @property
    def flows(self) -> int:
        return len(self._flows)

    @property
    def listening(self) -> list[str]:
        return [f"{address}:{port}" for address, port in self._servers]

    async def apply(self, plan: Plan) -> None:
        """Listen where the plan says and nowhere else, and cut what it does not allow any more."""
        self._plan = plan
        wanted = {(address, port) for address in plan.public for port in plan.doors}
        for place in self._servers.keys() - wanted:
            self._servers.pop(place).close()
        self.problems = {}
        for address, port in sorted(wanted - self._servers.keys()):
            try:
                self._servers[address, port] = await asyncio.start_server(
                    self._arrived(port), address, port, limit=_PIECE
                )
            except OSError as error:
                self.problems[f"{address}:{port}"] = _words(error)
        for flow, (source, source_port, port, inner) in list(self._flows.items()):
            # What leads elsewhere now, or nowhere, is no longer the door that it came through.
            moved = port != inner and plan.doors.get(port) != inner
            if moved or not self._allowed(source, source_port, inner):
                flow.cancel()

    async def close(self) -> None:
        for server in self._servers.values():
            server.close()
        self._servers.clear()
        await self._tasks.close()

    def _allowed(self, source: str, source_port: int, port: int) -> bool:
        decision = decide(self._plan, ip_address(source), source_port, port)
        if not decision.allowed:
            self.denied += 1
            log.info("network.denied", vm=self._vm, source=source, port=port, rule=decision.rule)
        return decision.allowed

    def _arrived(self, port: int) -> Callable[[asyncio.StreamReader, asyncio.StreamWriter], None]:
        def arrived(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            peer = writer.get_extra_info("peername")
            if peer is None:
                # Gone before it was looked at.
                _reset(writer)
                return
            source, source_port = str(peer[0]).partition("%")[0], int(peer[1])
            inner = self._plan.doors.get(port, port)
            if len(self._flows) >= MAX_FLOWS or not self._allowed(source, source_port, inner):
                _reset(writer)
                return
            task = self._tasks.spawn(f"flow {self._vm}", self._carry(reader, writer, inner))
            self._flows[task] = source, source_port, port, inner
            task.add_done_callback(lambda each: self._flows.pop(each, None))

        return arrived

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, port: int) -> None:
        """Until both sides have ended; a side that ends alone is told to the other. What ends otherwise is
        reset on both.
        """
        ends = [writer]
        try:
            if (backend := self._backend(port)) is None:
                return
            async with asyncio.timeout(CONNECT_SECONDS):
                far, inner = await asyncio.open_connection("127.0.0.1", backend, limit=_PIECE)
            ends.append(inner)
            await asyncio.gather(_copy(reader, inner), _copy(far, writer))
            while ends:
                ends.pop().close()
        except (OSError, TimeoutError):
            pass
        finally:
            for each in ends:
                _reset(each)


async def _copy(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    while piece := await source.read(_PIECE):
        target.write(piece)
        await target.drain()
    if target.can_write_eof():
        with contextlib.suppress(OSError):
            target.write_eof()


def _reset(writer: asyncio.StreamWriter) -> None:
    """End it at once; where it had not ended by itself, the other side gets a reset."""
    connected = writer.get_extra_info("socket")
    if connected is not None:
        with contextlib.suppress(OSError):
            connected.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
    writer.transport.abort()


def _words(error: OSError) -> str:
    if error.errno == errno.EADDRNOTAVAIL:
        return "the host does not have this address"
    if error.errno == errno.EADDRINUSE:
        return "another program of the host has this port"
    if error.errno == errno.EACCES:
        return "the agent may not listen at this port"
    return error.strerror or str(error)
