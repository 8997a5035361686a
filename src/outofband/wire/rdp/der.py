"""The few forms of DER and BER that CredSSP and MCS use: definite lengths, low tags and two-byte tags."""

from __future__ import annotations

from outofband.core.errors import ProtocolError

INTEGER, OCTETS, SEQUENCE, BOOLEAN, ENUMERATED = 0x02, 0x04, 0x30, 0x01, 0x0A


def explicit(number: int) -> int:
    """The tag of `[number] EXPLICIT`."""
    return 0xA0 | number


def pack(tag: int, *contents: bytes) -> bytes:
    """A value with its tag and length. `tag` above 0xFF is one of two bytes."""
    content = b"".join(contents)
    size = len(content)
    if size < 0x80:
        length = bytes([size])
    else:
        digits = size.to_bytes((size.bit_length() + 7) // 8, "big")
        length = bytes([0x80 | len(digits)]) + digits
    return tag.to_bytes(2 if tag > 0xFF else 1, "big") + length + content


def integer(value: int) -> bytes:
    """A signed integer, as short as it can be."""
    size = max(1, (value.bit_length() + 8) // 8)
    return pack(INTEGER, value.to_bytes(size, "big", signed=True))


def size_of(data: bytes) -> int | None:
    """Bytes of the value that `data` begins with; None until that can be told. Raises ProtocolError."""
    if not data:
        return None
    start = 2 if data[0] & 0x1F == 0x1F else 1
    if len(data) <= start:
        return None
    first = data[start]
    if first < 0x80:
        return start + 1 + first
    count = first & 0x7F
    if not 0 < count <= 3:
        raise ProtocolError(f"expected a length of at most 3 bytes, got one of {count}")
    if len(data) < start + 1 + count:
        return None
    return start + 1 + count + int.from_bytes(data[start + 1 : start + 1 + count], "big")


def take(data: bytes) -> tuple[int, bytes, bytes]:
    """Tag and content of the value that `data` begins with, and what follows it. Raises ProtocolError."""
    size = size_of(data)
    if size is None or len(data) < size:
        raise ProtocolError("expected a whole value, got the start of one")
    start = 2 if data[0] & 0x1F == 0x1F else 1
    header = start + 1 + (data[start] & 0x7F if data[start] >= 0x80 else 0)
    return int.from_bytes(data[:start], "big"), data[header:size], data[size:]


def expect(data: bytes, tag: int) -> tuple[bytes, bytes]:
    """Content of a value that has to be of `tag`, and what follows it. Raises ProtocolError."""
    got, content, rest = take(data)
    if got != tag:
        raise ProtocolError(f"expected tag 0x{tag:x}, got 0x{got:x}")
    return content, rest


def members(content: bytes) -> dict[int, bytes]:
    """Contents of the explicitly tagged members of a sequence, by number; others are passed over.

    Raises ProtocolError.
    """
    found: dict[int, bytes] = {}
    while content:
        tag, inner, content = take(content)
        if tag & 0xE0 == 0xA0:
            found[tag & 0x1F] = inner
    return found


def number(content: bytes, tag: int = INTEGER) -> int:
    """A signed integer that is all of `content`. Raises ProtocolError."""
    digits, rest = expect(content, tag)
    if rest or not 0 < len(digits) <= 9:
        raise ProtocolError(f"expected one integer, got {content[:12].hex(' ')}")
    return int.from_bytes(digits, "big", signed=True)
