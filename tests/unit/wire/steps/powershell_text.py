"""Enough of PowerShell's grammar to find what a text does: its words, its texts, and whether it is whole.

PowerShell cannot run where this is built. This reads quotes, here-strings, comments and brackets as the
language does, and raises ValueError where one is left open.
"""

from __future__ import annotations

import re

OPENING = {"(": ")", "{": "}", "[": "]"}
SINGLE = "'\u2018\u2019\u201a\u201b"
DOUBLE = '"\u201c\u201d\u201e'
_WORD = re.compile(r"[^\s(){}\[\];|&'\"#=,@$`]+|\$[A-Za-z_:][A-Za-z0-9_:]*|.")


def tokens(text: str) -> list[str]:
    """Words and brackets; a text in quotes as `'value'` with its quotes undoubled."""
    found: list[str] = []
    open_: list[str] = []
    at = 0
    while at < len(text):
        char = text[at]
        if char.isspace():
            at += 1
        elif char == "#" and (at == 0 or text[at - 1].isspace() or text[at - 1] in ";{(|"):
            at = _end(text, "\n", at)
        elif char in SINGLE:
            value, at = _quoted(text, at, SINGLE, escape="")
            found.append(f"'{value}'")
        elif char in DOUBLE:
            value, at = _quoted(text, at, DOUBLE, escape="`")
            found.append(f'"{value}"')
        elif char == "`":
            at += 2
        elif char in OPENING:
            open_.append(char)
            found.append(char)
            at += 1
        elif char in OPENING.values():
            if not open_ or OPENING[open_.pop()] != char:
                raise ValueError(f"expected no {char!r} at {text[max(0, at - 40) : at + 1]!r}")
            found.append(char)
            at += 1
        else:
            match = _WORD.match(text, at)
            assert match is not None
            found.append(match[0])
            at = match.end()
    if open_:
        raise ValueError(f"left open: {open_}")
    return found


def texts(text: str) -> list[str]:
    """The values in single quotes, in order."""
    return [each[1:-1] for each in tokens(text) if each.startswith("'") and len(each) > 1]


def _end(text: str, what: str, at: int) -> int:
    end = text.find(what, at)
    return len(text) if end < 0 else end


def _quoted(text: str, at: int, quotes: str, *, escape: str) -> tuple[str, int]:
    value = ""
    at += 1
    while at < len(text):
        char = text[at]
        if escape and char == escape:
            value += text[at : at + 2]
            at += 2
        elif char in quotes:
            if at + 1 < len(text) and text[at + 1] in quotes:
                value += char
                at += 2
                continue
            return value, at + 1
        else:
            value += char
            at += 1
    raise ValueError(f"a text was left open: {value[:60]!r}")
