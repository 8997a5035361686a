"""MCS (T.125) as far as it leads to a server's word on licences and on why it ends a session.

A client joins the one channel a server needs, says who it is, and is then told. Nothing of a desktop is asked
for: no virtual channel, the smallest screen, and no answer to what would start drawing.
"""

from __future__ import annotations

import enum
import struct

import msgspec

from outofband.core.errors import ProtocolError
from outofband.wire.rdp import der
from outofband.wire.rdp.x224 import Security

GLOBAL_CHANNEL = 1003
CLIENT_BUILD = 2600
MAX_NAME = 256
_CONNECT_INITIAL, _CONNECT_RESPONSE = 0x7F65, 0x7F66
_SEC_LICENSE, _SEC_INFO = 0x0080, 0x0040
_DEMAND_ACTIVE, _DATA = 0x11, 0x17
_SET_ERROR_INFO = 0x2F
_LICENSE_ERROR = 0xFF


class Kind(enum.Enum):
    """What a server's unit is, for a probe."""

    CONNECTED = "connected"
    ATTACHED = "attached"
    JOINED = "joined"
    LICENCE = "licence"
    """`value` is the dwErrorCode of an ERROR_ALERT, or None for another message: licences are negotiated."""
    ACTIVE = "active"
    """The server would draw now: who signs in is let in."""
    ERROR_INFO = "error-info"
    DISCONNECT = "disconnect"
    """`value` is the reason of a Disconnect Provider Ultimatum."""
    OTHER = "other"


class Unit(msgspec.Struct, frozen=True):
    kind: Kind
    value: int | None = None
    message: bytes = b""
    """Of a licence, where it is no ERROR_ALERT."""


def connect_initial(selected: Security, name: str) -> bytes:
    """MCS Connect Initial with the client's data blocks; `name` is the client's computer name."""
    label = name[:15].encode("utf-16-le")
    core = struct.pack(
        "<IHHHHII32sIII64sHHIHHHI64sBBI",
        0x00080004,  # RDP 5.0 to 8.1
        1024,
        768,
        0xCA01,  # 8 bits a pixel, which the later fields raise
        0xAA03,  # secure attention sequence
        0x0409,
        CLIENT_BUILD,
        label,
        4,  # an enhanced keyboard
        0,
        12,
        b"",
        0xCA01,
        1,
        0,
        16,
        7,
        0x0001,  # earlyCapabilityFlags: takes a Set Error Info PDU
        0,
        b"",
        0,
        0,
        int(selected),
    )
    blocks = b"".join(
        struct.pack("<HH", kind, 4 + len(body)) + body
        for kind, body in (
            (0xC001, core),
            (0xC004, struct.pack("<II", 0x0D, 0)),
            (0xC002, struct.pack("<II", 0, 0)),
        )
    )
    # GCC Conference Create Request (T.124) in PER, its fixed fields as every client sends them.
    user = b"\x00\x08\x00\x10\x00\x01\xc0\x00Duca" + struct.pack(">H", 0x8000 | len(blocks)) + blocks
    gcc = b"\x00\x05\x00\x14\x7c\x00\x01" + struct.pack(">H", 0x8000 | len(user)) + user
    return der.pack(
        _CONNECT_INITIAL,
        der.pack(der.OCTETS, b"\x01"),
        der.pack(der.OCTETS, b"\x01"),
        der.pack(der.BOOLEAN, b"\xff"),
        _domain(34, 2, 0, 1, 0, 1, 65535, 2),
        _domain(1, 1, 1, 1, 0, 1, 1056, 2),
        _domain(65535, 64535, 65535, 1, 0, 1, 65535, 2),
        der.pack(der.OCTETS, gcc),
    )


def _domain(*numbers: int) -> bytes:
    return der.pack(der.SEQUENCE, *(der.integer(each) for each in numbers))


ERECT_DOMAIN = bytes.fromhex("04 01 00 01 00")
ATTACH_USER = bytes.fromhex("28")
DISCONNECT = bytes.fromhex("21 80")
"""Disconnect Provider Ultimatum, asked for by the user: how a client takes its leave."""
USER_BASE = 1001
_MOST_USER = 65535
"""DynamicChannelId of T.125; what stands on the wire is counted from USER_BASE, and has room for more."""


def join(user: int, channel: int) -> bytes:
    return struct.pack(">BHH", 0x38, user - USER_BASE, channel)


