"""What a name server says is read as it was said, whatever else is in the message."""

from __future__ import annotations

import ipaddress
import struct

from hypothesis import given
from hypothesis import strategies as st

from outofband.wire import dns, resolver

LABELS = st.text("abcdefghijklmnopqrstuvwxyz0123456789-_", min_size=1, max_size=20)
NAMES = st.lists(LABELS, min_size=1, max_size=5).map(".".join)
FOURS = st.integers(0, 2**32 - 1).map(lambda value: ipaddress.IPv4Address(value))
SIXES = st.integers(0, 2**128 - 1).map(lambda value: ipaddress.IPv6Address(value))
OTHERS = st.tuples(st.sampled_from([2, 5, 6, 16, 46, 65000]), st.binary(max_size=40))


def record(kind: int, value: bytes, *, pointer: bool) -> bytes:
    name = b"\xc0\x0c" if pointer else b"\x03www\x00"
    return name + struct.pack(">HHIH", kind, 1, 300, len(value)) + value


@given(
    NAMES,
    st.lists(FOURS | SIXES, max_size=5),
    st.lists(OTHERS, max_size=4),
    st.sampled_from(list(dns.Rcode)),
    st.booleans(),
)
def test_an_answer_is_read_back(
    name: str,
    addresses: list[ipaddress.IPv4Address | ipaddress.IPv6Address],
    others: list[tuple[int, bytes]],
    rcode: dns.Rcode,
    pointer: bool,
) -> None:
    asked = dns.query(4711, name, dns.Kind.A)
    records = [record(kind, value, pointer=pointer) for kind, value in others]
    records += [
        record(dns.Kind.A if each.version == 4 else dns.Kind.AAAA, each.packed, pointer=pointer)
        for each in addresses
    ]
    head = struct.pack(">HHHHHH", 4711, 0x8180 | rcode, 1, len(records), 0, 0)
    answer = dns.read(head + asked[12:] + b"".join(records))
    assert (answer.ident, answer.word) == (4711, rcode.name)
    assert answer.addresses == [str(each) for each in addresses]
    assert not answer.truncated


@given(NAMES, st.sampled_from([dns.Kind.A, dns.Kind.AAAA]), st.integers(0, 65535))
def test_a_question_holds_the_name(name: str, kind: dns.Kind, ident: int) -> None:
    asked = dns.query(ident, name, kind)
    assert asked[:2] == ident.to_bytes(2, "big") and asked[-4:] == bytes((0, kind, 0, 1))
    labels, at = [], 12
    while length := asked[at]:
        labels.append(asked[at + 1 : at + 1 + length].decode())
        at += 1 + length
    assert ".".join(labels) == name


@given(NAMES, st.lists(NAMES, max_size=6), st.integers(0, 15))
def test_a_name_is_always_tried_as_it_is(name: str, search: list[str], ndots: int) -> None:
    names = resolver.candidates(name, resolver.Resolver(search=tuple(search), ndots=ndots))
    assert name in names and len(names) == 1 + len(search)
    assert resolver.candidates(f"{name}.", resolver.Resolver(search=tuple(search))) == [name]
