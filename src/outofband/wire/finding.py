"""A finding: a failure that was recognised in what a guest printed, with its evidence.

The agent recognises (`wire.detect`), the control plane keeps and tells. Cause and remedy are the catalogue's
entry of `code`, in every language; a finding carries only what is particular to it.
"""

from __future__ import annotations

import enum
import math
import re

import msgspec

MAX_EVIDENCE = 8
"""Lines that one finding shows."""
MAX_TEXT = 200
"""Characters of one of them."""
MAX_FIELDS = 8
MAX_COUNT = 1_000_000_000
_MAX_OFFSET = 2**63 - 1
_LAST_SECOND = 253402300799.0
"""End of the year 9999: later moments have no date."""
_WORD = re.compile(r"[A-Za-z][A-Za-z0-9]{0,63}")
_PORT = re.compile(r"[A-Za-z0-9]{1,8}")
_FIELD = re.compile(r"[a-z][a-zA-Z0-9_]{0,39}")


class Severity(enum.StrEnum):
    ERROR = "error"
    """The guest does not come up, or has stopped."""
    WARNING = "warning"
    """It runs, and something in it is broken."""
    NOTE = "note"
    """Worth knowing for whoever looks at the console; nothing is broken."""


class Evidence(msgspec.Struct, frozen=True, kw_only=True):
    """One line that the guest printed: `offset` of its first byte in the port's log, `at` seconds since the
    epoch by the host's clock when the host saw it. `text` has no control characters.
    """

    offset: int
    at: float
    text: str


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """`id` is the same for every word on the same event: `CODE-PORT-OFFSET`, with the offset at which it was
    first seen. A later one with that id replaces the earlier: `count` and `last` grow, `ended` gets a time.
    """

    id: str
    code: str
    """Its entry in the catalogue."""
    severity: Severity
    port: str
    boot: int
    """Number of the guest's boot on its host, as the log's index counts them."""
    offset: int
    first: float
    """Seconds since the epoch, host's clock, when the decisive byte was seen."""
    last: float
    count: int = 1
    fields: dict[str, str] = {}
    """What the catalogue's texts name: the failing unit, the missing file."""
    evidence: tuple[Evidence, ...] = ()
    ended: float | None = None
    """When it was over: the guest was reset, or came up after all. None while it holds."""


def finding_id(code: str, port: str, offset: int) -> str:
    return f"{code}-{port}-{offset}"


def cleaned(finding: Finding) -> Finding | None:
    """A finding as a stranger sent it, cut to its bounds and with texts that nothing obeys.

    None when it cannot be one: an id that does not fit, a number or time that cannot be.
    """
    if not _WORD.fullmatch(finding.code) or not _PORT.fullmatch(finding.port):
        return None
    numbers = (finding.offset, finding.boot, *(each.offset for each in finding.evidence))
    times = [finding.first, finding.last, *(each.at for each in finding.evidence)]
    if finding.ended is not None:
        times.append(finding.ended)
    if not all(0 <= number <= _MAX_OFFSET for number in numbers):
        return None
    if not all(math.isfinite(time) and 0.0 <= time <= _LAST_SECOND for time in times):
        return None
    if finding.id != finding_id(finding.code, finding.port, finding.offset) or finding.count < 1:
        return None
    fields = {name: plain(value) for name, value in sorted(finding.fields.items()) if _FIELD.fullmatch(name)}
    return msgspec.structs.replace(
        finding,
        count=min(finding.count, MAX_COUNT),
        fields=dict(list(fields.items())[:MAX_FIELDS]),
        evidence=tuple(
            msgspec.structs.replace(each, text=plain(each.text)) for each in finding.evidence[:MAX_EVIDENCE]
        ),
    )


def plain(text: str) -> str:
    """At most MAX_TEXT characters, and none that a terminal or a page would obey."""
    return "".join(each if each.isprintable() else "\ufffd" for each in text[:MAX_TEXT])


def is_newer(finding: Finding, known: Finding) -> bool:
    """Whether `finding` says more than `known` of the same id: a host that was killed may say older words
    again after newer ones.
    """
    return _age(finding) > _age(known)


def _age(finding: Finding) -> tuple[float, int, bool]:
    return finding.last, finding.count, finding.ended is not None
