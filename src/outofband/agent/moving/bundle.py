"""Which files of a machine's folder move, and their bytes in chunks. Holes are never read.

A machine's own disk and its consoles' logs move, with what is remembered of those; definition, sockets,
process ids and what the host worked out for itself do not. A program on a terminal may keep files of any name
in its folder, and those are its disk.
"""

from __future__ import annotations

import errno
import itertools
import os
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from outofband.agent.hypervisors.command import OVERLAY
from outofband.agent.moving import fence, leaving
from outofband.core.errors import Fault
from outofband.wire.move import CHUNK, MAX_FILES, MAX_SIZE, Part, digest, is_name

_LOG = re.compile(r"serial[0-9]\.(log|idx|found)")
_UPLOADED = "uploaded.json"
_OWN = re.compile(
    r"machine\.json|power\.json|moved\.json|network\.json|serial[0-9]\..*|uploaded\.json"
    rf"|{re.escape(fence.FILE)}|{re.escape(leaving.FILE)}|qemu\..*|screen-.*|.*\.sock|disk\.qcow2"
    # What `write_private` writes before it has its name, and what says that something arrives.
    r"|\..*\.[0-9a-f]{8}|\.arrival\.json"
)
"""Files of the agent, which a program on a terminal does not get back from another host."""


_ZEROS = bytes(CHUNK)
HASHERS = min(4, os.cpu_count() or 1)
"""Threads that read a file back and hash it; none of them holds the others up meanwhile."""


def moves(driver: str, name: str) -> bool:
    """Whether a file of this name belongs to what moves of a machine; the receiver asks the same."""
    if _LOG.fullmatch(name) or name == _UPLOADED:
        return True
    if driver == "qemu":
        return name == OVERLAY
    return driver == "pty" and not _OWN.fullmatch(name)


def is_steady(name: str) -> bool:
    """Whether nobody changes the file while its machine is stopped. What is remembered of logs may change."""
    return name.endswith(".log") or not (_LOG.fullmatch(name) or name == _UPLOADED)


def files(directory: Path, driver: str) -> list[Path]:
    """The files that move, in the order of their names. Raises OSError, and Fault DiskNotMovable: what a
    program keeps here and no manifest can name would be lost with the copy that is left behind.
    """
    found = []
    for path in sorted(directory.iterdir()):
        if not moves(driver, path.name):
            continue
        shown = path.name[:60].encode("ascii", "backslashreplace").decode()
        if path.is_symlink() or not path.is_file():
            raise Fault("DiskNotMovable", detail=f"'{shown}' in its folder is no plain file")
        if not is_name(path.name):
            raise Fault("DiskNotMovable", detail=f"the name of its file '{shown}' cannot be carried")
        if path.stat().st_size > MAX_SIZE:
            raise Fault("DiskNotMovable", detail=f"its file '{shown}' is too large")
        found.append(path)
    if len(found) > MAX_FILES:
        raise Fault("DiskNotMovable", detail=f"it keeps more than {MAX_FILES} files")
    return found


def occupied(paths: list[Path]) -> int:
    """Bytes of chunks that may have to move: those in which anything is allocated. Raises OSError."""
    total = 0
    for path in paths:
        with Reading(path) as reading:
            total += CHUNK * sum(1 for _ in reading.touched())
    return total


class Reading:
    """One file, opened once and as long as it was then: another one that takes its name meanwhile, or what
    is added to it, is not read. Blocks; raises OSError.
    """

    def __init__(self, path: Path) -> None:
        self.name = path.name
        self.handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
        self.size = os.fstat(self.handle).st_size

    def __enter__(self) -> Reading:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self.handle)

    def chunks(self) -> Iterator[tuple[int, bytes]]:
        """Index and bytes of every chunk that is not zero."""
        for index in self.touched():
            if (body := self.chunk(index)) is not None:
                yield index, body

    def chunk(self, index: int) -> bytes | None:
        """None for one that has nothing but zeros."""
        begin = index * CHUNK
        body = read_at(self.handle, begin, min(CHUNK, self.size - begin))
        # Compared, not counted: it ends at the first byte that is not zero.
        return body if body != (_ZEROS if len(body) == CHUNK else bytes(len(body))) else None

    def touched(self) -> Iterator[int]:
        """Indexes of chunks in which the file system holds anything."""
        at, last = 0, -1
        while at < self.size:
            try:
                begin = os.lseek(self.handle, at, os.SEEK_DATA)
            except OSError as error:
                if error.errno == errno.ENXIO:
                    return
                raise
            at = os.lseek(self.handle, begin, os.SEEK_HOLE)
            first = max(begin // CHUNK, last + 1)
            # Blocks reserved past the end are data to some file systems, and no part of the file.
            end = min(at, self.size)
            for index in range(first, -(-end // CHUNK)):
                yield index
                last = index


def part(path: Path) -> Part:
    """The file as a manifest names it. Blocks; raises OSError."""

    def hashed(index: int) -> tuple[int, str] | None:
        body = reading.chunk(index)
        return (index, digest(body)) if body is not None else None

    with Reading(path) as reading, ThreadPoolExecutor(HASHERS, thread_name_prefix="hash") as pool:
        found, indexes = [], reading.touched()
        while some := list(itertools.islice(indexes, 64)):
            found += [each for each in pool.map(hashed, some) if each is not None]
        return Part(name=path.name, size=reading.size, chunks=found)


def read_at(handle: int, offset: int, size: int) -> bytes:
    whole = os.pread(handle, size, offset)
    if len(whole) == size:
        return whole
    held = bytearray(whole)
    while len(held) < size and (piece := os.pread(handle, size - len(held), offset + len(held))):
        held += piece
    return bytes(held)
