"""A guest's 80 x 25 inside a larger terminal, for programs that count on that size and cannot be told one.

Terminals have no windows of their own. What they all have is a scrolling region (DECSTBM), which keeps the
guest to its rows; for its columns the cursor is followed here, and a line that is full is continued on the
next row as a terminal of that width would do. Places beyond the edge are put at the edge, so that a guest
that measures its terminal (moves far out and asks where it is) finds the size of the box. What is on the
screen is not kept: a program that draws has to draw once more when the box is opened or closed.

Its input is what `wire.screen` let through: sequences come whole.
"""

from __future__ import annotations

import re
import unicodedata

import msgspec

_TOKEN = re.compile(
    r"(?P<text>[^\x00-\x1f\x7f]+)"
    r"|\x1b\[(?P<given>[<-?]?[0-9;:]*)(?P<between>[ -/]*)(?P<final>[@-~])"
    r"|\x1b[ -/]*(?P<escape>[0-~])|(?P<control>.)",
    re.DOTALL,
)
_TAB = 8
_MAX_NUMBER = 5
_ALTERNATE = frozenset({"?47", "?1047", "?1049"})


class Size(msgspec.Struct, frozen=True):
    rows: int
    columns: int


BOX = Size(25, 80)
SAC_BOX = Size(24, 80)
"""Windows' Special Administration Console draws for one row less."""


