"""The access records of a VM at their places in its log (mission S9: who was there is in the boot log too).

The log's bytes are the guest's alone and stay where they are; the records are rows of the activity log. They
meet when somebody reads: the host tells at which times its log ended at which offsets, and each record goes
before the first line that came after it. A record is a value of its own in the answer, beside the lines, so
nothing that a guest prints can pass for one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from outofband.core import clock
from outofband.store.activity import ActivityEntry
from outofband.wire import printed

MAX_RECORDS = 200
"""The newest are told."""
_READS = frozenset({"tail", "log", "screenshot", "connect"})
"""Actions of a port that are no deed at the console: a connect is followed by its session."""
_PROPERTIES = (
    "mode",
    "client",
    "keyboard",
    "with",
    "by",
    "key",
    "observed",
    "reason",
    "seconds",
    "bytesIn",
    "bytesOut",
)


class Mark(msgspec.Struct, frozen=True, array_like=True):
    """The log ended at `offset` when it was looked at, `at` seconds since the epoch by the host's clock."""

    offset: int
    at: float


class Record(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """`before` is the index of the line in `lines` that it goes in front of; their number: after them all."""

    before: int
    at: str
    caller: str
    address: str
    action: str
    """Its last word: `session`, `keyboard`, `nmi`."""
    status: str
    sub_status: str
    properties: dict[str, Any]
    text: str
    """All of it as a sentence."""


def since(marks: Sequence[Mark], begin: int) -> float | None:
    """Records from then on can have a place at or after the byte `begin`; None: any."""
    return max((mark.at for mark in marks if mark.offset <= begin), default=None)


def place(at: float, marks: Sequence[Mark], begin: int) -> int:
    """How far the log was at that time, as far as is known."""
    return max((mark.offset for mark in marks if mark.at <= at), default=begin)


def merged(
    text: bytes, begin: int, limit: int, entries: Sequence[ActivityEntry], marks: Sequence[Mark], ahead: float
) -> tuple[list[str], list[Record]]:
    """The last `limit` lines of `text`, and the records among them. `entries` oldest first; `ahead`: seconds
    by which the host's clock goes before ours.
    """
    lines: list[str] = []
    found: list[Record] = []
    done = 0
    for entry in entries:
        wanted = max(place(entry.at.timestamp() + ahead, marks, begin) - begin, done)
        # Lines stay whole: it goes behind the one that the guest was at.
        if 0 < wanted < len(text) and text[wanted - 1 : wanted] != b"\n":
            wanted = (text.find(b"\n", wanted) + 1) or len(text)
        wanted = min(wanted, len(text))
        if wanted > done:
            lines += printed.lines(text[done:wanted], limit)
            done = wanted
        found.append(record(entry, len(lines)))
    lines += printed.lines(text[done:], limit)
    cut = max(0, len(lines) - limit)
    kept = [msgspec.structs.replace(each, before=each.before - cut) for each in found if each.before >= cut]
    return lines[cut:], kept[-MAX_RECORDS:]


def is_told(entry: ActivityEntry) -> bool:
    """Whether the log's readers are told of it: not of looking alone, unless that was refused."""
    return entry.status == "Failed" or _verb(entry) not in _READS


def _verb(entry: ActivityEntry) -> str:
    named = entry.properties.get("action")
    return str(named) if named else entry.action.removesuffix("/action").rpartition("/")[2]


def record(entry: ActivityEntry, before: int) -> Record:
    """What is told of an entry, in front of the line with the index `before`."""
    told = {
        name: entry.properties[name] for name in _PROPERTIES if entry.properties.get(name) not in (None, "")
    }
    bare = Record(
        before=before,
        at=clock.iso(entry.at),
        caller=entry.caller,
        address=entry.client_address or "",
        action=_verb(entry),
        status=entry.status,
        sub_status=entry.sub_status,
        properties=told,
        text="",
    )
    return msgspec.structs.replace(bare, text=_sentence(bare))


def _sentence(record: Record) -> str:
    """`ann from 192.0.2.7: session Succeeded (Left), mode write, client oob, 12 s, 5 bytes in`."""
    told = [f"{record.caller or '-'} from {record.address or '-'}: {record.action} {record.status}"]
    if record.sub_status:
        told[0] += f" ({record.sub_status})"
    for name, value in record.properties.items():
        if name == "seconds":
            told.append(f"{value} s")
        elif name in ("bytesIn", "bytesOut"):
            told.append(f"{value} bytes {name.removeprefix('bytes').lower()}")
        elif name not in ("reason", "keyboard") or value != record.sub_status:
            told.append(f"{name} {value}")
    return ", ".join(told)
