"""The value of `--tags`: NAME=VALUE with commas between, blanks in single quotes, backslashes as escapes."""

from __future__ import annotations

from collections.abc import Mapping

from outofband.catalogue import Words, say
from outofband.wire.azcm import AzcmFault

MAX_TAGS = 50
MAX_NAME = 512
MAX_VALUE = 256
FORBIDDEN = "<>%&\\?/"
"""Resource Manager takes none of these in a name."""
_MARKS = "',=\\"


def parse(text: str) -> dict[str, str]:
    """`{"SingleName": "Value with spaces", "Location": "Redmond"}`. Raises AzcmFault AZCM0013.

    A quote may open in the middle of a word, as in a shell; blanks at the ends of what is not quoted do not
    count.
    """
    found: dict[str, str] = {}
    if not text.strip():
        raise _wrong(say("tags-none"))
    for number, (name, value) in enumerate(_pairs(text), start=1):
        _check(name, value, number)
        if name.lower() in (each.lower() for each in found):
            raise _wrong(say("tags-twice", name=name))
        found[name] = value
    if len(found) > MAX_TAGS:
        raise _wrong(say("tags-too-many", count=len(found), most=MAX_TAGS))
    return found


def written(tags: Mapping[str, str]) -> str:
    """What `parse` reads back."""
    return ",".join(f"{_quoted(name)}={_quoted(value)}" for name, value in tags.items())


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace("'", "\\'")
    plain = (
        escaped == text and text == text.strip() and text and not any(mark in text for mark in _MARKS + " ")
    )
    return text if plain else f"'{escaped}'"


def _pairs(text: str) -> list[tuple[str, str]]:
    pairs: list[tuple[str, str]] = []
    name: str | None = None
    word = _Word()
    quote = -1
    at = 0
    while at < len(text):
        each = text[at]
        if each == "\\":
            at += 1
            if at == len(text):
                raise _wrong(say("tags-backslash"))
            word.add(text[at], kept=True)
        elif each == "'":
            quote = at if quote < 0 else -1
            word.quoted = True
        elif quote >= 0:
            word.add(each, kept=True)
        elif each == "=" and name is None:
            name, word = word.text, _Word()
        elif each == "=":
            raise _wrong(say("tags-second-equals", name=name))
        elif each == ",":
            pairs.append(_pair(name, word, len(pairs) + 1))
            name, word = None, _Word()
        else:
            word.add(each)
        at += 1
    if quote >= 0:
        raise _wrong(say("tags-quote-open", at=quote + 1))
    pairs.append(_pair(name, word, len(pairs) + 1))
    return pairs


class _Word:
    """Collects a name or a value; what was quoted or escaped keeps its blanks."""

    def __init__(self) -> None:
        self.quoted = False
        self._letters: list[tuple[str, bool]] = []

    def add(self, letter: str, *, kept: bool = False) -> None:
        self._letters.append((letter, kept))

    @property
    def text(self) -> str:
        letters = list(self._letters)
        while letters and letters[0] in ((" ", False), ("\t", False)):
            letters.pop(0)
        while letters and letters[-1] in ((" ", False), ("\t", False)):
            letters.pop()
        if not self.quoted and any(letter in " \t" and not kept for letter, kept in letters):
            whole = "".join(letter for letter, _ in letters)
            raise _wrong(say("tags-blanks", text=whole))
        return "".join(letter for letter, _ in letters)


def _pair(name: str | None, word: _Word, number: int) -> tuple[str, str]:
    if name is None:
        raise _wrong(say("tags-no-equals", number=number, text=word.text))
    return name, word.text


def _check(name: str, value: str, number: int) -> None:
    if not name:
        raise _wrong(say("tags-no-name", number=number))
    if len(name) > MAX_NAME or len(value) > MAX_VALUE:
        raise _wrong(say("tags-too-long", name=MAX_NAME, value=MAX_VALUE))
    if bad := next((each for each in name if each in FORBIDDEN or not each.isprintable()), None):
        raise _wrong(say("tags-character", name=name, character=repr(bad)))


def _wrong(detail: Words) -> AzcmFault:
    return AzcmFault("AZCM0013", detail=detail)
