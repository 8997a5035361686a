"""A network that is far away: a TCP forwarder that holds every byte back for half a round trip."""

from __future__ import annotations

import asyncio
from typing import cast


class Far:
    """Forwards to ports of this host as over a line with `rtt` seconds round trip; `close` it at the end."""

    def __init__(self, rtt: float) -> None:
        self.rtt = rtt
        self._servers: dict[int, asyncio.Server] = {}

    async def port(self, port: int) -> int:
        """A local port behind which `port` seems far."""
        if port not in self._servers:
            loop = asyncio.get_running_loop()
            self._servers[port] = await loop.create_server(lambda: _Near(port, self.rtt), "127.0.0.1", 0)
        return int(self._servers[port].sockets[0].getsockname()[1])

    async def close(self) -> None:
        for server in self._servers.values():
            server.close()
            await server.wait_closed()
        self._servers.clear()


class _End(asyncio.Protocol):
    """One side of a forwarded connection: what it reads is written to `other` after a while."""

    def __init__(self, delay: float) -> None:
        self.other: _End | None = None
        self.transport: asyncio.Transport | None = None
        self._loop = asyncio.get_running_loop()
        self._delay = delay
        self._early: list[bytes] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        for data in self._early:
            self.transport.write(data)
        self._early.clear()

    def data_received(self, data: bytes) -> None:
        self._loop.call_later(self._delay, self._pass, data)

    def connection_lost(self, exc: Exception | None) -> None:
        self._loop.call_later(self._delay, self._pass, b"")

    def _pass(self, data: bytes) -> None:
        if self.other is not None:
            self.other.put(data)

    def put(self, data: bytes) -> None:
        if self.transport is None:
            self._early.append(data)
        elif self.transport.is_closing():
            return
        elif data:
            self.transport.write(data)
        else:
            self.transport.close()


class _Near(_End):
    """The client's side. Its connection counts as made after a whole round trip, as TCP's would."""

    def __init__(self, port: int, rtt: float) -> None:
        super().__init__(rtt / 2)
        self._port = port
        self._rtt = rtt

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        far = _End(self._delay)
        far.other, self.other = self, far
        assert self.transport is not None
        self.transport.pause_reading()
        self._loop.call_later(self._rtt, self.transport.resume_reading)
        # The last part of TCP's handshake is under way together with the client's first bytes.
        self._loop.call_later(self._rtt + self._delay, self._dial, far)

    def _dial(self, far: _End) -> None:
        self._dialling = self._loop.create_task(
            self._loop.create_connection(lambda: far, "127.0.0.1", self._port)
        )
