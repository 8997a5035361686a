"""Blocks allocated past the end of a log, so that its writer cannot meet a full disk unnoticed.

Whoever appends to the log may lose bytes only where it needs a new block and there is none: at the edge of a
block, at or after the end of the reserve. `suspects` names those places.
"""

from __future__ import annotations

import errno
from collections.abc import Callable

import structlog

from outofband.net import fs

MAX_SUSPECTS = 64
"""Most places named after one look."""
_NEARLY_FULL = 4
"""Fewer free bytes than this many reserves make a log that outgrew its reserve suspicious."""
NO_SPACE = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})

log = structlog.get_logger(__name__)


class Reserve:
    """The reserve of one open file: `size` bytes are wanted past the end of the log.

    `end` is the offset up to which blocks are allocated (None: never tried), `short` says that the disk had
    no room for half of what is wanted.
    """

    __slots__ = ("_fd", "_possible", "_unit", "end", "short", "size")

    def __init__(self, fd: int, size: int, end: int | None, short: bool) -> None:
        self.size = size
        self.end = end
        self.short = short
        self._fd = fd
        self._possible = True
        self._unit = fs.block_size(fd)

    def renew(self, log_end: int, give_up: Callable[[int], object], *, force: bool = False) -> None:
        """Keep the reserve ahead of `log_end`; where there is no room, `give_up(bytes)` may make some.

        `force`: allocate even what should be allocated already.
        """
        if self.end is None or self.end < log_end:
            base = log_end + -log_end % self._unit
        else:
            base = log_end if force else self.end
        ahead = max(0, base - log_end)
        if not force and not self.short and self.end is not None and ahead >= self.size // 2:
            return
        wanted = self.size - ahead
        room = fs.free_bytes(self._fd)
        if room < wanted:
            give_up(wanted - room)
            room = fs.free_bytes(self._fd)
        # Never more than there is: an attempt that fails takes the last block away from the writer meanwhile.
        length = min(wanted, room)
        while length >= self._unit and self._possible:
            length -= (base + length) % self._unit
            if self._try(base, length):
                base += length
                break
            length //= 2
        self.end = max(self.end or 0, base)
        have = self.end - log_end if self._possible else room
        self.short = have < self.size // 2

    def _try(self, base: int, length: int) -> bool:
        try:
            fs.reserve(self._fd, base, length)
        except OSError as error:
            if error.errno not in NO_SPACE:
                log.warning("reserve.impossible", error=str(error))
                self._possible = False
            return False
        return True

    def suspects(self, before: int | None, was_short: bool, seen: int, log_end: int) -> list[int]:
        """Offsets at which bytes may be missing.

        `before` and `was_short` are the reserve as it was until the last `renew`, `seen` how far the log had
        come at the last look, `log_end` how far it has come after that `renew`.
        """
        if before is None or log_end < before:
            return []
        first = max(before, seen)
        first += -first % self._unit
        if first > log_end:
            return []
        free = fs.free_bytes(self._fd)
        if self._possible:
            full = was_short or self.short or free < _NEARLY_FULL * self.size or log_end == before
        else:
            full = free < 2 * self._unit
        if not full:
            return []
        edges = range(first, log_end + 1, self._unit)
        if len(edges) > MAX_SUSPECTS:
            return [*edges[: MAX_SUSPECTS - 1], edges[-1]]
        return list(edges)
