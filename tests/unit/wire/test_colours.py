"""Lines that keep their colours; the text is what `printed` makes of the same bytes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outofband.wire import colours, printed
from outofband.wire.colours import PLAIN, Look, told
from outofband.wire.log_lines import rows

PIECES = st.sampled_from(
    b"\n|\r|word|\x1b[31m|\x1b[1;44m|\x1b[m|\x1b[K|\x1b[1K|\b\b|\t|\x1b[2;5H|\x1b[3C|\xc3\xa9|\xff|\xe2\x80\xae".split(
        b"|"
    )
)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ("", ""),
        ("31", "fg1"),
        ("1;97;44", "fg15 bg4 bold"),
        ("38;5;208", "fg208"),
        ("38:5:208", "fg208"),
        ("48;2;255;0;0", "bg196"),
        ("38:2::0:95:135", "fg24"),
        ("7", "fgback bgfront"),
        ("7;31", "fgback bg1"),
        ("4:3", "underline"),
        ("4:0", ""),
        ("38;5", ""),
        (">4;1", ""),
        ("999;99999999", ""),
    ],
)
def test_the_words_of_a_look(given: str, words: str) -> None:
    assert told(PLAIN, given).words == words


def test_what_was_switched_on_is_switched_off() -> None:
    worn = told(PLAIN, "1;3;4;9;31;42")
    assert told(worn, "22;23;24;29;39;49") == PLAIN
    assert told(worn, "0") == told(worn, "") == PLAIN


def test_letters_keep_the_look_they_were_written_in() -> None:
    found, look = colours.lines(b"ok \x1b[32mfine\x1b[0m, \x1b[1;31mbad\rOK\n", 10)
    assert found == [("OK fine, bad", [(0, 2, "fg1 bold"), (3, 7, "fg2"), (9, 12, "fg1 bold")])]
    assert look == Look(1, -1, frozenset({"bold"}))


def test_a_colour_goes_on_in_the_next_line_and_ends_at_a_boot() -> None:
    data = b"\x1b[31mone\r\ntwo\r\nBIOS\r\n"
    found = list(rows(data, 0, [15], coloured=True))
    assert [(row.text, list(row.looks)) for row in found] == [
        ("one", [(0, 3, "fg1")]),
        ("two", [(0, 3, "fg1")]),
        ("BIOS", []),
    ]


@given(st.lists(PIECES, max_size=30).map(b"".join), st.integers(1, 4))
def test_the_text_is_the_same_as_without(data: bytes, limit: int) -> None:
    found, _ = colours.lines(data, limit)
    assert [text for text, _ in found] == printed.lines(data, limit)
    for text, spans in found:
        ends = [0, *(place for first, end, _ in spans for place in (first, end))]
        assert ends == sorted(ends)
        assert ends[-1] <= len(text)
    plain = [each._replace(looks=()) for each in rows(data, 0, coloured=True)]
    assert plain == list(rows(data, 0))
