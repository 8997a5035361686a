"""A conversation as bytes, for parsers that are fuzzed: two bytes of length, so many bytes, and again."""

from __future__ import annotations

import struct
from collections.abc import Iterator

MOST = 4 * 1024 * 1024
"""Bytes that a conversation may keep of what it was sent, whatever that was."""
_LENGTH = struct.Struct(">H")


def messages(text: bytes) -> Iterator[bytes]:
    """The bytes as a conversation."""
    at = 0
    while at + _LENGTH.size <= len(text):
        (length,) = _LENGTH.unpack_from(text, at)
        at += _LENGTH.size
        yield text[at : at + length]
        at += length


def cut(*parts: bytes) -> bytes:
    """The other way round: messages as what an entry takes."""
    return b"".join(_LENGTH.pack(len(part)) + part for part in parts)
