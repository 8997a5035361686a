"""asciicast v2 by its rules: a header, events in order, UTF-8, and nothing a terminal would answer."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from outofband.wire.cast import Cast


def events(*lines: str) -> list[Any]:
    assert all(line.endswith("\n") and line.count("\n") == 1 for line in lines)
    return [json.loads(line) for line in lines]


def test_the_header_is_an_object_with_size_and_start() -> None:
    (header,) = events(Cast(1_700_000_000.75, title="web1").header())
    assert header == {
        "version": 2,
        "width": 80,
        "height": 25,
        "timestamp": 1_700_000_000,
        "idle_time_limit": 2.0,
        "title": "web1",
    }


def test_bytes_stand_at_the_time_the_host_saw_them() -> None:
    cast = Cast(100.0)
    told = events(*cast.output(1000, b"boot\r\nlogin: ", [(1006, 100.5), (1013, 103.25)]))
    assert told == [[0.5, "o", "boot\r\n"], [3.25, "o", "login: "]]


def test_a_clock_that_goes_back_does_not_take_the_recording_along() -> None:
    cast = Cast(100.0)
    told = events(*cast.output(0, b"ab", [(1, 110.0), (2, 50.0)]), cast.marker("boot 2", 120.0))
    assert told == [[10.0, "o", "a"], [10.0, "o", "b"], [20.0, "m", "boot 2"]]


def test_a_character_cut_in_two_is_whole() -> None:
    cast = Cast(0.0)
    told = events(*cast.output(0, "é".encode(), [(1, 1.0), (2, 2.0)]))
    assert told == [[2.0, "o", "é"]]


def test_what_a_terminal_would_answer_is_not_recorded() -> None:
    cast = Cast(0.0)
    data = b"a\x1b[6n\x1b]52;c;cm0=\x07\x1b[c\x05\x1b[31mb"
    assert events(*cast.output(0, data, [(len(data), 1.0)])) == [[1.0, "o", "a\x1b[31mb"]]


def test_bytes_without_a_time_come_with_those_before_them() -> None:
    cast = Cast(0.0)
    first = events(*cast.output(0, b"ab", [(1, 4.0)]))
    assert first == [[4.0, "o", "ab"]]
    assert events(*cast.output(2, b"c", [])) == [[4.0, "o", "c"]]


TIMES = st.lists(st.tuples(st.integers(0, 40), st.floats(0, 1e9)), max_size=5)


@given(st.lists(st.tuples(st.binary(max_size=40), TIMES), max_size=5))
def test_whatever_comes_is_a_recording(pieces: list[tuple[bytes, list[tuple[int, float]]]]) -> None:
    cast, offset, last = Cast(0.0), 0, 0.0
    for data, times in pieces:
        marks = sorted((offset + end, at) for end, at in times)
        for at, code, text in events(*cast.output(offset, data, marks)):
            assert code == "o"
            assert at >= last
            text.encode()
            last = at
        offset += len(data)


@given(st.text(alphabet=st.characters(blacklist_categories=("Cc", "Cs")), max_size=30), st.integers(0, 90))
def test_no_text_is_lost(text: str, cut: int) -> None:
    data = text.encode()
    cast = Cast(0.0)
    told = events(*cast.output(0, data, [(min(cut, len(data)), 1.0), (len(data), 2.0)]))
    assert "".join(each[2] for each in told) == text
