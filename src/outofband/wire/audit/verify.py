"""Is the log what was written? Lines in, a report out. Knows nothing but the lines and the public keys.

Needs little memory: of a day's records only the last link is remembered.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from outofband.wire.audit import chain, lines
from outofband.wire.audit.chain import Checkpoint, Pruned

MAX_PROBLEMS = 1000
"""Told one by one; of the rest only the number."""


class What(enum.StrEnum):
    MISSING = "missing"
    """Records were there and are not any more."""
    CHANGED = "changed"
    """A record is not what was written, or not in its place."""
    ADDED = "added"
    """A record is there that no node wrote, or twice."""
    HEAD = "head"
    """What is kept of a day besides its records does not agree with them."""
    SIGNATURE = "signature"
    """A signed word is not signed by a key that is trusted."""
    INCOMPLETE = "incomplete"
    """The export itself is not whole."""


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    what: What
    node: str = ""
    day: str = ""
    first: int = 0
    """Numbers of records within the day; 0: it is about none."""
    last: int = 0
    detail: str


class Stretch(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What was found of one node."""

    node: str
    first_day: str
    last_day: str
    records: int
    pruned: int
    """Of them removed, as a signed word says."""
    signed_at: str | None
    """Until when it is proved that nothing is missing: the time of the last signature."""
    unsigned: int
    """Records after it: linked, not signed yet."""
    closed: bool
    """The node stopped in good order after the last record."""


