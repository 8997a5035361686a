"""Frames survive the wire; garbage is refused with words, never with a crash."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outofband.core.errors import ProtocolError
from outofband.wire import stream

OFFSETS = st.integers(0, stream.MAX_OFFSET)
PAYLOADS = st.binary(max_size=200)
FIELDS = st.dictionaries(st.text(max_size=8), st.integers(-(2**53), 2**53) | st.text(max_size=20), max_size=3)
FRAMES = st.one_of(
    st.builds(stream.Data, OFFSETS, PAYLOADS),
    st.builds(stream.Input, OFFSETS, PAYLOADS),
    st.builds(stream.Ack, OFFSETS),
    st.tuples(OFFSETS, OFFSETS, st.sampled_from(stream.GapReason)).map(
        lambda three: stream.Gap(min(three[:2]), max(three[:2]), three[2])
    ),
    st.builds(stream.Notice, st.text(max_size=10), FIELDS),
    st.builds(stream.Close, st.text(max_size=10), FIELDS, st.booleans()),
    st.builds(stream.Control, st.text(max_size=10), FIELDS),
)


@given(FRAMES)
def test_what_goes_in_comes_out(frame: stream.Frame) -> None:
    assert stream.decode(stream.encode(frame)) == frame


@given(FRAMES)
def test_each_kind_belongs_to_one_side(frame: stream.Frame) -> None:
    kind = stream.encode(frame)[0]
    assert stream.sent_by_agent(kind) != stream.sent_by_viewer(kind)


@given(st.binary(max_size=80))
def test_garbage_is_a_protocol_error_or_a_frame(message: bytes) -> None:
    try:
        frame = stream.decode(message)
    except ProtocolError:
        return
    assert stream.decode(stream.encode(frame)) == frame


def test_a_message_over_the_bound_is_refused() -> None:
    with pytest.raises(ProtocolError, match="at most"):
        stream.decode(b"\x01" + bytes(stream.MAX_FRAME))
