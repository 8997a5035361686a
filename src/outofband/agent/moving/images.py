"""Hashes of disk images: worked out once and kept while the file is the same.

An overlay means nothing without the very image it lies over. Images have gigabytes, so the hash is kept on
disk beside what it was of: device, inode, size and time of change.
"""

from __future__ import annotations

import asyncio
import hashlib
from pathlib import Path

import msgspec
import structlog

from outofband.core.secrets import write_private
from outofband.wire.move import ImageMark

MAX_KEPT = 256
_PIECE = 4 * 1024 * 1024

log = structlog.get_logger(__name__)


class _Known(msgspec.Struct, frozen=True):
    of: tuple[int, int, int, int]
    sha256: str


class Images:
    """`memory` is the file in which hashes are kept."""

    def __init__(self, memory: Path) -> None:
        self._memory = memory
        self._known: dict[str, _Known] | None = None
        self._lock = asyncio.Lock()

    async def mark(self, name: str, path: Path) -> ImageMark:
        """Raises OSError."""
        async with self._lock:
            return await asyncio.to_thread(self._mark, name, path)

    def _mark(self, name: str, path: Path) -> ImageMark:
        if self._known is None:
            self._known = self._load()
        stat = path.stat()
        of = (stat.st_dev, stat.st_ino, stat.st_size, stat.st_mtime_ns)
        known = self._known.get(str(path))
        if known is None or known.of != of:
            known = _Known(of, _hash(path))
            self._known[str(path)] = known
            while len(self._known) > MAX_KEPT:
                del self._known[next(iter(self._known))]
            try:
                write_private(self._memory, msgspec.json.encode(self._known))
            except OSError as error:
                log.warning("images.not_remembered", error=str(error))
        return ImageMark(name=name, size=stat.st_size, sha256=known.sha256)

    def _load(self) -> dict[str, _Known]:
        try:
            return msgspec.json.decode(self._memory.read_bytes(), type=dict[str, _Known])
        except (OSError, msgspec.MsgspecError):
            return {}


def _hash(path: Path) -> str:
    found = hashlib.sha256()
    with path.open("rb", buffering=0) as file:
        while piece := file.read(_PIECE):
            found.update(piece)
    return found.hexdigest()
