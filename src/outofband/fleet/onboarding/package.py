"""The agent's package as this control plane gives it out: made once in its life, of what it runs itself."""

from __future__ import annotations

import asyncio
import hashlib
import os
import tempfile
import weakref
from collections.abc import AsyncIterator

import msgspec

from outofband.net import bundle

PATH = "/fleet/packages"
_PIECE = 256 * 1024


class Described(msgspec.Struct, frozen=True, kw_only=True):
    """`python` as 3.11; `sha256` in hex; `path` on this server."""

    name: str
    path: str
    size: int
    sha256: str
    version: str
    python: str
    machine: str


class Package:
    """Some seconds of work and a temporary file, when the first asks."""

    def __init__(self) -> None:
        self._making = asyncio.Lock()
        self._made: Described | None = None
        self._file = -1

    @property
    def name(self) -> str:
        """Of the file, known before it is made."""
        return bundle.file_name(bundle.here())

    async def described(self) -> Described:
        async with self._making:
            if self._made is not None:
                return self._made
            made, self._file = await asyncio.to_thread(_make)
            weakref.finalize(self, os.close, self._file)
            self._made = made
            return made

    async def content(self) -> AsyncIterator[bytes]:
        """The archive piece by piece; several may read at the same time."""
        size = (await self.described()).size
        for offset in range(0, size, _PIECE):
            yield await asyncio.to_thread(os.pread, self._file, _PIECE, offset)


def _make() -> tuple[Described, int]:
    fit, data = bundle.here(), bundle.build()
    # Without a name: it goes with the process, however that ends.
    with tempfile.TemporaryFile() as file:
        file.write(data)
        file.flush()
        handle = os.dup(file.fileno())
    name = bundle.file_name(fit)
    described = Described(
        name=name,
        path=f"{PATH}/{name}",
        size=len(data),
        sha256=hashlib.sha256(data).hexdigest(),
        version=fit.version,
        python=f"{fit.python[2]}.{fit.python[3:]}",
        machine=fit.machine,
    )
    return described, handle
