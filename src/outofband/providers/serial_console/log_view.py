"""One question about a log, answered with one page: which bytes, in which direction, which lines of them."""

from __future__ import annotations

import asyncio
import base64
import binascii
from bisect import bisect_right
from collections.abc import Sequence

import msgspec

from outofband.core import clock
from outofband.core.errors import Fault, ProtocolError
from outofband.providers.compute import shape as vm
from outofband.providers.serial_console.log_source import LogSource
from outofband.providers.serial_console.pattern import Pattern
from outofband.store.resources import Resource
from outofband.wire.log import MAX_BYTES, BootPart, LogArgs, LogPart
from outofband.wire.log_lines import Row, rows

SEARCH_SECONDS = 3.0
SEARCH_BYTES = 4 * 1024 * 1024
"""What one answer searches through; the next goes on from `next`."""
ALIGN_BYTES = 4096
"""How far back the beginning of a line is looked for."""
SKEW_SECONDS = 2.0
"""Less between two clocks is the time that a message takes."""
_MANY_LINES = 200
_ON_LOOP_BYTES = 16 * 1024


class Page:
    """Lines of one answer, `[begin, next)` of what was asked for up to `limit`, and the part they are from.
    `asked`: where it was to begin, perhaps before what is still there.
    """

    def __init__(self, part: LogPart, found: list[Row], *, following: int, limit: int) -> None:
        self.part = part
        self.rows = found
        self.begin = part.begin
        self.next = following
        self.limit = limit
        self.asked = part.begin
        ahead = part.now - clock.wall()
        self.ahead = ahead if abs(ahead) >= SKEW_SECONDS else 0.0
        """Seconds by which the host's clock goes before ours."""
        self.pattern: Pattern | None = None
        self.data: bytes | None = None
        self.stamps: dict[int, tuple[float, float]] = {}
        """Times of lines from other parts, by offset."""
        self.at_end = following >= limit or (bool(found) and not found[-1].closed)
        """There is nothing more now, but perhaps of a line that the guest has not ended."""
        self._ends = [each.end for each in part.times]

    def time_of(self, offset: int) -> tuple[float, float]:
        """When the byte came: (not before, not after), by the host's clock."""
        times = self.part.times
        if not times:
            return 0.0, self.part.now
        each = times[min(bisect_right(self._ends, offset), len(times) - 1)]
        return each.after, each.at


