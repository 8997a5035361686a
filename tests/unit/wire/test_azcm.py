"""The codes of `azcmagent`: table, catalogue, languages and document hold together; texts lead to them."""

from __future__ import annotations

import re

import pytest

from outofband.catalogue import codes, entry, translations
from outofband.core.locale import LOCALES
from outofband.wire import azcm
from outofband.wire.explained import of_text
from tests.support import azcm_codes

SEED = (
    "0000 0001 0011 0012 0013 0014 0015 0016 0017 0018 0041 0042 0043 0044 0061 0062 0063 0064 0065 0066 "
    "0067 0068 0081 0101 0102 0103 0104"
)
"""The numbers in the document of April 2021."""


def test_the_table_and_the_catalogue_have_the_same_codes() -> None:
    assert set(azcm.ROWS) == {code for code in codes() if azcm.exit_code(code) is not None}
    assert list(azcm.ROWS) == sorted(azcm.ROWS)
    for name in azcm.ROWS:
        assert entry(name).exit == azcm.exit_code(name) <= azcm.MAX_EXIT  # type: ignore[operator]


def test_every_number_of_2021_is_here_with_its_meaning_of_then() -> None:
    first = [name for name, row in azcm.ROWS.items() if row.since == azcm.FIRST]
    assert first == [f"AZCM{number}" for number in SEED.split()]


def test_a_number_that_changed_has_both_meanings() -> None:
    assert azcm.meanings("azcm0068") == ("AZCM0068", "AZCM0068Subscription")
    assert azcm.meanings("AZCM0044") == ("AZCM0044",)
    assert azcm.meanings("AZCM9999") == ()
    for name, row in azcm.ROWS.items():
        if row.dropped and not row.instead:
            assert len(azcm.meanings(name)) == 2
        if row.instead:
            assert row.instead in azcm.ROWS
    assert {azcm.shown(each) for each in azcm.ROWS} == {
        each for each in azcm.ROWS if re.fullmatch(r"AZCM\d+", each)
    }


@pytest.mark.parametrize("locale", LOCALES[1:])
def test_every_code_has_words_of_its_own(locale: str) -> None:
    theirs = translations(locale)
    for name in azcm.ROWS:
        assert theirs[name].title != entry(name).title
        assert theirs[name].message != entry(name).message


def test_the_document_is_the_catalogue() -> None:
    assert azcm_codes.FILE.read_text() == azcm_codes.text(), "run: python -m tests.support.azcm_codes"


POST = "Error occurred while sending request for Device Authorization Code: Post https://login.windows.net/"
DEVICE = POST + "fb84ce97-b875-4d12-b031-ef5e7edf9c8e/oauth2/devicecode?api-version=1.0:  dial tcp "
ID = "0f0b0a11-0000-4000-8000-000000000002"
MACHINE = (
    f"/subscriptions/{ID}/resourcegroups/myResourceGroup/providers/Microsoft.HybridCompute/machines/MSJC01"
)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (DEVICE + "40.126.9.7:443: connect: network is unreachable.", "AZCM0026"),
        (DEVICE + "40.126.9.7:443: connect: network is Forbidden", "AZCM0026"),
        (DEVICE + "lookup login.windows.net: no such host.", "AZCM0026"),
        (
            "Failed to execute the refresh request. Error = 'Post https://login.windows.net/fb84ce97-b875-4d12-"
            "b031-ef5e7edf9c8e/oauth2/token?api-version=1.0: Forbidden'",
            "AZCM0026",
        ),
        ("Invalid client secret is provided", "AZCM0041"),
        (
            f"Application with identifier '{ID}' was not found in the directory '{ID}'. This can happen if "
            "the application has not been installed by the administrator of the tenant or consented to by "
            "any user in the tenant",
            "AZCM0041",
        ),
        (
            f"The client 'username@domain.com' with object id '{ID}' does not have authorization to perform "
            f"action 'Microsoft.HybridCompute/machines/read' over scope '{MACHINE}' or the scope is invalid. "
            'If access was recently granted, please refresh your credentials."}}" Status Code=403',
            "AZCM0042",
        ),
        (
            "The subscription is not registered to use namespace 'Microsoft.HybridCompute'",
            "MissingSubscriptionRegistration",
        ),
        (
            f"Get https://management.azure.com{MACHINE}?api-version=2019-03-18-preview:  Forbidden",
            "AZCM0026",
        ),
        ('level=error msg="exit status 44: AZCM0044"', "AZCM0044"),
        ("Une ressource du même nom existe déjà", "AZCM0044"),
        ("Er is al een resource met die naam", "AZCM0044"),
    ],
)
def test_what_an_agent_printed_leads_to_its_code(text: str, code: str) -> None:
    assert code in [each.code for each in of_text(text)]


def test_whoever_has_only_the_number_is_told_both_meanings() -> None:
    told = of_text("it ended with AZCM0068", "nl")
    assert [each.code for each in told] == ["AZCM0068", "AZCM0068"]
    assert told[0].title != told[1].title
    assert told[1].age == "since 1.67"
