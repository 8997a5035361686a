"""A connection to the console listener that is made while the ticket is still being asked for.

TCP and TLS take two round trips, and neither needs the ticket: where the listener ought to be is known. It is
only ever a gain: what does not come about, or leads elsewhere than the answer says, is closed without a word,
and the socket is opened as if there had been none.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from typing import Any, cast
from urllib.parse import urlsplit

from websockets.asyncio.client import ClientConnection, connect

from outofband.core import clock
from outofband.net.proxies import proxy_for
from outofband.net.tasks import Tasks

FRESH_SECONDS = 5.0
"""The listener gives up who says nothing for longer than twice that."""
_PORT = 443


class Ahead:
    """Begins at once; `transport_for` hands it over. `close` it in any case."""

    def __init__(self, url: str, tls: ssl.SSLContext, tasks: Tasks) -> None:
        """`url` may be empty, or anything with scheme, host and port."""
        self._place = _place(url)
        self._transport: asyncio.Transport | None = None
        self._made_at = 0.0
        self._making: asyncio.Task[None] | None = None
        if self._place is not None and proxy_for(url) is None:
            self._making = tasks.spawn("console-ahead", self._make(*self._place, tls))

    async def transport_for(self, url: str) -> asyncio.Transport | None:
        """The connection to `url`'s host and port, to be used by nobody else; None to open one."""
        if self._making is None or _place(url) != self._place:
            return None
        # It is on its way: a new one would not be faster.
        await asyncio.wait((self._making,))
        transport, self._transport = self._transport, None
        if transport is None:
            return None
        if transport.is_closing() or clock.monotonic() - self._made_at > FRESH_SECONDS:
            transport.abort()
            return None
        return transport

    def close(self) -> None:
        """Give up what was not handed over."""
        if self._making is not None:
            self._making.cancel()
        if self._transport is not None:
            self._transport.abort()
            self._transport = None

    async def _make(self, host: str, port: int, tls: ssl.SSLContext) -> None:
        # Whatever is wrong is met again, and told, by who opens the socket.
        with contextlib.suppress(OSError, TimeoutError, UnicodeError):
            async with asyncio.timeout(FRESH_SECONDS):
                loop = asyncio.get_running_loop()
                made, _ = await loop.create_connection(_Silent, host, port, ssl=tls)
            self._transport, self._made_at = made, clock.monotonic()


class Connect(connect):
    """`websockets.connect` over a connection that is there already, if there is one.

    It follows no redirects: the request may hold a ticket.
    """

    def __init__(self, uri: str, *, transport: asyncio.Transport | None, **more: Any) -> None:
        super().__init__(uri, **more)
        self._there = transport

    async def open_tcp_connection(self) -> ClientConnection:
        if self._there is None:
            return await super().open_tcp_connection()
        transport, self._there = self._there, None
        connection = self.factory(self.ws_uri)
        transport.set_protocol(connection)
        connection.connection_made(transport)
        return connection

    def process_redirect(self, exc: Exception) -> Exception | str:
        return exc


class _Silent(asyncio.Protocol):
    """Nobody speaks before the request: who does is no console listener."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self._transport.abort()


def _place(url: str) -> tuple[str, int] | None:
    try:
        parts = urlsplit(url)
        if parts.scheme != "wss" or not parts.hostname:
            return None
        return parts.hostname, parts.port or _PORT
    except ValueError:
        return None
