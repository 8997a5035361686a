"""The action `log` of a port: any range of what a VM printed, by offset, time or boot; search; and waiting.

An answer is one page: `next` is where the following one begins, `end` how far the log goes. Who follows asks
from `next` on and says with `after` how far it saw: the answer then comes when there is more, or after `wait`
seconds without.
"""

from __future__ import annotations

import asyncio
import base64
from bisect import bisect_left
from datetime import UTC, datetime
from typing import Annotated

import msgspec

from outofband.core import clock
from outofband.core.errors import Fault
from outofband.core.ids import parse_id
from outofband.providers.serial_console import records
from outofband.providers.serial_console.log_source import Asks, LogSource, Stored
from outofband.providers.serial_console.log_view import Page, View
from outofband.providers.serial_console.pattern import MAX_PATTERN, Pattern
from outofband.providers.serial_console.records import Mark, Record
from outofband.resources.declaration import Act, Item
from outofband.resources.exchange import Answer, Call
from outofband.store.resources import Resource
from outofband.store.store import Store
from outofband.wire.log_lines import Row

MAX_LINES = 2000
MAX_WAIT = 20
"""Seconds; proxies in between give up on an answer after 30 or more."""
MAX_WAITING = 400
"""Readers at this node that wait at hosts; one more is answered after FULL_SECONDS and asks again."""
FULL_SECONDS = 1.0
UNSURE_SECONDS = 4.0
"""A line that came at a time known less exactly has both ends of it told."""
_OLDEST = -1000

Offset = Annotated[int, msgspec.Meta(ge=0, le=2**62)]


