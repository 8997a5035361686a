"""The lines of an exported log, each a JSON object with its `kind`: what `GET /audit/export` gives.

First `export`, then the keys; then each node's days in order, each day as `chain`, its signed words, its
records; then `loose` rows, which are in no chain; at last `end`.
"""

from __future__ import annotations

from typing import Any

import msgspec

from outofband.wire.audit.chain import Checkpoint, Pruned

VERSION = 1


class _Line(msgspec.Struct, frozen=True, kw_only=True, rename="camel", tag_field="kind"):
    pass


class Header(_Line, frozen=True, kw_only=True, tag="export"):
    version: int
    at: str
    since: str | None = None
    """First and last day asked for, inclusive; None: whatever there is."""
    until: str | None = None


class Key(_Line, frozen=True, kw_only=True, tag="key"):
    kid: str
    jwk: dict[str, Any]


class Chain(_Line, frozen=True, kw_only=True, tag="chain"):
    """A day begins, and what its head says: how many records it has, and the link of the last."""

    node: str
    day: str
    count: int
    link: str
    previous_day: str | None
    previous_link: str | None


class Record(_Line, frozen=True, kw_only=True, tag="record"):
    node: str
    day: str
    number: int
    link: str
    sequence: int
    """Place in the log that people read; grows with `number`."""
    record: dict[str, Any] | None = None
    digest: str | None = None
    """In place of a record that is another tenant's."""


class Loose(_Line, frozen=True, kw_only=True, tag="loose"):
    """A row of the log that is in no chain: from before there were any, or put in by somebody else."""

    sequence: int
    id: str
    at: str


class End(_Line, frozen=True, kw_only=True, tag="end"):
    lines: int
    """Before this one."""


Line = Header | Key | Chain | Checkpoint | Pruned | Record | Loose | End
_decoder = msgspec.json.Decoder(Line)


def read(text: str | bytes) -> Line:
    """Raises ValueError (msgspec's) when it is none of them."""
    line: Line = _decoder.decode(text)
    return line


def write(line: Line) -> bytes:
    return msgspec.json.encode(line) + b"\n"
