"""A connection on its way through the layers: plain, through a proxy, in TLS. Every wait has its bound."""

from __future__ import annotations

import asyncio
import socket
import ssl

from outofband.wire import tunnel

HANDSHAKE_SECONDS = 6.0
HEAD_SECONDS = 8.0
"""For an answer's head: a proxy looks the name up first, and tries its addresses."""


class Stream:
    """Use as `async with Stream(socket)`; the socket is closed with it."""

    def __init__(self, raw: socket.socket) -> None:
        self._raw = raw

    async def __aenter__(self) -> Stream:
        self.reader, self.writer = await asyncio.open_connection(sock=self._raw, limit=tunnel.MAX_HEAD)
        return self

    async def __aexit__(self, *_: object) -> None:
        # No farewell, and no waiting for one: after a handshake that failed nobody would wake who waits.
        self.writer.transport.abort()
        await asyncio.sleep(0)
        self._raw.close()

    async def send(self, data: bytes) -> None:
        """Raises OSError, also for a connection that has ended already."""
        if self.writer.transport.is_closing():
            # The loop has no word of its own for it: uvloop takes it as a mistake of the program.
            raise ConnectionResetError("the connection was reset")
        self.writer.write(data)
        await self.writer.drain()

    async def head(self, request: bytes) -> bytes:
        """Send, and read what comes up to the end of the answer's head and a little more.

        Raises TimeoutError, OSError, or EOFError when the connection ends before.
        """
        async with asyncio.timeout(HEAD_SECONDS):
            await self.send(request)
            held = bytearray()
            while b"\r\n\r\n" not in held and len(held) < tunnel.MAX_HEAD:
                piece = await self.reader.read(4096)
                if not piece:
                    if held:
                        break
                    raise EOFError("the connection was closed without an answer")
                held += piece
            return bytes(held)

    async def secure(self, context: ssl.SSLContext, name: str) -> ssl.SSLObject:
        """Raises ssl.SSLError, TimeoutError, OSError or EOFError."""
        async with asyncio.timeout(HANDSHAKE_SECONDS):
            await self.writer.start_tls(
                context, server_hostname=name, ssl_handshake_timeout=HANDSHAKE_SECONDS
            )
        found = self.writer.get_extra_info("ssl_object")
        assert isinstance(found, ssl.SSLObject)
        return found
