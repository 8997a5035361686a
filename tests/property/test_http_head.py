"""What is read in one piece means the same to h11, and never is what h11 would wait for or refuse."""

from __future__ import annotations

import h11
import pytest
from hypothesis import given
from hypothesis import strategies as st

from outofband.wire import http_head

_TOKEN = "!#$%&'*+-.^_`|~0123456789ABCXYZabcxyz"
_NAMES = st.one_of(
    st.sampled_from(
        ["Host", "Accept", "Authorization", "Connection", "Content-Length", "Transfer-Encoding", "Upgrade"]
    ),
    st.text(_TOKEN, min_size=1, max_size=8),
)
_VALUES = st.one_of(
    st.sampled_from(["", "keep-alive", "close", "Keep-Alive, Upgrade", "0", "chunked", "a  b", "\t x \t"]),
    st.text(st.characters(min_codepoint=0, max_codepoint=0xFF), max_size=12),
)
_TARGETS = st.one_of(
    st.just("/subscriptions/s?api-version=2024-11-01"),
    st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7F), max_size=12).map(lambda rest: "/" + rest),
)


@st.composite
def requests(draw: st.DrawFn) -> bytes:
    """Mostly well formed; with every kind of oddity at some rate."""
    method = draw(st.sampled_from(["GET", "GET", "GET", "HEAD", "POST", "get"]))
    version = draw(st.sampled_from(["HTTP/1.1", "HTTP/1.1", "HTTP/1.1", "HTTP/1.0", "HTTP/2"]))
    fields = draw(st.lists(st.tuples(_NAMES, _VALUES), max_size=5))
    if draw(st.booleans()):
        fields.append(("Host", "oob.example"))
    colon = draw(st.sampled_from([": ", ": ", ":", " : "]))
    end = draw(st.sampled_from(["\r\n", "\r\n", "\r\n", "\n"]))
    lines = [f"{method} {draw(_TARGETS)} {version}", *(f"{name}{colon}{value}" for name, value in fields)]
    tail = draw(st.sampled_from(["", "", "", "x", "GET / HTTP/1.1\r\n\r\n"]))
    return (end.join([*lines, "", ""]) + tail).encode("latin-1")


@given(requests())
def test_it_means_what_h11_says(data: bytes) -> None:
    head = http_head.read(data)
    if head is None:
        return
    peer = h11.Connection(h11.SERVER)
    peer.receive_data(data)
    request = peer.next_event()
    assert isinstance(request, h11.Request)
    assert request.method == b"GET"
    assert request.target == head.target + (b"?" + head.query if b"?" in request.target else b"")
    assert [(name, value) for name, value in request.headers] == head.fields
    assert isinstance(peer.next_event(), h11.EndOfMessage)
    assert peer.their_state is h11.DONE, "it may be followed by another request"
    assert peer.trailing_data == (b"", False)


_FIELD = st.tuples(
    st.text(_TOKEN, min_size=1, max_size=8), st.text(max_size=12).map(lambda text: text.strip())
)


@given(st.sampled_from([200, 204, 304, 404, 599]), st.lists(_FIELD, max_size=5))
def test_an_answer_is_read_back_or_refused(status: int, fields: list[tuple[str, str]]) -> None:
    raw = [(name.encode(), value.encode()) for name, value in fields]
    if any(mark in value for _, value in raw for mark in (b"\r", b"\n", b"\0")):
        with pytest.raises(ValueError, match="line break"):
            http_head.written(status, raw)
        return
    head = http_head.written(status, raw)
    first, *lines = head.removesuffix(b"\r\n\r\n").split(b"\r\n")
    assert first.startswith(b"HTTP/1.1 %d " % status)
    assert lines == [b"%s: %s" % each for each in raw]
