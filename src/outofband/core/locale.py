"""Which of the languages that there are texts in somebody reads."""

from __future__ import annotations

from collections.abc import Mapping

DEFAULT = "en"
LOCALES = (DEFAULT, "fr", "nl")
MAX_HEADER = 200
"""Characters of an Accept-Language that are looked at."""
VARIABLES = ("OOB_LANG", "LC_ALL", "LC_MESSAGES", "LANG")
"""The first of them that is set decides."""


def known(tag: str) -> str | None:
    """`fr` of `fr`, `fr-BE` and `fr_FR.UTF-8`; None for a language that there are no texts in."""
    primary = tag.strip().replace("_", "-").partition("-")[0].partition(".")[0].lower()
    return primary if primary in LOCALES else None


def of_header(accepted: str | None) -> str:
    """The best known language of an Accept-Language (RFC 9110 section 12.5.4)."""
    best, weight = DEFAULT, 0.0
    for each in (accepted or "")[:MAX_HEADER].split(","):
        tag, _, parameter = each.partition(";")
        found = known(tag)
        if found is not None and (asked := _weight(parameter)) > weight:
            best, weight = found, asked
    return best


def of_environment(environment: Mapping[str, str]) -> str:
    """The language of whoever runs a program."""
    for name in VARIABLES:
        if value := environment.get(name):
            return known(value) or DEFAULT
    return DEFAULT


def _weight(parameter: str) -> float:
    name, _, value = parameter.strip().partition("=")
    if name.strip().lower() != "q":
        return 1.0
    try:
        found = float(value)
    except ValueError:
        return 0.0
    return found if 0.0 <= found <= 1.0 else 0.0
