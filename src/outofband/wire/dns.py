"""One question to a name server and what it answers (RFC 1035): enough to tell its ways of failing apart."""

from __future__ import annotations

import enum
import ipaddress
import struct

import msgspec

from outofband.core.errors import ProtocolError

MAX_MESSAGE = 4096
"""Bytes of an answer that are looked at."""
MAX_RECORDS = 64
_HEADER = struct.Struct(">HHHHHH")
_RECORD = struct.Struct(">HHIH")
_RECURSE, _RESPONSE, _TRUNCATED = 0x0100, 0x8000, 0x0200
_IN = 1
_MAX_LABEL, _MAX_NAME = 63, 255


class Kind(enum.IntEnum):
    A = 1
    CNAME = 5
    AAAA = 28


class Rcode(enum.IntEnum):
    NOERROR = 0
    FORMERR = 1
    SERVFAIL = 2
    NXDOMAIN = 3
    NOTIMP = 4
    REFUSED = 5


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """`addresses` are of the kind asked for; `rcode` may be a number without a name here."""

    ident: int
    rcode: int
    addresses: list[str] = []
    truncated: bool = False

    @property
    def word(self) -> str:
        return Rcode(self.rcode).name if self.rcode in Rcode._value2member_map_ else f"RCODE{self.rcode}"


def query(ident: int, name: str, kind: Kind) -> bytes:
    """A recursive question. Raises ValueError for a name that cannot be asked for."""
    labels = [
        label.encode("idna") if not label.isascii() else label.encode()
        for label in name.rstrip(".").split(".")
    ]
    if (
        not all(1 <= len(label) <= _MAX_LABEL for label in labels)
        or sum(map(len, labels)) + len(labels) > _MAX_NAME
    ):
        raise ValueError(f"{name!r} is no host name")
    asked = b"".join(bytes((len(label),)) + label for label in labels)
    return _HEADER.pack(ident, _RECURSE, 1, 0, 0, 0) + asked + b"\0" + struct.pack(">HH", kind, _IN)


def read(data: bytes) -> Answer:
    """Raises ProtocolError for anything that is no answer, whatever it is."""
    if not _HEADER.size <= len(data) <= MAX_MESSAGE:
        raise ProtocolError(f"expected {_HEADER.size} to {MAX_MESSAGE} bytes, got {len(data)}")
    ident, flags, questions, answers, _, _ = _HEADER.unpack_from(data)
    if not flags & _RESPONSE:
        raise ProtocolError("expected an answer, got a question")
    at = _HEADER.size
    found: list[str] = []
    truncated = bool(flags & _TRUNCATED)
    try:
        for _ in range(min(questions, MAX_RECORDS)):
            at = _past_name(data, at) + 4
        for _ in range(min(answers, MAX_RECORDS)):
            at = _past_name(data, at)
            kind, group, _, length = _RECORD.unpack_from(data, at)
            at += _RECORD.size
            value = data[at : at + length]
            if len(value) != length:
                raise IndexError
            at += length
            if group == _IN and (kind, length) in ((Kind.A, 4), (Kind.AAAA, 16)):
                found.append(str(ipaddress.ip_address(value)))
    except (IndexError, struct.error) as error:
        if not truncated:
            raise ProtocolError("expected whole records, the answer ends in one") from error
    return Answer(ident=ident, rcode=flags & 0xF, addresses=found, truncated=truncated)


def _past_name(data: bytes, at: int) -> int:
    """Where a name ends; one that goes on elsewhere ends with the two bytes that say so."""
    for _ in range(_MAX_NAME):
        length = data[at]
        if length & 0xC0 == 0xC0:
            _ = data[at + 1]
            return at + 2
        if length & 0xC0:
            raise ProtocolError(f"expected a label or a pointer, got a length of {length}")
        at += 1 + length
        if length == 0:
            return at
    raise ProtocolError("expected the end of a name")
