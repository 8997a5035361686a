"""How far one port's log is stored, and what goes into its next segment.

What is remembered on disk is where the open segment begins. It changes when one is sealed, and only then: a
crash in between makes the same segment be written once more, under its name, with the same bytes.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable
from pathlib import Path

import msgspec
import structlog

from outofband.agent.ports.spool import Spool
from outofband.core import clock
from outofband.core.secrets import write_private
from outofband.wire import segments
from outofband.wire.segments import Boot, Gap, Mark, Notes, Piece

SAMPLES = 16
"""Times looked up of a stretch that waited long before it was uploaded."""
FRESH_SECONDS = 15.0
FILE = "uploaded.json"

log = structlog.get_logger(__name__)


class Known(msgspec.Struct, frozen=True, kw_only=True):
    """Of one port, in the spool's offsets: `tail` is where the open segment begins, `uploaded` the end of
    what was stored when this was written, or later. `base` is what stored offsets are higher by.
    """

    base: int
    tail: int
    uploaded: int


class Memory(msgspec.Struct, frozen=True, kw_only=True):
    """Form of the file: where the log went, and how far it came there, by port."""

    account: str
    container: str
    ports: dict[str, Known]


class Upload(msgspec.Struct, frozen=True, kw_only=True):
    """One Put Blob. `piece` is in the spool's offsets; `moves` is the log's when it was made."""

    name: str
    body: bytes
    metadata: dict[str, str]
    piece: Piece
    moves: int


class PortLog:
    """`known` is None for a log of which nothing is known to be stored: `adopt` it then."""

    def __init__(self, port: str, spool: Spool, known: Known | None) -> None:
        self.port = port
        self.spool = spool
        self.base, self.tail, self.uploaded = 0, spool.start, spool.start
        self.marks: list[Mark] = []
        self.another = False
        self.moves = 0
        """Grows when another place, or another part of one, is where the log goes."""
        self.looked_at: float | None = None
        """Wall time, seconds, of the last upload."""
        if known is not None:
            self.base, self.tail, self.uploaded = known.base, known.tail, known.uploaded
            self.another = self.uploaded > spool.end
            if self.another:
                # Another log than the one that was uploaded: it goes on where that ended.
                self.adopt(self.base + self.uploaded)
        self.boots = len(spool.boots())

    def adopt(self, stored: int) -> None:
        """Of this log nothing is stored, and `stored` is where what another host uploaded ends."""
        self.moves += 1
        self.base = max(0, stored - self.spool.start)
        self.tail = self.uploaded = self.spool.start
        self.marks.clear()

    def resumed(self, stored: int) -> None:
        """An agent's new life: `stored` is where what is stored ends. After a power cut that may be more than
        the host still has, and must not be written over with less.
        """
        at, end = stored - self.base, self.spool.end
        if at <= self.uploaded:
            return
        if self.another:
            self.adopt(stored)
            return
        if at > end:
            log.warning("diagnostics.host_lost", path=str(self.spool.path), stored=at, end=end)
            self.moves += 1
            self.base += at - end
            self.tail = self.uploaded = end
        elif any(self.tail <= gap.start < at for gap in self.spool.lost if gap.end > gap.start):
            self.moves += 1
            self.tail = self.uploaded = at

    def moved(self, stored: int) -> None:
        """The log goes to another place now, which has it up to `stored` already."""
        at = stored - self.base
        if at > self.spool.end:
            self.adopt(stored)
            return
        self.moves += 1
        self.tail = self.uploaded = max(at, self.spool.start)
        self.marks.clear()

    @property
    def known(self) -> Known:
        return Known(base=self.base, tail=self.tail, uploaded=self.uploaded)

    @property
    def behind(self) -> int:
        """Bytes that are not stored yet, of those the spool still has."""
        return self.spool.end - max(self.uploaded, self.spool.start)

    @property
    def full(self) -> bool:
        return self.spool.end - self.tail >= segments.SEGMENT_BYTES

    @property
    def open(self) -> bool:
        """There is a segment to which something may be added."""
        return self.uploaded > self.tail

    def next(self, *, final: bool) -> Upload | None:
        """What to put next; None when all is stored."""
        spool = self.spool
        wide = [(gap.start, gap.end) for gap in spool.lost if gap.end > gap.start]
        piece = segments.next_piece(
            self.tail, self.uploaded, spool.start, spool.end, missing=wide, final=final
        )
        if piece is None:
            return None
        if piece.start != self.tail:
            self.marks.clear()
            log.warning("diagnostics.skipped", path=str(spool.path), stored=self.uploaded, next=piece.start)
        body = _read(spool, piece.start, piece.end)
        base = self.base
        notes = Notes(
            boots=tuple(
                Boot(boot.number, boot.offset + base, boot.at)
                for boot in spool.boots()
                if piece.start <= boot.offset <= piece.end
            ),
            marks=tuple(
                Mark(each.offset + base, each.at)
                for each in (*self.marks, *self._times(max(piece.start, self.uploaded), piece.end))
            ),
            gaps=tuple(
                Gap(gap.start + base, gap.end + base, gap.bytes)
                for gap in spool.gaps(piece.start, piece.end)
                if gap.start == gap.end
            ),
            base=base,
        )
        start = piece.start + base
        return Upload(
            name=segments.name(self.port, start),
            body=body,
            metadata=notes.metadata(start),
            piece=piece,
            moves=self.moves,
        )

    def stored(self, upload: Upload) -> bool:
        """It is there. True when a segment was sealed by it, which is to be remembered."""
        piece = upload.piece
        self.marks += self._times(max(piece.start, self.uploaded), piece.end)
        self.marks = segments.thinned(self.marks)
        self.looked_at = clock.wall()
        self.tail, self.uploaded = piece.start, piece.end
        if piece.sealed:
            self.tail = self.uploaded = piece.after
            self.marks.clear()
        return piece.sealed

    def seal(self) -> None:
        """Nothing is added to the open segment any more, which is stored as it is."""
        self.tail = self.uploaded
        self.marks.clear()

    def _times(self, start: int, end: int) -> list[Mark]:
        """When the log came to `end`, and to some places before it where it took long."""
        if end <= start:
            return []
        now = clock.wall()
        if self.looked_at is not None and now - self.looked_at < FRESH_SECONDS:
            return [Mark(end, now)]
        step = max(1, (end - start) // SAMPLES)
        places = [*list(range(start + step, end, step))[: SAMPLES - 1], end]
        return [Mark(each, self.spool.time_of(each - 1)[1]) for each in places]


def load(directory: Path) -> Memory | None:
    """None where nothing was uploaded yet, or what was remembered cannot be read."""
    try:
        return msgspec.json.decode((directory / FILE).read_bytes(), type=Memory)
    except (OSError, msgspec.MsgspecError):
        return None


def save(directory: Path, memory: Memory, logs: Iterable[Path] = ()) -> None:
    """May block; raises OSError. `logs` are the spools' files it speaks of: they get to the disk first, or
    after a power cut it would know of bytes that the spool never had.
    """
    for path in logs:
        with contextlib.suppress(FileNotFoundError):
            _sync(path)
    if directory.is_dir():
        # Otherwise the machine was deleted while its log was under way: its folder must not come back.
        write_private(directory / FILE, msgspec.json.encode(memory))


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fdatasync(handle)
    finally:
        os.close(handle)


def _read(spool: Spool, start: int, end: int) -> bytes:
    held = bytearray()
    while start + len(held) < end:
        piece = spool.read(start + len(held), end - start - len(held))
        if not piece:
            raise OSError(f"{spool.path} is shorter than it was")
        held += piece
    return bytes(held)
