"""From a text that somebody pastes to the entries that it may be of, in any of the languages.

Four ways, the surest first: a code stands in it; a whole message does, with its fields; it is a part of a
title or message; or most of its words are in one. Azure's own words for the same things count as messages.
"""

from __future__ import annotations

import enum
import functools
import math
import re
import string
import tomllib
import unicodedata
from collections import Counter
from importlib import resources

import msgspec

from outofband.catalogue.entries import codes, entry, translations
from outofband.core.locale import DEFAULT, LOCALES

MAX_TEXT = 8000
"""Characters of a text that are looked at."""
MAX_MATCHES = 5
MIN_PART = 10
"""Characters from which a piece of a message is told from chance."""
MIN_LITERAL = 16
"""Characters that a message has beside its fields when it may be looked for anywhere."""
MAX_FIELD = 300
"""Characters of a field's value."""
MAX_BEGINNINGS = 8
MIN_SCORE = 0.5
UNKNOWN = 1.0
"""Weight of a word that no entry has: a name, most often."""
_WORD = re.compile(r"[^\W_]{3,}")
_CODE = re.compile(r"\b[A-Z][A-Za-z0-9]+\b")
_QUOTES = str.maketrans(dict.fromkeys("’‘“”«»\"'`…", " "))


class How(enum.StrEnum):
    """In which way a text was recognised; the surest first."""

    CODE = "code"
    MESSAGE = "message"
    PART = "part"
    WORDS = "words"


class Match(msgspec.Struct, frozen=True, kw_only=True):
    """An entry that a text may be of. `score` from 0 to 1 tells matches of one kind apart."""

    code: str
    how: How
    score: float
    locale: str = DEFAULT
    """The language that the text is in, as far as it shows."""
    fields: dict[str, str] = {}


class _Text(msgspec.Struct, frozen=True):
    """One title or message, to be compared with."""

    code: str
    locale: str
    template: str
    pieces: tuple[str, ...]
    """What stands between the fields, evened and in small letters."""

    @property
    def literal(self) -> str:
        return " ".join(self.pieces)


def match(text: str) -> list[Match]:
    """The entries that `text` may be of, likeliest first; none when nothing is like it."""
    text = text[:MAX_TEXT]
    found: dict[str, Match] = {}
    known = {code.lower(): code for code in codes()}
    alone = known.get(text.strip(" ().'\"").lower())
    named = [alone] if alone else [each for each in _CODE.findall(text) if each in known.values()]
    evened = _even(text)
    for each in _messages(evened):
        _add(found, each)
    for code in named:
        said = found.get(code)
        _add(
            found,
            Match(
                code=code,
                how=How.CODE,
                score=1.0,
                locale=said.locale if said else DEFAULT,
                fields=said.fields if said else {},
            ),
        )
    if not found:
        for each in [*_parts(evened), *_words(evened)]:
            _add(found, each)
    order = list(How)
    return sorted(found.values(), key=lambda each: (order.index(each.how), -each.score, each.code))[
        :MAX_MATCHES
    ]


def _add(found: dict[str, Match], new: Match) -> None:
    old = found.get(new.code)
    order = list(How)
    if old is None or (order.index(new.how), -new.score) < (order.index(old.how), -old.score):
        found[new.code] = new


def _even(text: str) -> str:
    """Without quotes, which every program and page draws in its own way, and with single blanks."""
    return " ".join(unicodedata.normalize("NFKC", text).translate(_QUOTES).split())


def _messages(evened: str) -> list[Match]:
    lowered = evened.lower()
    if len(lowered) != len(evened):
        # A letter that has no small form of its own length: places would not agree.
        evened = lowered
    found = []
    for each in _texts():
        if len(each.literal) < MIN_LITERAL or not all(piece in lowered for piece in each.pieces):
            continue
        fields = _fields(each.template, evened, lowered)
        if fields is not None:
            score = min(1.0, len(each.literal) / max(1, len(evened)))
            found.append(
                Match(code=each.code, how=How.MESSAGE, score=score, locale=each.locale, fields=fields)
            )
    return found


