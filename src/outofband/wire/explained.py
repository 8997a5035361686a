"""An explanation of whatever somebody has in hand: a code, an error's text, a line or a log of a guest.

The catalogue recognises what this system and Azure say, the detector what guests print. CLI and API tell
both in the same form.
"""

from __future__ import annotations

import string

import msgspec

from outofband.catalogue import How, entry, explain, match
from outofband.core.errors import Fault
from outofband.core.locale import DEFAULT
from outofband.wire import azcm
from outofband.wire.detect.offline import Located, scan

LOG = "log"
"""`how` of what a guest's own output shows; the others are those of `catalogue.How`."""


class Shown(msgspec.Struct, frozen=True, kw_only=True):
    """A line that shows it: its number from 1, the offset of its first byte."""

    line: int
    offset: int
    text: str


class Explanation(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An entry in the reader's language, and where the text is of it. A field that the text does not tell is
    an ellipsis in the sentences and is not among `fields`.
    """

    code: str
    how: str
    title: str
    message: str
    cause: str = ""
    remedy: list[str]
    fields: dict[str, str] = {}
    action: str | None = None
    retry: bool = False
    severity: str | None = None
    line: int | None = None
    offset: int | None = None
    count: int = 1
    ended: bool = False
    """It was over before the log's end."""
    evidence: list[Shown] = []
    age: str = ""
    """Since and until when a code of `azcmagent` has this meaning."""


def of_code(code: str, locale: str = DEFAULT) -> Explanation:
    """`code` is one that the catalogue has."""
    return _filled(code, "code", {}, locale)


def of_text(text: str, locale: str = DEFAULT) -> list[Explanation]:
    """Likeliest first; none when nothing is recognised."""
    # A prompt is a prompt with the blank behind it, which gets lost where texts are copied.
    printed = [_located(each, locale) for each in scan(f"{text.rstrip()} \n".encode())]
    seen = {each.code for each in printed}
    # What only resembles it is no news beside what a guest said itself.
    sure = (How.CODE, How.MESSAGE) if printed else tuple(How)
    said = [each for each in match(text) if each.code not in seen and each.how in sure]
    known = {each.code for each in said}
    told = list(printed)
    for each in said:
        told.append(_filled(each.code, each.how, each.fields, locale))
        if each.how is How.CODE:
            # A number that changed its meaning: whoever has only the number is told all of them.
            later = [name for name in azcm.meanings(each.code) if name not in known]
            told += [_filled(name, How.CODE, {}, locale) for name in later]
            known.update(later)
    return told


def of_log(data: bytes, locale: str = DEFAULT) -> list[Explanation]:
    """In the order of the log; none when nothing failed in it."""
    return [_located(each, locale) for each in scan(data)]


def _located(located: Located, locale: str) -> Explanation:
    found = located.finding
    shown = [
        Shown(line=line, offset=each.offset, text=each.text)
        for line, each in zip(located.lines, found.evidence, strict=True)
    ]
    return msgspec.structs.replace(
        _filled(found.code, LOG, found.fields, locale),
        severity=found.severity.value,
        line=located.line,
        offset=found.offset,
        count=found.count,
        ended=found.ended is not None,
        evidence=shown,
    )


def _filled(code: str, how: str, fields: dict[str, str], locale: str) -> Explanation:
    known = entry(code, locale)
    texts = (known.title, known.message, known.cause, *known.remedy)
    names = {name for text in texts for _, name, _, _ in string.Formatter().parse(text) if name}
    said = explain(Fault(code, **(dict.fromkeys(names, "…") | fields)), locale)
    return Explanation(
        code=azcm.shown(code),
        how=how,
        title=said.title,
        message=said.message,
        cause=said.cause,
        remedy=said.remedy,
        fields=fields,
        action=said.action,
        retry=said.retry,
        age=azcm.age(code),
    )
