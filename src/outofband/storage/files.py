"""Objects as files: one each, in folders by the first digits of their keys.

ROOT/incoming/<key>         while it is written
ROOT/ab/cd/<key>            whole, synced, for good
"""

from __future__ import annotations

import asyncio
import errno
import os
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any, Self, TypeVar

from outofband.core.errors import Fault
from outofband.net.tasks import in_thread
from outofband.storage.objects import PIECE, Meter

T = TypeVar("T")
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})


class Files:
    """Every call to the file system runs in a thread: consoles live on the same loop."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._incoming = root / "incoming"

    async def put(self, key: str, pieces: AsyncIterator[bytes], length: int) -> bytes:
        meter = Meter(pieces, length)
        scratch = self._incoming / key
        try:
            with _Handle() as handle:
                await in_thread(handle.open, self._create, scratch)
                held = bytearray()
                async for piece in meter:
                    held += piece
                    if len(held) >= PIECE:
                        await in_thread(_write, handle.number, bytes(held))
                        held.clear()
                await in_thread(self._finish, handle.number, bytes(held), scratch, self.path(key))
            return meter.md5
        except OSError as error:
            _remove(scratch)
            raise _translated(error) from error
        except BaseException:
            _remove(scratch)
            raise

    async def read(self, key: str, start: int, end: int) -> AsyncIterator[bytes]:
        with _Handle() as handle:
            try:
                await in_thread(handle.open, os.open, self.path(key), os.O_RDONLY | os.O_CLOEXEC)
            except OSError as error:
                raise _translated(error) from error
            while start < end:
                try:
                    piece = await in_thread(os.pread, handle.number, min(PIECE, end - start), start)
                except OSError as error:
                    raise _translated(error) from error
                if not piece:
                    raise Fault("ObjectStoreDamaged", detail="an object is shorter than it was")
                start += len(piece)
                yield piece

    async def erase(self, key: str) -> None:
        try:
            # What a killed process left half-written goes the same way.
            for path in (self._incoming / key, self.path(key)):
                await asyncio.to_thread(path.unlink, missing_ok=True)
        except OSError as error:
            raise _translated(error) from error

    async def close(self) -> None:
        """Nothing is held open."""

    def path(self, key: str) -> Path:
        return self._root / key[:2] / key[2:4] / key

    def _create(self, scratch: Path) -> int:
        self._incoming.mkdir(mode=0o700, parents=True, exist_ok=True)
        return os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)

    def _finish(self, handle: int, rest: bytes, scratch: Path, final: Path) -> None:
        _write(handle, rest)
        os.fsync(handle)
        made = [folder for folder in (final.parent.parent, final.parent) if not folder.exists()]
        final.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        scratch.rename(final)
        # A name is as durable as the folder it is in, and so on upwards for folders that are new.
        for folder in dict.fromkeys((final.parent, *(each.parent for each in made))):
            _sync_folder(folder)


class _Handle:
    """An open file that is closed at the end of a `with`, also when its opening was cancelled."""

    def __init__(self) -> None:
        self.number = -1

    def open(self, how: Callable[..., int], *arguments: Any) -> None:
        self.number = how(*arguments)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self.number >= 0:
            os.close(self.number)


def _write(handle: int, data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(handle, rest) :]


def _remove(scratch: Path) -> None:
    try:
        scratch.unlink(missing_ok=True)
    except OSError:
        pass


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _translated(error: OSError) -> Fault:
    if error.errno in _FULL:
        return Fault("ObjectStoreFull")
    if error.errno == errno.ENOENT:
        return Fault("ObjectStoreDamaged", detail="an object is gone")
    return Fault("ObjectStoreBusy", detail=error.strerror or type(error).__name__)
