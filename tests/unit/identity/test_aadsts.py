"""The numbers of refusals: each has a meaning that its `error_uri` leads to, and none has one in vain."""

from __future__ import annotations

import ast
from pathlib import Path

from outofband.identity import oauth
from outofband.identity.aadsts import AADSTS, MEANINGS


def used() -> set[int]:
    """Every number that a refusal of the OAuth endpoints can have, read from the code."""
    found = set()
    for node in ast.walk(ast.parse(Path(oauth.__file__).read_text())):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "_fault":
            code = node.args[2]
            assert isinstance(code, ast.Constant) and isinstance(code.value, int), ast.dump(node)
            found.add(code.value)
    return found


def test_every_number_has_a_meaning() -> None:
    assert len(used()) > 25
    assert set(MEANINGS) >= used() | set(AADSTS.values())


def test_no_meaning_is_in_vain() -> None:
    assert set(MEANINGS) <= used() | set(AADSTS.values())
