"""A part of a log as lines, each with the offset of its first byte: what pages and searches are made of.

Every line stands for itself: what one leaves behind on a terminal, a colour or an unfinished sequence, does
not reach into the next, so that a line reads the same wherever reading begins.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from outofband.wire import colours, printed

MAX_LINE = 16 * 1024
"""Bytes; after so many without a line break one is put there."""
MAX_ROWS = 200
"""Rows that one line may make on the paper: it can jump about."""
_ORDINARY = re.compile(rb"[\x20-\x7e]{0,512}\r*\n?")


class Row(NamedTuple):
    """`[offset, end)` are its bytes; `closed` is False while the guest has not ended the line."""

    offset: int
    end: int
    text: str
    closed: bool
    looks: Sequence[colours.Span] = ()
    """Where it was asked for."""


def rows(data: bytes, begin: int, cuts: Sequence[int] = (), *, coloured: bool = False) -> Iterator[Row]:
    """The lines of `data`, whose first byte has the offset `begin`. At each of `cuts` (sorted offsets: boots,
    gaps) a line ends, whether the guest ended it or not. Of several rows from one line all but the last are
    closed, and have its offset.

    `coloured`: with the looks of their letters. These alone do reach from one line into the next, up to a
    cut: many a program colours several lines at once.
    """
    at, size = 0, len(data)
    look = colours.PLAIN
    inner = [each - begin for each in cuts if 0 < each - begin < size]
    last = begin + size in cuts
    while at < size:
        newline = data.find(b"\n", at, at + MAX_LINE)
        end = newline + 1 if newline >= 0 else min(at + MAX_LINE, size)
        closed = newline >= 0 or end < size or end - at == MAX_LINE or last
        while inner and inner[0] <= at:
            inner.pop(0)
        if inner and inner[0] < end:
            end, closed = inner[0], True
        if coloured:
            found, look = _coloured(data[at:end], begin + at, begin + end, closed, look)
            yield from found
            look = colours.PLAIN if begin + end in cuts else look
        else:
            yield from _shown(data[at:end], begin + at, begin + end, closed)
        at = end


def _shown(line: bytes, offset: int, end: int, closed: bool) -> Iterator[Row]:
    if _ORDINARY.fullmatch(line):
        yield Row(offset, end, line.decode("ascii").rstrip(), closed)
        return
    found = printed.lines(line, MAX_ROWS) or [""]
    for text in found[:-1]:
        yield Row(offset, end, text, True)
    yield Row(offset, end, found[-1], closed)


def _coloured(
    line: bytes, offset: int, end: int, closed: bool, look: colours.Look
) -> tuple[list[Row], colours.Look]:
    if _ORDINARY.fullmatch(line):
        text = line.decode("ascii").rstrip()
        return [Row(offset, end, text, closed, colours.whole(text, look))], look
    found, look = colours.lines(line, MAX_ROWS, look)
    *before, (text, looks) = found or [("", [])]
    made = [Row(offset, end, each, True, worn) for each, worn in before]
    return [*made, Row(offset, end, text, closed, looks)], look
