"""What the spool itself cannot say: when its bytes came, where bytes are missing, where the guest was reset.

An append-only side file of fixed records, each with its own checksum, in the order of offsets: a crash tears
at most the last one. Marks live on disk only and are found by bisection; gaps and resets, which are few,
are also held in memory. A mark says "at this time the log ended here"; a byte's time is therefore an
interval, short while somebody looked, as long as the agent was away otherwise. Thinning out old marks
widens intervals and never makes one wrong.
"""

from __future__ import annotations

import contextlib
import enum
import os
import struct
import zlib
from bisect import bisect_left
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import structlog

from outofband.core import clock
from outofband.net import fs

MAX_RECORDS = 4096
"""More than this and the file is rewritten with at most half of it."""
MAX_RESETS = 256
MAX_GAPS = 4096
MAX_BACKLOG = 64
"""Records that a full disk keeps in memory; the oldest marks go first."""
_HEADROOM = 16 * 1024
_BLOCK_RECORDS = 64
"""Read at once where records are gone through."""
_HEAD = struct.Struct("<II")
_BODY = struct.Struct("<QQQQQQ")
RECORD_BYTES = _HEAD.size + _BODY.size

log = structlog.get_logger(__name__)


class Kind(enum.IntEnum):
    OPENED = 1
    """An agent began to look. a: id of this boot of the host, 64 bits of it."""
    CLOSED = 2
    """The agent stopped looking, in good order."""
    GROWN = 3
    """a: wall time of the last look that saw less than this, ns."""
    RESET = 4
    """a: number of the guest's boot."""
    LOST = 5
    """Bytes are missing between the offsets a and b (a == b: dropped there). c: how many, 0 unknown."""
    TRIMMED = 6
    """a: first offset that can still be read."""
    RESERVED = 7
    """a: offset up to which blocks were allocated ahead; c: 1 when the disk had no room for more."""


class Record(NamedTuple):
    kind: int
    offset: int
    """End of the log when the record was written."""
    wall_ns: int
    mono_ns: int
    a: int = 0
    b: int = 0
    c: int = 0


class Lost(NamedTuple):
    """Output missing from the log: `[start, end)`, or dropped at `start` when both are equal.

    `bytes` is how many are known to be missing, 0 when nobody knows.
    """

    start: int
    end: int
    bytes: int


class Boot(NamedTuple):
    """A start or reset of the guest: its output begins at `offset`; `at` is seconds since the epoch."""

    number: int
    offset: int
    at: float


def _pack(record: Record) -> bytes:
    body = _BODY.pack(*record[1:])
    return _HEAD.pack(record[0], zlib.crc32(body, record[0])) + body


def _unpack(raw: bytes) -> Record | None:
    """The record, or None when it is torn or foreign."""
    kind, crc = _HEAD.unpack_from(raw)
    if crc != zlib.crc32(raw[_HEAD.size :], kind):
        return None
    return Record(kind, *_BODY.unpack_from(raw, _HEAD.size))


