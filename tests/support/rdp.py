"""A server of Remote Desktop that says what it is told to: for words that no server to be had here says.

Frames are built here by their documents, not by the code under test; a real client reads them in tests/peers.
"""

from __future__ import annotations

import struct


def confirm(kind: int, value: int, flags: int = 0) -> bytes:
    """An X.224 confirm with an answer of negotiation: kind 2 chooses, 3 refuses."""
    return bytes.fromhex("03000013 0ed00000123400") + struct.pack("<BBHI", kind, flags, 8, value)


PLAIN = bytes.fromhex("0300000b06d00000123400")
"""A confirm without negotiation."""


def unit(mcs: bytes) -> bytes:
    body = b"\x02\xf0\x80" + mcs
    return struct.pack(">BBH", 3, 0, 4 + len(body)) + body


CONNECT_RESPONSE = unit(b"\x7f\x66\x05\x0a\x01\x00\x04\x00")
ATTACHED = unit(bytes.fromhex("2e000006"))
JOINED_OWN = unit(bytes.fromhex("3e00000603ef03ef"))
JOINED_GLOBAL = unit(bytes.fromhex("3e00000603eb03eb"))


def told(payload: bytes) -> bytes:
    """A Send Data Indication on the global channel."""
    return unit(bytes.fromhex("68000103eb70") + struct.pack(">H", 0x8000 | len(payload)) + payload)


def licence(code: int) -> bytes:
    """A licence's ERROR_ALERT: 7 is a valid client, 6 no licence server."""
    body = struct.pack("<BBHIIHH", 0xFF, 3, 16, code, 2, 4, 0)
    return told(struct.pack("<HH", 0x80, 0) + body)


def error_info(code: int) -> bytes:
    share = struct.pack("<HHH", 22, 0x17, 0x03EA) + struct.pack("<IBBHBBH", 0x103EA, 0, 1, 8, 0x2F, 0, 0)
    return told(share + struct.pack("<I", code))


DEMAND_ACTIVE = told(struct.pack("<HHH", 18, 0x11, 0x03EA) + bytes(12))
DISCONNECT = unit(bytes.fromhex("2180"))
