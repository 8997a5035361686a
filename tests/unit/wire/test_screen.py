"""Which sequences pass, for whom, in any cut."""

from __future__ import annotations

import pytest

from outofband.wire.screen import Hygiene, Reader

QUERIES = [b"\x1b[c", b"\x1b[>c", b"\x1b[=c", b"\x1b[6n", b"\x1b[5n", b"\x1b[?6n", b"\x1b[?25$p", b"\x1b[4$p"]
NEVER = [
    b"\x1b]52;c;ZXZpbA==\x07",
    b"\x1b]52;c;?\x1b\\",
    b"\x1b]0;title\x07",
    b"\x1b]2;title\x1b\\",
    b"\x1b]10;?\x07",
    b"\x1b[21t",
    b"\x1b[18t",
    b"\x05",
    b"\x1bZ",
    b"\x1bP$qm\x1b\\",
    b"\x1bP+q544e\x1b\\",
    b"\x1b_Ga=q;AAAA\x1b\\",
    b"\x1b^private\x1b\\",
    b"\x1bXstring\x1b\\",
    b"\x1b[5i",
    b"\x1b[1;1;1;1;1;1*y",
    b"\x1b[>q",
    b"\x1b[?u",
    b"\x1b[?4m",
    b"\x1b[0x",
    b"\x9b6n",
    "\u009d52;c;?\u009c".encode(),
]
HARMLESS = [
    b"plain text\r\n\ttab\x08\x07",
    b"\x1b[1;31mred\x1b[0m",
    b"\x1b[2J\x1b[H\x1b[10;20Hx\x1b[K",
    b"\x1b[?1049h\x1b[?25l\x1b[?2004h",
    b"\x1b7\x1b8\x1bM\x1b(0lqk\x1b(B\x1bc",
    b"\x1b[s\x1b[u\x1b[!p\x1b[1;24r",
    "é – ✓ 漢字 😀".encode(),
]


@pytest.mark.parametrize("reader", Reader)
@pytest.mark.parametrize("text", HARMLESS)
def test_honest_output_is_untouched(text: bytes, reader: Reader) -> None:
    assert Hygiene(reader).clean(text) == text


@pytest.mark.parametrize("query", QUERIES)
def test_queries_pass_for_the_live_writer_only(query: bytes) -> None:
    assert Hygiene(Reader.LIVE_WRITER).clean(b"a" + query + b"b") == b"a" + query + b"b"
    assert Hygiene(Reader.BYSTANDER).clean(b"a" + query + b"b") == b"ab"


@pytest.mark.parametrize("reader", Reader)
@pytest.mark.parametrize("evil", NEVER)
def test_some_sequences_never_pass(evil: bytes, reader: Reader) -> None:
    cleaned = Hygiene(reader).clean(b"a" + evil + b"b")
    assert cleaned.replace(b"6n", b"") == b"ab"
    assert b"\x1b" not in cleaned


def test_a_c1_query_in_utf8_is_recognised() -> None:
    assert Hygiene(Reader.BYSTANDER).clean("a\u009b6nb".encode()) == b"ab"


def test_a_control_character_inside_a_sequence_hides_nothing() -> None:
    assert Hygiene(Reader.BYSTANDER).clean(b"\x1b[6\r\nn!") == b"\r\n!"
    assert Hygiene(Reader.BYSTANDER).clean(b"\x1b[6\x7fn!") == b"!"
    assert Hygiene(Reader.BYSTANDER).clean(b"\x1b[6\x1b[6n!") == b"!"


def test_an_endless_sequence_is_not_kept() -> None:
    hygiene = Hygiene()
    hygiene.clean(b"\x1b[" + b"1;" * 5000)
    assert len(hygiene._held) <= 256
    hygiene = Hygiene()
    assert hygiene.clean(b"\x1b]0;" + b"x" * 100_000 + b"\x07after") == b"after"


def test_bytes_that_are_no_utf8_cannot_smuggle() -> None:
    assert Hygiene().clean(b"caf\xe9!") == "caf\ufffd!".encode()
    assert Hygiene().clean(b"\xf0\x9b6n") == "\ufffd6n".encode()
