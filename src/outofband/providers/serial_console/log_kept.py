"""The log of a VM as it is kept in its storage account, told as its host would tell it."""

from __future__ import annotations

import base64
from bisect import bisect_left, bisect_right

from outofband.access.authorizer import Authorizer
from outofband.core import clock
from outofband.diagnostics.boot_log import BootLog
from outofband.diagnostics.places import Places
from outofband.providers.compute.boot_data import admit, check_reader
from outofband.resources.exchange import Call
from outofband.store.resources import Resource
from outofband.store.store import Store
from outofband.wire.log import MAX_GAPS, MAX_TIMES, BootPart, GapPart, LogArgs, LogPart, TimePart
from outofband.wire.segments import Extent


class KeptLogs:
    """`part` is as `log_source.Stored` has it, with the rules of the account it is read from."""

    def __init__(self, store: Store, authorizer: Authorizer, places: Places, logs: BootLog) -> None:
        self._store = store
        self._authorizer = authorizer
        self._places = places
        self._logs = logs

    async def admit(self, call: Call, row: Resource) -> None:
        """As `boot_data.admit`."""
        async with self._store.read() as tx:
            await admit(self._authorizer, self._places, call, tx, row)

    async def part(self, call: Call, row: Resource, wish: LogArgs) -> LogPart | None:
        """None when nothing is kept. Raises Fault BootDiagnostics* where the account keeps the caller out."""
        async with self._store.read() as tx:
            found = await self._places.find(tx, row)
        if found is None:
            return None
        await check_reader(self._authorizer, call, found)
        whole = await self._logs.extent(row)
        if whole is None:
            return None
        first, last = _range(whole, wish)
        text = b"".join([piece async for piece in self._logs.read(row, first, last)])
        return LogPart(
            start=whole.start,
            end=whole.end,
            begin=first,
            text=base64.b64encode(text).decode("ascii"),
            boots=_boots(whole),
            gaps=[
                GapPart(gap.start, gap.end, gap.bytes)
                for gap in whole.gaps
                if gap.end >= first and gap.start <= last
            ][:MAX_GAPS],
            times=_times(whole, first, last),
            now=clock.wall(),
        )


def _range(whole: Extent, wish: LogArgs) -> tuple[int, int]:
    """The bytes of one part: those that follow one another without a hole."""
    last = whole.end if wish.to is None else min(max(wish.to, whole.start), whole.end)
    holes = [gap for gap in whole.gaps if gap.start < gap.end]
    if wish.begin is None and wish.since is None:
        first = last - wish.bytes
        for hole in reversed(holes):
            # From behind the last hole on; where it ends in one, from before it.
            if hole.start < last <= hole.end:
                last, first = hole.start, hole.start - wish.bytes
            elif first < hole.end <= last:
                first = hole.end
        return max(first, whole.start), last
    first = wish.begin if wish.begin is not None else _since(whole, wish.since or 0.0)
    first = min(max(first, whole.start), last)
    for hole in holes:
        if hole.start <= first < hole.end:
            first = min(hole.end, last)
        elif first < hole.start < last:
            last = hole.start
            break
    return first, min(last, first + wish.bytes)


def _since(whole: Extent, at: float) -> int:
    return max((mark.offset for mark in whole.marks if mark.at < at), default=whole.start)


def _boots(whole: Extent) -> list[BootPart]:
    offsets = [mark.offset for mark in whole.marks]
    ends = [boot.offset for boot in whole.boots[1:]] + [whole.end] * bool(whole.boots)
    found = []
    for boot, end in zip(whole.boots, ends, strict=True):
        place = min(bisect_left(offsets, end), len(offsets) - 1)
        last = whole.marks[place].at if offsets and end > boot.offset else boot.at
        found.append(BootPart(boot.number, boot.offset, boot.at, end, max(boot.at, last)))
    return found


def _times(whole: Extent, first: int, last: int) -> list[TimePart]:
    """Marks and starts of the guest both say how far the log was at a time."""
    known = sorted([(mark.offset, mark.at) for mark in whole.marks] + [(b.offset, b.at) for b in whole.boots])
    begin = max(0, bisect_right(known, (first, float("inf"))) - 1)
    found: list[TimePart] = []
    before = known[begin][1] if known and known[begin][0] <= first else 0.0
    for offset, at in known[begin:]:
        if offset > first:
            found.append(TimePart(min(offset, last), min(before, at), at))
        if offset >= last or len(found) == MAX_TIMES:
            break
        before = at
    if not found or found[-1].end < last:
        found.append(TimePart(last, before, before or clock.wall()))
    return found
