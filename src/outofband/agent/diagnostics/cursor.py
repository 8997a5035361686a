"""One serial port's log, looked through from its first byte on: where the detector is, and what it needs.

The detector sees every byte once, in order, with the guest's starts and resets at their places. How far it
came is written to a file beside the log, soon after it found something and else now and then. Nothing waits
for that: after a crash a little is looked through again, and what is found a second time has the same id.
"""

from __future__ import annotations

import contextlib
import secrets
from bisect import bisect_right
from collections.abc import Callable
from pathlib import Path
from typing import Protocol
from zlib import crc32

import msgspec
import structlog

from outofband.agent.diagnostics.untold import Untold
from outofband.agent.ports.broker import PortBroker
from outofband.agent.ports.index import MAX_RECORDS, Boot
from outofband.agent.ports.spool import Spool
from outofband.core import clock
from outofband.wire.finding import Finding

PIECE = 64 * 1024
"""Bytes looked through in one go: some milliseconds, and other ports' keys wait for them."""
LOOK = 8 * 1024
"""Bytes of one port within the hub's look, in which many have their turn: more comes piece by piece."""
LONGEST_LAG = 8 * 1024 * 1024
"""A port that is further behind prints faster than anybody reads it: what lies between is passed over."""
CAUGHT_UP = 1024 * 1024
"""Before the end: where such a port goes on, and where one begins that nobody looked at yet."""
SAVE_SECONDS = 30.0

log = structlog.get_logger(__name__)


class Detector(Protocol):
    """`wire.detect.Detector`, as far as it is used here. Times are seconds since the epoch."""

    offset: int

    def feed(self, offset: int, data: bytes, at: float) -> list[Finding]: ...
    def reset(self, offset: int, boot: int, at: float) -> list[Finding]: ...
    def stopped(self, at: float) -> list[Finding]: ...
    def tick(self, at: float) -> list[Finding]: ...
    def due(self) -> float | None: ...
    def kept(self) -> bytes: ...


Make = Callable[[str, bytes | None], Detector]
"""Makes a detector for a port, from what one kept in an earlier life."""


class Memory(msgspec.Struct, frozen=True, kw_only=True):
    """What is kept in the file. `boot`: number and offset of the last start that the detector was told of;
    `off`: it was told that the guest is off; `untold`: findings that no control plane has kept.
    """

    offset: int
    detector: bytes
    boot: tuple[int, int] | None
    off: bool
    untold: list[Finding]


