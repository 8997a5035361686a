"""Which files of a machine's folder move, and their bytes in chunks. Holes are never read.

A machine's own disk and its consoles' logs move, with what is remembered of those; definition, sockets,
process ids and what the host worked out for itself do not. A program on a terminal may keep files of any name
in its folder, and those are its disk.
"""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Iterator
from pathlib import Path

from outofband.agent.hypervisors.command import OVERLAY
from outofband.core.errors import Fault
from outofband.wire.move import CHUNK, MAX_FILES, MAX_SIZE, Part, digest

_LOG = re.compile(r"serial[0-9]\.(log|idx|found)")
_UPLOADED = "uploaded.json"
_OWN = re.compile(
    r"\..*|machine\.json|power\.json|moved\.json|fenced\.json|network\.json|serial[0-9]\..*|uploaded\.json"
    r"|qemu\..*|screen-.*|.*\.sock|disk\.qcow2"
)
"""Files of the agent, which a program on a terminal does not get back from another host."""


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
    """The files that move, in the order of their names. Raises OSError, and Fault DiskNotMovable."""
    found = []
    for path in sorted(directory.iterdir()):
        if path.is_file() and not path.is_symlink() and moves(driver, path.name):
            if path.stat().st_size > MAX_SIZE:
                raise Fault("DiskNotMovable", detail=f"its file '{path.name}' is too large")
            found.append(path)
    if len(found) > MAX_FILES:
        raise Fault("DiskNotMovable", detail=f"it keeps more than {MAX_FILES} files")
    return found


def occupied(paths: list[Path]) -> int:
    """Bytes of chunks that may have to move: those in which anything is allocated."""
    return sum(CHUNK for path in paths for _ in _touched(path))


def chunks(path: Path) -> Iterator[tuple[int, bytes]]:
    """Index and bytes of every chunk that is not zero. Blocks; raises OSError."""
    with path.open("rb", buffering=0) as file:
        for index in _touched(path):
            body = read_at(file.fileno(), index * CHUNK, CHUNK)
            if body.count(0) != len(body):
                yield index, body


def part(path: Path) -> Part:
    """The file as a manifest names it. Blocks; raises OSError."""
    found = [(index, digest(body)) for index, body in chunks(path)]
    return Part(name=path.name, size=path.stat().st_size, chunks=found)


def read_at(handle: int, offset: int, size: int) -> bytes:
    held = bytearray()
    while len(held) < size and (piece := os.pread(handle, size - len(held), offset + len(held))):
        held += piece
    return bytes(held)


def _touched(path: Path) -> Iterator[int]:
    """Indexes of chunks in which the file system holds anything."""
    handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        size, at, last = os.fstat(handle).st_size, 0, -1
        while at < size:
            try:
                begin = os.lseek(handle, at, os.SEEK_DATA)
            except OSError as error:
                if error.errno == errno.ENXIO:
                    return
                raise
            at = os.lseek(handle, begin, os.SEEK_HOLE)
            first = max(begin // CHUNK, last + 1)
            # Blocks reserved past the end are data to some file systems, and no part of the file.
            end = min(at, size)
            for index in range(first, -(-end // CHUNK)):
                yield index
                last = index
    finally:
        os.close(handle)
