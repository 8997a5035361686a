"""A box in a large terminal shows what a terminal of the box's size would, whatever the guest prints."""

from __future__ import annotations

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from outofband.wire.letterbox import BOX, Letterbox, Size

SMALL = Size(5, 10)
LARGE = Size(9, 24)
_TOKEN = re.compile(
    r"\x1b\[(?P<given>[?]?[0-9;]*)(?P<final>[@-~])|\x1b(?P<escape>[78DEM])|(?P<one>.)", re.DOTALL
)


class Model:
    """A terminal of `size`, as far as these tests go (DEC STD 070, xterm)."""

    def __init__(self, size: Size) -> None:
        self.size = size
        self.cells = [[" "] * size.columns for _ in range(size.rows)]
        self.row = self.column = 0
        self.saved = (0, 0)
        self.top, self.bottom = 0, size.rows - 1
        self.full = False

    def feed(self, shown: bytes) -> None:
        for token in _TOKEN.finditer(shown.decode()):
            if token["final"]:
                self._sequence(token["given"], token["final"])
            elif token["escape"]:
                self._escape(token["escape"])
            else:
                self._one(token["one"])

    def corner(self, size: Size) -> list[str]:
        return ["".join(row[: size.columns]) for row in self.cells[: size.rows]]

    def _one(self, one: str) -> None:
        if one >= " ":
            if self.full:
                self.column, self.full = 0, False
                self._down()
            self.cells[self.row][self.column] = one
            if self.column + 1 == self.size.columns:
                self.full = True
            else:
                self.column += 1
            return
        self.full = False
        if one == "\n":
            self._down()
        elif one == "\r":
            self.column = 0
        elif one == "\b":
            self.column = max(0, self.column - 1)
        elif one == "\t":
            self._to(self.row, (self.column // 8 + 1) * 8)

    def _escape(self, escape: str) -> None:
        self.full = False
        if escape == "7":
            self.saved = self.row, self.column
        elif escape == "8":
            self._to(*self.saved)
        elif escape == "M":
            if self.row == self.top:
                self._scroll(self.top, self.bottom, -1)
            else:
                self.row = max(0, self.row - 1)
        else:
            self.column = 0 if escape == "E" else self.column
            self._down()

    def _sequence(self, given: str, final: str) -> None:
        if final == "m":
            return
        self.full = False
        numbers = [int(each or 0) for each in given.split(";")] if not given.startswith("?") else [0]
        count = max(1, numbers[0])
        second = max(1, numbers[1]) if len(numbers) > 1 else 1
        if final == "H":
            self._to(count - 1, second - 1)
        elif final == "G":
            self._to(self.row, count - 1)
        elif final == "d":
            self._to(count - 1, self.column)
        elif final == "A":
            self._to(max(self.top if self.row >= self.top else 0, self.row - count), self.column)
        elif final == "B":
            stop = self.bottom if self.row <= self.bottom else self.size.rows - 1
            self._to(min(stop, self.row + count), self.column)
        elif final in "CD":
            self._to(self.row, self.column + (count if final == "C" else -count))
        elif final == "K":
            self.cells[self.row][self.column :] = [" "] * (self.size.columns - self.column)
        elif final == "J":
            self._erase(numbers[0])
        elif final == "r":
            top, bottom = count - 1, (numbers[1] if len(numbers) > 1 else 0) or self.size.rows
            if top < min(bottom, self.size.rows) - 1:
                self.top, self.bottom = top, min(bottom, self.size.rows) - 1
                self._to(0, 0)
        elif final == "@":
            row = self.cells[self.row]
            row[self.column : self.column] = [" "] * count
            del row[self.size.columns :]
        elif final in "LM" and self.top <= self.row <= self.bottom:
            self._scroll(self.row, self.bottom, count if final == "M" else -count)
            self.column = 0

    def _erase(self, part: int) -> None:
        if part == 0:
            self._sequence("", "K")
        for row in range(self.row + 1 if part == 0 else 0, self.size.rows):
            self.cells[row] = [" "] * self.size.columns

    def _scroll(self, top: int, bottom: int, count: int) -> None:
        for _ in range(min(abs(count), bottom - top + 1)):
            taken, put = (top, bottom) if count > 0 else (bottom, top)
            del self.cells[taken]
            self.cells.insert(put, [" "] * self.size.columns)

    def _down(self) -> None:
        if self.row == self.bottom:
            self._scroll(self.top, self.bottom, 1)
        else:
            self.row = min(self.row + 1, self.size.rows - 1)

    def _to(self, row: int, column: int) -> None:
        self.row = max(0, min(row, self.size.rows - 1))
        self.column = max(0, min(column, self.size.columns - 1))


numbers = st.integers(0, 30)
pieces = st.one_of(
    st.text("abc ", min_size=1, max_size=25),
    st.sampled_from(
        ["\r\n", "\n", "\r", "\b", "\t", "\x1b7", "\x1b8", "\x1bM", "\x1bD", "\x1bE", "\x1b[31m"]
    ),
    st.builds("\x1b[{}{}".format, numbers, st.sampled_from("ABCDGdLM@")),
    st.builds("\x1b[{};{}{}".format, numbers, numbers, st.sampled_from("Hr")),
    st.sampled_from(["\x1b[K", "\x1b[J", "\x1b[2J", "\x1b[r", "\x1b[H"]),
)


@given(st.lists(pieces, max_size=30))
@example(["\x1b[1;3r", "\x1b[5;1H", "x\n", "y"])
@example(["\x1b[1;10H", "x", "\x1b[31m", "y"])
@example(["0123456789", "\b", "z"])
@example(["0123456789", "\x1b[3;1H", "\x1b[20@"])
def test_the_box_shows_what_a_terminal_of_its_size_would(printed: list[str]) -> None:
    small, large = Model(SMALL), Model(LARGE)
    box = Letterbox(SMALL, LARGE, edge="-edge-")
    large.feed(box.open())
    for piece in printed:
        small.feed(piece.encode())
        large.feed(box.feed(piece.encode()))
        assert large.corner(SMALL) == small.corner(SMALL)
        # A full row may leave a real cursor on the last column or behind it: what follows is put right.
        assert large.row == small.row
    outside = [row[: SMALL.columns] for row in large.cells[SMALL.rows + 1 :]]
    assert not any("".join(row).strip() for row in outside)
    assert not any("".join(row[SMALL.columns :]).strip() for row in large.cells[: SMALL.rows])
    assert "".join(large.cells[SMALL.rows]).rstrip() == "-edge-"


def test_a_guest_that_measures_finds_the_box() -> None:
    box = Letterbox(BOX, Size(50, 200))
    box.open()
    assert box.feed(b"\x1b[999;999H\x1b[6n") == b"\x1b[25;80H\x1b[6n"


def test_modes_that_begin_anew_keep_the_box() -> None:
    box = Letterbox(BOX, Size(50, 200), edge="edge")
    box.open()
    for begins in (b"\x1bc", b"\x1b[!p", b"\x1b[?1049h"):
        assert box.feed(begins).startswith(begins + b"\x1b[1;25r\x1b[26;1H\x1b[Kedge")


@pytest.mark.parametrize("word", ["\u6f22" * 41, "e\u0301" * 81])
def test_wide_and_combining_letters(word: str) -> None:
    box = Letterbox(BOX, Size(50, 200))
    box.open()
    first, _, rest = box.feed(word.encode()).decode().partition("\r\n")
    assert len(rest) == len(word) // (41 if len(word) == 41 else 81)
    assert first + rest == word


def test_repeated_and_without_wrapping() -> None:
    box = Letterbox(SMALL, LARGE)
    box.open()
    assert box.feed(b"x\x1b[11b") == b"x" + b"x" * 9 + b"\r\nx"
    assert box.feed(b"\x1b[?7l\x1b[1;10Hab") == b"\x1b[?7l\x1b[1;10Ha\x1b[1;10Hb"


def test_opened_with_the_line_and_closed_where_it_stands() -> None:
    box = Letterbox(SMALL, LARGE, edge="e")
    assert box.open("demo:~$ ").endswith(b"\x1b[1;5r\x1b[6;1H\x1b[Ke\x1b[1;1Hdemo:~$ ")
    assert box.close() == b"\x1b[r\x1b[6;1H\x1b[K\x1b[1;9H"
    assert not Letterbox.fits(BOX, Size(24, 200))
    assert not Letterbox.fits(BOX, Size(40, 79))
    assert Letterbox.fits(BOX, Size(25, 80))
