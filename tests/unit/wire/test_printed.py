"""What becomes of guests' output on a page, in the ways real firmware, kernels and programs print."""

from __future__ import annotations

import pytest

from outofband.wire.printed import MAX_COLUMNS, lines


@pytest.mark.parametrize(
    ("printed", "wanted"),
    [
        (b"", []),
        (b"\r\n", [""]),
        (b"one\r\ntwo\r\n", ["one", "two"]),
        (b"one\n\nlogin: ", ["one", "", "login:"]),
        (b"\x1bc\x1b[?7l\x1b[2J\x1b[0mSeaBIOS (version 1.16)\r\n", ["SeaBIOS (version 1.16)"]),
        (b"[\x1b[0;32m  OK  \x1b[0m] Started \x1b[0;1;39mssh\x1b[0m.\r\n", ["[  OK  ] Started ssh."]),
        (b"  0%\r 50%\r100%\r\n", ["100%"]),
        (b"long line\rnew\r\n", ["newg line"]),
        (b"long line\r\x1b[Knew\r\n", ["new"]),
        (b"abc\x08\x08X\x1b[K\r\n", ["aX"]),
        (b"abc\r\x1b[2C\x1b[1Kx\r\n", ["  x"]),
        (b"abc\x1b[2K\r\n", [""]),
        (b"a\tb\r\n", ["a       b"]),
        (b"\x1b[1;1Hmenu\x1b[2;3Hentry\x1b[5GX", ["menu", "  enXry"]),
        (b"\x1b]0;title\x07kept\x1bP1;2q#data\x1b\\!\r\n", ["kept!"]),
        (b"\x1b[6n\x1b[cask\x05ed\x1b[", ["asked"]),
        (b"caf\xc3\xa9 \xe2\x82\xac \xff\r\n", ["caf\u00e9 \u20ac \ufffd"]),
        (b"evil\xe2\x80\xaetxt\xe2\x80\x8b\r\n", ["eviltxt"]),
    ],
)
def test_what_is_shown(printed: bytes, wanted: list[str]) -> None:
    assert lines(printed, 100) == wanted


def test_the_last_lines_count() -> None:
    assert lines(b"".join(b"%d\r\n" % number for number in range(50)), 3) == ["47", "48", "49"]


def test_a_line_has_an_end() -> None:
    assert lines(b"x" * MAX_COLUMNS + b"\r\n", 5) == ["x" * MAX_COLUMNS]
    (cut,) = lines(b"x" * 100_000, 5)
    assert cut == "x" * MAX_COLUMNS + "\u2026"
    (pushed,) = lines(b"a\x1b[99999Cb\x1b[99999999999Cc", 5)
    assert len(pushed) <= MAX_COLUMNS + 1
