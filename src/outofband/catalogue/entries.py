"""The catalogue: from a Fault's code to words a person can act on."""

from __future__ import annotations

import functools
import string
import tomllib
from collections.abc import Mapping
from importlib import resources
from typing import Any, TypeVar

import msgspec

from outofband.catalogue.words import in_language
from outofband.core.errors import Fault
from outofband.core.locale import DEFAULT, LOCALES

DEFAULT_LOCALE = DEFAULT
FALLBACK = "InternalError"
T = TypeVar("T")


class Entry(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One catalogue entry. Templates use `{field}`; a field the fault lacks prints as `?`.

    `status` is the HTTP status, `exit` the exit code of the CLI (docs/reference/exit-codes.md), `retry` tells
    a client that trying again unchanged may work, `action` names what a front end may offer as a button.
    """

    title: str
    message: str
    cause: str = ""
    remedy: list[str] = msgspec.field(default_factory=list)
    status: int = 400
    exit: int = 1
    retry: bool = False
    action: str | None = None


class Translation(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The words of an entry in another language; everything else of it is the same in all of them."""

    title: str
    message: str
    cause: str = ""
    remedy: list[str] = msgspec.field(default_factory=list)


class Explained(msgspec.Struct, frozen=True, kw_only=True):
    """An entry with the fault's fields filled in."""

    code: str
    title: str
    message: str
    cause: str
    remedy: list[str]
    status: int
    exit: int
    retry: bool
    action: str | None


class _Lenient(string.Formatter):
    """Formats without ever raising: an error text must not fail while telling of a failure."""

    def get_field(self, field_name: str, args: Any, kwargs: Mapping[str, Any]) -> tuple[Any, str]:
        return kwargs.get(field_name, "?"), field_name


@functools.cache
def _table(locale: str) -> dict[str, Entry]:
    """Every entry; what a language has no words for is in English."""
    if locale == DEFAULT_LOCALE:
        return _read(locale, Entry)
    table = dict(_table(DEFAULT_LOCALE))
    for code, words in translations(locale).items():
        table[code] = msgspec.structs.replace(table[code], **msgspec.structs.asdict(words))
    return table


@functools.cache
def translations(locale: str) -> dict[str, Translation]:
    """What a language has words for; none for the default, which has the entries themselves."""
    if locale not in LOCALES:
        raise ValueError(f"expected one of {', '.join(LOCALES)}, got {locale!r}")
    return {} if locale == DEFAULT_LOCALE else _read(locale, Translation)


def _read(locale: str, kind: type[T]) -> dict[str, T]:
    table: dict[str, T] = {}
    for file in resources.files(__package__).joinpath(locale).iterdir():
        if not file.name.endswith(".toml"):
            continue
        area = msgspec.convert(tomllib.loads(file.read_text("utf-8")), dict[str, kind])  # type: ignore[valid-type]
        if twice := table.keys() & area.keys():
            raise ValueError(f"{file.name}: entries that another file has already: {sorted(twice)}")
        table |= area
    return table


def codes() -> frozenset[str]:
    """Every code that has an entry."""
    return frozenset(_table(DEFAULT_LOCALE))


def entry(code: str, locale: str = DEFAULT_LOCALE) -> Entry:
    """The raw entry of a code; an unknown code gets the entry of InternalError."""
    table = _table(locale)
    return table.get(code) or table[FALLBACK]


def outline(template: str) -> str:
    """A template where nobody knows its fields: an ellipsis in place of each."""
    names = {name for _, name, _, _ in string.Formatter().parse(template) if name}
    return _Lenient().vformat(template, (), dict.fromkeys(names, "…"))


def explain(fault: Fault, locale: str = DEFAULT_LOCALE) -> Explained:
    """Fill the entry of a fault's code with the fault's fields; a field that is Words is told in `locale`."""
    found = entry(fault.code, locale)
    fields = {name: in_language(each, locale) for name, each in fault.fields.items()}
    fill = functools.partial(_Lenient().vformat, args=(), kwargs=fields)
    return Explained(
        code=fault.code,
        title=fill(found.title),
        message=fill(found.message),
        cause=fill(found.cause),
        remedy=[fill(step) for step in found.remedy],
        status=found.status,
        exit=found.exit,
        retry=found.retry,
        action=found.action,
    )