def client_info(user: int, domain: str, name: str, password: str, address: str) -> bytes:
    """Client Info PDU in a Send Data Request. Without a password it asks for no sign-in by itself."""
    texts = [each[:MAX_NAME].encode("utf-16-le") for each in (domain, name, password, "", "")]
    # mouse, no Ctrl-Alt-Del, Unicode, whole screen, log-on told, Windows key; with a password: sign in by it
    flags = 0x01 | 0x02 | 0x10 | 0x20 | 0x40 | 0x100 | (0x08 if password else 0)
    body = struct.pack("<II5H", 0, flags, *(len(each) for each in texts))
    body += b"".join(each + b"\0\0" for each in texts)
    where = address[:32].encode("utf-16-le") + b"\0\0"
    folder = "".encode("utf-16-le") + b"\0\0"
    body += struct.pack("<HH", 2, len(where)) + where + struct.pack("<H", len(folder)) + folder
    body += bytes(172) + struct.pack("<III", 0, 0x7F, 0)
    return _send(user, struct.pack("<HH", _SEC_INFO, 0) + body)


def _send(user: int, payload: bytes) -> bytes:
    header = struct.pack(">BHHB", 0x64, user - USER_BASE, GLOBAL_CHANNEL, 0x70)
    return header + struct.pack(">H", 0x8000 | len(payload)) + payload


def licence(user: int, message: bytes) -> bytes:
    """A client's message about a licence in a Send Data Request."""
    return _send(user, struct.pack("<HH", _SEC_LICENSE, 0) + message)


def read(unit: bytes) -> Unit:
    """What a server's unit says. Raises ProtocolError for what no server may send."""
    if not unit:
        raise ProtocolError("expected a unit of MCS, got nothing")
    if unit[:2] == _CONNECT_RESPONSE.to_bytes(2, "big"):
        content, _ = der.expect(unit, _CONNECT_RESPONSE)
        result, _ = der.expect(content, der.ENUMERATED)
        if result != b"\0":
            raise ProtocolError(f"expected rt-successful, got result {result.hex()}")
        return Unit(Kind.CONNECTED)
    choice = unit[0] >> 2
    if choice == 8:
        return Unit(Kind.DISCONNECT, (unit[0] & 3) << 1 | (unit[1] if len(unit) > 1 else 0) >> 7)
    if choice == 11:
        return Unit(Kind.ATTACHED, _confirmed(unit, 4))
    if choice == 15:
        return Unit(Kind.JOINED, _confirmed(unit, 6))
    if choice == 26:
        return _told(_payload(unit))
    return Unit(Kind.OTHER)


def _confirmed(unit: bytes, size: int) -> int:
    """The user of a confirm whose result has to be 0."""
    if len(unit) < size or unit[1] != 0:
        raise ProtocolError(f"expected a confirm of {size} bytes with result 0, got {unit[:8].hex(' ')}")
    user = USER_BASE + int.from_bytes(unit[2:4], "big")
    if user > _MOST_USER:
        raise ProtocolError(f"expected a user of at most {_MOST_USER}, got {user}")
    return user


def _payload(unit: bytes) -> bytes:
    """What a Send Data Indication carries."""
    if len(unit) < 7:
        raise ProtocolError(f"expected data of a channel, got {unit.hex(' ')}")
    if unit[6] & 0x80:
        return unit[8 : 8 + ((unit[6] & 0x7F) << 8 | unit[7])] if len(unit) > 7 else b""
    return unit[7 : 7 + unit[6]]


def _told(payload: bytes) -> Unit:
    """A licence's message starts with a security header, a share's with its length."""
    if len(payload) < 6:
        return Unit(Kind.OTHER)
    first = int.from_bytes(payload[:2], "little")
    if first & _SEC_LICENSE and first != len(payload):
        message = payload[4:]
        if message[0] != _LICENSE_ERROR or len(message) < 8:
            return Unit(Kind.LICENCE, message=message)
        return Unit(Kind.LICENCE, int.from_bytes(message[4:8], "little"))
    kind = int.from_bytes(payload[2:4], "little")
    if kind & 0x1F == _DEMAND_ACTIVE:
        return Unit(Kind.ACTIVE)
    if kind & 0x1F == _DATA and len(payload) >= 22 and payload[14] == _SET_ERROR_INFO:
        return Unit(Kind.ERROR_INFO, int.from_bytes(payload[18:22], "little"))
    return Unit(Kind.OTHER)
