"""From bytes in any cut to the few lines that are worth a look.

A healthy console is megabytes that say nothing, so a chunk is searched as a whole, as bytes, by the rules'
first words; only a line that has one at its beginning is decoded and judged. What decides is always the line
and never the cut: lines, candidates and their order are the same for any division of the same bytes.

Carriage returns end a line too (progress that overwrites itself), and so does a jump of the cursor to another
row: firmware and boot loaders that paint a screen often send no line feed at all. A jump within the row is
taken out of the line, because it cuts words.

A guest prints whatever it likes: of a line the first MAX_LINE bytes count, of an aligned BLOCK of the log
the first MAX_LOOKS candidates.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from outofband.wire.detect.rules import BEFORE, Words
from outofband.wire.detect.state import State

MAX_LINE = 2048
"""Bytes of a line that are looked at."""
BLOCK = 1 << 16
MAX_LOOKS = 300
"""Candidates judged in a block of the log; a boot of many failing units has about a third of it."""
MAX_HELD = 64
"""Bytes of an escape sequence that a chunk's end cuts; a longer one is text."""

PIECE = 4096
KEY = 4
_MARKS = (b"?", b"~", b"@")
"""Rare characters, which are found to be absent at once, and with them the words that have one."""

_KEY = re.compile(rb"\n" + BEFORE + rb"([^\n].{3})")
_ENDS = bytes.maketrans(b"\r\v\f", b"\n\n\n")
_JUMP = re.compile(rb"\x1b\[(?:(\d{0,4})(?:;\d{0,4})?[Hf]|[23]J)")
_UNFINISHED = re.compile(rb"\x1b(?:\[[0-?]{0,60}[ -/]{0,3})?\Z")
_ESCAPE = re.compile(
    rb"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[PX^_][^\x1b]*(?:\x1b\\)?|[ -/]*[0-~]?)"
)
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f-\x9f]+")


def clean(raw: bytes) -> str:
    """A line as text: no escape sequences, no control characters, no blanks at its end."""
    text = (_ESCAPE.sub(b"", raw) if b"\x1b" in raw else raw).decode("utf-8", "replace")
    return _CONTROL.sub("", text).replace("\t", " ")


class Lines:
    """The cutter; what it remembers between chunks stands in the state."""

    def __init__(self, state: State, heads: re.Pattern[bytes], keys: frozenset[bytes], words: Words) -> None:
        """`heads` finds a line feed and a beginning worth a look; `keys` are the first KEY bytes of all those
        beginnings; each of `words` is worth a look anywhere, in a line that begins as its pattern says.
        """
        self._state = state
        self._heads = heads
        self._keys = keys
        self._words = words
        self._search = [
            (word, check, next((mark for mark in _MARKS if mark in word), None))
            for word, check in words.items()
        ]
        self.work = b"\n"
        """A line feed, the unfinished line, and the chunk as `feed` made it."""
        self._fresh = 0

    def feed(self, data: bytes) -> Iterator[tuple[int, int, int]]:
        """Take a chunk; then the candidates among the lines that it finished: where each begins and ends in
        `work`, and the offset of its first byte in the log.
        """
        state = self._state
        raw = state.held + data
        at = state.offset - len(state.held)
        state.offset += len(data)
        state.held = b""
        tail = _UNFINISHED.search(raw, max(0, len(raw) - MAX_HELD))
        if tail is not None:
            state.held = raw[tail.start() :]
            raw = raw[: tail.start()]
        before = 1 + len(state.pending)
        self._fresh = at - before
        joins: list[int] = []
        fresh = self._cut(raw, joins)
        self.work = b"\n" + state.pending + fresh
        last = fresh.rfind(b"\n")
        if last < 0:
            state.moved = state.moved or bool(joins)
            self._keep(fresh, at)
            return
        end = before + last
        yield from self._candidates(end, before, joins)
        state.pending, state.prompted, state.skipping = b"", False, False
        state.moved = any(join > last for join in joins)
        self._keep(fresh[last + 1 :], at + last + 1)

    def worth(self, line: bytes) -> bool:
        """Whether a line is a candidate."""
        found = _KEY.match(b"\n" + line)
        first = found is not None and self._heads.match(line, found.start(1) - 1) is not None
        return first or any(
            word in line and (check is None or check.match(line) is not None)
            for word, check in self._words.items()
        )

    def drop(self) -> None:
        """Forget the unfinished line, and skip to the next one."""
        state = self._state
        state.pending, state.held, state.moved, state.prompted = b"", b"", False, False
        state.skipping, state.row, state.touched = True, -1, 0.0

    def offset_of(self, position: int) -> int:
        """The log's offset of a position in `work`."""
        if position <= len(self._state.pending):
            return self._state.pending_offset + position - 1
        return self._fresh + position

    def _keep(self, rest: bytes, at: int) -> None:
        state = self._state
        if not state.pending:
            state.pending_offset = at
        if not state.skipping:
            state.pending += rest[: MAX_LINE - len(state.pending)]

    def _cut(self, raw: bytes, joins: list[int]) -> bytes:
        """Every end of a line as a line feed; nothing changes its place."""
        text = raw.translate(_ENDS)
        parts: list[bytes] = []
        done = 0
        state = self._state
        for jump in _JUMP.finditer(text):
            start, end = jump.span()
            if raw.find(b"\n", done, start) >= 0:
                state.row = -1
            parts.append(text[done:start])
            done = end
            row = int(jump[1] or 1) if jump[1] is not None else 0
            if row and (state.row in (-1, row)):
                joins.append(start)
                parts.append(jump[0])
            else:
                parts.append(b"\n" * (end - start))
            state.row = row or -1
        if state.row >= 0 and raw.find(b"\n", done) >= 0:
            state.row = -1
        return b"".join([*parts, text[done:]]) if parts else text

    def _candidates(self, end: int, before: int, joins: list[int]) -> Iterator[tuple[int, int, int]]:
        state, work = self._state, self.work
        first = 0
        if state.skipping:
            # The rest of a line whose beginning nobody saw.
            first = work.find(b"\n", before)
        found: set[int] = set()
        at = first
        while at < end:
            # The keys of a piece of work cost a third of looking for the beginnings themselves.
            to = work.find(b"\n", min(at + PIECE, end), end + 1)
            if not self._keys.isdisjoint(_KEY.findall(work, at, to)):
                found.update(
                    match.start() + 1
                    for match in _KEY.finditer(work, at, to)
                    if match[1] in self._keys and self._heads.match(work, match.start(1))
                )
            at = to
        for word, check, mark in self._search:
            if mark is not None and mark not in work:
                continue
            hit = work.find(word, first, end)
            while hit >= 0:
                start = work.rfind(b"\n", 0, hit) + 1
                if hit + len(word) - start <= MAX_LINE and (check is None or check.match(work, start)):
                    found.add(start)
                hit = work.find(word, work.find(b"\n", hit, end + 1), end)
        if state.moved:
            found.add(1)
        for join in joins:
            if first < before + join < end:
                found.add(work.rfind(b"\n", 0, before + join) + 1)
        for start in sorted(found):
            offset = self.offset_of(start)
            if offset // BLOCK != state.block:
                state.block, state.looked = offset // BLOCK, 0
            state.looked += 1
            if state.looked <= MAX_LOOKS:
                yield start, work.find(b"\n", start, end + 1), offset
