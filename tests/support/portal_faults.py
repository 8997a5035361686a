"""The catalogue's words for what ends or troubles a console, as the portal's console carries them.

Refusals of the API bring their words along; a CLOSE or an alarm on the console's own socket is a code with
fields. `python -m tests.support.portal_faults` writes the file; a test fails when the catalogue has moved on.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterable
from importlib import resources
from pathlib import Path

from outofband.catalogue import Entry, entry, translations
from outofband.catalogue.entries import Translation
from outofband.core.locale import DEFAULT, LOCALES

FILE = Path(__file__).parents[2] / "web" / "src" / "console" / "faults.json"
AREAS = ["console", "gateway", "agent", "known_issues"]
OTHERS = ["InternalError", "ConsoleUnreachable", "MfaRequired", "SacDisabled", "KernelDebuggerOnPort"]
_WIDTH = 110
_WORDS = ("title", "message", "cause", "remedy")
_KEPT = (*_WORDS, "retry", "action")


def text() -> str:
    """The file, laid out as the portal's formatter does it."""
    codes = set(OTHERS)
    for area in AREAS:
        file = resources.files("outofband.catalogue").joinpath(DEFAULT, f"{area}.toml")
        codes |= tomllib.loads(file.read_text("utf-8")).keys()
    english = {code: entry(code) for code in codes}
    tables: dict[str, dict[str, dict[str, object]]] = {
        DEFAULT: {code: _kept(found, _KEPT) for code, found in english.items()}
    }
    for locale in LOCALES[1:]:
        words = translations(locale)
        tables[locale] = {code: _kept(words[code], _WORDS) for code in codes & words.keys()}
    languages = []
    for locale, table in tables.items():
        blocks = []
        for code in sorted(table):
            last = list(table[code])[-1]
            members = ",\n".join(
                f"      {json.dumps(name)}: {_laid_out(name, value, comma=name != last)}"
                for name, value in table[code].items()
            )
            blocks.append(f"    {json.dumps(code)}: {{\n{members}\n    }}")
        languages.append(f"  {json.dumps(locale)}: {{\n" + ",\n".join(blocks) + "\n  }")
    return "{\n" + ",\n".join(languages) + "\n}\n"


def _kept(found: Entry | Translation, names: Iterable[str]) -> dict[str, object]:
    return {name: value for name in names if (value := getattr(found, name))}


def _laid_out(name: str, value: object, *, comma: bool) -> str:
    line = json.dumps(value, ensure_ascii=False)
    if isinstance(value, list) and len(f'      "{name}": {line}') + comma > _WIDTH:
        return (
            "[\n"
            + ",\n".join(f"        {json.dumps(each, ensure_ascii=False)}" for each in value)
            + "\n      ]"
        )
    return line


if __name__ == "__main__":
    FILE.write_text(text())
