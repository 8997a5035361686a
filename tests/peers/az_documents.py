"""The very lines of our documents: fenced blocks, with an example's names replaced by those of a test."""

from __future__ import annotations

import re

from tests.peers.az import ROOT


def blocks(document: str, language: str) -> list[str]:
    """The blocks of docs/howto/DOCUMENT that are marked with a language, in their order."""
    text = (ROOT / "docs" / "howto" / document).read_text()
    found = re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    assert found, f"{document} has no block of {language}"
    return found


def with_names(lines: str, names: dict[str, str]) -> str:
    """`lines` with each name of an example replaced; one that does not occur is a mistake of the test."""
    for name, real in names.items():
        assert name in lines, f"{name} is not in the document any more"
        lines = lines.replace(name, real)
    return lines
