"""Every step that `azcmagent` has is told in every language, and what was interrupted as a whole."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from outofband.cli import azcmagent
from outofband.cli.azcmagent import failing, phrases
from outofband.core.locale import LOCALES
from outofband.wire.azcm import AzcmFault

FOLDER = Path(azcmagent.__path__[0])
NAMES = {
    each for file in FOLDER.glob("*.py") for each in re.findall(r'stepping\(f?"([^"]+)"\)', file.read_text())
}


def test_every_step_has_words() -> None:
    whole, beginnings = phrases.known()
    assert len(NAMES) > 10
    for name in NAMES:
        assert name in whole or any(name.startswith(each) for each in beginnings), name
        for locale in LOCALES[1:]:
            assert phrases.step(name, locale) != name


def test_an_address_stays_as_it_is() -> None:
    assert phrases.step("sign in at https://login.example", "fr") == "se connecter à https://login.example"
    assert phrases.step("something else", "nl") == "something else"


@pytest.mark.parametrize(
    ("locale", "text"),
    [
        ("en", 'It was at the step "make the key".'),
        ("fr", "C'était à l'étape « créer la clé »."),
        ("nl", "Het was bij de stap 'de sleutel maken'."),
    ],
)
def test_where_it_was_interrupted(locale: str, text: str) -> None:
    assert phrases.interrupted("make the key", "", locale) == text
    left = phrases.begun("connect", "/machines/web1", locale)
    assert phrases.interrupted("make the key", left, locale, told_to_end=True).endswith(f"{text} {left}")


def test_a_failure_names_its_step_in_the_persons_language() -> None:
    fault = AzcmFault(
        "AZCM0043", outer="AZCM0062", step="make the resource", detail="d", action="a", scope="s"
    )
    told = failing.told(fault, "fr")
    assert "« créer la ressource »" in told.outer_message
    assert told.step == "make the resource", "programs read the name"