class Letterbox:
    """One box in the upper left corner of a terminal. `feed` gives what the terminal is to get instead.

    `edge` is written below it, where the terminal has a row for that.
    """

    def __init__(self, box: Size, terminal: Size, edge: str = "") -> None:
        self.box = box
        self._edge = edge[: box.columns]
        self._terminal = terminal
        self._row = self._column = 0
        self._saved = (0, 0)
        self._top, self._bottom = 0, box.rows - 1
        self._full = False
        """The last column was written: the next letter goes to the next row."""
        self._wraps = True
        self._last = ""

    @staticmethod
    def fits(box: Size, terminal: Size) -> bool:
        return terminal.rows >= box.rows and terminal.columns >= box.columns

    def open(self, line: str = "") -> bytes:
        """The box on a screen that is cleared into the terminal's own scrollback, with `line` in it: what the
        guest's cursor stands behind.
        """
        clear = "\x1b[r" + f"\x1b[{self._terminal.rows};1H" + "\n" * self._terminal.rows + "\x1b[H\x1b[2J"
        self._row = self._column = 0
        self._full = False
        self._top, self._bottom = 0, self.box.rows - 1
        return clear.encode() + self.again() + self.feed(line.encode())

    def again(self) -> bytes:
        """Region, edge and cursor, after something else had the terminal."""
        return f"\x1b[{self._top + 1};{self._bottom + 1}r{self._framed()}".encode()

    def resized(self, terminal: Size) -> bytes:
        """The terminal has another size, into which the box still fits."""
        self._terminal = terminal
        return self.again()

    def close(self) -> bytes:
        """The whole screen for the guest; the cursor stays where it is."""
        edge = f"\x1b[{self.box.rows + 1};1H\x1b[K" if self._terminal.rows > self.box.rows else ""
        return f"\x1b[r{edge}{self._place()}".encode()

    def feed(self, shown: bytes) -> bytes:
        out: list[str] = []
        for token in _TOKEN.finditer(shown.decode("utf-8", "replace")):
            if (text := token["text"]) is not None:
                self._write(text, out)
            elif token["final"] is not None:
                self._sequence(token, out)
            elif token["escape"] is not None:
                self._escape(token[0], out)
            else:
                self._control(token["control"], out)
        return "".join(out).encode()

    # Letters

    def _write(self, text: str, out: list[str]) -> None:
        room = self.box.columns - self._column
        if text.isascii() and len(text) < room and not self._full:
            self._column += len(text)
            self._last = text[-1]
            out.append(text)
            return
        for letter in text:
            width = _width(letter)
            if width and (self._full or self._column + width > self.box.columns):
                if self._wraps:
                    # On the row where the terminal itself would go on, if it were as narrow.
                    self._column = 0
                    self._down("\r\n", out)
                else:
                    self._column = self.box.columns - width
                    out.append(self._place())
                self._full = False
            out.append(letter)
            self._last = letter if width else self._last
            self._column += width
            if self._column == self.box.columns:
                self._column, self._full = self.box.columns - 1, True

    def _settle(self, out: list[str]) -> None:
        """No letter follows a full row: the cursor is on the last column, not behind it."""
        if self._full:
            self._full = False
            out.append(self._place())

    # Movements

    def _control(self, control: str, out: list[str]) -> None:
        self._settle(out)
        match control:
            case "\n" | "\v" | "\f":
                self._down("\n", out)
                return
            case "\r":
                self._column = 0
            case "\b":
                self._column = max(0, self._column - 1)
            case "\t":
                self._to(self._row, (self._column // _TAB + 1) * _TAB)
                out.append(self._place())
                return
        out.append(control)

    def _escape(self, whole: str, out: list[str]) -> None:
        self._settle(out)
        if whole in ("\x1bD", "\x1bE"):
            self._column = 0 if whole == "\x1bE" else self._column
            self._down(whole, out)
            return
        # Others choose letters and keys.
        out.append(whole)
        match whole[1:]:
            case "7":
                self._saved = (self._row, self._column)
            case "8":
                self._row, self._column = self._saved
                # Where the guest never saved one the terminal's place is another.
                out.append(self._place())
            case "M":
                if self._row != self._top:
                    self._row = max(0, self._row - 1)
            case "c":
                self._restart(out)

    def _restart(self, out: list[str]) -> None:
        self._row = self._column = 0
        self._top, self._bottom = 0, self.box.rows - 1
        self._wraps = True
        out.append(self.again().decode())

    def _sequence(self, token: re.Match[str], out: list[str]) -> None:
        given, final = token["given"], token["final"]
        if final == "m" and not given.startswith((">", "?", "<", "=")):
            # A colour moves nothing, not even from the edge.
            out.append(token[0])
            return
        self._settle(out)
        if token["between"]:
            out.append(token[0])
            if token["between"] == "!" and final == "p":
                self._top, self._bottom, self._wraps = 0, self.box.rows - 1, True
                out.append(self.again().decode())
            return
        if given.startswith(("?", "<", "=", ">")):
            out.append(token[0])
            self._mode(given, final, out)
            return
        if self._moved(final, [_number(each) for each in given.split(";")]):
            out.append(self._place())
            return
        if final == "r":
            self._region(given, out)
            return
        if final == "b":
            self._write(self._last * min(max(1, _number(given)), self.box.columns), out)
            return
        out.append(token[0])
        if final == "J":
            # It may reach below the box.
            out.append(self._framed())
        elif final == "@" and self._terminal.columns > self.box.columns:
            out.append(f"\x1b[{self._row + 1};{self.box.columns + 1}H\x1b[K{self._place()}")
        elif final in "LM" and self._top <= self._row <= self._bottom:
            self._column = 0
            out.append(self._place())

    def _moved(self, final: str, numbers: list[int]) -> bool:
        """Whether it is a movement; the terminal is told the place it leads to."""
        first = max(1, numbers[0])
        match final:
            case "H" | "f":
                column = numbers[1] if len(numbers) > 1 else 1
                self._to(first - 1, max(1, column) - 1)
            case "d":
                self._to(first - 1, self._column)
            case "G" | "`":
                self._to(self._row, first - 1)
            case "A" | "F":
                stop = self._top if self._row >= self._top else 0
                self._to(max(stop, self._row - first), self._column if final == "A" else 0)
            case "B" | "e" | "E":
                stop = self._bottom if self._row <= self._bottom else self.box.rows - 1
                self._to(min(stop, self._row + first), 0 if final == "E" else self._column)
            case "C" | "a":
                self._to(self._row, self._column + first)
            case "D":
                self._to(self._row, self._column - first)
            case "I":
                self._to(self._row, (self._column // _TAB + first) * _TAB)
            case "Z":
                self._to(self._row, max(0, (self._column + _TAB - 1) // _TAB - first) * _TAB)
            case "s":
                self._saved = (self._row, self._column)
            case "u":
                self._row, self._column = self._saved
            case _:
                return False
        return True

    def _mode(self, given: str, final: str, out: list[str]) -> None:
        if final not in "hl":
            return
        numbers = given[1:].split(";")
        if "7" in numbers:
            self._wraps = final == "h"
        if any(f"?{each}" in _ALTERNATE for each in numbers):
            if "1049" in numbers and final == "h":
                self._saved = (self._row, self._column)
            elif "1049" in numbers:
                self._row, self._column = self._saved
            out.append(self.again().decode())
        elif "6" in numbers:
            # Origin mode counts from the region; the place is told as the box counts.
            out.append("\x1b[?6l" + self._place())

    def _region(self, given: str, out: list[str]) -> None:
        numbers = [_number(each) for each in given.split(";")]
        top = max(1, numbers[0]) - 1
        bottom = (numbers[1] if len(numbers) > 1 and numbers[1] else self.box.rows) - 1
        bottom = min(bottom, self.box.rows - 1)
        if top < bottom:
            self._top, self._bottom = top, bottom
            self._row = self._column = 0
            out.append(f"\x1b[{top + 1};{bottom + 1}r")

    def _to(self, row: int, column: int) -> None:
        self._row = max(0, min(row, self.box.rows - 1))
        self._column = max(0, min(column, self.box.columns - 1))

    def _down(self, how: str, out: list[str]) -> None:
        """To the next row, or what scrolls where there is none."""
        if self._row == self._bottom:
            out.append(how)
        elif self._row + 1 < self.box.rows:
            self._row += 1
            out.append(how)
        else:
            # Below the region nothing scrolls, and the terminal has rows there that are not the guest's.
            out.append(self._place())

    def _place(self) -> str:
        return f"\x1b[{self._row + 1};{self._column + 1}H"

    def _framed(self) -> str:
        edge = ""
        if self._terminal.rows > self.box.rows and self._edge:
            edge = f"\x1b[{self.box.rows + 1};1H\x1b[K{self._edge}"
        return edge + self._place()


def _number(text: str) -> int:
    return int(text) if text.isdecimal() and len(text) < _MAX_NUMBER else 0


def _width(letter: str) -> int:
    """Columns a letter takes; without tables of its own Python knows this much."""
    if unicodedata.combining(letter) or unicodedata.category(letter) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(letter) in ("W", "F") else 1
