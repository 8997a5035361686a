"""Codes on paper for the day on which phone and key are gone."""

from __future__ import annotations

import secrets

COUNT = 10
ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"
"""Without what looks alike in print: i l o 0 1."""
_GROUPS, _GROUP = 4, 4
"""79 bits: nobody finds one from its digest."""


def make() -> list[str]:
    """Ten new ones, in the form they are kept in."""
    length = _GROUPS * _GROUP
    return ["".join(secrets.choice(ALPHABET) for _ in range(length)) for _ in range(COUNT)]


def shown(code: str) -> str:
    """In groups: `abcd-efgh-jkmn-pqrs`."""
    return "-".join(code[at : at + _GROUP] for at in range(0, len(code), _GROUP))


def typed(text: str) -> str | None:
    """The code that somebody typed, whatever the case and the dashes; None when it cannot be one."""
    code = "".join(each for each in text.lower() if each.isalnum())
    return code if len(code) == _GROUPS * _GROUP and set(code) <= set(ALPHABET) else None
