"""Sentences that stand inside an entry or beside it, in every language: `say("token-expired", seconds=12)`.

`words.toml` has them by name, the languages side by side. What a field brings (a host, a port, a number,
what another program said) stays as it is.
"""

from __future__ import annotations

import functools
import string
import tomllib
from collections.abc import Callable, Mapping
from importlib import resources
from types import MappingProxyType
from typing import Any

from outofband.core.locale import DEFAULT, LOCALES


class Words:
    """A text in every language of core.locale. `str` gives the English one, which logs and programs get."""

    __slots__ = ("_texts",)

    def __init__(self, texts: Mapping[str, str]) -> None:
        self._texts = texts

    def text(self, locale: str = DEFAULT) -> str:
        return self._texts[locale]

    def __str__(self) -> str:
        return self._texts[DEFAULT]

    def __repr__(self) -> str:
        return f"Words({str(self)!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Words) and other._texts == self._texts

    def __hash__(self) -> int:
        return hash(str(self))


@functools.cache
def templates() -> Mapping[str, Mapping[str, str]]:
    """Every sentence by its name and language."""
    file = resources.files(__package__).joinpath("words.toml")
    return MappingProxyType(tomllib.loads(file.read_text("utf-8")))


def say(name: str, /, **fields: Any) -> Words:
    """The sentence `name` with its fields filled in; a field that is Words itself is in the same language.

    Raises KeyError for a name or a field that there is not: an error of the program, which a test finds.
    """
    template = templates()[name]
    return of_each(lambda locale: string.Formatter().vformat(template[locale], (), _in(fields, locale)))


def verbatim(text: str) -> Words:
    """What is the same in all languages: a command, an id, what another program said."""
    return of_each(lambda _: text)


def of_each(text: Callable[[str], str]) -> Words:
    """What `text` gives of each language."""
    return Words({locale: text(locale) for locale in LOCALES})


def in_language(value: Any, locale: str) -> Any:
    """The text of Words; anything else is as it is."""
    return value.text(locale) if isinstance(value, Words) else value


def _in(fields: Mapping[str, Any], locale: str) -> dict[str, Any]:
    return {name: in_language(each, locale) for name, each in fields.items()}
