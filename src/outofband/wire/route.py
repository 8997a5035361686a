"""Which way the kernel would send a packet: RTM_GETROUTE of rtnetlink(7), asked and read."""

from __future__ import annotations

import ipaddress
import struct

import msgspec

from outofband.core.errors import ProtocolError

MAX_ANSWER = 16 * 1024
_MESSAGE = struct.Struct("=IHHII")
_ROUTE = struct.Struct("=BBBBBBBBI")
_ATTRIBUTE = struct.Struct("=HH")
_GETROUTE, _NEWROUTE, _ERROR = 26, 24, 2
_REQUEST = 1
_DST, _OIF, _GATEWAY, _PREFSRC = 1, 4, 5, 7
_FAMILIES = {4: 2, 6: 10}
"""AF_INET and AF_INET6 of Linux."""
KINDS = {1: "unicast", 2: "local", 6: "blackhole", 7: "unreachable", 8: "prohibit"}


class Route(msgspec.Struct, frozen=True, kw_only=True):
    """`device` is an interface's index, 0 for none; `error` an errno, 0 when there is a way."""

    error: int = 0
    device: int = 0
    gateway: str = ""
    source: str = ""
    kind: str = ""


def request(address: str, sequence: int = 1) -> bytes:
    """Raises ValueError for what is no address."""
    to = ipaddress.ip_address(address.partition("%")[0])
    attribute = _ATTRIBUTE.pack(_ATTRIBUTE.size + len(to.packed), _DST) + to.packed
    body = _ROUTE.pack(_FAMILIES[to.version], to.max_prefixlen, 0, 0, 0, 0, 0, 0, 0) + attribute
    return _MESSAGE.pack(_MESSAGE.size + len(body), _GETROUTE, _REQUEST, sequence, 0) + body


def read(data: bytes) -> Route:
    """The first message of an answer. Raises ProtocolError for anything else."""
    try:
        length, kind, _, _, _ = _MESSAGE.unpack_from(data)
        if not _MESSAGE.size <= length <= len(data):
            raise ProtocolError(f"expected a message of at most {len(data)} bytes, it says {length}")
        if kind == _ERROR:
            return Route(error=-struct.unpack_from("=i", data, _MESSAGE.size)[0])
        if kind != _NEWROUTE:
            raise ProtocolError(f"expected a route, got message {kind}")
        found = _ROUTE.unpack_from(data, _MESSAGE.size)
        attributes = _attributes(data[_MESSAGE.size + _ROUTE.size : length])
        device = attributes.get(_OIF, b"")
        return Route(
            device=struct.unpack("=I", device)[0] if device else 0,
            gateway=_address(attributes.get(_GATEWAY, b"")),
            source=_address(attributes.get(_PREFSRC, b"")),
            kind=KINDS.get(found[7], str(found[7])),
        )
    except (struct.error, ValueError) as error:
        raise ProtocolError("expected a whole route") from error


def _attributes(data: bytes) -> dict[int, bytes]:
    found: dict[int, bytes] = {}
    at = 0
    while at + _ATTRIBUTE.size <= len(data):
        length, kind = _ATTRIBUTE.unpack_from(data, at)
        if length < _ATTRIBUTE.size:
            raise ValueError(f"an attribute of {length} bytes")
        found[kind] = data[at + _ATTRIBUTE.size : at + length]
        at += (length + 3) & ~3
    return found


def _address(raw: bytes) -> str:
    return str(ipaddress.ip_address(raw)) if raw else ""
