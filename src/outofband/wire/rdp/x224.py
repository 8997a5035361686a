"""The first two frames of RDP: what security a client takes, and what its server chooses or refuses.

Frames are TPKT (RFC 1006); after them a server may send fast-path frames, which have a length of their own
([MS-RDPBCGR] 2.2.9.1.2). Numbers of negotiation are little-endian, lengths of TPKT big-endian.
"""

from __future__ import annotations

import enum
import struct
from collections.abc import Iterator

import msgspec

from outofband.core.errors import ProtocolError

MAX_FRAME = 0xFFFF
MAX_COOKIE = 64
_TPKT = 3
_FAST_PATH = 0
_REQUEST, _CONFIRM, _DATA = 0xE0, 0xD0, 0xF0
_NEGOTIATE, _CHOSEN, _REFUSED = 1, 2, 3


class Security(enum.IntFlag):
    """Protocols of a negotiation request; a server answers with exactly one of them."""

    RDP = 0
    TLS = 1
    CREDSSP = 2
    RDSTLS = 4
    CREDSSP_EARLY = 8
    """CredSSP whose server says at its end whether the user may sign in at all."""
    ENTRA = 16


class Refused(enum.IntEnum):
    """Why a server does not negotiate ([MS-RDPBCGR] 2.2.1.2.2)."""

    TLS_REQUIRED = 1
    TLS_NOT_ALLOWED = 2
    NO_CERTIFICATE = 3
    INCONSISTENT = 4
    CREDSSP_REQUIRED = 5
    TLS_WITH_USER_REQUIRED = 6


class Confirm(msgspec.Struct, frozen=True):
    """A server's answer. `selected` None and `refused` None: it does not negotiate, which means plain RDP."""

    selected: Security | None = None
    flags: int = 0
    refused: int | None = None
    """A number of Refused, or one that is not known."""


class NotRdp(ProtocolError):
    """What answers is something else; `sample` are its first bytes."""

    def __init__(self, sample: bytes) -> None:
        super().__init__(f"expected a frame of RDP, got {sample[:16].hex(' ')}")
        self.sample = sample


def request(cookie: str, wanted: Security | None) -> bytes:
    """A connection request. `cookie` is a name of at most MAX_COOKIE printable characters, which servers and
    load balancers write into their logs; `wanted` None asks as clients did before there was a negotiation.
    """
    name = "".join(each for each in cookie if each.isascii() and each.isprintable())[:MAX_COOKIE]
    body = f"Cookie: mstshash={name}\r\n".encode()
    if wanted is not None:
        body += struct.pack("<BBHI", _NEGOTIATE, 0, 8, int(wanted))
    return frame(bytes([6 + len(body), _REQUEST, 0, 0, 0, 0, 0]) + body)


def confirm(payload: bytes) -> Confirm:
    """Reads the payload of the frame that answers a request. Raises ProtocolError."""
    if len(payload) < 7 or payload[1] & 0xF0 != _CONFIRM:
        raise NotRdp(payload)
    told = payload[7 : payload[0] + 1]
    if not told:
        return Confirm()
    if len(told) < 8:
        raise ProtocolError(f"expected 8 bytes of negotiation, got {len(told)}")
    kind, flags, length, value = struct.unpack_from("<BBHI", told)
    if length != 8 or kind not in (_CHOSEN, _REFUSED):
        raise ProtocolError(f"expected an answer of negotiation, got type {kind} of {length} bytes")
    if kind == _REFUSED:
        return Confirm(refused=value)
    if value & (value - 1) or value > Security.ENTRA:
        raise ProtocolError(f"expected one protocol, got 0x{value:x}")
    return Confirm(selected=Security(value), flags=flags)


def frame(payload: bytes) -> bytes:
    return struct.pack(">BBH", _TPKT, 0, 4 + len(payload)) + payload


def data(payload: bytes) -> bytes:
    """A frame that carries a unit of the floor above."""
    return frame(bytes([2, _DATA, 0x80]) + payload)


def unwrap(payload: bytes) -> bytes:
    """What `data` wrapped. Raises ProtocolError."""
    if len(payload) < 3 or payload[1] != _DATA:
        raise ProtocolError(f"expected data, got {payload[:3].hex(' ')}")
    return payload[payload[0] + 1 :]


class Frames:
    """Cuts what arrives into frames. The payloads of fast-path frames are no news for a probe: dropped."""

    def __init__(self) -> None:
        self.fast_path = False
        """Whether such frames may come: not before a session is joined, where text could look like one."""
        self._held = bytearray()

    def feed(self, received: bytes) -> Iterator[bytes]:
        """Payloads of the TPKT frames that are whole, one by one: what follows one may be no frame any more,
        and is cut only when the next is asked for. Raises NotRdp.
        """
        self._held += received
        while (size := self._size()) is not None and len(self._held) >= size:
            payload = bytes(self._held[4:size]) if self._held[0] == _TPKT else None
            del self._held[:size]
            if payload is not None:
                yield payload

    @property
    def held(self) -> bytes:
        """What is not a whole frame yet."""
        return bytes(self._held)

    def _size(self) -> int | None:
        """Bytes of the first frame, header included; None until its header is there."""
        held = self._held
        if not held:
            return None
        if held[0] == _TPKT:
            if len(held) > 1 and held[1] != 0:
                raise NotRdp(bytes(held))
            if len(held) < 4:
                return None
            size = int.from_bytes(held[2:4], "big")
            if size < 7:
                raise NotRdp(bytes(held))
            return size
        if not self.fast_path or held[0] & 3 != _FAST_PATH:
            raise NotRdp(bytes(held))
        if len(held) < 2:
            return None
        if not held[1] & 0x80:
            size = held[1]
        elif len(held) < 3:
            return None
        else:
            size = (held[1] & 0x7F) << 8 | held[2]
        if size < 3:
            raise NotRdp(bytes(held))
        return size
