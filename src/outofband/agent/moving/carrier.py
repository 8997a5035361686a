"""Chunks to and from the Blob service: a few at a time, tried again while the service is away."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

import structlog

from outofband.core import clock
from outofband.core.errors import Fault
from outofband.net.backoff import Backoff
from outofband.net.blobs import BlobClient, Refused, Unreachable
from outofband.wire.move import CHUNK, MAX_MANIFEST, Progress

AT_ONCE = 8
"""Chunks of one machine in memory. The store answers when one is on its disk: that takes the time."""
_MISSING = 2 * AT_ONCE
"""So many that are not there, one after another, and no later one is: they are stored in their order."""
PATIENCE_SECONDS = 1800.0
"""How long the service may be away before a transfer is given up; what is stored by then stays."""

log = structlog.get_logger(__name__)
T = TypeVar("T")


class Carrier:
    """One transfer's container. `progress` is what has been done of it."""

    def __init__(
        self,
        client: BlobClient,
        account: str,
        container: str,
        query: str,
        *,
        patience: float = PATIENCE_SECONDS,
    ) -> None:
        self._client = client
        self._at = (account, container)
        self._query = query
        self._patience = patience
        self.done = self.total = self.spared = 0
        self._stored: set[str] = set()
        self._missing = 0

    @property
    def progress(self) -> Progress:
        return Progress(done=self.done, total=self.total, spared=self.spared)

    async def store(self, blob: str, body: bytes) -> bool:
        """Put it there unless it is there already; False when it was. Raises Fault DiskStoreAway."""
        if blob in self._stored:
            return False
        self._stored.add(blob)
        if self._missing < _MISSING:
            if await self._try(lambda: self._client.has(*self._at, blob, self._query)):
                self._missing = 0
                return False
            self._missing += 1
        await self._try(lambda: self._client.put(*self._at, blob, self._query, body))
        return True

    async def fetch(self, blob: str, limit: int = CHUNK) -> bytes:
        """Raises Fault DiskStoreAway."""
        return await self._try(lambda: self._client.get(*self._at, blob, self._query, limit=limit))

    async def peek(self, blob: str, limit: int) -> bytes | None:
        """None where it is not there. Raises Fault DiskStoreAway."""

        async def ask() -> bytes | None:
            try:
                return await self._client.get(*self._at, blob, self._query, limit=limit)
            except Refused as error:
                if error.status == 404 and error.code == "BlobNotFound":
                    return None
                raise

        return await self._try(ask)

    async def fetch_manifest(self, blob: str) -> bytes:
        return await self.fetch(blob, MAX_MANIFEST)

    async def _try(self, ask: Callable[[], Awaitable[T]]) -> T:
        backoff, until = Backoff(first=0.5, limit=15.0), clock.monotonic() + self._patience
        while True:
            try:
                return await ask()
            except Unreachable as error:
                if clock.monotonic() >= until:
                    raise Fault("DiskStoreAway", detail=str(error)) from error
                log.info("move.store_away", detail=str(error))
                await asyncio.sleep(backoff.next())
            except (Refused, ValueError) as error:
                raise Fault("DiskStoreAway", detail=str(error)) from error
