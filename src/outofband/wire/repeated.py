"""Lines of a paste that a shell has shown whole, each behind its prompt and in order. Pure.

While a command runs nobody reads the terminal: it echoes by itself what is typed ahead, in the middle of what
the command prints, and the shell's line editor shows the same line once more, whole, when it reads it. What
looks like a difference is none then. Only a row that begins with something else counts, which a prompt is: so
a line that was echoed twice counts once, and of equal lines as many have to be seen as were typed.
"""

from __future__ import annotations

from collections import deque

_MAX_PENDING = 64 * 1024
"""Typed characters of lines that were not seen yet; with more it cannot say that all were."""
_MAX_ROW = 8 * 1024
"""Shown characters that are kept of a row: a terminal keeps half of that of a line."""


class Repeated:
    """Feed it visible characters as they are `typed` and `shown`, and the ends of lines and rows."""

    def __init__(self) -> None:
        self.count = 0
        """Lines that were seen whole."""
        self._lines: deque[bytes] = deque()
        self._pending = 0
        self._line = bytearray()
        self._row = bytearray()
        self._given_up = False

    @property
    def whole(self) -> bool:
        """Every line that was typed was seen whole; of the last one all that was typed of it."""
        return not (self._given_up or self._lines) and (not self._line or self._shows(self._line))

    def typed(self, byte: int) -> None:
        if not self._given_up:
            self._line.append(byte)
            self._count(1)

    def line_ended(self) -> None:
        """An empty line is nothing that could be seen."""
        if self._line:
            self._lines.append(bytes(self._line))
            self._line.clear()

    def shown(self, byte: int) -> None:
        self._row.append(byte)
        if len(self._row) > 2 * _MAX_ROW:
            del self._row[:-_MAX_ROW]

    def row_ended(self) -> None:
        if self._lines and self._shows(self._lines[0]):
            self._count(-len(self._lines.popleft()))
            self.count += 1
        self._row.clear()

    def _shows(self, line: bytes | bytearray) -> bool:
        return len(self._row) > len(line) and self._row.endswith(line)

    def _count(self, more: int) -> None:
        self._pending += more
        if self._pending > _MAX_PENDING:
            self._given_up = True
            self._lines.clear()
            self._line.clear()
