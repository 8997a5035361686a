"""Whatever `azcmagent` says to people is in every language: no sentence stands in its code."""

from __future__ import annotations

import ast
import re
import string
from collections.abc import Iterator
from pathlib import Path

import pytest

import outofband
from outofband.agent.settings import SETTINGS, Kind
from outofband.catalogue import codes, explain, say, translations, verbatim
from outofband.catalogue.words import templates
from outofband.cli import azcmagent
from outofband.cli.azcmagent import failing, flags, machine
from outofband.cli.azcmagent.connect import ENDPOINT
from outofband.core.errors import Fault
from outofband.core.locale import LOCALES
from outofband.wire.azcm import AzcmFault
from outofband.wire.check import AZCM, Because

FOLDER = Path(azcmagent.__path__[0])
SOURCES = Path(outofband.__path__[0])
SENTENCE = re.compile(r"[^\W\d_]{2,}\W* +\W*[^\W\d_]{2,}")
"""Two words with a blank between them."""
WORD = re.compile(r"[^\W\d_]{2,}")
SAID = frozenset({"AzcmFault", "verbatim", "note", "warn", "emit", "line", "heading", "styled", "Words"})
"""Calls whose arguments reach a person."""
APART = frozenset({"log", "trace", "option", "Option", "compile", "say"})
"""Calls of which none does: the log and the help are in English, and `say` takes names."""
PLAIN = frozenset({"argument", "outer", "needed"})
"""Arguments that are a flag, a code or an account."""
KEPT = frozenset(
    {
        # Helps, a licence, and lines that are Azure's agent's word for word, for scripts look for them.
        "VERBS", "WHERE", "LICENCE", "_SET", "_PROXY_UPDATED",
        "Local Configuration Settings", "azcmagent version ",
        # Of the log and the archive of logs, which are in English.
        "not used", ": it is no file\n",
        # Names: they are the same everywhere.
        "AADSTS", "ok", "ONBOARDING", "ADMINISTRATOR",
    }
)  # fmt: skip


def modules() -> list[Path]:
    return sorted(FOLDER.glob("*.py"))


def literals(node: ast.AST, *, said: bool = False) -> Iterator[tuple[int, str, bool]]:
    """Every text below a node with its line, and whether a call of SAID has it."""
    for child in parts(node):
        if isinstance(child, ast.Call):
            name = getattr(child.func, "attr", getattr(child.func, "id", ""))
            if name in APART:
                continue
            yield from arguments(child, name, said=said)
        elif isinstance(child, ast.JoinedStr):
            yield (
                child.lineno,
                "".join(str(each.value) if isinstance(each, ast.Constant) else "\0" for each in child.values),
                said,
            )
            for inner in child.values:
                if isinstance(inner, ast.FormattedValue):
                    yield from literals(inner, said=said)
        elif isinstance(child, ast.Constant) and isinstance(child.value, str):
            yield child.lineno, child.value, said
        else:
            yield from literals(child, said=said)


def arguments(call: ast.Call, name: str, *, said: bool) -> Iterator[tuple[int, str, bool]]:
    """Of a call; the code of a fault and the value of a result are for programs."""
    to_people = name in SAID or said
    skip = 1 if name in ("AzcmFault", "emit") else 0
    given: list[ast.AST] = [call.func, *call.args[skip:]]
    given += [each.value for each in call.keywords if each.arg not in PLAIN]
    for each in given:
        yield from literals(ast.Expression(body=each), said=to_people)  # type: ignore[arg-type]


def parts(node: ast.AST) -> Iterator[ast.AST]:
    """The children of a node without docstrings, decorators, keys, annotations, and values that are kept."""
    for field, value in ast.iter_fields(node):
        if field in ("decorator_list", "annotation", "returns", "slice"):
            continue
        if isinstance(node, ast.Dict) and field == "keys":
            continue
        for each in value if isinstance(value, list) else [value]:
            if isinstance(each, ast.Expr) and isinstance(each.value, ast.Constant):
                continue
            if isinstance(each, ast.Assign | ast.AnnAssign):
                target = each.targets[0] if isinstance(each, ast.Assign) else each.target
                if isinstance(target, ast.Name) and target.id in KEPT:
                    continue
            if isinstance(each, ast.AST):
                yield each


def untranslated(source: str) -> list[str]:
    found = []
    for line, text, said in literals(ast.parse(source)):
        shown = text.replace("\0", "…")
        if text.strip("\0") in KEPT or text.startswith(("--", "az ")):
            continue
        words = (SENTENCE, WORD) if said else (SENTENCE,)
        if any(each.search(text.replace("\0", "~")) for each in words):
            found.append(f"line {line}: {shown!r}")
    return found


@pytest.mark.parametrize("module", modules(), ids=lambda path: path.stem)
def test_no_sentence_stands_in_the_code(module: Path) -> None:
    found = untranslated(module.read_text())
    assert not found, "say these by a name of catalogue/words.toml: " + "; ".join(found)


@pytest.mark.parametrize(
    "source",
    [
        'raise AzcmFault("AZCM0012", detail=verbatim("expired"))',
        'raise AzcmFault("AZCM0012", detail=verbatim(f"request {number}"))',
        'detail = "it is not there"',
        'run.warn(words("every user can read it"))',
        'screen.line(f"  {name}: missing")',
        'raise AzcmFault("AZCM0068", known=known or "see there")',
    ],
)
def test_a_sentence_in_the_code_is_found(source: str) -> None:
    assert untranslated(source), source


def test_a_name_is_none() -> None:
    source = (
        'def f():\n    """It says."""\n    raise AzcmFault("AZCM0023", argument="--x", detail=say("none"))'
    )
    assert untranslated(source) == []


