"""What a guest printed as lines that keep their colours: for exports and pages, where no terminal draws them.

Colours and weights (SGR of ECMA-48 with the extensions of xterm) become words of a closed set, which a
document can use as names of styles; nothing a guest prints becomes anything else. Colours are those of
xterm's 256; one that is given as red, green and blue is told as the nearest of them.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from outofband.wire.printed import Paper

Span = tuple[int, int, str]
"""[first, behind the last) characters, and the words of their look."""
FRONT, BACK = "front", "back"
"""For letters in the paper's colour on the letters' own: where a guest swaps both and chose neither."""
_NONE = -1
_CUBE = 16
_FLAGS = {1: "bold", 2: "dim", 3: "italic", 4: "underline", 7: "inverse", 9: "strike"}
_OFF = {22: ("bold", "dim"), 23: ("italic",), 24: ("underline",), 27: ("inverse",), 29: ("strike",)}


class Look(NamedTuple):
    """How letters are shown; colours are 0 to 255, -1 for the paper's own."""

    front: int = _NONE
    back: int = _NONE
    flags: frozenset[str] = frozenset()

    @property
    def words(self) -> str:
        """`fg1 bg4 bold underline`: a colour each for letters and paper, then the rest in order."""
        front, back = self.front, self.back
        names = [f"fg{front}" if front >= 0 else "", f"bg{back}" if back >= 0 else ""]
        if "inverse" in self.flags:
            names = [f"fg{back}" if back >= 0 else f"fg{BACK}", f"bg{front}" if front >= 0 else f"bg{FRONT}"]
        names += sorted(self.flags - {"inverse"})
        return " ".join(name for name in names if name)


PLAIN = Look()


def told(look: Look, given: str) -> Look:
    """The look after the parameters of one SGR. What is not understood changes nothing."""
    if given[:1] in ("<", "=", ">", "?"):
        return look
    numbers = [int(each) if each.isdecimal() and len(each) < 6 else 0 for each in _parts(given)]
    front, back, flags = look
    at = 0
    while at < len(numbers):
        number = numbers[at]
        at += 1
        if number == 0:
            front, back, flags = PLAIN
        elif number in _FLAGS:
            flags |= {_FLAGS[number]}
        elif number in _OFF:
            flags -= set(_OFF[number])
        elif 30 <= number <= 37:
            front = number - 30
        elif 90 <= number <= 97:
            front = number - 82
        elif 40 <= number <= 47:
            back = number - 40
        elif 100 <= number <= 107:
            back = number - 92
        elif number == 39:
            front = _NONE
        elif number == 49:
            back = _NONE
        elif number in (38, 48):
            colour, at = _extended(numbers, at)
            if colour is not None and number == 38:
                front = colour
            elif colour is not None:
                back = colour
    return Look(front, back, flags)


def lines(printed: bytes, limit: int, look: Look = PLAIN) -> tuple[list[tuple[str, list[Span]]], Look]:
    """As `printed.lines`, each with the looks of its letters; and the look that is left behind. `look` is the
    one it begins with.
    """
    paper = _Coloured(limit, look)
    paper.read(printed)
    texts = paper.end()
    return [
        (text, list(_spans(text, looks))) for text, looks in zip(texts, paper.looks(), strict=True)
    ], paper.look


def whole(text: str, look: Look) -> list[Span]:
    """Of a line that is in one look."""
    return [(0, len(text), words)] if text and (words := look.words) else []


class _Coloured(Paper):
    def __init__(self, limit: int, look: Look) -> None:
        super().__init__(limit)
        self.look = look
        self._limit = limit
        self._worn: list[Look] = []
        """Of each letter of the row."""
        self._done: list[list[Look]] = []

    def looks(self) -> list[list[Look]]:
        return self._done[-self._limit :]

    def write(self, text: str) -> None:
        begin = self._column
        super().write(text)
        self._worn += [PLAIN] * (begin - len(self._worn))
        self._worn[begin : self._column] = [self.look] * (self._column - begin)

    def obey(self, final: str, given: str) -> None:
        if final == "m":
            self.look = told(self.look, given)
        else:
            super().obey(final, given)

    def _erase(self, part: int) -> None:
        super()._erase(part)
        del self._worn[len(self._row) :]
        if part == 1:
            count = min(self._column, len(self._worn))
            self._worn[:count] = [PLAIN] * count

    def _feed(self) -> None:
        super()._feed()
        self._done.append(self._worn)
        self._worn = []


def _spans(text: str, looks: list[Look]) -> Iterator[Span]:
    begin = 0
    count = min(len(text), len(looks))
    for at in range(1, count + 1):
        if at == count or (looks[at] is not looks[begin] and looks[at] != looks[begin]):
            if words := looks[begin].words:
                yield begin, at, words
            begin = at


def _parts(given: str) -> list[str]:
    """Of `38:2::1:2:3` the empty one is the colour space, which nobody names."""
    found: list[str] = []
    for each in given.split(";"):
        inner = each.split(":")
        if len(inner) == 6 and inner[:2] in (["38", "2"], ["48", "2"]):
            del inner[2]
        if inner[0] == "4" and len(inner) > 1:
            inner = ["24" if inner[1] == "0" else "4"]
        found += inner
    return found


def _extended(numbers: list[int], at: int) -> tuple[int | None, int]:
    """The colour that is meant, and where the next number is."""
    match numbers[at : at + 1]:
        case [5] if at + 1 < len(numbers):
            return min(numbers[at + 1], 255), at + 2
        case [2] if at + 3 < len(numbers):
            red, green, blue = (_step(each) for each in numbers[at + 1 : at + 4])
            return _CUBE + 36 * red + 6 * green + blue, at + 4
    return None, len(numbers)


def _step(level: int) -> int:
    """Of the six levels of xterm's cube (0, 95, 135, 175, 215, 255) the nearest."""
    if level < 48:
        return 0
    return 1 if level < 115 else min(5, (level - 35) // 40)
