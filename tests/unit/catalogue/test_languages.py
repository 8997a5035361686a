"""The languages of the catalogue: the same entries, fields and steps, and nothing of a console left out."""

from __future__ import annotations

import string
import tomllib
from collections import Counter
from importlib import resources

import pytest

from outofband.catalogue import Entry, codes, entry, explain, translations
from outofband.catalogue.entries import Translation
from outofband.core.errors import Fault
from outofband.core.locale import DEFAULT, LOCALES, of_environment, of_header

OTHERS = [each for each in LOCALES if each != DEFAULT]
WHOLE = ("console", "gateway", "client", "authorization", "findings", "azcm")
"""Areas in which every entry is one that a person at a console may meet."""
MET = (
    "AuthorizationFailed",
    "ConsoleUnreachable",
    "ControlPlaneUnreachable",
    "GuestPaused",
    "GuestPanicked",
    "InstanceNotLatestModel",
    "InternalError",
    "MfaRequired",
    "NotATerminal",
    "SpoolDiskFull",
    "SysrqNotForWindows",
    "TooManyRequests",
    "VmNotPlaced",
)


def area(name: str) -> set[str]:
    file = resources.files("outofband.catalogue").joinpath(DEFAULT, f"{name}.toml")
    return set(tomllib.loads(file.read_text("utf-8")))


def fields(words: Entry | Translation) -> list[Counter[str]]:
    """The fields of each part: title, message, cause, and each step of the remedy."""

    def of(text: str) -> Counter[str]:
        return Counter(name for _, name, _, _ in string.Formatter().parse(text) if name)

    return [of(words.title), of(words.message), of(words.cause), *(of(step) for step in words.remedy)]


@pytest.mark.parametrize("locale", OTHERS)
def test_a_translation_says_what_the_entry_says(locale: str) -> None:
    found = translations(locale)
    assert not found.keys() - codes(), "words for a code that there is not"
    for code, words in found.items():
        english = entry(code)
        assert len(words.remedy) == len(english.remedy), code
        assert bool(words.cause) == bool(english.cause), code
        same = [set(each) for each in fields(words)] == [set(each) for each in fields(english)]
        # A sentence may name a thing twice where English does once.
        assert same, code
        ticked = [step.count("`") for step in words.remedy]
        assert ticked == [step.count("`") for step in english.remedy], code


@pytest.mark.parametrize("locale", OTHERS)
def test_nothing_of_a_console_lacks_words(locale: str) -> None:
    wanted = set(MET).union(*(area(name) for name in WHOLE))
    assert not sorted(wanted - translations(locale).keys())


@pytest.mark.parametrize("locale", OTHERS)
def test_what_has_no_words_yet_is_in_english(locale: str) -> None:
    lacking = sorted(codes() - translations(locale).keys())
    assert entry(lacking[0], locale) == entry(lacking[0])


def test_status_exit_and_action_are_the_same_in_all_languages() -> None:
    fault = Fault("VmNotRunning", vm="web1", power="stopped")
    told = {locale: explain(fault, locale) for locale in LOCALES}
    assert len({each.message for each in told.values()}) == len(LOCALES)
    assert {(each.code, each.status, each.exit, each.action) for each in told.values()} == {
        ("VmNotRunning", 409, 5, "start-vm")
    }
    assert all("web1" in each.message and "oob vm start web1" in each.remedy[0] for each in told.values())


def test_a_language_nobody_knows_is_an_error_of_the_program() -> None:
    with pytest.raises(ValueError, match="expected one of en, fr, nl"):
        translations("../en")


@pytest.mark.parametrize(
    ("header", "locale"),
    [
        (None, "en"),
        ("", "en"),
        ("fr", "fr"),
        ("FR-be, en;q=0.5", "fr"),
        ("de-DE, nl;q=0.8, fr;q=0.7, en;q=0.3", "nl"),
        ("en;q=0.2, fr;q=0.9", "fr"),
        ("fr;q=0, nl;q=0.1", "nl"),
        ("fr;q=0", "en"),
        ("en, fr", "en"),
        ("*", "en"),
        ("fr;q=much, nl;q=nan", "en"),
        ("x" * 5000 + ",fr", "en"),
        ("../../etc/passwd", "en"),
    ],
)
def test_a_client_says_what_it_reads(header: str | None, locale: str) -> None:
    assert of_header(header) == locale


@pytest.mark.parametrize(
    ("environment", "locale"),
    [
        ({}, "en"),
        ({"LANG": "nl_BE.UTF-8"}, "nl"),
        ({"LANG": "nl_NL", "LC_ALL": "C"}, "en"),
        ({"LANG": "nl_NL", "LC_ALL": "fr_FR.UTF-8"}, "fr"),
        ({"OOB_LANG": "nl", "LC_ALL": "fr_FR.UTF-8"}, "nl"),
        ({"LANG": "", "LC_ALL": "fr"}, "fr"),
        ({"LANG": "de_DE"}, "en"),
    ],
)
def test_a_terminal_says_what_its_person_reads(environment: dict[str, str], locale: str) -> None:
    assert of_environment(environment) == locale
