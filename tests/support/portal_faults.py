"""The catalogue's words for what ends or troubles a console, as the portal's console carries them.

Refusals of the API bring their words along; a CLOSE or an alarm on the console's own socket is a code with
fields. `python -m tests.support.portal_faults` writes the file; a test fails when the catalogue has moved on.
"""

from __future__ import annotations

import json
import tomllib
from importlib import resources
from pathlib import Path

from outofband.catalogue import entry
from outofband.catalogue.entries import DEFAULT_LOCALE

FILE = Path(__file__).parents[2] / "web" / "src" / "console" / "faults.json"
AREAS = ["console", "gateway", "agent"]
OTHERS = ["InternalError", "ConsoleUnreachable", "MfaRequired"]
_WIDTH = 110
_KEPT = ("title", "message", "cause", "remedy", "retry", "action")


def text() -> str:
    """The file, laid out as the portal's formatter does it."""
    codes = set(OTHERS)
    for area in AREAS:
        file = resources.files("outofband.catalogue").joinpath(DEFAULT_LOCALE, f"{area}.toml")
        codes |= tomllib.loads(file.read_text("utf-8")).keys()
    blocks = []
    for code in sorted(codes):
        found = entry(code)
        kept = {name: value for name in _KEPT if (value := getattr(found, name))}
        members = ",\n".join(
            f"    {json.dumps(name)}: {_laid_out(name, value)}" for name, value in kept.items()
        )
        blocks.append(f"  {json.dumps(code)}: {{\n{members}\n  }}")
    return "{\n" + ",\n".join(blocks) + "\n}\n"


def _laid_out(name: str, value: object) -> str:
    line = json.dumps(value, ensure_ascii=False)
    if isinstance(value, list) and len(f'    "{name}": {line},') > _WIDTH:
        return (
            "[\n" + ",\n".join(f"      {json.dumps(each, ensure_ascii=False)}" for each in value) + "\n    ]"
        )
    return line


if __name__ == "__main__":
    FILE.write_text(text())
