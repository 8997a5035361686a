"""A range of a port's log with all that is known of it, for readers who are not attached to the port."""

from __future__ import annotations

import base64

from outofband.agent.ports.index import MAX_RESETS, Boot
from outofband.agent.ports.spool import Spool
from outofband.core import clock
from outofband.wire.log import MAX_GAPS, MAX_TIMES, BootPart, GapPart, LogArgs, LogPart, TimePart


def read(spool: Spool, wish: LogArgs) -> LogPart:
    """What `wish` asks for of what is there now; offsets outside of the log are drawn to its ends."""
    spool.refresh()
    start, end = spool.start, spool.end
    last = end if wish.to is None else min(max(wish.to, start), end)
    if wish.begin is not None:
        first = wish.begin
    elif wish.since is not None:
        first = spool.index.since(wish.since)
    else:
        first = last - wish.bytes
    first = min(max(first, start), last)
    text = spool.read(first, min(wish.bytes, last - first))
    upto = first + len(text)
    return LogPart(
        start=start,
        end=end,
        begin=first,
        text=base64.b64encode(text).decode("ascii"),
        boots=boots(spool),
        gaps=[GapPart(*gap) for gap in spool.gaps(first, upto)[:MAX_GAPS]],
        times=[TimePart(*each) for each in spool.index.times(first, upto, MAX_TIMES)],
        now=clock.wall(),
    )


def boots(spool: Spool) -> list[BootPart]:
    """The guest's boots, oldest first, also those whose output is not there any more."""
    found, known = spool.boots(), spool.boot_ends
    ends = [boot.offset for boot in found[1:]] + [spool.end] * bool(found)
    parts = []
    for boot, end in zip(found, ends, strict=True):
        last = known.get(boot)
        if last is None:
            last = _last(spool, boot, end)
            if boot is not found[-1]:
                # It is looked up on the disk, and a guest may have been started hundreds of times.
                known[boot] = last
        parts.append(BootPart(boot.number, boot.offset, boot.at, end, last))
    if len(known) >= 2 * MAX_RESETS:
        known.clear()
    return parts


def _last(spool: Spool, boot: Boot, end: int) -> float:
    if end <= boot.offset:
        return boot.at
    return max(boot.at, spool.time_of(end - 1)[1])
