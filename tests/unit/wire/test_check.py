"""The report of a check: its schema, its words, and the code that it ends a command with."""

from __future__ import annotations

import json
import re
import string
from pathlib import Path

import msgspec
import pytest

from outofband.catalogue import codes, entry, translations
from outofband.core.locale import LOCALES
from outofband.wire import azcm
from outofband.wire.check import (
    AZCM,
    Because,
    Endpoint,
    Name,
    Report,
    State,
    Step,
    failed,
    number,
    ok,
    skipped,
    told,
    worst,
)
from tests.support import check_schema

PAGE = Path(__file__).parents[3] / "docs" / "reference" / "check.md"


def report(*steps: Step) -> Report:
    endpoint = Endpoint(
        name="arm", url="https://a.test", host="a.test", port=443, state=worst(steps), steps=list(steps)
    )
    return Report(
        version="1",
        began="2026-11-28T03:00:00.000000Z",
        seconds=1.5,
        cloud="Lab",
        location=None,
        state=worst(steps),
        code="AZCM0026",
        exit=26,
        local=[],
        endpoints=[endpoint],
        identity=[skipped(Name.IDENTITY, Because.NOT_CONNECTED)],
    )


def test_the_schema_is_current() -> None:
    kept = check_schema.FILE.read_text()
    assert kept == check_schema.text(), "run: .venv/bin/python -m tests.support.check_schema"


def test_a_report_fits_its_schema() -> None:
    broken = told(failed(Name.TCP, "PortClosed", {"host": "a.test", "port": 443, "address": "192.0.2.1"}))
    value = json.loads(msgspec.json.encode(report(ok(Name.DNS, addresses=["192.0.2.1"]), broken)))
    check_schema.validate(value)
    for spoil in (
        lambda it: it.update(schema="outofband.check/2"),
        lambda it: it.pop("endpoints"),
        lambda it: it["endpoints"][0]["steps"][0].update(state="fine"),
        lambda it: it["endpoints"][0]["steps"][0]["evidence"].update(x={"y": 1}),
        lambda it: it.update(exit="26"),
    ):
        other = json.loads(json.dumps(value))
        spoil(other)
        with pytest.raises(AssertionError):
            check_schema.validate(other)


def test_every_cause_has_words_and_a_code_that_there_is() -> None:
    assert not AZCM.keys() - codes()
    numbers = {azcm.shown(name) for name in azcm.ROWS}
    assert set(AZCM.values()) <= numbers
    assert {number(code) for code in AZCM.values()} <= set(range(azcm.MAX_EXIT + 1))


@pytest.mark.parametrize("locale", [each for each in LOCALES if each != "en"])
def test_every_cause_has_words_in_each_language(locale: str) -> None:
    assert not AZCM.keys() - translations(locale).keys()


def test_the_page_tells_of_every_cause_step_and_reason() -> None:
    page = PAGE.read_text()
    for word in (*AZCM, *Name, *Because, *State):
        assert f"`{word}`" in page, word
    for cause, code in AZCM.items():
        assert re.search(rf"\| `{cause}` \| {code} \|", page), cause


def test_words_are_filled_with_what_was_seen() -> None:
    step = told(failed(Name.DNS, "ResolverSilent", {"host": "h", "resolver": "r1, r2", "server": "r1"}), "nl")
    assert step.message == "Geen naamserver antwoordde op de vraag naar h. Gevraagd: r1, r2."
    assert told(ok(Name.DNS)).message == ""


@pytest.mark.parametrize("cause", sorted(AZCM))
def test_lists_are_told_as_lists(cause: str) -> None:
    """Whatever the templates want may be a list: a person reads words."""
    found = entry(cause)
    names = {
        name
        for text in (found.title, found.message, found.cause, *found.remedy)
        for _, name, _, _ in string.Formatter().parse(text)
        if name
    }
    step = told(failed(Name.DNS, cause, {name: ["a", "b"] for name in names}))
    assert "['" not in step.message + step.why + "".join(step.remedy)


def test_the_worst_of_a_walk() -> None:
    good, odd = ok(Name.DNS), failed(Name.CLOCK, "ClockDiffers", {}, state=State.WARNING)
    bad = failed(Name.TCP, "PortClosed", {})
    assert worst([good, skipped(Name.TLS, Because.EARLIER)]) is State.OK
    assert worst([good, odd]) is State.WARNING
    assert worst([odd, bad]) is State.FAILED
    assert report(good, odd, bad).endpoints[0].broken == bad