class View:
    """`first` and `before` are the range, as far as it is said; `boot` and `since` narrow it. First
    `find_boot`, then `page`.
    """

    def __init__(
        self,
        source: LogSource,
        *,
        first: int | None,
        before: int | None,
        since: float | None,
        boot: int | None,
        lines: int,
        align: bool,
        raw: bool,
        coloured: bool = False,
    ) -> None:
        self._source = source
        self._first = first
        self._high = before
        self._since = since
        self._boot = boot
        self._lines = lines
        self._align = align
        self._raw = raw
        self._coloured = coloured
        self._low = 0

    async def find_boot(self, row: Resource) -> None:
        """Narrow the range to the boot that was asked for. Raises Fault LogBootNotFound, LogBootGone."""
        if self._boot is None:
            return
        part = await self._source.part(LogArgs(bytes=1))
        boots = part.boots or [BootPart(0, part.start, 0.0, part.end, part.now)]
        name = vm.command_name(row)
        if -self._boot >= len(boots):
            raise Fault("LogBootNotFound", vm=name, boot=self._boot, count=len(boots))
        boot = boots[self._boot - 1]
        if boot.end <= part.start and boot.end < part.end:
            raise Fault("LogBootGone", vm=name, boot=self._boot)
        self._low = boot.offset
        whole = self._first is None and self._since is None and self._high is None
        if self._boot < 0:
            self._high = boot.end if self._high is None else min(boot.end, self._high)
        if self._first is not None or whole:
            self._first = max(self._first or 0, self._low)

    async def page(self, pattern: Pattern | None, *, after: int | None, wait: float) -> Page:
        if self._since is not None and self._first is None:
            self._first = max(self._low, await self._offset_of(self._since))
        if self._first is not None and self._align:
            self._first = max(self._low, await self._line_at(self._first))
        if pattern is None and self._first is None:
            return await self._backwards()
        first = self._low if self._first is None else self._first
        args = LogArgs(begin=first, to=self._high, after=after, wait=wait)
        page = await (self._forward(args) if pattern is None else self._search(pattern, args))
        page.asked = first
        if not self._source.live and page.next < first:
            # What is kept lags behind what the host showed: who has seen more stays where they are.
            page.begin = page.next = first
            page.at_end = True
        return page

    async def _offset_of(self, at: float) -> int:
        part = await self._source.part(LogArgs(since=at, bytes=1))
        ahead = part.now - clock.wall()
        if abs(ahead) >= SKEW_SECONDS:
            part = await self._source.part(LogArgs(since=at + ahead, bytes=1))
        return await self._line_at(part.begin)

    async def _line_at(self, offset: int) -> int:
        """Where the line begins in which the byte at `offset` lies."""
        begin = max(0, offset - ALIGN_BYTES)
        part = await self._source.part(LogArgs(begin=begin, to=offset, bytes=ALIGN_BYTES))
        newline = _bytes(part).rfind(b"\n")
        if newline >= 0:
            return part.begin + newline + 1
        return part.begin if part.begin == part.start else offset

    def _limit(self, part: LogPart) -> int:
        return part.end if self._high is None else min(self._high, part.end)

    async def _forward(self, args: LogArgs) -> Page:
        part = await self._source.part(args)
        return await self._shown(part, _bytes(part), first=True)

    async def _backwards(self) -> Page:
        many = self._lines > _MANY_LINES or self._raw
        part = await self._source.part(LogArgs(to=self._high, bytes=MAX_BYTES if many else MAX_BYTES // 4))
        data = _bytes(part)
        skipped = max(0, min(self._low - part.begin, len(data)))
        if not skipped and part.begin > max(part.start, self._low) and not self._raw:
            # The rest of a line whose beginning is not in it, unless that is all there is.
            newline = data.find(b"\n") + 1
            skipped = newline if newline < len(data) else 0
        part = msgspec.structs.replace(part, begin=part.begin + skipped)
        return await self._shown(part, data[skipped:], first=False)

    async def _shown(self, part: LogPart, data: bytes, *, first: bool) -> Page:
        """The page of what was read: its `first` lines, or its last."""
        limit = self._limit(part)
        if self._raw:
            page = Page(part, [], following=part.begin + len(data), limit=limit)
            page.data = data
            return page
        found, following = await _rows(part, data, limit, coloured=self._coloured)
        if first and len(found) > self._lines:
            found = _whole(found, self._lines)
            following = found[-1].end
        page = Page(part, found if first else found[-self._lines :], following=following, limit=limit)
        if not first and page.rows:
            page.begin = page.asked = page.rows[0].offset
        return page

    async def _search(self, pattern: Pattern, args: LogArgs) -> Page:
        """Go through the log until enough was found, or enough was looked at for one answer."""
        deadline = clock.monotonic() + SEARCH_SECONDS
        searched = 0
        hits: list[Row] = []
        stamps: dict[int, tuple[float, float]] = {}
        begin: int | None = None
        while True:
            part = await self._source.part(args)
            if begin is None:
                begin = part.begin
                # What came while it waited is to be looked at for as long as everything else.
                deadline = max(deadline, clock.monotonic() + SEARCH_SECONDS / 2)
            data = _bytes(part)
            limit = self._limit(part)
            found, following = await _rows(part, data, limit, coloured=self._coloured)
            matching, seen = await _matching(pattern, found, self._lines - len(hits), deadline)
            hits += matching
            searched += len(data)
            if seen < len(found):
                following = found[seen].offset
            page = Page(part, hits, following=following, limit=limit)
            stamps |= {row.offset: page.time_of(row.offset) for row in matching}
            at_end = following >= limit or (seen == len(found) and bool(found) and not found[-1].closed)
            if at_end or seen < len(found) or searched >= SEARCH_BYTES or clock.monotonic() >= deadline:
                break
            args = LogArgs(begin=following, to=self._high)
        page.begin, page.stamps, page.pattern = begin, stamps, pattern
        page.at_end = at_end
        return page


async def _rows(part: LogPart, data: bytes, limit: int, *, coloured: bool = False) -> tuple[list[Row], int]:
    """The lines of a part and where the next page begins: with an unfinished line, once more."""
    cuts = sorted({each.offset for each in part.boots} | {each.begin for each in part.gaps})
    if limit < part.end:
        cuts.append(limit)

    def work() -> list[Row]:
        return list(rows(data, part.begin, cuts, coloured=coloured))

    found = work() if len(data) <= _ON_LOOP_BYTES else await asyncio.to_thread(work)
    end = part.begin + len(data)
    if found and not found[-1].closed:
        last = found[-1].offset
        if end < limit and last > part.begin:
            # Cut by the end of the part, not by the guest.
            found = [each for each in found if each.offset < last]
        end = last
    return found, end


async def _matching(
    pattern: Pattern, found: Sequence[Row], room: int, deadline: float
) -> tuple[list[Row], int]:
    """Those that match, about `room` of them at most, and how many were looked at; a line is never parted."""

    def work() -> tuple[list[Row], int]:
        hits: list[Row] = []
        for number, row in enumerate(found):
            whole = number > 0 and row.offset != found[number - 1].offset
            if whole and (len(hits) >= room or clock.monotonic() > deadline):
                return hits, number
            if pattern.finds(row.text):
                hits.append(row)
        return hits, len(found)

    return await asyncio.to_thread(work)


def _whole(found: list[Row], limit: int) -> list[Row]:
    """The first `limit`, and those from the same line as the last of them."""
    last = found[limit - 1].offset
    return [each for number, each in enumerate(found) if number < limit or each.offset == last]


def _bytes(part: LogPart) -> bytes:
    try:
        return base64.b64decode(part.text, validate=True)
    except binascii.Error as error:
        raise ProtocolError("expected base64 in the answer to vm.log") from error