class LogRequest(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Forward from `from`, from the time `since` or from the beginning of `boot` (0: the newest, -1: the one
    before it); without these the last `lines` before `before`, or of all. With `boot` only of that one.
    """

    begin: Offset | None = msgspec.field(default=None, name="from")
    before: Offset | None = None
    since: Annotated[str, msgspec.Meta(max_length=64)] | None = None
    boot: Annotated[int, msgspec.Meta(ge=_OLDEST, le=0)] | None = None
    lines: Annotated[int, msgspec.Meta(ge=1, le=MAX_LINES)] = 500
    align: bool = False
    """Begin at the beginning of the line in which `from` lies."""
    after: Offset | None = None
    wait: Annotated[int, msgspec.Meta(ge=0, le=MAX_WAIT)] = 0
    grep: Annotated[str, msgspec.Meta(max_length=MAX_PATTERN)] | None = None
    """Only lines in which this expression is found (RE2, providers/serial_console/pattern.py)."""
    ignore_case: bool = False
    raw: bool = False
    """The bytes as the guest printed them, in base64, instead of lines."""
    colours: bool = False
    """Lines with the looks of their letters (`wire.colours`)."""


class LogLine(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Came at `at`; `after` is given where nobody looked for a while: then it came between the two. `matches`
    are [first, behind the last) characters. `open`: the guest has not ended it. `looks`: what letters look
    like, in words of `wire.colours`.
    """

    offset: int
    at: str
    text: str
    after: str = ""
    matches: list[tuple[int, int]] = []
    open: bool = False
    looks: list[tuple[int, int, str]] = []


class LogTime(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Bytes from the entry before it up to `end` came by `at`; where nobody looked for a while not before
    `after`.
    """

    end: int
    at: str
    after: str = ""


class LogBoot(msgspec.Struct, frozen=True, kw_only=True):
    """`boot` is 0 for the newest. Its output is `[from, end)`, of which what lies before the log's `start` is
    not there any more.
    """

    boot: int
    number: int
    begin: int = msgspec.field(name="from")
    end: int
    at: str
    last: str


class LogGap(msgspec.Struct, frozen=True, kw_only=True):
    """Output is missing in front of the line with the index `before`; `bytes` 0: nobody knows how much."""

    before: int
    begin: int = msgspec.field(name="from")
    end: int
    bytes: int


class LogAnswer(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """`[start, end)` can be read at all, `[from, next)` was for this answer; `more`: go on from `next`."""

    lines: list[LogLine]
    records: list[Record]
    gaps: list[LogGap]
    boots: list[LogBoot]
    begin: int = msgspec.field(name="from")
    next: int
    more: bool
    start: int
    end: int
    live: bool
    """Read at the host; otherwise what was kept elsewhere, and the host may have more."""
    at: str
    data: str | None = None
    times: list[LogTime] = []
    """Of `data`."""


class Log:
    """The action, for the ports' provider."""

    def __init__(self, store: Store, ask: Asks, stored: Stored) -> None:
        self._store = store
        self._ask = ask
        self._stored = stored
        self._waiting = 0

    def action(self, permission: str, also: tuple[str, ...], again_seconds: float) -> Act:
        return Act(
            run=self._run,
            about="Read or search what the VM printed on the port, by offset, time or boot, or wait for it",
            body=LogRequest,
            answer=LogAnswer,
            permission=permission,
            also=also,
            again_seconds=again_seconds,
        )

    async def _run(self, call: Call, item: Item, wish: LogRequest) -> Answer:
        # What is wrong with the question is said before anybody is asked.
        pattern = Pattern(wish.grep, ignore_case=wish.ignore_case) if wish.grep is not None else None
        since = _moment(wish.since) if wish.since is not None else None
        await self._stored.admit(call, item.row)
        source = LogSource(call, item.row, self._ask, self._stored)
        view = View(
            source,
            first=wish.begin,
            before=wish.before,
            since=since,
            boot=wish.boot,
            lines=wish.lines,
            align=wish.align,
            raw=wish.raw,
            coloured=wish.colours,
        )
        await view.find_boot(item.row)
        follows = wish.wait > 0 and wish.after is not None
        waits = follows and self._waiting < MAX_WAITING
        if follows and not waits:
            # Answered at once they would all ask again at once, just when there are too many.
            await asyncio.sleep(FULL_SECONDS)
        self._waiting += waits
        try:
            page = await view.page(pattern, after=wish.after, wait=float(wish.wait if waits else 0))
        finally:
            self._waiting -= waits
        told: list[Record] = []
        if pattern is None and not wish.raw:
            told = await self._records(item.row, page)
        return Answer(body=_answer(page, told, live=source.live), headers={"Cache-Control": "no-store"})

    async def _records(self, row: Resource, page: Page) -> list[Record]:
        """Who was at the console meanwhile, each in front of the first line that came after it."""
        part = page.part
        since = part.times[0].after - page.ahead if part.times else 0.0
        complete = page.at_end and page.limit >= part.end
        until = None if complete or not part.times else page.time_of(page.next)[1] - page.ahead
        async with self._store.read() as tx:
            found = await self._store.activity.page(
                tx,
                resource=parse_id(row.id),
                since=datetime.fromtimestamp(max(0.0, since), UTC),
                until=None if until is None else datetime.fromtimestamp(until, UTC),
                limit=records.MAX_RECORDS,
            )
        marks = [Mark(part.begin, part.times[0].after)] if part.times else []
        marks += [Mark(each.end, each.at) for each in part.times]
        offsets = [each.offset for each in page.rows]
        told = []
        for entry in reversed(found.items):
            if not records.is_told(entry):
                continue
            place = records.place(entry.at.timestamp() + page.ahead, marks, part.begin)
            if place < page.begin or (place >= page.next and not complete):
                continue
            told.append(records.record(entry, bisect_left(offsets, place)))
        return told


def _answer(page: Page, told: list[Record], *, live: bool) -> LogAnswer:
    part = page.part
    offsets = [each.offset for each in page.rows]
    gaps = [
        LogGap(before=bisect_left(offsets, gap.end), begin=gap.begin, end=gap.end, bytes=gap.bytes)
        for gap in part.gaps
        if page.pattern is None and page.begin <= gap.end and gap.begin < max(page.next, page.begin + 1)
    ]
    if page.asked < part.start == page.begin and page.pattern is None:
        # What was asked for begins with what the ring has let go of.
        missing = part.start - page.asked
        gaps.insert(0, LogGap(before=0, begin=page.asked, end=part.start, bytes=missing))
    return LogAnswer(
        lines=[_line(page, row) for row in page.rows],
        records=told,
        gaps=gaps,
        boots=_boots(page),
        begin=page.begin,
        next=page.next,
        more=not page.at_end,
        start=part.start,
        end=part.end,
        live=live,
        at=clock.iso(),
        data=None if page.data is None else base64.b64encode(page.data).decode("ascii"),
        times=_times(page) if page.data is not None else [],
    )


def _times(page: Page) -> list[LogTime]:
    return [
        LogTime(end=each.end, at=_iso(page, each.at), after=_after(page, each.after, each.at))
        for each in page.part.times
        if each.end > page.begin
    ]


def _after(page: Page, after: float, at: float) -> str:
    return _iso(page, after) if at - after > UNSURE_SECONDS and after > 0 else ""


def _line(page: Page, row: Row) -> LogLine:
    after, at = page.stamps.get(row.offset) or page.time_of(row.offset)
    return LogLine(
        offset=row.offset,
        at=_iso(page, at),
        after=_after(page, after, at),
        text=row.text,
        matches=page.pattern.matches(row.text) if page.pattern is not None else [],
        open=not row.closed,
        looks=list(row.looks),
    )


def _boots(page: Page) -> list[LogBoot]:
    newest = len(page.part.boots) - 1
    return [
        LogBoot(
            boot=place - newest,
            number=each.number,
            begin=each.offset,
            end=each.end,
            at=_iso(page, each.at),
            last=_iso(page, each.last),
        )
        for place, each in enumerate(page.part.boots)
    ]


def _iso(page: Page, at: float) -> str:
    return clock.iso(datetime.fromtimestamp(max(0.0, at - page.ahead), UTC))


def _moment(text: str) -> float:
    try:
        found = clock.parse_iso(text)
    except ValueError:
        found = None
    if found is None or found.tzinfo is None:
        detail = "it is a time like 2026-05-04T10:00:00Z"
        raise Fault("InvalidParameter", target="since", detail=detail)
    return found.timestamp()
