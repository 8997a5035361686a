"""The part of OData's `$filter` that Azure's clients send: comparisons joined by `and`, and `atScope()`.

eventTimestamp ge '2026-01-01T00:00:00Z' and resourceGroupName eq 'rg1'

Microsoft Graph's clients add functions of a property, `startswith(displayName,'ad')`, Resource Manager's one
that is written the other way round: `substringof('ad', name)`.
"""

from __future__ import annotations

import re

import msgspec

from outofband.core.errors import Fault

MAX_FILTER = 2048
MAX_CONDITIONS = 16
_TERM = re.compile(
    r"\s*(?:(?P<call>[A-Za-z]{1,40})\(\s*(?:(?P<of>[A-Za-z]{1,80})\s*,\s*)?(?:'(?P<arg>(?:[^']|'')*)')?"
    r"\s*(?:,\s*(?P<on>[A-Za-z]{1,80})\s*)?\)"
    r"|(?P<name>[A-Za-z][A-Za-z0-9_./]{0,80})\s+(?P<op>eq|ne|ge|gt|le|lt)\s+(?:'(?P<text>(?:[^']|'')*)'|(?P<bare>[^\s']{1,80})))"
    r"\s*",
    re.IGNORECASE,
)
_AND = re.compile(r"and\b", re.IGNORECASE)


class Condition(msgspec.Struct, frozen=True):
    """`name` is in lower case. A function, such as `atScope()`, is the operator `call` with its argument; one
    of a property is itself the operator, in lower case: `displayname`, `startswith`, `ad`.
    """

    name: str
    operator: str
    value: str


def parse(text: str | None) -> list[Condition]:
    """Conditions that must all hold; none for an absent filter. Raises Fault InvalidParameter."""
    if text is None or not text.strip():
        return []
    if len(text) > MAX_FILTER:
        raise _refuse(f"it is longer than {MAX_FILTER} characters")
    conditions: list[Condition] = []
    position = 0
    while True:
        term = _TERM.match(text, position)
        if term is None:
            raise _refuse(f"a comparison was expected at '{text[position : position + 40].strip()}'")
        conditions.append(_condition(term))
        if len(conditions) > MAX_CONDITIONS:
            raise _refuse(f"it has more than {MAX_CONDITIONS} comparisons")
        position = term.end()
        if position == len(text):
            return conditions
        joint = _AND.match(text, position)
        if joint is None:
            raise _refuse(f"only 'and' joins comparisons, not '{text[position : position + 20].strip()}'")
        position = joint.end()


def _condition(term: re.Match[str]) -> Condition:
    if term["call"] is not None:
        argument = (term["arg"] or "").replace("''", "'")
        if term["of"] is not None and term["on"] is not None:
            raise _refuse(f"{term['call']} is a function of one property")
        if (of := term["of"] or term["on"]) is not None:
            return Condition(of.lower(), term["call"].lower(), argument)
        return Condition(term["call"].lower(), "call", argument)
    value = term["text"].replace("''", "'") if term["text"] is not None else term["bare"]
    return Condition(term["name"].lower(), term["op"].lower(), value)


def _refuse(detail: str) -> Fault:
    return Fault("InvalidParameter", target="$filter", detail=detail)
