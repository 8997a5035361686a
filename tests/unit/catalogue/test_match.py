"""From what somebody pastes to the entry: each language, whole and in part, with what stood in the fields."""

from __future__ import annotations

import string
import time
import tomllib
from importlib import resources

import pytest

from outofband.catalogue import How, codes, entry, explain, match
from outofband.core.errors import Fault
from outofband.core.locale import LOCALES

HARDLY_A_WORD = {
    "AgentConfigInvalid",
    "AzureCliFailed",
    "Conflict",
    "NetworkInterfaceNotUsable",
    "OperationNotAllowed",
    "UnexpectedAnswer",
    "UsageInvalid",
}
"""Messages that are all field: another's own words, or a command's. Their codes are found."""


@pytest.mark.parametrize("locale", LOCALES)
def test_every_message_is_found_by_itself(locale: str) -> None:
    missed = []
    for code in sorted(codes() - HARDLY_A_WORD):
        template = entry(code, locale).message
        names = sorted({name for _, name, _, _ in string.Formatter().parse(template) if name})
        fields = {name: f"value{number}x" for number, name in enumerate(names)}
        message = explain(Fault(code, **fields), locale).message
        found = {each.code: each for each in match(f"  {message}\n")}
        if code not in found:
            missed.append(f"{code}: {message}")
        elif found[code].how is How.MESSAGE:
            # Two fields beside each other are read as one.
            assert all(fields[name] in value for name, value in found[code].fields.items()), code
    assert not missed, "\n".join(missed)


def test_a_code_is_found_in_any_case_and_in_a_sentence() -> None:
    assert [each.code for each in match("(vmnotrunning)")] == ["VmNotRunning"]
    (found,) = match("az: ERROR (AgentOffline) something that nobody translated")
    assert (found.code, found.how) == ("AgentOffline", How.CODE)


def test_fields_are_read_back() -> None:
    (found,) = match(
        "Le compte de stockage « acc1 » que la machine virtuelle « web1 » utilise pour ses diagnostics de "
        "démarrage n’existe pas."
    )
    assert (found.code, found.locale) == ("BootDiagnosticsAccountNotFound", "fr")
    assert found.fields == {"account": "acc1", "vm": "web1"}


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("console série est désactivée pour cet", "ConsoleDisabledForSubscription"),
        ("de seriële console is uitgeschakeld voor", "ConsoleDisabledForSubscription"),
        ("boot diagnostics are disabled for", "BootDiagnosticsDisabled"),
        ("storage account firewall forbidden boot diagnostics", "BootDiagnosticsForbidden"),
        ("websocket closed", "ConsoleUnreachable"),
    ],
)
def test_a_piece_or_its_words_are_enough(text: str, code: str) -> None:
    assert match(text)[0].code == code


def test_azures_own_words() -> None:
    rows = tomllib.loads(resources.files("outofband.catalogue").joinpath("azure_texts.toml").read_text())[
        "text"
    ]
    for row in rows:
        assert row["code"] in codes()
        for locale in LOCALES:
            if locale in row:
                text = row[locale].replace("{vm}", "web1").replace("{account}", "acc1")
                assert match(f"« {text}. »")[0].code == row["code"], text


def test_what_nobody_said() -> None:
    for text in ("", " ", "cannot unscramble eggs", "x", "the the the", "\x00\xff", "{vm}"):
        assert match(text) == []


def test_a_hostile_text_takes_no_longer() -> None:
    match("warm")
    for text in ("the VM '" * 5000, "Le compte de stockage « " * 4000, "a " * 100_000, "{" * 9000):
        began = time.process_time()
        match(text)
        assert time.process_time() - began < 2.0