class Cursor:
    """`behind` is called when a look left something unread: `read` it soon."""

    def __init__(
        self,
        vm: str,
        broker: PortBroker,
        make: Make,
        untold: Untold,
        behind: Callable[[Cursor], None],
        keep: Callable[[Path, bytes], None] | None = None,
    ) -> None:
        """`keep` writes a file, in its own time; without it that is done at once."""
        self.vm = vm
        self.broker = broker
        self.powered_off = False
        """The machine is stopped: nothing more comes until it starts."""
        self.late = False
        """It is behind, and read piece by piece apart from the looks."""
        self._untold = untold
        self._behind = behind
        self._path = broker.spool.path.with_suffix(".found")
        self._marks: list[tuple[int, float]] = []
        self._changed = False
        self._keep = keep or write
        # Thousands of ports must not all be written at the same moment.
        self._saved_at = clock.monotonic() - crc32(str(self._path).encode()) % SAVE_SECONDS
        memory = _load(self._path)
        self._boot = memory.boot if memory else None
        self._off = memory.off if memory else False
        self._make = make
        self._floor = 0
        """Nothing before it is looked at."""
        self._detector = self._made(memory)
        self._seen = broker.spool.end
        """End of the log at the last look: what came since is as new as that."""

    @property
    def port(self) -> str:
        return self.broker.port

    # --- the hub's look ---

    def tick(self, now: float, wall_ns: int) -> None:
        """About once a second; `now` monotonic seconds."""
        if not self.broker.is_open:
            return
        at = wall_ns / 1e9
        if not self.late:
            self.broker.spool.refresh()
            if self.read(at, LOOK):
                self.late = True
                self._behind(self)
            elif self.powered_off and not self._off:
                self._off = True
                self._take(self._detector.stopped(at))
                self.save()
        due = self._detector.due()
        # While it is behind, what the timer waits for may stand in what is not read yet.
        if due is not None and due <= at and not self.late:
            self._take(self._detector.tick(at))
        if self._changed and now - self._saved_at >= SAVE_SECONDS:
            self._saved_at = now
            self.save()

    def read(self, at: float, limit: int = PIECE) -> bool:
        """Look through at most `limit` bytes; True when there are more. `at` is now."""
        if not self.broker.is_open:
            return False
        spool, left = self.broker.spool, limit
        while left > 0:
            boot = self._next_boot()
            start = self._start()
            if boot is not None and boot.offset <= start:
                self._boot = boot.number, boot.offset
                self._off = False
                self._take(self._detector.reset(boot.offset, boot.number, boot.at))
                self._changed = True
                continue
            end = min(start + left, spool.end if boot is None else min(boot.offset, spool.end))
            if end <= start:
                break
            end, when = self._when(start, end, at)
            data = spool.read(start, end - start)
            if not data:
                break
            left -= len(data)
            self._feed(start, data, when)
        more = left <= 0 and self._start() < spool.end
        if not more:
            self._seen, self._marks = spool.end, []
        return more

    def save(self) -> None:
        """Write down how far it came."""
        memory = Memory(
            offset=self._detector.offset,
            detector=self._detector.kept(),
            boot=self._boot,
            off=self._off,
            untold=self._untold.of(self.vm, self.port),
        )
        self._changed = False
        self._keep(self._path, msgspec.msgpack.encode(memory))

    def touch(self) -> None:
        """What it keeps is another now, by somebody else's doing."""
        self._changed = True

    # --- inside ---

    def _feed(self, start: int, data: bytes, when: float) -> None:
        self._changed = True
        try:
            found = self._detector.feed(start, data, when)
        except Exception as error:
            # Whatever a guest prints, it is not looked at again and again: the next one begins behind it.
            log.error("findings.detector_failed", vm=self.vm, port=self.port, offset=start, exc_info=error)
            self._detector, self._floor = self._make(self.port, None), start + len(data)
            return
        self._take(found)

    def _made(self, memory: Memory | None) -> Detector:
        spool = self.broker.spool
        spool.refresh()
        if memory is not None:
            try:
                detector = self._make(self.port, memory.detector)
            except Exception as error:
                # Kept by another version: the log is looked at anew.
                log.warning("findings.forgotten", vm=self.vm, port=self.port, error=type(error).__name__)
            else:
                for finding in memory.untold:
                    self._untold.put(self.vm, finding)
                # One that is further than the log is of another file; one that begins anew could not read
                # what was kept.
                if memory.offset == detector.offset <= spool.end:
                    return detector
        self._boot, self._off = None, False
        self._floor = self._first(spool)
        return self._make(self.port, None)

    def _first(self, spool: Spool) -> int:
        """Where to begin in a log that nobody looked at yet: at the guest's last start, or near the end."""
        boots = spool.boots()
        if len(boots) > 1:
            # What came before was another life of the guest, and is no news.
            self._boot = boots[-2].number, boots[-2].offset
        newest = boots[-1].offset if boots else 0
        return max(spool.start, newest, spool.end - CAUGHT_UP)

    def _start(self) -> int:
        """The next byte to look at: the detector's next, unless that is gone or hopelessly far back."""
        spool, wanted = self.broker.spool, max(self._detector.offset, self._floor)
        if spool.end - wanted > LONGEST_LAG:
            wanted = spool.end - CAUGHT_UP
        return max(wanted, spool.start)

    def _next_boot(self) -> Boot | None:
        """The first start of the guest that the detector has not been told of."""
        boots = self.broker.spool.index.resets
        if not boots:
            return None
        last = self._boot
        if last is None:
            since = self._detector.offset
            return next((boot for boot in boots if boot.offset >= since), None)
        if (boots[-1].number, boots[-1].offset) == last:
            return None
        for at in range(len(boots) - 2, -1, -1):
            if (boots[at].number, boots[at].offset) == last:
                return boots[at + 1]
        return next((boot for boot in boots if boot.offset >= last[1]), None)

    def _when(self, start: int, end: int, at: float) -> tuple[int, float]:
        """How far one moment goes, and which: of what came since the last look it is now; of what came before
        it is when the log was seen that long.
        """
        if start >= self._seen:
            return end, at
        if not self._marks:
            try:
                self._marks = self.broker.spool.index.marks(start, MAX_RECORDS)
            except OSError:
                return end, at
        place = bisect_right(self._marks, start, key=lambda mark: mark[0])
        if place == len(self._marks):
            return end, at
        offset, moment = self._marks[place]
        return min(end, offset), min(moment, at)

    def _take(self, found: list[Finding]) -> None:
        if not found:
            return
        for finding in found:
            log.info(
                "finding",
                vm=self.vm,
                code=finding.code,
                id=finding.id,
                count=finding.count,
                ended=finding.ended is not None,
            )
            self._untold.put(self.vm, finding)
        self.save()


def _load(path: Path) -> Memory | None:
    try:
        return msgspec.msgpack.decode(path.read_bytes(), type=Memory)
    except (OSError, msgspec.MsgspecError):
        return None


def write(path: Path, data: bytes) -> None:
    """As `core.secrets.write_private`, without waiting for the disk: after a power cut the log itself may
    lack as much, and a file that cannot be read, or written, only means to look again.
    """
    scratch = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        scratch.touch(mode=0o600)
        scratch.write_bytes(data)
        scratch.replace(path)
    except OSError as error:
        with contextlib.suppress(OSError):
            scratch.unlink(missing_ok=True)
        log.warning("findings.not_remembered", path=str(path), error=str(error))
