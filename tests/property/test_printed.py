"""Whatever a guest prints, what a page gets of it is plain, short, and the same when it is made again."""

from __future__ import annotations

import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from outofband.wire.printed import MAX_COLUMNS, lines

SEQUENCES = [b"\x1b[", b"\x1b]", b"K", b"2J", b"5;9H", b"3C"]
PIECES = st.sampled_from([*SEQUENCES, b"\r", b"\n", b"\b", b"\t", b"text", b"\xe2\x80\xae", b"\xff"])
OUTPUT = st.lists(PIECES | st.binary(max_size=4), max_size=40).map(b"".join)


@given(OUTPUT, st.integers(1, 10))
def test_a_page_gets_plain_text_and_not_too_much(printed: bytes, limit: int) -> None:
    shown = lines(printed, limit)
    assert len(shown) <= limit
    for line in shown:
        assert len(line) <= MAX_COLUMNS + 1
        assert not {unicodedata.category(each) for each in line} & {"Cc", "Cf", "Cs", "Zl", "Zp"}


@given(OUTPUT)
def test_made_again_it_is_the_same(printed: bytes) -> None:
    once = lines(printed, 1000)
    assert lines("".join(f"{line}\r\n" for line in once).encode(), 1000) == once


@given(st.lists(st.text(st.characters(categories=["L", "N", "P", "S"]), max_size=80), max_size=20))
def test_text_is_untouched(text: list[str]) -> None:
    assert lines("".join(f"{line}\r\n" for line in text).encode(), 100) == text
