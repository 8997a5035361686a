"""A reverse proxy as stands in front of many a service: it ends TLS, and says for whom it asks.

It adds the address of whoever connected to `X-Forwarded-For`, behind what that client sent itself, and speaks
to the service from an address of its own. A request gets a connection of its own; an upgraded one is passed
on as it is. What it speaks to, it trusts by the same authority as its clients trust it.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import threading
from pathlib import Path

_HEAD = 64 * 1024
_CHUNK = 16 * 1024


class ReverseProxy:
    """In a thread, until `close`, on a free port of `127.0.0.1`. `source` is where it speaks from."""

    def __init__(self, target: int, *, certificate: Path, key: Path, authority: Path, source: str) -> None:
        self._target, self._source = target, source
        self._near = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        self._near.load_cert_chain(certificate, key)
        self._far = ssl.create_default_context(cafile=str(authority))
        self.paths: list[str] = []
        """What was asked for through it, without queries."""
        self.port = 0
        self._up = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), daemon=True)
        self._thread.start()
        assert self._up.wait(30)

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._over.set)
        self._thread.join(30)

    async def _serve(self) -> None:
        self._over = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        server = await asyncio.start_server(self._pass, "127.0.0.1", 0, ssl=self._near, limit=_HEAD)
        self.port = server.sockets[0].getsockname()[1]
        self._up.set()
        await self._over.wait()
        server.close()

    async def _pass(self, near: asyncio.StreamReader, back: asyncio.StreamWriter) -> None:
        forth: asyncio.StreamWriter | None = None
        try:
            # A client may go at any time, and the service may be down.
            with contextlib.suppress(OSError, asyncio.IncompleteReadError, ExceptionGroup):
                head = await near.readuntil(b"\r\n\r\n")
                far, forth = await asyncio.open_connection(
                    "127.0.0.1",
                    self._target,
                    ssl=self._far,
                    server_hostname="localhost",
                    local_addr=(self._source, 0),
                )
                forth.write(self._told(head, back.get_extra_info("peername")[0]))
                async with asyncio.TaskGroup() as group:
                    group.create_task(_pump(near, forth))
                    group.create_task(_pump(far, back))
        finally:
            for writer in (back, forth):
                if writer is not None:
                    writer.transport.abort()

    def _told(self, head: bytes, client: str) -> bytes:
        """The head for the service."""
        first, *fields = head.removesuffix(b"\r\n\r\n").split(b"\r\n")
        self.paths.append(first.split(b" ")[1].decode().partition("?")[0])
        named = [(each.partition(b":")[0].strip().lower(), each) for each in fields]
        tale = [each.partition(b":")[2].strip() for name, each in named if name == b"x-forwarded-for"]
        upgraded = any(name == b"upgrade" for name, _ in named)
        kept = [
            each
            for name, each in named
            if name != b"x-forwarded-for" and (upgraded or name not in (b"connection", b"keep-alive"))
        ]
        kept.append(b"X-Forwarded-For: " + b", ".join([*tale, client.encode()]))
        if not upgraded:
            kept.append(b"Connection: close")
        return b"\r\n".join([first, *kept, b"", b""])


async def _pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    """Until one side is gone; then both are."""
    while chunk := await source.read(_CHUNK):
        sink.write(chunk)
        await sink.drain()
    await sink.drain()
    sink.close()
