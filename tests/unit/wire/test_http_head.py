"""Which requests are read in one piece, and which are left to h11."""

from __future__ import annotations

import pytest

from outofband.wire import http_head

PLAIN = b"GET /a%2Fb?x=1&y HTTP/1.1\r\nHost: oob\r\nX-Name:  some value \r\nEmpty:\r\n\r\n"


def test_a_plain_get_is_taken_apart() -> None:
    head = http_head.read(PLAIN)
    assert head is not None
    assert (head.target, head.query) == (b"/a%2Fb", b"x=1&y")
    assert head.fields == [(b"host", b"oob"), (b"x-name", b"some value"), (b"empty", b"")]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"GET", b"HEAD"),
        (b"GET", b"POST"),
        (b"HTTP/1.1", b"HTTP/1.0"),
        (b"/a%2Fb?x=1&y", b"http://oob/a"),
        (b"/a%2Fb?x=1&y", b"*"),
        (b"/a%2Fb?x=1&y", b"/a b"),
        (b"/a%2Fb?x=1&y", b"/\xc3\xa4"),
        (b"Host: oob\r\n", b""),
        (b"Host: oob\r\n", b"Host: oob\r\nhost: other\r\n"),
        (b"Empty:", b"Content-Length: 0"),
        (b"Empty:", b"Content-Length : 5"),
        (b"Empty:", b"Transfer-Encoding: chunked"),
        (b"Empty:", b"Connection: close"),
        (b"Empty:", b"Connection: Upgrade"),
        (b"Empty:", b"Upgrade: websocket"),
        (b"Empty:", b"Expect: 100-continue"),
        (b"Empty:", b" folded"),
        (b"Empty:", b"Empty"),
        (b"Empty:", b"Bare:a\nLine: feed"),
        (b"Empty:", b"Nul: \0"),
        (b"Empty:", b"Long: " + b"x" * http_head.MAX_HEAD),
        (b"\r\n\r\n", b"\r\n"),
        (b"\r\n\r\n", b"\r\n\r\nx"),
        (b"\r\n\r\n", b"\n\n"),
    ],
)
def test_everything_else_is_left_to_others(old: bytes, new: bytes) -> None:
    assert old in PLAIN
    assert http_head.read(PLAIN.replace(old, new)) is None


def test_two_requests_in_one_piece_are_left_to_others() -> None:
    assert http_head.read(PLAIN * 2) is None


def test_keep_alive_is_what_the_connection_does_anyway() -> None:
    assert http_head.read(PLAIN.replace(b"Empty:", b"Connection: Keep-Alive")) is not None


@pytest.mark.parametrize("value", [b"a\r\nSet-Cookie: x=1", b"a\nb", b"a\rb", b"a\0b"])
def test_a_field_cannot_begin_another(value: bytes) -> None:
    with pytest.raises(ValueError, match="line break"):
        http_head.written(200, [(b"location", value)])