class Report(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    complete: bool
    since: str | None
    """Time of the first record, or the first day where its records are gone by a signed word."""
    until: str | None
    """Time of the last signature, of the node that signed last."""
    records: int
    older: int
    """Rows from before there were chains: nothing can be said of them."""
    nodes: list[Stretch]
    problems: list[Problem]
    more: int
    """Problems beyond those told."""


class _Day:
    """One node and day, as far as it was read."""

    def __init__(self, node: str, day: str, head: lines.Chain | None) -> None:
        self.node, self.day, self.head = node, day, head
        self.number = 0
        self.link: str | None = None
        """Of the last record; None when it cannot be known, after a hole."""
        if head is not None:
            self.link = chain.seed(node, day, head.previous_day, head.previous_link)
        self.words: dict[int, Checkpoint] = {}
        self.pruned: Pruned | None = None
        self.signed: Checkpoint | None = None
        """The last word that agrees with the records."""
        self.broken = False


class Verifier:
    """`feed` it every line in order, then ask for the `report`. `keys` by their id."""

    def __init__(self, keys: Mapping[str, Ed25519PublicKey]) -> None:
        self._keys = dict(keys)
        self._since: str | None = None
        self._day: _Day | None = None
        self._before: _Day | None = None
        """The day before of the same node."""
        self._nodes: dict[str, Stretch] = {}
        self._done: set[tuple[str, str]] = set()
        self._sequence = 0
        self._first_sequence: int | None = None
        self._first_at: str | None = None
        self._older = 0
        self._past_records = False
        self._problems: list[Problem] = []
        self._more = 0
        self._lines = 0
        self._ended = False

    def feed(self, line: lines.Line) -> None:
        if self._ended:
            self._problem(What.INCOMPLETE, "lines come after the last one")
        match line:
            case lines.Header():
                self._since = line.since
            case lines.Key():
                pass  # whether it is trusted is not for the file to say
            case lines.Chain():
                self._begin(line.node, line.day, line)
            case Checkpoint():
                self._checkpoint(line)
            case Pruned():
                self._prune(line)
            case lines.Record():
                self._record(line)
            case lines.Loose():
                self._row_of_no_chain(line)
            case lines.End():
                self._ended = True
                if line.lines != self._lines:
                    self._problem(
                        What.INCOMPLETE, f"{self._lines} lines are there, {line.lines} were written"
                    )
        self._lines += 1

    def report(self) -> Report:
        self._close()
        if not self._ended:
            self._problem(What.INCOMPLETE, "the last line is not there: the export was cut off")
        nodes = sorted(self._nodes.values(), key=lambda each: each.node)
        signed = [each.signed_at for each in nodes if each.signed_at is not None]
        return Report(
            complete=not self._problems,
            since=self._first_at or min((each.first_day for each in nodes), default=None),
            until=max(signed, default=None),
            records=sum(each.records for each in nodes),
            older=self._older,
            nodes=nodes,
            problems=self._problems,
            more=self._more,
        )

    def _row_of_no_chain(self, line: lines.Loose) -> None:
        """These come after all records: it is known by then which of them is older than every chain."""
        self._past_records = True
        first = self._first_sequence
        if first is not None and line.sequence > first:
            self._problem(What.ADDED, f"the row {line.id} of {line.at} is in no chain")
        else:
            self._older += 1

    # A day

    def _begin(self, node: str, day: str, head: lines.Chain | None) -> _Day:
        self._close()
        before = self._before if self._before is not None and self._before.node == node else None
        if before is None:
            self._sequence = 0
        if (node, day) in self._done or (before is not None and day <= before.day):
            self._problem(What.ADDED, "the day is there twice, or out of order", node, day)
        self._done.add((node, day))
        found = self._day = _Day(node, day, head)
        if head is None:
            self._problem(What.HEAD, "the head of this day is missing", node, day)
        elif before is not None and head.previous_day != before.day:
            gap = head.previous_day if head.previous_day is not None else "nothing"
            self._problem(What.MISSING, f"{gap} should come before it, {before.day} does", node, day)
        elif before is not None and before.head is not None and head.previous_link != before.head.link:
            self._problem(What.CHANGED, f"it was begun after another end of {before.day}", node, day)
        elif before is None and head.previous_day is not None and self._covers(head.previous_day):
            self._problem(What.MISSING, f"the day {head.previous_day} is missing", node, day)
        return found

    def _covers(self, day: str) -> bool:
        """Whether that day should be in this export."""
        return self._since is None or day >= self._since

    def _at(self, node: str, day: str) -> _Day:
        found = self._day
        return (
            found
            if found is not None and (found.node, found.day) == (node, day)
            else self._begin(node, day, None)
        )

    def _checkpoint(self, word: Checkpoint) -> None:
        day = self._at(word.node, word.day)
        if not self._is_trusted(word):
            return
        day.words[word.count] = word
        if word.count == 0 and day.number == 0:
            self._compare(day, word)

    def _prune(self, word: Pruned) -> None:
        day = self._at(word.node, word.day)
        if not self._is_trusted(word):
            return
        if day.head is not None and (day.head.count, day.head.link) != (word.count, word.link):
            self._problem(What.HEAD, "it is not the head of what was removed", word.node, word.day)
        day.pruned = word

    def _is_trusted(self, word: Checkpoint | Pruned) -> bool:
        key = self._keys.get(word.kid)
        if key is not None and chain.is_signed(word, key):
            return True
        why = "is not by a key that is trusted" if key is None else "does not fit what it signs"
        self._problem(What.SIGNATURE, f"the signature of {word.at} {why}", word.node, word.day, word.count)
        return False

    def _record(self, line: lines.Record) -> None:
        day = self._at(line.node, line.day)
        node = (line.node, line.day)
        if self._past_records:
            detail = "a record comes after the rows that are in no chain"
            self._problem(What.INCOMPLETE, detail, *node, line.number)
        if line.number <= day.number:
            self._problem(What.ADDED, "the record is there twice, or out of order", *node, line.number)
            day.broken = True
            return
        if line.number > day.number + 1:
            lost = f"records {day.number + 1} to {line.number - 1} are missing"
            self._problem(What.MISSING, lost, *node, day.number + 1, line.number - 1)
            day.link, day.broken = None, True
        self._order(line)
        found = chain.digest(line.record) if line.record is not None else line.digest or ""
        try:
            expected = chain.link(day.link, line.number, found) if day.link is not None else line.link
            bytes.fromhex(line.link)
        except ValueError:
            expected = ""
        if expected != line.link:
            what = f" ({line.record.get('id')})" if line.record is not None else ""
            self._problem(
                What.CHANGED, f"record {line.number}{what} is not what was written", *node, line.number
            )
            day.broken = True
        if self._first_at is None and line.record is not None:
            self._first_at = _time(line.record)
        day.number = line.number
        day.link = line.link if _is_link(line.link) else None
        if (word := day.words.get(line.number)) is not None:
            self._compare(day, word)

    def _order(self, line: lines.Record) -> None:
        if self._first_sequence is None or line.sequence < self._first_sequence:
            self._first_sequence = line.sequence
        if line.sequence <= self._sequence:
            detail = f"record {line.number} is shown at another place than it was written"
            self._problem(What.CHANGED, detail, line.node, line.day, line.number)
        self._sequence = line.sequence

    def _compare(self, day: _Day, word: Checkpoint) -> None:
        if word.link == day.link:
            day.signed = word
            return
        after = day.signed.count + 1 if day.signed is not None else 1
        detail = f"records {after} to {word.count} are not those that were signed at {word.at}"
        self._problem(What.CHANGED, detail, day.node, day.day, after, word.count)

    def _close(self) -> None:
        day, self._day = self._day, None
        if day is None:
            return
        self._before = day
        if day.pruned is None:
            self._tail(day)
        count = day.pruned.count if day.pruned is not None else day.number
        before = self._nodes.get(day.node)
        words = [day.pruned] if day.pruned is not None else [day.signed] if day.signed is not None else []
        signed = max((each.at for each in words), default=before.signed_at if before is not None else None)
        unsigned = 0 if day.pruned is not None else day.number - (day.signed.count if day.signed else 0)
        self._nodes[day.node] = Stretch(
            node=day.node,
            first_day=before.first_day if before is not None else day.day,
            last_day=day.day,
            records=(before.records if before is not None else 0) + count,
            pruned=(before.pruned if before is not None else 0) + (count if day.pruned is not None else 0),
            signed_at=signed,
            unsigned=unsigned if words or before is None else before.unsigned + unsigned,
            closed=unsigned == 0 and day.signed is not None and day.signed.closed,
        )

    def _tail(self, day: _Day) -> None:
        counts = [*day.words, day.head.count if day.head is not None else 0]
        if (top := max(counts)) > day.number:
            lost = f"records {day.number + 1} to {top} are missing"
            self._problem(What.MISSING, lost, day.node, day.day, day.number + 1, top)
            return
        if day.head is None or day.broken:
            return
        if day.head.count != day.number:
            detail = f"the head says {day.head.count} records, {day.number} are there"
            self._problem(What.HEAD, detail, day.node, day.day)
        elif day.head.link != day.link:
            self._problem(What.HEAD, "the head is not that of the last record", day.node, day.day)

    def _problem(
        self, what: What, detail: str, node: str = "", day: str = "", first: int = 0, last: int = 0
    ) -> None:
        if len(self._problems) >= MAX_PROBLEMS:
            self._more += 1
            return
        self._problems.append(
            Problem(what=what, node=node, day=day, first=first, last=last or first, detail=detail)
        )


def _is_link(text: str) -> bool:
    try:
        return len(bytes.fromhex(text)) == 32
    except ValueError:
        return False


def _time(record: dict[str, object]) -> str | None:
    at = record.get("at")
    return iso(at) if isinstance(at, int) else None


def iso(microseconds: int) -> str:
    from datetime import UTC, datetime, timedelta

    try:
        moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=microseconds)
    except OverflowError:
        return "?"
    return moment.isoformat().replace("+00:00", "Z")
