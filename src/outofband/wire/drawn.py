"""What of a paste GRUB's editor has taken, told by how it draws. Pure.

For each key the editor hides the cursor, draws the line from its beginning (or all lines, where they move),
puts the cursor behind the character and shows it. What it draws holds most of the typed text again, so that
the order in which characters are printed says nothing (`wire.echo` goes by that); that the cursor rests, and
behind what, says all. It polls a UART that keeps 16 bytes: what comes faster than it draws is lost.
"""

from __future__ import annotations

import re

MOST = 16
"""Typed bytes that may be unseen: those that a UART keeps."""
PATIENCE = 5.0
"""Seconds that all lines may take to be drawn, at 9600 baud too."""
_MARGIN = 3
"""Column, from 1, in which lines begin."""
_LAST = re.compile(
    rb"\x1b\[\?25l(?:\x1b\[\d+;3H[^\x1b]{20,})+(?:\x1b\[\d+;\d+H[ ^v])*\x1b\[(\d+);(\d+)H(?:\x1b\[\?25h)+\Z"
)
_PART = re.compile(rb"\x1b\[([0-?]*)[ -/]*([@-~])|\x1b[^\[]|([^\x00-\x1f\x7f]+)|[\x00-\x1a\x1c-\x1f\x7f]")
_CONTEXT = 8
"""Characters left of the cursor that are looked for further on, when those in between may be lost."""
_FOLLOWING = bytes(range(0x80, 0xC0))
_COLUMNS, _ROWS = 500, 200
_MAX_HELD = 64
_COMPACT = 4096


def is_editor(before: bytes) -> bool:
    """The last that was printed is GRUB's editor, waiting for a key."""
    return _LAST.search(before) is not None


class Drawn:
    """As `wire.echo.Echo`, for the editor that printed `before`. Positions are those of the typed bytes."""

    most = MOST
    patience = PATIENCE
    keeps = False
    whole = False
    lines = 0
    """No shell repeats what is typed here."""

    def __init__(self, before: bytes) -> None:
        self.seen = 0
        self.differs_at: int | None = None
        self._typed = bytearray()
        self._base = 0
        """Position of the first byte in `_typed`."""
        self._head = 0
        """Position of the first byte that was not seen."""
        self._rows: dict[int, bytearray] = {}
        self._row, self._column = 1, _MARGIN
        self._rest = (0, 0)
        self._hidden = False
        self._held = b""
        if (last := _LAST.search(before)) is not None:
            self._draw(last[0])
            self._rest = self._row, self._column

    @property
    def waiting(self) -> int:
        """Typed keys that were not seen."""
        self._pass_over()
        return sum(_is_key(each) for each in self._typed[self._head - self._base :])

    @property
    def unseen_from(self) -> int:
        self._pass_over()
        return self._head

    def typed(self, data: bytes) -> None:
        self._typed += data.replace(b"\n", b"\r")

    def printed(self, data: bytes) -> bool:
        """True when a typed key was seen."""
        before = self.seen
        self._draw(data)
        return self.seen > before

    def find_again(self) -> bool:
        """Each rest of the cursor looks for what it stands behind; there is nothing more to look for."""
        return False

    def _draw(self, data: bytes) -> None:
        data = self._held + data
        at = 0
        while found := _PART.match(data, at):
            at = found.end()
            if found[3] is not None:
                self._write(found[3])
            elif found[2] is not None:
                self._obey(found[2], found[1])
            elif found[0] == b"\r":
                self._column = 1
            elif found[0] == b"\n":
                self._row += 1
        self._held = data[at:][:_MAX_HELD]

    def _write(self, text: bytes) -> None:
        if not 0 < self._row <= _ROWS or self._column > _COLUMNS:
            return
        # A cell for each character of UTF-8: of one that is longer its first byte.
        text = text.translate(None, _FOLLOWING)
        row = self._rows.setdefault(self._row, bytearray())
        row += b" " * (self._column - 1 - len(row))
        row[self._column - 1 : self._column - 1 + len(text)] = text
        del row[_COLUMNS:]
        self._column += len(text)

    def _obey(self, final: bytes, given: bytes) -> None:
        if final in (b"H", b"f"):
            numbers = [int(each) if each.isdigit() and len(each) < 5 else 1 for each in given.split(b";")]
            self._row, self._column = numbers[0], numbers[1] if len(numbers) > 1 else 1
        elif final == b"J":
            self._rows.clear()
        elif final == b"l" and given == b"?25":
            self._hidden = True
        elif final == b"h" and given == b"?25" and self._hidden:
            # It is shown twice when the editor begins to wait.
            self._hidden = False
            self._rests()

    def _rests(self) -> None:
        """One key was taken: which one is seen left of the cursor."""
        moved, self._rest = self._rest != (self._row, self._column), (self._row, self._column)
        self._pass_over()
        at = self._head - self._base
        if at == len(self._typed):
            return
        left = bytes(self._rows.get(self._row, b"")[: self._column - 1]).ljust(self._column - 1)
        begins = self._column == _MARGIN
        if self._typed[at] == ord("\r"):
            fits = begins
        else:
            # Behind the last column the cursor is at the beginning of the next row.
            fits = moved and (begins or left[-1:] == self._typed[at : at + 1])
        if fits:
            self._take(at + 1)
        elif moved:
            self._differs(self._head)
            context = left[_MARGIN - 1 :][-_CONTEXT:]
            found = self._typed.find(context, at) if len(context) == _CONTEXT else -1
            if found >= 0:
                self._take(found + _CONTEXT)

    def _take(self, end: int) -> None:
        self.seen += sum(_is_key(each) for each in self._typed[self._head - self._base : end])
        self._head = self._base + end
        if end > _COMPACT:
            del self._typed[:end]
            self._base = self._head

    def _pass_over(self) -> None:
        """What the editor does not insert."""
        at = self._head - self._base
        while at < len(self._typed) and not _is_key(self._typed[at]):
            at += 1
        self._head = self._base + at

    def _differs(self, at: int) -> None:
        if self.differs_at is None:
            self.differs_at = at


def _is_key(byte: int) -> bool:
    return 0x20 <= byte < 0x7F or byte == 0x0D
