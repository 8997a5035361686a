"""A client's part in asking for a licence, against a server's that was written by the document alone."""

from __future__ import annotations

import struct

import pytest
from cryptography.hazmat.decrepit.ciphers.algorithms import ARC4
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.ciphers import Cipher
from hypothesis import given
from hypothesis import strategies as st

from outofband.core.errors import ProtocolError
from outofband.wire.rdp import der
from outofband.wire.rdp.licensing import (
    MAX_CHALLENGE,
    MAX_SCOPES,
    NAME,
    Exchange,
    Message,
    frame,
    mac,
    public_key,
    rc4,
)
from tests.support.rdp_server import COMPANY, PRODUCT, Licences


def test_a_challenge_is_met_and_a_licence_taken() -> None:
    server, client = Licences(), Exchange()
    wanted = client.receive(server.request())
    assert wanted is not None
    challenge = server.receive(wanted)
    assert challenge is not None and server.name == NAME
    response = client.receive(challenge)
    assert response is not None and server.receive(response) is None
    assert server.heard == "challenge met"
    assert client.asked is not None and not client.asked.granted
    assert client.receive(server.granted()) is None
    asked = client.asked
    assert (asked.company, asked.product, asked.version) == (COMPANY, PRODUCT, 0x00060000)
    assert (asked.scopes, asked.challenged, asked.granted) == (("microsoft.com",), True, True)


def test_every_probe_is_the_same_computer() -> None:
    """A server that counts licences by computers counts one."""
    seen = set()
    for _ in range(2):
        server, client = Licences(), Exchange()
        challenge = server.receive(client.receive(server.request()) or b"")
        server.receive(client.receive(challenge or b"") or b"")
        seen.add((server.name, server.hardware))
    assert len(seen) == 1


def test_a_challenge_that_is_not_this_exchanges_is_refused() -> None:
    server, other, client = Licences(), Licences(), Exchange()
    client.receive(server.request())
    foreign = other.receive(Exchange().receive(other.request()) or b"")
    assert foreign is not None
    with pytest.raises(ProtocolError, match="under the keys"):
        client.receive(foreign)
    with pytest.raises(ProtocolError, match="before its challenge"):
        Exchange().receive(foreign)


def test_the_key_of_a_server_that_has_no_chain() -> None:
    numbers = rsa.generate_private_key(65537, 2048).public_key().public_numbers()
    size = 256
    blob = struct.pack("<4sIIII", b"RSA1", size + 8, size * 8, size - 1, numbers.e)
    blob += numbers.n.to_bytes(size, "little") + bytes(8)
    certificate = struct.pack("<IIIHH", 1, 1, 1, 6, len(blob)) + blob
    assert public_key(certificate) == (numbers.n, numbers.e, size)
    for wrong in (certificate[:40], certificate.replace(b"RSA1", b"RSA2"), struct.pack("<I", 3)):
        with pytest.raises(ProtocolError):
            public_key(wrong)


def number(value: int) -> bytes:
    """A positive integer in DER."""
    return der.pack(der.INTEGER, value.to_bytes(value.bit_length() // 8 + 1, "big"))


def chained(modulus: int, exponent: int) -> bytes:
    """A chain of one certificate that is no more than its key."""
    key = der.pack(der.SEQUENCE, number(modulus), number(exponent))
    subject = der.pack(der.SEQUENCE, der.pack(der.SEQUENCE), der.pack(0x03, b"\0", key))
    body = der.pack(der.SEQUENCE, *[der.pack(der.SEQUENCE)] * 5, subject)
    whole = der.pack(der.SEQUENCE, body)
    return struct.pack("<III", 2, 1, len(whole)) + whole


def bare(modulus: bytes, exponent: int = 65537) -> bytes:
    """A key alone, in the older kind of certificate; the number's end should be eight zeros."""
    blob = struct.pack("<4sIIII", b"RSA1", len(modulus), 8 * len(modulus), 0, exponent) + modulus
    return struct.pack("<IIIHH", 1, 1, 1, 6, len(blob)) + blob


def asking(certificate: bytes) -> bytes:
    body = bytes(32) + struct.pack("<I", 0x60000) + bytes(8) + struct.pack("<HH", 13, 0)
    return frame(Message.REQUEST, body + struct.pack("<HH", 3, len(certificate)) + certificate + bytes(4))


@pytest.mark.parametrize(
    "certificate",
    [
        bare(bytes(264)),
        bare(b"\1" + bytes(263)),
        bare(b"\xff" * 256 + bytes(8), 0),
        chained(0, 65537),
        chained(1 << 2047 | 1, 0),
        chained(1 << 2047 | 1, 1 << 200_000),
        chained(1 << 8200, 65537),
    ],
)
def test_a_key_that_nobody_can_reckon_with_is_refused(certificate: bytes) -> None:
    with pytest.raises(ProtocolError, match="RSA key"):
        Exchange().receive(asking(certificate))


def test_a_key_without_its_zeros_is_as_long_as_it_says() -> None:
    answer = Exchange().receive(asking(bare(b"\xff" * 264)))
    assert answer is not None


def test_a_long_challenge_is_refused() -> None:
    """By the server that has the keys, so that nothing else is wrong with it."""
    server, client = Licences(), Exchange()
    server.receive(client.receive(server.request()) or b"")
    assert client._keys is not None
    for size in (MAX_CHALLENGE, MAX_CHALLENGE + 1, 65_000):
        plain = bytes(size)
        blob = struct.pack("<HH", 9, size) + rc4(client._keys.cipher, plain)
        message = frame(Message.CHALLENGE, bytes(4) + blob + mac(client._keys.mac, plain))
        if size == MAX_CHALLENGE:
            assert client.receive(message) is not None
            continue
        with pytest.raises(ProtocolError, match="challenge of at most"):
            client.receive(message)


@given(st.binary(min_size=1, max_size=32), st.binary(max_size=200))
def test_the_cipher_is_the_librarys(key: bytes, data: bytes) -> None:
    padded = (key * 16)[:16]
    assert rc4(padded, data) == Cipher(ARC4(padded), None).encryptor().update(data)


@given(st.binary(max_size=600))
def test_hostile_messages_end_in_one_way(body: bytes) -> None:
    for message in (body, *(frame(kind, body) for kind in Message)):
        client = Exchange()
        try:
            client.receive(message)
        except ProtocolError:
            continue
        assert client.asked is not None and client.asked.granted, "only a licence needs no more"


@given(st.integers(0, 1200), st.integers(0, 255))
def test_a_request_that_was_tampered_with_breaks_nothing(at: int, value: int) -> None:
    message = bytearray(REQUEST)
    message[at % len(message)] = value
    try:
        Exchange().receive(bytes(message))
    except ProtocolError:
        pass


REQUEST = Licences().request()


def test_a_request_has_bounds() -> None:
    whole = REQUEST
    for size in range(0, len(whole), 7):
        cut = struct.pack("<BBH", 1, 3, size) + whole[4 : max(size, 4)]
        with pytest.raises(ProtocolError):
            Exchange().receive(cut)
    many = whole[: -(4 + 4 + len(b"microsoft.com\0"))] + struct.pack("<I", MAX_SCOPES + 1)
    with pytest.raises(ProtocolError, match="scopes"):
        Exchange().receive(struct.pack("<BBH", 1, 3, len(many)) + many[4:])
