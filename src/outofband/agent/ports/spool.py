"""The log of one serial port: a file whose size is the port's absolute offset, circular by punched holes.

Often the hypervisor appends to the file by itself, without asking and without telling when the disk is full:
it drops what does not fit, and offsets do not show it. Two things guard against that:
- blocks are allocated past the end, so a write into the reserve cannot fail. The end of the reserve is
  kept in the index; a log that reached it while the disk had no room may lack bytes there, and says so
  (`reserve`).
- when the disk is full the spool first gives up its own old history.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import structlog

from outofband.agent.ports.index import Boot, Index, Kind, Lost
from outofband.agent.ports.reserve import NO_SPACE, Reserve
from outofband.core import clock
from outofband.net import fs

RING_DEFAULT = 16 * 1024 * 1024
RESERVE_DEFAULT = 4 * 1024 * 1024
HISTORY_KEPT = 64 * 1024
"""What a full disk cannot take: the replay a newcomer is shown."""
MARK_SECONDS = 1.0
RETRY_SECONDS = 1.0
"""How often space is looked for again while the disk is full."""

log = structlog.get_logger(__name__)


class Spool:
    """One port's log. `[start, end)` can be read; `alarm` is a catalogue code or None.

    Who writes the file: the hypervisor (then `refresh` looks how far it came) or `append`. Methods raise
    OSError only for what is no lack of fs. Not for use from several threads.
    """

    __slots__ = (
        "_block",
        "_dropped",
        "_fd",
        "_gave_up_at",
        "_looked_ns",
        "_marked",
        "_marked_at",
        "_reserve",
        "_seen",
        "alarm",
        "boot_ends",
        "end",
        "foreign",
        "fresh_lost",
        "index",
        "path",
        "reserve",
        "ring",
        "start",
    )

    def __init__(self, path: Path, ring: int = RING_DEFAULT, reserve: int = RESERVE_DEFAULT) -> None:
        self.path = path
        self.ring = max(ring, HISTORY_KEPT)
        self.reserve = reserve
        self.index = Index(path.with_suffix(".idx"))
        self.start = 0
        self.end = 0
        self.alarm: str | None = None
        self.foreign = True
        """Somebody else writes the file; False spares the looking when only `append` does."""
        self.fresh_lost: list[Lost] = []
        """Gaps found since the owner last emptied this list."""
        self.boot_ends: dict[Boot, float] = {}
        """By a boot that is over, when its last byte came, for those who were asked for it (`reading`)."""
        self._fd = -1
        self._block = 4096
        self._reserve: Reserve | None = None
        self._seen = 0
        self._marked = 0
        self._marked_at = 0.0
        self._looked_ns = 0
        self._dropped = 0
        self._gave_up_at = 0.0

    # --- opening and closing ---

    def open(self) -> None:
        """Open or create the file (0600), finish what a crash interrupted, reserve space. Idempotent."""
        if self._fd >= 0:
            return
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._fd = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        self._block = max(4096, fs.block_size(self._fd))
        self.index.open()
        if self.reserve > 0:
            self._reserve = Reserve(self._fd, self.reserve, self.index.reserved, self.index.short)
        self.end = os.fstat(self._fd).st_size
        if self.end < self.index.end:
            self._restore_offset()
        self.start = self._find_start()
        self._punch(0, self.start)
        self._seen = self.index.end
        self._looked_ns = clock.wall_ns()
        self.index.note(Kind.OPENED, self.end, _host_boot())
        self._marked = self.end
        self._look_after(force=True)

    def close(self) -> None:
        if self._fd < 0:
            return
        self.refresh()
        self._settle_dropped()
        self.index.note(Kind.CLOSED, self.end)
        self.index.close()
        os.close(self._fd)
        self._fd = -1

    def _restore_offset(self) -> None:
        """The file is shorter than it was (the host crashed, somebody removed it): offsets never go back."""
        size, known = self.end, self.index.end
        os.ftruncate(self._fd, known)
        self.end = known
        if self._reserve is not None:
            # It may have gone with the bytes.
            self._reserve.end = None
        self.index.note(Kind.LOST, known, size, known, known - size)
        log.warning("spool.shrunk", path=str(self.path), size=size, known=known)

    def _find_start(self) -> int:
        if self.index.start is not None:
            return min(self.index.start, self.end)
        # Without an index the holes tell where the ring begins.
        try:
            return os.lseek(self._fd, 0, os.SEEK_DATA)
        except OSError:
            return self.end

    # --- reading and writing ---

    def read(self, offset: int, limit: int) -> bytes:
        """Up to `limit` bytes from `offset`; empty at the end. Raises ValueError before `start`."""
        if offset < self.start:
            raise ValueError(f"expected an offset from {self.start} on, got {offset}")
        return os.pread(self._fd, limit, offset)

    def refresh(self) -> bool:
        """Look how far the file has grown; True when `end` moved."""
        if not self.foreign:
            return False
        size = os.fstat(self._fd).st_size
        if size <= self.end:
            return False
        self.end = size
        return True

    def append(self, data: bytes | memoryview) -> None:
        """Write output read from a port. What a full disk refuses is recorded as lost, to the byte."""
        try:
            written = os.write(self._fd, data)
        except OSError as error:
            written = 0
            if error.errno not in NO_SPACE:
                log.error("spool.write_failed", path=str(self.path), error=str(error))
        if written and self._dropped:
            self._settle_dropped()
        self.end += written
        if written != len(data):
            self._append_rest(data[written:])

    def _append_rest(self, data: bytes | memoryview) -> None:
        now = clock.monotonic()
        if now - self._gave_up_at >= RETRY_SECONDS:
            self._gave_up_at = now
            if self._give_up(max(len(data), self.ring // 16)):
                try:
                    written = os.write(self._fd, data)
                except OSError:
                    written = 0
                self.end += written
                data = data[written:]
        if len(data):
            self.alarm = "SpoolDiskFull"
            # The gap is known at once, the count is written with the next look: not a record a chunk.
            if not self._lost(self.end, len(data)):
                self._dropped += len(data)

    def _settle_dropped(self) -> None:
        if self._dropped:
            known = self._gap_at(self.end)
            count = self._dropped + (known.bytes if known else 0)
            self.index.note(Kind.LOST, self.end, self.end, self.end, count)
            self._dropped = 0

    # --- upkeep ---

    def look(self, now: float) -> bool:
        """The periodic look: mark growth in the index, keep ring and reserve. True when there was growth.

        `now` is monotonic seconds. Call about once a second, and more often when much comes in.
        """
        before = clock.wall_ns()
        self.refresh()
        grown = self.end > self._marked
        if grown and now - self._marked_at >= MARK_SECONDS:
            self.index.note(Kind.GROWN, self.end, self._looked_ns)
            self._marked, self._marked_at = self.end, now
        if self._dropped:
            self._settle_dropped()
        if grown or self.alarm:
            self.maintain()
        if self._marked == self.end:
            self._looked_ns = before
        return grown

    def quiet(self, wall_ns: int) -> bool:
        """Instead of `look` for a spool that only `append` writes: False when a look is due.

        True notes that nothing came until `wall_ns`.
        """
        if self.end > self._marked or self.alarm is not None or self._dropped:
            return False
        self._looked_ns = wall_ns
        return True

    @property
    def exposed(self) -> bool:
        """The log reached the end of its reserve: bytes may be missing that only `maintain` can tell of."""
        return self._reserve is not None and self.end >= (self._reserve.end or 0)

    def maintain(self) -> None:
        """Punch what is older than the ring, renew the reserve, find out whether bytes may have been lost."""
        self._look_after(force=False)

    def _look_after(self, *, force: bool) -> None:
        self.refresh()
        if self.end - self.start > self.ring + max(self._block, self.ring // 16):
            self._advance(self.end - self.ring)
        if self._reserve is not None:
            self._keep_reserve(force)
        elif self.alarm and self._has_room():
            self.alarm = None
        self._seen = self.end

    def reset(self, boot: int) -> None:
        """The guest starts anew: what follows belongs to boot number `boot`."""
        self.refresh()
        self.index.note(Kind.RESET, self.end, boot)

    @property
    def lost(self) -> list[Lost]:
        """Gaps in the order of offsets."""
        return self.index.lost

    def time_of(self, offset: int) -> tuple[float, float]:
        """When the byte at `offset` came: (not before, not after), seconds since the epoch."""
        return self.index.time_of(offset)

    def gaps(self, start: int, end: int) -> list[Lost]:
        """Gaps that touch `[start, end]`."""
        return self.index.gaps(start, end)

    def boots(self) -> list[Boot]:
        """Starts and resets of the guest, oldest first."""
        return self.index.boots()

    # --- the ring ---

    def _advance(self, start: int) -> None:
        start -= start % self._block
        if start <= self.start:
            return
        # Recorded first: after a crash in between, bytes are still there that nobody asks for.
        self.index.note(Kind.TRIMMED, self.end, start)
        old, self.start = self.start, start
        self._punch(old - old % self._block, start)

    def _punch(self, start: int, end: int) -> None:
        end -= end % self._block
        try:
            if end > start:
                fs.punch(self._fd, start, end - start)
        except OSError as error:
            log.error("spool.punch_failed", path=str(self.path), error=str(error))

    def _give_up(self, wanted: int) -> bool:
        """Free about `wanted` bytes of own history; False when there is none to give."""
        before = self.start
        self._advance(min(self.start + wanted + self._block, self.end - HISTORY_KEPT))
        return self.start > before

    # --- what is missing ---

    def _keep_reserve(self, force: bool) -> None:
        assert self._reserve is not None
        reserve = self._reserve
        before, was_short = reserve.end, reserve.short
        reserve.renew(self.end, self._give_up, force=force)
        # The writer went on meanwhile, and may have met the disk while it was fullest.
        self.refresh()
        suspects = reserve.suspects(before, was_short, self._seen, self.end)
        # A loss alarms even if there is room again already; until the next look.
        lost = [edge for edge in suspects if self._lost(edge, 0)]
        if (reserve.end, reserve.short) != (before, was_short):
            self.index.note(Kind.RESERVED, self.end, reserve.end or 0, 0, int(reserve.short))
        self.alarm = "SpoolDiskFull" if reserve.short or lost else None

    def _has_room(self) -> bool:
        """Try it: what a file system counts as free is not always to be had."""
        try:
            fs.reserve(self._fd, self.end + -self.end % self._block, self._block)
        except OSError as error:
            return error.errno not in NO_SPACE
        return True

    def _gap_at(self, offset: int) -> Lost | None:
        return next((gap for gap in reversed(self.index.lost) if gap.start == gap.end == offset), None)

    def _lost(self, at: int, count: int) -> bool:
        """Record a gap; False when one is known at this place."""
        if self._gap_at(at):
            return False
        self.index.note(Kind.LOST, self.end, at, at, count)
        self.fresh_lost.append(Lost(at, at, count))
        log.warning("spool.lost", path=str(self.path), offset=at, bytes=count or None)
        return True


def _host_boot() -> int:
    """64 bits of the id of this boot of the host: monotonic times compare only within one."""
    try:
        text = Path("/proc/sys/kernel/random/boot_id").read_bytes()
    except OSError:
        text = b""
    return int.from_bytes(hashlib.sha256(text).digest()[:8], "big")
