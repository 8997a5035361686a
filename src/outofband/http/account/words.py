"""The sentences of the account pages, by key. Errors have theirs in the catalogue."""

from __future__ import annotations

import functools
import tomllib
from importlib import resources

import msgspec

LOCALE = "en"


@functools.cache
def _table(locale: str) -> dict[str, str]:
    text = resources.files(__package__).joinpath("text", f"{locale}.toml").read_text("utf-8")
    areas = msgspec.convert(tomllib.loads(text), dict[str, dict[str, str]])
    return {f"{area}.{key}": words for area, table in areas.items() for key, words in table.items()}


def keys() -> frozenset[str]:
    return frozenset(_table(LOCALE))


def words(key: str, **fields: object) -> str:
    """The sentence, not escaped yet; `{name}` is filled in. Raises KeyError for an unknown key or field."""
    return _table(LOCALE)[key].format_map(fields)
