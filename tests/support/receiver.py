"""Somebody's receiver of webhooks: a real HTTPS server that takes, refuses, hangs or is away."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import msgspec

from outofband.core import clock
from outofband.identity.pki import Pki
from outofband.net import tls
from outofband.wire import webhook


class Receiver:
    """`status` answers every request; None: it hangs. What was authentic is in `events`, in order."""

    def __init__(self, pki: Pki) -> None:
        self.pki = pki
        self.status: int | None = 200
        self.key = b""
        self.port = 0
        self.events: list[dict[str, Any]] = []
        self.refused = 0
        """Requests that were answered with something else than 200, or with nothing."""
        self.forged = 0

    @property
    def url(self) -> str:
        return f"https://localhost:{self.port}/hook?team=a"

    @property
    def authorities(self) -> str:
        return self.pki.trust.read_text()

    @contextlib.asynccontextmanager
    async def listen(self) -> AsyncIterator[Receiver]:
        context = tls.server_context(self.pki.certificate, self.pki.key)
        server = await asyncio.start_server(self._serve, "127.0.0.1", self.port, ssl=context)
        self.port = server.sockets[0].getsockname()[1]
        async with server:
            yield self

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
            given = dict(_field(line) for line in head[1:] if line)
            body = await reader.readexactly(int(given.get("content-length", "0")))
            assert head[0] == "POST /hook?team=a HTTP/1.1", head[0]
            if self.status != 200:
                self.refused += 1
            elif webhook.is_authentic(self.key, given, body, clock.wall()):
                self.events.append(msgspec.json.decode(body))
            else:
                self.forged += 1
            if self.status is None:
                await reader.read()
            writer.write(
                f"HTTP/1.1 {self.status} X\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode()
            )
            await writer.drain()
        with contextlib.suppress(Exception):
            writer.close()


def _field(line: str) -> tuple[str, str]:
    name, _, value = line.partition(":")
    return name.strip().lower(), value.strip()
