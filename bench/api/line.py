"""A keep-alive HTTP/1.1 connection that costs its own process little: only the server is measured."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from typing import NamedTuple

LIMIT = 256 * 1024
"""Bytes of a head; bodies are read by their length."""


class Place(NamedTuple):
    """Where a server listens. `tls` is None for plain HTTP."""

    host: str
    port: int
    tls: ssl.SSLContext | None = None


class Line:
    """One connection, opened at the first request and again whenever the server has closed it."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None
        self.opened = 0

    async def ask(self, request: bytes) -> bytes:
        """Send a whole request; the body of its answer. Raises RuntimeError unless that is a 200."""
        if self._writer is None:
            await self._open()
        assert self._reader is not None and self._writer is not None
        self._writer.write(request)
        head = (await self._reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        status, *lines = head.split("\r\n")
        fields = {name.lower(): value.strip() for name, _, value in (each.partition(":") for each in lines)}
        if "content-length" not in fields:
            raise RuntimeError(f"an answer without a length: {head}")
        body = await self._reader.readexactly(int(fields["content-length"]))
        if fields.get("connection", "").lower() == "close":
            await self.close()
        if status.split()[1] != "200":
            raise RuntimeError(f"{status}: {body[:2000].decode(errors='replace')}")
        return body

    async def close(self) -> None:
        if self._writer is not None:
            self._writer.close()
            with contextlib.suppress(OSError):
                await self._writer.wait_closed()
        self._reader = self._writer = None

    async def _open(self) -> None:
        place = self._place
        self._reader, self._writer = await asyncio.open_connection(
            place.host, place.port, ssl=place.tls, limit=LIMIT
        )
        self.opened += 1


def request(method: str, path: str, headers: dict[str, str], body: str = "") -> bytes:
    """A request as it goes over the wire."""
    fields = headers | ({"Content-Length": str(len(body))} if body else {})
    lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in fields.items())]
    return "\r\n".join([*lines, "", body]).encode()
