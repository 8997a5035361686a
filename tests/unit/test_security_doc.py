"""docs/security.md: every line of the standards is there, and every proof it names is a test that exists."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "docs" / name for name in ("security.md", "threat-model.md")]
NAMED = re.compile(r"`((?:unit|property|peers|web)/[\w/]+\.py)::(\w+)`")
STATES = {"met", "n/a", "not met"}


def counted(prefix: str, *groups: tuple[str, int]) -> set[str]:
    return {f"{prefix}{group}.{number}" for group, most in groups for number in range(1, most + 1)}


ASVS = (
    counted("2.", ("1", 12), ("2", 3), ("3", 3), ("4", 5), ("5", 7), ("6", 3), ("7", 6), ("8", 7), ("9", 3))
    | counted("2.", ("10", 4))
    | counted("3.", ("1", 1), ("2", 4), ("3", 4), ("4", 5), ("5", 3), ("7", 1))
    | (counted("4.", ("1", 5), ("2", 2), ("3", 3)) - {"4.1.4"})
)
"""Levels 1 and 2; 4.1.4 was taken out of the standard."""
RFC_9700 = {"2.1", "2.1.1", "2.1.2", "2.2.1", "2.2.2", "2.3", "2.4", "2.5", "2.6"} | {
    f"4.{number}" for number in range(1, 18)
}


def rows() -> list[list[str]]:
    found = []
    for line in PAGES[0].read_text().splitlines():
        cells = [each.strip() for each in line.strip("|").split("|")]
        if line.startswith("| ") and len(cells) == 4 and cells[0][0].isdigit():
            found.append(cells)
    return found


@cache
def names_in(path: Path) -> frozenset[str]:
    tree = ast.parse(path.read_text())
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
    return frozenset(each.name for each in ast.walk(tree) if isinstance(each, kinds))


def test_each_test_that_is_named_exists() -> None:
    named = [match for page in PAGES for match in NAMED.findall(page.read_text())]
    assert len(named) > 100
    lost = [
        f"{file}::{name}"
        for file, name in named
        if not (ROOT / "tests" / file).is_file() or name not in names_in(ROOT / "tests" / file)
    ]
    assert lost == []
    # And nothing that looks like one is passed over.
    every = re.findall(r"`[^`]*::[^`]*`", "".join(page.read_text() for page in PAGES))
    assert len(every) == len(named) + every.count("`file::test`")


def test_each_line_has_a_state_and_a_proof() -> None:
    for line, asked, state, why in rows():
        assert state in STATES, line
        assert asked and why, line
        referred = re.match(r"as \d", why) is not None
        if state == "met":
            assert NAMED.search(why) or referred, f"{line}: nothing shows it"


def test_no_line_of_the_standards_is_missing() -> None:
    text = PAGES[0].read_text()
    rfc, _, asvs = text.partition("## ASVS")
    in_rfc = {line.partition("-")[0] for line in re.findall(r"^\| (\d[\d.a-z-]*) \|", rfc, re.MULTILINE)}
    in_rfc |= {".".join(line.split(".")[:2]) for line in in_rfc if line.startswith("4.")}
    assert in_rfc >= RFC_9700, sorted(RFC_9700 - in_rfc)
    in_asvs = re.findall(r"^\| (\d[\d.]*) \|", asvs, re.MULTILINE)
    assert set(in_asvs) == ASVS, (sorted(ASVS - set(in_asvs)), sorted(set(in_asvs) - ASVS))
    assert len(in_asvs) == len(set(in_asvs))
