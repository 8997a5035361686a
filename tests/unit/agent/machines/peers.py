"""Somebody else's machine: its serial port listens on a unix socket, as other VMMs offer it."""

from __future__ import annotations

import asyncio
from pathlib import Path


class SerialServer:
    """One client at a time; `typed` is what it sent."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.typed = bytearray()
        self._server: asyncio.Server | None = None
        self._clients: set[asyncio.StreamWriter] = set()

    @property
    def connected(self) -> bool:
        return bool(self._clients)

    async def listen(self) -> None:
        self._server = await asyncio.start_unix_server(self._serve, self.path)

    async def close(self) -> None:
        """Stop listening and hang up."""
        if self._server is not None:
            self._server.close()
            self._server = None
            self.path.unlink(missing_ok=True)
        for client in list(self._clients):
            client.close()
            await client.wait_closed()

    def print(self, data: bytes) -> None:
        for client in self._clients:
            client.write(data)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._clients.add(writer)
        try:
            while data := await reader.read(4096):
                self.typed += data
        except ConnectionError:
            pass
        finally:
            self._clients.discard(writer)
            writer.close()
