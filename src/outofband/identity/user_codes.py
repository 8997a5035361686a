"""The short code that a person carries from one screen to another (RFC 8628 section 6.1)."""

from __future__ import annotations

import secrets

ALPHABET = "BCDFGHJKLMNPQRSTVWXZ"
"""No vowels: no code is a word."""
LENGTH = 8
"""20 ** 8 codes; guesses are limited, and a right one still asks the guesser to allow somebody else in."""


def make() -> str:
    return "".join(secrets.choice(ALPHABET) for _ in range(LENGTH))


def shown(code: str) -> str:
    """In two halves: `BCDF-GHJK`."""
    return f"{code[: LENGTH // 2]}-{code[LENGTH // 2 :]}"


def typed(text: str) -> str | None:
    """The code that somebody typed, whatever the case and the dashes; None when it cannot be one."""
    code = "".join(each for each in text.upper() if each.isalnum())
    return code if len(code) == LENGTH and set(code) <= set(ALPHABET) else None
