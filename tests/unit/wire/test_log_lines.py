"""Lines of a part of a log: their offsets lead back to their bytes, wherever the part begins."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from outofband.wire import printed
from outofband.wire.log_lines import MAX_LINE, Row, rows

PIECES = st.sampled_from(
    [b"\n", b"\r\n", b"word", b"\x1b[31m", b"\x1b[2;5H", b"\xc3\xa9", b"\xff", b"x" * 600, b" "]
)
OUTPUT = st.lists(PIECES, max_size=30).map(b"".join)


def test_each_line_has_the_offset_of_its_first_byte() -> None:
    assert list(rows(b"one\r\n\x1b[1mtwo\x1b[0m\nlogin: ", 100)) == [
        Row(100, 105, "one", True),
        Row(105, 117, "two", True),
        Row(117, 124, "login:", False),
    ]


def test_a_boot_ends_the_line_that_the_guest_was_at() -> None:
    assert list(rows(b"login: BIOS\n", 0, [7])) == [Row(0, 7, "login:", True), Row(7, 12, "BIOS", True)]
    assert list(rows(b"login: ", 0, [7])) == [Row(0, 7, "login:", True)]


def test_a_line_that_jumps_about_is_several_rows_of_one_offset() -> None:
    found = list(rows(b"a\x1b[2;1Hb\x1b[3;1Hc\nnext", 0))
    assert [(row.offset, row.text, row.closed) for row in found[:3]] == [
        (0, "a", True),
        (0, "b", True),
        (0, "c", True),
    ]


def test_a_line_without_an_end_is_parted() -> None:
    found = list(rows(b"x" * (2 * MAX_LINE + 5), 0))
    assert [(row.offset, row.closed) for row in found] == [(0, True), (MAX_LINE, True), (2 * MAX_LINE, False)]


@given(OUTPUT, st.lists(st.integers(0, 100), max_size=3).map(sorted))
def test_the_lines_are_the_whole_of_the_bytes(data: bytes, cuts: list[int]) -> None:
    found = list(rows(data, 10, [each + 10 for each in cuts]))
    at = 10
    for row in found:
        assert row.offset == at or (row.offset < at == row.end)
        at = row.end
    assert at == 10 + len(data)
    assert all(row.closed for row in found[:-1])


@given(OUTPUT)
def test_reading_on_from_a_line_gives_the_same_lines(data: bytes) -> None:
    whole = list(rows(data, 0))
    for row in whole:
        assert list(rows(data[row.offset :], row.offset)) == [
            each for each in whole if each.offset >= row.offset
        ]


@given(OUTPUT)
def test_a_plain_line_reads_as_pages_show_it(data: bytes) -> None:
    for row in rows(data, 0):
        assert row.text in (printed.lines(data[row.offset : row.end], 200) or [""])
