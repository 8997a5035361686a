"""What a guest printed as plain lines, for pages and reports, where no terminal interprets anything (D13).

`wire.screen` takes out what is hostile. Of what is left, as much is obeyed as lines need: carriage return
and backspace write over what is there, tabs and movements within the line move, parts of it are erased, and
a jump to another line begins a new one. Colours and all else are dropped, and so are characters without a
shape, which could reorder or hide the ones beside them.
"""

from __future__ import annotations

import re
import unicodedata
from collections import deque

from outofband.wire.screen import Hygiene

MAX_COLUMNS = 512
"""Characters of a line; one that was longer ends in an ellipsis."""
_TAB = 8
_ELLIPSIS = "\u2026"
_SHAPELESS = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
_TOKEN = re.compile(
    r"(?P<text>[^\x00-\x1f\x7f]+)"
    r"|\x1b\[(?P<given>[0-?]*)[ -/]*(?P<final>[@-~])|\x1b[ -/]*[0-~]|(?P<control>.)",
    re.DOTALL,
)
_JUMPS = frozenset("ABEFHdfJ")


def lines(printed: bytes, limit: int) -> list[str]:
    """The last `limit` lines of `printed`; one that has no end yet counts, when there is anything on it."""
    paper = Paper(limit)
    paper.read(printed)
    return paper.end()


class Paper:
    """What is printed is written on it, row by row; `end` gives the last of them."""

    def __init__(self, limit: int) -> None:
        self._rows: deque[str] = deque(maxlen=limit)
        self._row: list[str] = []
        self._column = 0

    def read(self, printed: bytes) -> None:
        for token in _TOKEN.finditer(Hygiene().clean(printed).decode("utf-8", "replace")):
            if (text := token["text"]) is not None:
                self.write(text)
            elif (final := token["final"]) is not None:
                self.obey(final, token["given"])
            elif token["control"] is not None:
                self.control(token["control"])

    def write(self, text: str) -> None:
        shown = text if text.isascii() else "".join(filter(has_shape, text))
        # One character too many tells `_feed` that the line was cut.
        shown = shown[: max(0, MAX_COLUMNS + 1 - self._column)]
        self._row += " " * (self._column - len(self._row))
        self._row[self._column : self._column + len(shown)] = shown
        self._column += len(shown)

    def control(self, character: str) -> None:
        match character:
            case "\n" | "\v" | "\f":
                self._feed()
            case "\r":
                self._move(0)
            case "\b":
                self._move(self._column - 1)
            case "\t":
                self._move(self._column + _TAB - self._column % _TAB)

    def obey(self, final: str, given: str) -> None:
        numbers = [int(each) if each.isdecimal() and len(each) < 6 else 0 for each in given.split(";")]
        first = max(1, numbers[0])
        match final:
            case "K":
                self._erase(numbers[0])
            case "C":
                self._move(self._column + first)
            case "D":
                self._move(self._column - first)
            case "G" | "`":
                self._move(first - 1)
            case _ if final in _JUMPS:
                if self._row:
                    self._feed()
                self._move(max(1, numbers[1]) - 1 if final in "Hf" and len(numbers) > 1 else 0)

    def end(self) -> list[str]:
        if self._row:
            self._feed()
        return list(self._rows)

    def _move(self, column: int) -> None:
        self._column = max(0, min(column, MAX_COLUMNS))

    def _erase(self, part: int) -> None:
        if part == 0:
            del self._row[self._column :]
        elif part == 1:
            self._row[: self._column] = " " * min(self._column, len(self._row))
        else:
            self._row.clear()

    def _feed(self) -> None:
        row = "".join(self._row)
        self._rows.append((row[:MAX_COLUMNS] + _ELLIPSIS if len(row) > MAX_COLUMNS else row).rstrip())
        self._row, self._column = [], 0


def has_shape(character: str) -> bool:
    """Whether a character can be seen, and neither reorders nor hides those beside it."""
    return unicodedata.category(character) not in _SHAPELESS