def fields(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


def test_every_language_has_every_sentence_with_the_same_fields() -> None:
    for name, texts in templates().items():
        assert list(texts) == list(LOCALES), name
        english = texts[LOCALES[0]]
        for locale, text in texts.items():
            assert fields(text) == fields(english), (name, locale)
            assert text.count("`") == english.count("`"), (name, locale)
            assert text.strip(), (name, locale)


def said() -> Iterator[tuple[str, str, set[str] | None]]:
    """Where, which sentence by its name, with which fields (None where they cannot be seen)."""
    for path in SOURCES.rglob("*.py"):
        text = path.read_text()
        if "say(" not in text or "catalogue" not in text:
            continue
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "say" and node.args:
                given = {each.arg for each in node.keywords if each.arg}
                known = None if any(each.arg is None for each in node.keywords) else given
                for each in ast.walk(node.args[0]):
                    if isinstance(each, ast.Constant):
                        yield f"{path.name}:{node.lineno}", str(each.value), known


def test_what_is_said_has_a_sentence_and_its_fields() -> None:
    known = templates()
    for where, name, given in said():
        if name in known and given is not None:
            text = known[name][LOCALES[0]]
            assert given >= fields(text), (where, name)


def test_every_sentence_is_said_somewhere() -> None:
    names = {name for _, name, _ in said()}
    put_together = ("setting-", "because-", "kind-", "errno-", "seen-")
    assert {"setting-", "because-", "kind-"} <= names
    unsaid = {name for name in templates() if not name.startswith(put_together)} - names
    # `disconnect` and `check` choose one of these by how it ended.
    ends = {
        "disconnected",
        "disconnected-gone",
        "disconnected-kept",
        "check-good",
        "check-bad",
        "check-local",
    }
    because = set(flags.REFUSED.values()) | set(flags.INERT.values())
    assert unsaid == ends | because
    assert {f"because-{each}" for each in Because} | {f"setting-{each}" for each in SETTINGS} | {
        f"kind-{each}" for each in Kind
    } | failing.ERRNO <= set(templates())


@pytest.mark.parametrize("locale", LOCALES[1:])
def test_what_a_server_meets_that_is_connected_has_words(locale: str) -> None:
    met = {*failing.LOCAL, *machine.TOKENS, *machine.GONE, *machine.TAKEN, *machine.REGIONS} & codes()
    met |= {"AuthorizationFailed", "MissingSubscriptionRegistration", "SubscriptionNotFound", "InternalError"}
    met |= {*AZCM, *ENDPOINT, "UnexpectedAnswer", "AgentRevoked", "LinkVersionUnsupported"} & codes()
    assert met - translations(locale).keys() == set()


def test_a_remedy_keeps_the_place_of_a_password() -> None:
    remedies = failing.remedies(Fault("ProxyWantsPassword", proxy="p", source="s", line="l", schemes="Basic"))
    told = failing.told(AzcmFault("AZCM0026", url="u", remedy=remedies), "en")
    assert "http://USER:PASSWORD@PROXY:PORT" in told.remedy[0]
    assert (
        "http://UTILISATEUR:MOTDEPASSE@PROXY"
        in failing.told(AzcmFault("AZCM0026", remedy=remedies), "fr").remedy[0]
    )
    secret = AzcmFault("AZCM0026", url="u", detail=verbatim("http://ann:USER:PASSWORD@proxy"))
    assert "PASSWORD" not in failing.told(secret, "en").message


NO_EVIDENCE = frozenset(
    {
        "http", "https", "ws", "wss", "azurecloud", "azureusgovernment", "azurechinacloud",
        "refused", "reset", "silence", "forbidden", "no host", "no route",
        "direction", "api-version", "Authorization",
    }
)  # fmt: skip
"""Other keys of these modules: schemes, clouds, kinds of failures."""


def test_what_is_seen_on_the_way_has_a_name() -> None:
    keys: set[str] = set()
    for folder in ("net/doctor", "agent/checks"):
        for path in (SOURCES / folder).glob("*.py"):
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.Dict):
                    keys |= {str(each.value) for each in node.keys if isinstance(each, ast.Constant)}
                elif isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Store):
                    keys |= {str(node.slice.value)} if isinstance(node.slice, ast.Constant) else set()
    assert len(keys) > 30
    assert {each for each in keys - NO_EVIDENCE if f"seen-{each}" not in templates()} == set()
    # Programs get the evidence by its own names.
    assert {name: texts["en"] for name, texts in templates().items() if name.startswith("seen-")} == {
        name: name.removeprefix("seen-") for name in templates() if name.startswith("seen-")
    }


def test_a_fault_is_told_in_the_language_of_its_reader_and_logged_in_english() -> None:
    fault = AzcmFault(
        "AZCM0012",
        detail=say("token-expired", seconds=7),
        evidence=(say("none"), verbatim("AADSTS1")),
        remedy=(say("use-secrets-value"),),
        outer="AZCM0062",
        step=say("step-make-resource"),
    )
    french = failing.told(fault, "fr")
    assert french.message == "Le jeton d'accès n'est pas accepté : il a expiré il y a 7 secondes"
    assert french.evidence == ["aucun", "AADSTS1"]
    assert french.remedy[0].startswith("Utilisez la valeur du secret")
    assert "« créer la ressource »" in french.outer_message
    program = failing.told(fault, "fr", as_json=True)
    # Programs look for these; what is a sentence stays in the language that was asked for.
    assert (program.evidence, program.step) == (["none", "AADSTS1"], "make the resource")
    assert program.message == french.message
    assert explain(Fault("AZCM0012", **fault.fields), "nl").message.endswith("7 seconden geleden verlopen")
