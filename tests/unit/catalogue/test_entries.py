"""The catalogue and the code that speaks of it: neither knows a code the other does not."""

from __future__ import annotations

import ast
import re
import string
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import click
import msgspec
import pytest

from outofband.catalogue import codes, entry, explain
from outofband.catalogue.entries import FALLBACK
from outofband.cli.main import oob
from outofband.core.errors import Fault
from outofband.core.locale import LOCALES
from outofband.wire import azcm

ROOT = Path(__file__).parents[3]
SOURCES = ROOT / "src" / "outofband"
SAYS = {"Fault": 0, "Close": 0, "StreamFailed": 1, "Ended": 0}
"""What carries a code to a person, and the position of the code among its arguments."""
FIELDS = {"Close": 1, "StreamFailed": 2, "Ended": 1}
"""Where such a thing carries its fields as a dict; a Fault has them as keywords."""
ENDS_WELL = {"Left"}
"""Of `Ended`: the person left, which is no failure."""
EXITS = range(9)
INTERRUPTED = 130


class Said(msgspec.Struct, frozen=True):
    """One place in the sources that names a code. `fields` is None when they are not all written there."""

    code: str
    fields: frozenset[str] | None
    where: str


@cache
def trees() -> dict[Path, ast.Module]:
    return {path: ast.parse(path.read_text()) for path in sorted(SOURCES.rglob("*.py"))}


@cache
def said() -> tuple[Said, ...]:
    return tuple(each for path, tree in trees().items() for each in _said(path, tree))


def _said(path: Path, tree: ast.Module) -> Iterator[Said]:
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        at = SAYS.get(name)
        if at is None or len(node.args) <= at or not _is_text(node.args[at]):
            continue
        code = ast.literal_eval(node.args[at])
        if code not in ENDS_WELL:
            yield Said(code, _fields(name, node), f"{path.relative_to(ROOT)}:{node.lineno}")


def _fields(name: str, call: ast.Call) -> frozenset[str] | None:
    if name == "Fault":
        names = [keyword.arg for keyword in call.keywords]
        return None if None in names else frozenset(filter(None, names))
    at = FIELDS[name]
    if len(call.args) <= at:
        return frozenset()
    given = call.args[at]
    if not isinstance(given, ast.Dict) or not all(key and _is_text(key) for key in given.keys):
        return None
    return frozenset(ast.literal_eval(key) for key in given.keys if key)


def _is_text(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


def templates(code: str) -> Iterator[str]:
    found = entry(code)
    yield from (found.title, found.message, found.cause, *found.remedy)


def placeholders(code: str) -> set[str]:
    return {name for text in templates(code) for _, name, _, _ in string.Formatter().parse(text) if name}


def test_the_sources_were_read() -> None:
    found = {each.code for each in said()}
    assert {"TakenOver", "PortInUse", "AuthorizationFailed", "AgentOffline"} <= found | _words()
    assert len(said()) > 150


def test_every_code_that_is_told_has_an_entry() -> None:
    unknown = sorted({f"{each.code} ({each.where})" for each in said() if each.code not in codes()})
    assert not unknown, "\n".join(unknown)


def test_every_entry_is_told_somewhere() -> None:
    """As a text in the sources; codes also travel as values, from tables and from the wire."""
    assert not sorted(codes() - _words())


@cache
def _words() -> frozenset[str]:
    return frozenset(
        node.value
        for tree in trees().values()
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    )


def test_every_place_gives_the_fields_its_templates_want() -> None:
    lacking = [
        f"{each.where}: {each.code} lacks {sorted(missing)}"
        for each in said()
        if each.fields is not None
        and each.code in codes()
        and (missing := placeholders(each.code) - each.fields)
    ]
    assert not lacking, "\n".join(lacking)


@pytest.mark.parametrize("code", sorted(codes()))
def test_an_entry_is_fit_for_a_person(code: str) -> None:
    found = entry(code)
    assert re.fullmatch(r"[A-Z][A-Za-z0-9]+", code)
    assert found.title
    assert not found.title.endswith(".")
    assert found.message
    number = azcm.exit_code(code)
    if number is None:
        assert found.exit in EXITS or found.exit == INTERRUPTED
        assert found.exit != 0
    else:
        assert found.exit == number
    assert 400 <= found.status < 600
    for text in templates(code):
        assert text == text.strip()
        assert "\n" not in text
    filled = explain(Fault(code, **dict.fromkeys(placeholders(code), "field")))
    # What Windows' own commands have in braces stays.
    told = re.sub(
        r"\{(?:bootmgr|current|default)\}", "", filled.message + filled.cause + "".join(filled.remedy)
    )
    assert "{" not in told


def test_an_unknown_code_and_missing_fields_never_fail() -> None:
    words = explain(Fault("NobodyKnowsThis", detail="x"))
    assert (words.code, words.title) == ("NobodyKnowsThis", entry(FALLBACK).title)
    assert "'?'" in explain(Fault("VmNotRunning")).message
    odd = explain(Fault("VmNotRunning", vm="{0.__class__}", power=None))
    assert "{0.__class__}" in odd.message
    assert "None" in odd.message


def _command(words: list[str], where: str) -> click.Command:
    """What these words of a command line name; those that are left are its arguments."""
    command: click.Command = oob
    while isinstance(command, click.Group) and words and re.fullmatch(r"[a-z][a-z-]*", words[0]):
        below = command.get_command(click.Context(command), words.pop(0))
        assert below is not None, where
        command = below
    return command


def test_commands_that_remedies_name_exist() -> None:
    for code in codes():
        for text in templates(code):
            for typed in re.findall(r"`oob ([^`]*)`", text):
                command = _command(typed.split(), f"{code}: oob {typed}")
                known = {name for each in command.params for name in (*each.opts, *each.secondary_opts)}
                for option in re.findall(r"(?<!\S)--[a-z-]+", typed):
                    assert option in known | {"--help"}, f"{code}: {option}"


@pytest.mark.parametrize("locale", LOCALES)
def test_commands_in_the_midst_of_a_remedy_exist(locale: str) -> None:
    """Where no quotes say where a command ends, its words are those before what is no lower case."""
    for code in codes():
        for step in entry(code, locale).remedy:
            for words in re.findall(r"(?<![\w/.`-])oob((?: [a-z][a-z-]*)+)", step):
                _command(words.split(), f"{code}: {step}")