class Index:
    """The side file of one spool, of at most `limit` records. Not shared between processes."""

    __slots__ = (
        "_allocated",
        "_backlog",
        "_count",
        "_fd",
        "_limit",
        "_path",
        "end",
        "lost",
        "reserved",
        "resets",
        "short",
        "start",
    )

    def __init__(self, path: Path, limit: int = MAX_RECORDS) -> None:
        self._path = path
        self._limit = limit
        self._fd = -1
        self._forget()

    def _forget(self) -> None:
        self._count = 0
        self._allocated = 0
        self._backlog: list[Record] = []
        self.end = 0
        """Largest end of the log that was ever recorded."""
        self.start: int | None = None
        self.reserved: int | None = None
        self.short = False
        self.lost: list[Lost] = []
        """In the order of offsets."""
        self.resets: list[Boot] = []

    def open(self) -> None:
        """Read what is there. A torn tail is cut off, damaged records in the middle are dropped."""
        self._forget()
        self._fd = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        raw = os.pread(self._fd, os.fstat(self._fd).st_size, 0)
        whole = len(raw) - len(raw) % RECORD_BYTES
        found = [_unpack(raw[at : at + RECORD_BYTES]) for at in range(0, whole, RECORD_BYTES)]
        while found and found[-1] is None:
            found.pop()
        good = [record for record in found if record is not None]
        for record in good:
            self._learn(record)
        self._count = len(found)
        if self._count * RECORD_BYTES != len(raw):
            os.ftruncate(self._fd, self._count * RECORD_BYTES)
        if len(good) != len(found):
            log.warning("index.damaged", path=str(self._path), records=len(found) - len(good))
            self._rewrite(good)

    def close(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def note(self, kind: Kind, end: int, a: int = 0, b: int = 0, c: int = 0) -> None:
        """Write one record. Where the disk is full it waits in memory for the next one."""
        self.end = end = max(self.end, end)
        record = Record(kind, end, clock.wall_ns(), clock.monotonic_ns(), a, b, c)
        if kind is Kind.GROWN:
            # By far the most frequent, and nothing to remember.
            if self._count < self._limit and not self._backlog and self._append(_pack(record)):
                return
        else:
            self._learn(record)
        self._backlog.append(record)
        if self._count >= self._limit and kind is not Kind.CLOSED:
            self._compact()
        self._drain()

    def _learn(self, record: Record) -> None:
        kind, offset, wall, _, a, b, c = record
        self.end = max(self.end, offset)
        if kind == Kind.TRIMMED:
            self.start = a
            if self.lost and self.lost[0].end < a:
                self.lost = [gap for gap in self.lost if gap.end >= a]
        elif kind == Kind.RESERVED:
            self.reserved, self.short = a, bool(c)
        elif kind == Kind.RESET:
            self.resets.append(Boot(a, offset, wall / 1e9))
            del self.resets[:-MAX_RESETS]
        elif kind == Kind.LOST:
            self._learn_lost(Lost(a, b, c))

    def _learn_lost(self, gap: Lost) -> None:
        starts = [known.start for known in self.lost]
        at = bisect_left(starts, gap.start)
        # A later record about the same place knows more: it replaces the earlier one.
        if at < len(starts) and self.lost[at].start == gap.start and self.lost[at].end == gap.end:
            self.lost[at] = gap
        else:
            self.lost.insert(at, gap)
        if len(self.lost) > MAX_GAPS:
            first, second = self.lost[:2]
            self.lost[:2] = [Lost(first.start, second.end, 0)]

    def _drain(self) -> None:
        while self._backlog:
            if not self._append(_pack(self._backlog[0])):
                break
            self._backlog.pop(0)
        while len(self._backlog) > MAX_BACKLOG:
            marks = (at for at, record in enumerate(self._backlog) if record.kind == Kind.GROWN)
            self._backlog.pop(next(marks, 0))

    def _append(self, raw: bytes) -> bool:
        size = self._count * RECORD_BYTES
        if size + len(raw) > self._allocated:
            # Keeps room for the records that will tell of the full disk.
            with contextlib.suppress(OSError):
                fs.reserve(self._fd, size, _HEADROOM)
            self._allocated = size + _HEADROOM
        try:
            if os.write(self._fd, raw) == len(raw):
                self._count += 1
                return True
        except OSError:
            pass
        # A part of a record must not stay in front of later ones.
        with contextlib.suppress(OSError):
            os.ftruncate(self._fd, size)
        self._allocated = 0
        return False

    # --- looking things up ---

    def _at(self, number: int) -> Record:
        record = _unpack(os.pread(self._fd, RECORD_BYTES, number * RECORD_BYTES))
        if record is None:
            raise OSError(f"{self._path}: record {number} is damaged")
        return record

    def _backwards(self) -> Iterator[Record]:
        """From the newest on; what is damaged is left out."""
        for last in range(self._count, 0, -_BLOCK_RECORDS):
            first = max(0, last - _BLOCK_RECORDS)
            raw = os.pread(self._fd, (last - first) * RECORD_BYTES, first * RECORD_BYTES)
            for at in range(len(raw) - len(raw) % RECORD_BYTES - RECORD_BYTES, -1, -RECORD_BYTES):
                if (record := _unpack(raw[at : at + RECORD_BYTES])) is not None:
                    yield record

    def time_of(self, offset: int) -> tuple[float, float]:
        """When the byte at `offset` came: (not before, not after), seconds since the epoch.

        0.0 as the first means that nobody looked before; the second is now for a byte not yet marked.
        """
        low, high = 0, self._count
        while low < high:
            middle = (low + high) // 2
            if self._at(middle).offset > offset:
                high = middle
            else:
                low = middle + 1
        before = self._at(low - 1).wall_ns if low else 0
        if low == self._count:
            return before / 1e9, max(clock.wall_ns(), before) / 1e9
        after = self._at(low)
        earliest = max(before, after.a) if after.kind == Kind.GROWN else before
        # A clock that was set back must not turn the interval around.
        return min(earliest, after.wall_ns) / 1e9, after.wall_ns / 1e9

    def marks(self, start: int, limit: int) -> list[tuple[int, float]]:
        """Offsets at which the log ended, and when, seconds since the epoch: from the last at or before
        `start` on, the newest `limit` of them, oldest first. Records that are damaged are left out.
        """
        found: list[tuple[int, float]] = []
        for record in self._backwards():
            if not found or record.offset < found[-1][0]:
                if len(found) == limit:
                    break
                found.append((record.offset, record.wall_ns / 1e9))
            else:
                # The earliest look that saw the log so long counts.
                found[-1] = (record.offset, record.wall_ns / 1e9)
            if record.offset < start:
                break
        return found[::-1]

    def since(self, at: float) -> int:
        """The first offset whose byte may have come at `at` (seconds since the epoch) or later."""
        wanted = int(at * 1e9)
        for record in self._backwards():
            if record.wall_ns < wanted:
                return record.offset
        return 0

    def times(self, start: int, end: int, limit: int) -> list[tuple[int, float, float]]:
        """When the bytes of `[start, end)` came: (up to this offset, not before, not after), in the order of
        offsets, from `start` on; at most `limit`, where neighbours share one interval if there were more. Of
        no bytes: when the next one can have come.
        """
        known: list[Record] = []
        for record in self._backwards():
            known.append(record)
            if record.offset <= start:
                break
        found: list[tuple[int, float, float]] = []
        seen, before = start, 0
        for record in reversed(known):
            if record.offset > seen:
                earliest = max(before, record.a) if record.kind == Kind.GROWN else before
                seen = record.offset
                found.append((min(seen, end), min(earliest, record.wall_ns) / 1e9, record.wall_ns / 1e9))
            before = record.wall_ns
            if seen >= end:
                break
        if seen < end or not found:
            found.append((end, before / 1e9, max(clock.wall_ns(), before) / 1e9))
        while len(found) > limit:
            # Of two neighbours: the earlier one's beginning, the later one's end.
            found = [
                (pair[-1][0], min(each[1] for each in pair), pair[-1][2])
                for pair in (found[at : at + 2] for at in range(0, len(found), 2))
            ]
        return found

    def gaps(self, start: int, end: int) -> list[Lost]:
        """Gaps that touch `[start, end]`."""
        return [gap for gap in self.lost if gap.end >= start and gap.start <= end]

    def boots(self) -> list[Boot]:
        return list(self.resets)

    # --- compaction ---

    def _compact(self) -> None:
        raw = os.pread(self._fd, self._count * RECORD_BYTES, 0)
        records = [_unpack(raw[at : at + RECORD_BYTES]) for at in range(0, len(raw), RECORD_BYTES)]
        whole = [record for record in records if record is not None]
        self._rewrite(thin(whole, self.start or 0, self._limit // 2))

    def _rewrite(self, records: list[Record]) -> None:
        scratch = self._path.with_name(f".{self._path.name}.new")
        try:
            fd = os.open(scratch, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND | os.O_CLOEXEC, 0o600)
            try:
                body = b"".join(map(_pack, records))
                if os.write(fd, body) != len(body):
                    raise OSError(f"{scratch}: written in part")
                scratch.replace(self._path)
            except OSError:
                os.close(fd)
                scratch.unlink(missing_ok=True)
                raise
        except OSError as error:
            # On a full disk the old file goes on being used; the next record tries again.
            log.warning("index.compaction_failed", path=str(self._path), error=str(error))
            return
        os.close(self._fd)
        self._fd, self._count, self._allocated = fd, len(records), 0


def thin(records: list[Record], start: int, keep: int) -> list[Record]:
    """At most about `keep` records that still tell the truth about everything from `start` on."""
    latest = {kind: at for at, (kind, *_) in enumerate(records)}
    # One mark before the ring stays: it says "not before" for the first byte in it.
    base = max((at for at, record in enumerate(records) if record.offset <= start), default=0)
    wanted: list[bool] = []
    resets = sum(record.kind == Kind.RESET for record in records)
    for at, record in enumerate(records):
        match record.kind:
            case Kind.TRIMMED | Kind.RESERVED:
                wanted.append(at == latest[record.kind])
            case Kind.LOST:
                wanted.append(record.b >= start)
            case Kind.RESET:
                wanted.append(resets <= MAX_RESETS)
                resets -= not wanted[-1]
            case _:
                wanted.append(at >= base)
    kept = _keep(records, wanted)
    while len(kept) > keep:
        shorter = _halve(kept)
        if len(shorter) == len(kept):
            break
        kept = shorter
    return kept


_MARKS = frozenset({Kind.OPENED, Kind.CLOSED, Kind.GROWN})


def _halve(records: list[Record]) -> list[Record]:
    """Drop every second mark."""
    marks = 0
    wanted: list[bool] = []
    for at, record in enumerate(records):
        marks += record.kind in _MARKS
        inner = 0 < at < len(records) - 1
        wanted.append(not (record.kind in _MARKS and marks % 2 == 0 and inner))
    return _keep(records, wanted)


def _keep(records: list[Record], wanted: list[bool]) -> list[Record]:
    """Drop what is not wanted. The bytes a dropped record timed fall to the next one kept, which must then
    reach back as far; every kind of record times the bytes between its predecessor and itself.
    """
    result: list[Record] = []
    reach: int | None = None
    for at, record in enumerate(records):
        before = records[at - 1] if at else None
        if wanted[at]:
            if record.kind == Kind.GROWN and reach is not None:
                record = record._replace(a=min(record.a, reach))  # noqa: PLW2901 - the record as it is kept
            result.append(record)
            reach = None
        elif record.offset > (before.offset if before else 0):
            since = record.a if record.kind == Kind.GROWN else (before.wall_ns if before else 0)
            reach = since if reach is None else min(reach, since)
    return result
