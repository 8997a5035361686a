"""One request on its way through the Blob service, and what is answered."""

from __future__ import annotations

import asyncio
import base64
import binascii
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from outofband.core import clock
from outofband.core.errors import Fault
from outofband.http.blobs.grants import Grant
from outofband.http.blobs.target import Target
from outofband.storage.accounts import Account
from outofband.storage.service import Storage
from outofband.store.blobs_containers import Container
from outofband.store.store import Store
from outofband.store.tx import Tx
from outofband.wire.storage.asked import Asked

IDLE_SECONDS = 60.0
"""How long the next bytes of a body may take."""
MAX_SMALL = 8 * 1024 * 1024
"""Bytes of a body that is a document; a list of 50,000 blocks has about 6 MiB."""
DRAIN = 16 * 1024 * 1024
"""Bytes of a body that are read to be thrown away, so that its sender can hear the refusal."""


class Body:
    """The bytes that come with a request. They are read once."""

    def __init__(self, pieces: AsyncIterator[bytes], length: int | None) -> None:
        self._pieces = pieces
        self._length = length
        self._begun = False

    @property
    def length(self) -> int:
        """Raises Fault MissingContentLengthHeader."""
        if self._length is None:
            raise Fault("MissingContentLengthHeader")
        return self._length

    def within(self, limit: int) -> int:
        """The length, when it is at most `limit`. Raises Fault RequestBodyTooLarge."""
        if self.length > limit:
            raise Fault("RequestBodyTooLarge", limit=limit)
        return self.length

    async def pieces(self) -> AsyncIterator[bytes]:
        """Raises Fault StorageBodyTimeout."""
        self._begun = True
        while True:
            try:
                async with asyncio.timeout(IDLE_SECONDS):
                    piece = await anext(self._pieces, None)
            except TimeoutError as error:
                raise Fault("StorageBodyTimeout", seconds=int(IDLE_SECONDS)) from error
            if piece is None:
                return
            yield piece

    async def whole(self, limit: int = MAX_SMALL) -> bytes:
        """Raises Fault RequestBodyTooLarge, StorageBodyTimeout or IncompleteBody."""
        expected, held = self.within(limit), bytearray()
        async for piece in self.pieces():
            held += piece
        if len(held) != expected:
            raise Fault("IncompleteBody", expected=expected, came=len(held))
        return bytes(held)

    async def drain(self) -> None:
        """Read a little of what nobody wants any more."""
        if not self._length or self._length > DRAIN:
            return
        async for _ in self.pieces():
            pass


@dataclass(frozen=True, kw_only=True)
class Reply:
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    stream: AsyncIterator[bytes] | None = None
    """In place of `body`; Content-Length is in the headers then."""


@dataclass(frozen=True, kw_only=True)
class Ask:
    """What a handler is given: a request that is authentic and may do what it asks for."""

    asked: Asked
    target: Target
    account: Account
    grant: Grant
    body: Body
    base: str
    """Scheme, authority and path of the account, as the client knows it, with a slash at the end."""
    store: Store
    storage: Storage

    @property
    def now(self) -> datetime:
        """The present: since the request began, its bytes may have taken minutes to come."""
        return clock.now()

    async def container(self, tx: Tx) -> Container:
        """Raises Fault ContainerNotFound."""
        found = await self.store.containers.get(tx, self.account.uid, self.target.container)
        if found is None:
            raise Fault("ContainerNotFound")
        return found

    def md5(self, name: str) -> bytes | None:
        """A header that holds an MD5 in base64. Raises Fault InvalidMd5."""
        given = self.asked.header(name)
        if given is None:
            return None
        try:
            digest = base64.b64decode(given, validate=True)
        except (binascii.Error, ValueError):
            digest = b""
        if len(digest) != 16:
            raise Fault("InvalidMd5")
        return digest

    def check_md5(self, came: bytes) -> None:
        """Raises Fault Md5Mismatch when the sender said that the bytes are others."""
        given = self.md5("content-md5")
        if given is not None and given != came:
            raise Fault("Md5Mismatch")

    def no_hierarchy(self) -> None:
        """Raises Fault when the account has a hierarchical namespace, for which Azure does not do this."""
        if self.account.hierarchical:
            raise Fault("FeatureNotYetSupportedForHierarchicalNamespaceAccounts")
