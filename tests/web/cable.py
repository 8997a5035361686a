"""The way from the browser to a listener, which a test can cut: a TCP relay, blind to what passes."""

from __future__ import annotations

import asyncio
import socket
import struct
from contextlib import suppress

from tests.support.ports import lasting_ports

_CHUNK = 65536
_RESET = struct.pack("ii", 1, 0)


class Cable:
    """Relays to a port on this machine. `bytes` counts what came back from there."""

    def __init__(self, target: int) -> None:
        self.target = target
        self.port = 0
        """Its own for good: nobody gets it while the cable is unplugged."""
        self.bytes = 0
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.StreamWriter] = set()

    async def plug(self) -> None:
        """Let connections through, on the same port as before."""
        if not self.port:
            [self.port] = lasting_ports(1)
        self._server = await asyncio.start_server(self._relay, "127.0.0.1", self.port)

    def cut(self) -> None:
        """Reset every connection; a new one gets through at once."""
        for writer in list(self._open):
            with suppress(OSError):
                sock: socket.socket | None = writer.get_extra_info("socket")
                if sock is not None:  # it is None between the far end's close and the end of the relay
                    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            writer.transport.abort()

    async def unplug(self) -> None:
        """Reset every connection and refuse new ones."""
        if self._server is not None:
            self._server.close()
            self.cut()
            await self._server.wait_closed()
            self._server = None

    @property
    def connections(self) -> int:
        """How many are open now."""
        return len(self._open) // 2

    async def _relay(self, near: asyncio.StreamReader, back: asyncio.StreamWriter) -> None:
        try:
            far, forth = await asyncio.open_connection("127.0.0.1", self.target)
        except OSError:
            back.transport.abort()
            return
        both = {back, forth}
        self._open |= both
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._pump(near, forth, counted=False))
                group.create_task(self._pump(far, back, counted=True))
        finally:
            self._open -= both
            for writer in both:
                writer.transport.abort()

    async def _pump(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, *, counted: bool) -> None:
        # Whoever cuts meanwhile leaves a closed handle behind, which uvloop calls a RuntimeError.
        with suppress(OSError, RuntimeError):
            while chunk := await source.read(_CHUNK):
                if counted:
                    self.bytes += len(chunk)
                sink.write(chunk)
                await sink.drain()
            if not sink.is_closing():
                sink.write_eof()