def _fields(template: str, evened: str, lowered: str) -> dict[str, str] | None:
    """What stands where a template has its fields; None when its pieces do not follow each other.

    A pasted text is anybody's: pieces are looked for one after the other, each from a few beginnings, and
    nothing is tried again.
    """
    parts = [(_even(literal).lower(), name) for literal, name, _, _ in string.Formatter().parse(template)]
    first, _ = parts[0]
    begin = lowered.find(first)
    for _ in range(MAX_BEGINNINGS):
        if begin < 0:
            return None
        found = _follow(parts, evened, lowered, begin)
        if found is not None:
            return found
        begin = lowered.find(first, begin + 1)
    return None


def _follow(
    parts: list[tuple[str, str | None]], evened: str, lowered: str, begin: int
) -> dict[str, str] | None:
    fields: dict[str, str] = {}
    literal, open_field = parts[0]
    at = begin + len(literal)
    for literal, name in parts[1:]:
        piece = literal.strip(" .")
        if piece:
            place = lowered.find(piece, at, at + MAX_FIELD + len(piece))
            if place < 0 or not _fits(fields, open_field, evened[at:place]):
                return None
            at, open_field = place + len(piece), None
        open_field = name or open_field
    if open_field is not None:
        rest = evened[at : at + MAX_FIELD]
        end = rest.find(". ")
        if not _fits(fields, open_field, rest if end < 0 else rest[:end]):
            return None
    return fields


def _fits(fields: dict[str, str], name: str | None, value: str) -> bool:
    """Take a field's value; the same field has the same value everywhere."""
    value = value.strip(" .")
    if name is None:
        return not value
    return bool(value) and fields.setdefault(name, value) == value


def _parts(evened: str) -> list[Match]:
    lowered = evened.strip(" .").lower()
    if len(lowered) < MIN_PART:
        return []
    found = []
    for each in _texts():
        for piece in each.pieces:
            if lowered in piece:
                score = len(lowered) / len(each.literal)
                found.append(Match(code=each.code, how=How.PART, score=score, locale=each.locale))
    return found


def _words(evened: str) -> list[Match]:
    asked = set(_WORD.findall(evened.lower()))
    weights = _weights()
    whole = sum(weights.get(word, UNKNOWN) for word in asked)
    if len(asked) < 2:
        return []
    found = []
    for each, words in zip(_texts(), _words_of_texts(), strict=True):
        common = asked & words
        if len(common) < 2:
            continue
        score = sum(weights[word] for word in common) / whole
        if score >= MIN_SCORE:
            share = len(common) / max(len(words), 1)
            found.append(
                Match(code=each.code, how=How.WORDS, score=score * (0.5 + share / 2), locale=each.locale)
            )
    return found


@functools.cache
def _texts() -> tuple[_Text, ...]:
    found = []
    for locale in LOCALES:
        words = translations(locale)
        for code in sorted(codes()):
            if locale == DEFAULT:
                known = entry(code)
                found += [_text(code, locale, known.title), _text(code, locale, known.message)]
            elif code in words:
                found += [_text(code, locale, words[code].title), _text(code, locale, words[code].message)]
    file = resources.files(__package__).joinpath("azure_texts.toml")
    for row in tomllib.loads(file.read_text("utf-8"))["text"]:
        found += [_text(row["code"], locale, row[locale]) for locale in LOCALES if locale in row]
    return tuple(found)


def _text(code: str, locale: str, template: str) -> _Text:
    parts = string.Formatter().parse(template)
    pieces = (_even(literal).strip(" .").lower() for literal, *_ in parts)
    return _Text(code, locale, template, tuple(piece for piece in pieces if _WORD.search(piece)))


@functools.cache
def _words_of_texts() -> tuple[frozenset[str], ...]:
    return tuple(frozenset(_WORD.findall(each.literal.lower())) for each in _texts())


@functools.cache
def _weights() -> dict[str, float]:
    """How much a word says: the fewer texts have it, the more."""
    counted = Counter(word for words in _words_of_texts() for word in words)
    return {word: math.log(len(_texts()) / number) for word, number in counted.items()}
