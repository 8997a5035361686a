"""The codes of `azcmagent`: which there are, since which agent, and which of them changed their meaning.

A number is a promise to scripts: it is the exit code. Azure's agent gave some of them another meaning over
the years; here the meaning of the document of April 2021 stays with the number alone, and a later one has an
entry of its own in the catalogue, whose name goes on after the digits (`AZCM0068Subscription`). People see
the number.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import msgspec

from outofband.catalogue import Words
from outofband.core.errors import Fault

FIRST = "2021-04"
"""The document of April 2021 has it."""
TPM = "1.62"
NOW = "1.67"
"""The document of August 2026, which describes this agent, has it; nobody wrote down since when."""
MAX_EXIT = 108
_CODE = re.compile(r"(AZCM(\d{4}))([A-Z][A-Za-z]*)?")


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """`since`: the document or version that first has this meaning; `dropped`: the one that has it no more.

    `instead` is what later agents say in its place; without one the number has another meaning there, which
    has a row of its own. Here every row is told.
    """

    since: str
    dropped: str = ""
    instead: str = ""


ROWS: Mapping[str, Row] = MappingProxyType(
    {
        "AZCM0000": Row(since=FIRST),
        "AZCM0001": Row(since=FIRST),
        "AZCM0002": Row(since=NOW),
        "AZCM0003": Row(since=NOW),
        "AZCM0005": Row(since=NOW),
        "AZCM0006": Row(since=NOW),
        "AZCM0011": Row(since=FIRST),
        "AZCM0012": Row(since=FIRST),
        "AZCM0013": Row(since=FIRST, dropped=NOW, instead="AZCM0023"),
        "AZCM0014": Row(since=FIRST, dropped=NOW, instead="AZCM0023"),
        "AZCM0015": Row(since=FIRST, dropped=NOW, instead="AZCM0023"),
        "AZCM0016": Row(since=FIRST),
        "AZCM0017": Row(since=FIRST, dropped=NOW, instead="AZCM0023"),
        "AZCM0018": Row(since=FIRST),
        "AZCM0019": Row(since=NOW),
        "AZCM0020": Row(since=NOW),
        "AZCM0023": Row(since=NOW),
        "AZCM0026": Row(since=NOW),
        "AZCM0027": Row(since=NOW),
        "AZCM0028": Row(since=TPM),
        "AZCM0041": Row(since=FIRST),
        "AZCM0042": Row(since=FIRST),
        "AZCM0043": Row(since=FIRST),
        "AZCM0044": Row(since=FIRST),
        "AZCM0045": Row(since=NOW),
        "AZCM0061": Row(since=FIRST),
        "AZCM0062": Row(since=FIRST),
        "AZCM0063": Row(since=FIRST),
        "AZCM0064": Row(since=FIRST),
        "AZCM0065": Row(since=FIRST),
        "AZCM0066": Row(since=FIRST),
        "AZCM0067": Row(since=FIRST),
        "AZCM0068": Row(since=FIRST, dropped=NOW),
        "AZCM0068Subscription": Row(since=NOW),
        "AZCM0069": Row(since=NOW),
        "AZCM0070": Row(since=NOW),
        "AZCM0072": Row(since=NOW),
        "AZCM0075": Row(since=NOW),
        "AZCM0081": Row(since=FIRST),
        "AZCM0101": Row(since=FIRST, dropped=NOW),
        "AZCM0101Execution": Row(since=NOW),
        "AZCM0102": Row(since=FIRST),
        "AZCM0103": Row(since=FIRST),
        "AZCM0104": Row(since=FIRST, dropped=NOW),
        "AZCM0104Key": Row(since=NOW),
        "AZCM0106": Row(since=NOW),
        "AZCM0107": Row(since=NOW),
    }
)
"""By the name of the entry, in the order of the numbers."""

WRAPPERS: Mapping[str, str] = MappingProxyType({"connect": "AZCM0062", "disconnect": "AZCM0063"})
"""What stands round the code of the step that failed."""


class AzcmFault(Fault):
    """A failure of `azcmagent`, with what shows it.

    `detail`: what the entry's message has of this case. `evidence`: sentences in plain text without secrets,
    each a fact (which proxy, action, role). `remedy`: steps of this very case, told before those of the
    entry, or with `sole` without them: they are for other causes of the same code. `outer`: the code of the
    verb that failed with it (WRAPPERS), empty when nothing was begun; `step`: at which step of that verb.
    That these are Words keeps texts of one language only from being told.
    """

    def __init__(
        self,
        code: str,
        /,
        *,
        detail: Words | None = None,
        evidence: tuple[Words, ...] = (),
        remedy: tuple[Words, ...] = (),
        sole: bool = False,
        outer: str = "",
        step: Words | None = None,
        **fields: Any,
    ) -> None:
        told = {"detail": detail, "step": step}
        super().__init__(code, **{name: each for name, each in told.items() if each is not None}, **fields)
        self.evidence = evidence
        self.remedy = remedy
        self.sole = sole
        self.outer = outer
        self.step = step


def shown(code: str) -> str:
    """The number that people see: `AZCM0068` of `AZCM0068Subscription`; any other code is as it is."""
    found = _CODE.fullmatch(code)
    return found[1] if found else code


def exit_code(code: str) -> int | None:
    """The exit code that a code of `azcmagent` is; None for a code of something else."""
    found = _CODE.fullmatch(code)
    return int(found[2]) if found else None


def meanings(code: str) -> tuple[str, ...]:
    """Entries of a number, oldest meaning first; empty when there is no such number."""
    wanted = shown(code.strip().upper())
    return tuple(name for name in ROWS if shown(name) == wanted)


def age(code: str) -> str:
    """`since 2021-04, in 1.67 told as AZCM0023`; empty for a code of something else."""
    row = ROWS.get(code)
    if row is None:
        return ""
    words = f"since {row.since}"
    if row.instead:
        words += f", in {row.dropped} told as {row.instead}"
    elif row.dropped:
        words += f", in {row.dropped} the number means something else"
    return words
