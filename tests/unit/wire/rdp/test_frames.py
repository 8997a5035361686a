"""Frames, negotiation and DER: read as they are written, whole or in pieces, and never believed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outofband.core.errors import ProtocolError
from outofband.wire.rdp import der, x224
from outofband.wire.rdp.x224 import Security
from tests.support import rdp as scripted


def test_a_request_is_what_servers_were_seen_to_take() -> None:
    sent = x224.request("probe", Security.TLS | Security.CREDSSP)
    expected = "0300002b26e00000000000" + b"Cookie: mstshash=probe\r\n".hex() + "0100080003000000"
    assert sent.hex() == expected
    assert x224.request("probe", None).endswith(b"mstshash=probe\r\n")
    assert b"\r\n" not in x224.request("a\r\nb", None)[:-2]


@pytest.mark.parametrize(
    ("frame", "expected"),
    [
        (scripted.confirm(2, 1, 1), x224.Confirm(Security.TLS, 1)),
        (scripted.confirm(2, 0), x224.Confirm(Security.RDP)),
        (scripted.confirm(2, 2, 3), x224.Confirm(Security.CREDSSP, 3)),
        (scripted.confirm(3, 5), x224.Confirm(refused=5)),
        (scripted.PLAIN, x224.Confirm()),
    ],
)
def test_confirms_are_read(frame: bytes, expected: x224.Confirm) -> None:
    (payload,) = x224.Frames().feed(frame)
    assert x224.confirm(payload) == expected


@pytest.mark.parametrize("value", [3, 0x20, 0xFFFFFFFF])
def test_a_choice_of_more_than_one_is_none(value: int) -> None:
    (payload,) = x224.Frames().feed(scripted.confirm(2, value))
    with pytest.raises(ProtocolError):
        x224.confirm(payload)


@pytest.mark.parametrize(
    "text", [b"SSH-2.0-OpenSSH_9.2\r\n", b"HTTP/1.1 400 Bad Request\r\n", b"\x03\x01junk"]
)
def test_what_is_not_rdp_is_shown(text: bytes) -> None:
    with pytest.raises(x224.NotRdp) as caught:
        list(x224.Frames().feed(text))
    assert caught.value.sample == text


@given(st.lists(st.binary(min_size=3, max_size=300), max_size=6), st.data())
def test_frames_come_whole_however_they_are_cut(payloads: list[bytes], data: st.DataObject) -> None:
    stream = b"".join(x224.frame(each) for each in payloads)
    frames, found = x224.Frames(), []
    while stream:
        size = data.draw(st.integers(1, len(stream)))
        found += frames.feed(stream[:size])
        stream = stream[size:]
    assert found == payloads
    assert frames.held == b""


@given(st.integers(min_value=1, max_value=0x7FFF))
def test_fast_path_frames_are_passed_over(size: int) -> None:
    length = bytes([size + 2]) if size < 0x70 else (0x8000 | (size + 3)).to_bytes(2, "big")
    if size + 3 > 0x7FFF:
        return
    frames = x224.Frames()
    frames.fast_path = True
    assert list(frames.feed(b"\x00" + length + bytes(size) + x224.frame(b"abc"))) == [b"abc"]


@given(st.integers(min_value=-(2**63), max_value=2**63 - 1))
def test_integers_are_read_as_written(value: int) -> None:
    assert der.number(der.integer(value)) == value


@given(st.integers(0, 31), st.binary(max_size=70_000))
def test_values_are_read_as_written(number: int, content: bytes) -> None:
    packed = der.pack(der.SEQUENCE, der.pack(der.explicit(number & 15), content))
    assert der.size_of(packed) == len(packed)
    inner, rest = der.expect(packed + b"more", der.SEQUENCE)
    assert rest == b"more"
    assert der.members(inner) == {number & 15: content}


@given(st.binary(max_size=64))
def test_whatever_comes_is_read_or_refused(junk: bytes) -> None:
    for read in (x224.confirm, x224.unwrap, der.members, der.number):
        try:
            read(junk)
        except ProtocolError:
            pass
