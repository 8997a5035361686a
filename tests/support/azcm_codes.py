"""The table of docs/reference/azcm-codes.md: `python -m tests.support.azcm_codes` writes it anew."""

from __future__ import annotations

from pathlib import Path

from outofband.catalogue import entry, outline
from outofband.wire import azcm

FILE = Path(__file__).parents[2] / "docs" / "reference" / "azcm-codes.md"
HEAD = """| code | exit | meaning | likely cause | what to do | in Azure's agent |
| --- | --- | --- | --- | --- | --- |
"""


def text() -> str:
    """The whole file: what stands above the table is written by hand."""
    lines = []
    for name in azcm.ROWS:
        known = entry(name)
        cells = (
            azcm.shown(name),
            str(known.exit),
            known.title,
            outline(known.cause) or "-",
            " ".join(outline(step) for step in known.remedy) or "-",
            azcm.age(name),
        )
        lines.append("| " + " | ".join(each.replace("|", "\\|") for each in cells) + " |\n")
    return FILE.read_text().partition(HEAD)[0] + HEAD + "".join(lines)


if __name__ == "__main__":
    FILE.write_text(text())
