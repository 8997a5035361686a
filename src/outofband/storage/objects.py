"""What an object store has to do, and the counting of what is put into one."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import AsyncIterator
from typing import Protocol

from outofband.core.errors import Fault

PIECE = 1024 * 1024
"""Bytes moved at a time; what one transfer holds in memory is a small multiple of it."""


class Objects(Protocol):
    """A flat store of immutable byte sequences. Every method raises Fault ObjectStoreBusy, ObjectStoreFull or
    ObjectStoreDamaged.
    """

    async def put(self, key: str, pieces: AsyncIterator[bytes], length: int) -> bytes:
        """Store exactly `length` bytes, more than none; their MD5. It is there whole and for good when this
        returns. What `pieces` raises comes through, as does IncompleteBody when they are fewer or more, and
        then nothing is there.
        """

    def read(self, key: str, start: int, end: int) -> AsyncIterator[bytes]:
        """The bytes from `start` up to `end`, in pieces of at most PIECE."""

    async def erase(self, key: str) -> None:
        """Remove it; nothing happens when it is not there."""

    async def close(self) -> None: ...


def new_key() -> str:
    """A name that no other object ever has: 32 hex digits, evenly spread."""
    return uuid.uuid4().hex


class Meter:
    """Passes pieces on while counting and hashing them.

    Iterating raises Fault IncompleteBody when they are not `length` bytes in all.
    """

    def __init__(self, pieces: AsyncIterator[bytes], length: int) -> None:
        self._pieces = pieces
        self._expected = length
        self._md5 = hashlib.md5(usedforsecurity=False)
        self.length = 0

    @property
    def md5(self) -> bytes:
        return self._md5.digest()

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for piece in self._pieces:
            if not piece:
                continue
            self.length += len(piece)
            if self.length > self._expected:
                break
            self._md5.update(piece)
            yield piece
        if self.length != self._expected:
            raise Fault("IncompleteBody", expected=self._expected, came=self.length)
