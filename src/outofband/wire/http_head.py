"""The heads of plain HTTP/1.1 exchanges, read and written in one piece (RFC 9112).

Nearly every request is a GET without a body that arrives as one piece. `read` takes those and nothing else:
what it does not know in full, or finds odd in any way, it leaves to a whole implementation, which then sees
the bytes from their beginning. So it can be strict, and never has to guess where a request ends.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from http import HTTPStatus

import msgspec

MAX_HEAD = 16 * 1024
"""Bytes; longer ones are left to others."""
_TOKEN = rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_HEAD = re.compile(
    rb"GET (/[\x21-\x7e]*) HTTP/1\.1\r\n((?:" + _TOKEN + rb":[ \t]*(?:[\x21-\x7e][\x20-\x7e\t]*)?\r\n)+)\r\n"
)
_OTHERS = frozenset((b"content-length", b"transfer-encoding", b"upgrade", b"expect", b"te", b"trailer"))
"""Fields that mean a body, or another protocol."""
_REASONS = {status.value: status.phrase.encode() for status in HTTPStatus}

Fields = list[tuple[bytes, bytes]]


class Head(msgspec.Struct, frozen=True):
    """A GET. `target` is the path, still quoted; field names are in lower case."""

    target: bytes
    query: bytes
    fields: Fields


def read(data: bytes) -> Head | None:
    """`data` as one GET that asks for a connection that stays open; None when it is anything else, or more,
    or less.
    """
    if len(data) > MAX_HEAD or (found := _HEAD.fullmatch(data)) is None:
        return None
    fields: Fields = []
    hosts = 0
    for line in found[2][:-2].split(b"\r\n"):
        name, _, value = line.partition(b":")
        name, value = name.lower(), value.strip(b" \t")
        if name in _OTHERS or (name == b"connection" and value.lower() != b"keep-alive"):
            return None
        hosts += name == b"host"
        fields.append((name, value))
    if hosts != 1:
        return None
    target, _, query = found[1].partition(b"?")
    return Head(target, query, fields)


def written(status: int, fields: Iterable[tuple[bytes, bytes]]) -> bytes:
    """The head of an answer. Raises ValueError for a field that would end early and begin another."""
    lines = [b"HTTP/1.1 %d %s" % (status, _REASONS.get(status, b"")), *(b"%s: %s" % each for each in fields)]
    head = b"\r\n".join(lines)
    breaks = len(lines) - 1
    if head.count(b"\n") != breaks or head.count(b"\r") != breaks or b"\0" in head:
        raise ValueError("a line break in a field of an answer")
    return head + b"\r\n\r\n"
