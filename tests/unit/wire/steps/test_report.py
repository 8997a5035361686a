"""Reports of steps: what a guest may say, what is made of it, and the words of it in three languages."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outofband.catalogue import codes, entry
from outofband.core.errors import Fault
from outofband.core.locale import LOCALES
from outofband.wire.remote import Protocol
from outofband.wire.steps import labels, linux_undo, words
from outofband.wire.steps.linux import RESET_REMOTE, reset_remote
from outofband.wire.steps.linux_cards import RESET_CARDS, reset_cards
from outofband.wire.steps.report import (
    MAX_PROBLEMS,
    MAX_VALUES,
    PROBLEMS,
    SCHEMA,
    StepReport,
    System,
    changes,
    parse,
)
from tests.unit.wire.steps.test_windows import STEPS

LINE: dict[str, Any] = {
    "schema": SCHEMA,
    "step": "resetRemote",
    "system": "linux",
    "before": {"ssh.listens": False, "ssh.port": 2222, "service.ssh.enabled": "masked", "disk.full": "/"},
    "after": {"ssh.listens": True, "ssh.port": 22, "service.ssh.enabled": "enabled", "disk.full": "/"},
    "problems": [{"code": "GuestDiskFull", "fields": {"path": "/"}}],
    "restart": False,
    "run": "r1",
}


def printed(**changed: Any) -> str:
    return json.dumps(LINE | changed, separators=(",", ":"))


def test_the_last_report_of_what_was_printed_counts() -> None:
    found = parse(f"noise\n{printed(run='old')}\n{printed()}\nlater noise\n")
    assert (found.run, found.system, found.step) == ("r1", System.LINUX, "resetRemote")
    assert [each.name for each in changes(found)] == ["ssh.listens", "ssh.port", "service.ssh.enabled"]


@pytest.mark.parametrize(
    "output",
    [
        "",
        "nothing of ours\n",
        printed()[:-20],
        printed(system="plan9"),
        printed(before=[]),
        printed(before={"a": {}}),
        printed(step="x; y"),
        printed(run="../../etc"),
        printed(problems=[{"code": 5}]),
        '{"schema":"outofband.step/1"' + "[" * 5000,
    ],
)
def test_what_is_no_report(output: str) -> None:
    with pytest.raises(Fault) as caught:
        parse(output)
    assert caught.value.code == "GuestStepUnreadable"


def test_a_guest_says_no_more_than_it_may() -> None:
    many = {f"value{number}": number for number in range(MAX_VALUES + 10)}
    told = [{"code": "GuestDiskFull", "fields": {"path": str(number)}} for number in range(100)]
    odd = [{"code": "AuthorizationFailed", "fields": {}}, {"code": "GuestDiskFull", "fields": {"A b": "x"}}]
    found = parse(printed(before=many | {"x\u001b[2J": 1}, after={"big": 2**60}, problems=odd + told))
    assert len(found.before) == MAX_VALUES
    assert found.after == {"big": str(2**60)}
    assert len(found.problems) == MAX_PROBLEMS
    assert {each.code for each in found.problems} == {"GuestDiskFull"}
    assert found.problems[0].fields == {}
    loud = parse(printed(after={"ssh.fault": "\u001b[31m" + "x" * 1000}))
    text = str(loud.after["ssh.fault"])
    assert len(text) == 200
    assert text.isprintable()


@given(st.text(), st.dictionaries(st.text(), st.none() | st.booleans() | st.integers() | st.text()))
def test_no_output_breaks_the_reader(noise: str, values: dict[str, Any]) -> None:
    for output in (noise, f"{noise}\n{printed(before=values, after={})}"):
        try:
            found = parse(output)
        except Fault as fault:
            assert fault.code == "GuestStepUnreadable"
            continue
        for locale in LOCALES:
            for line in words.tell(found, locale).lines:
                assert line.text.isprintable()
                assert line.undo


def test_what_a_guest_may_say_has_words() -> None:
    assert codes() >= PROBLEMS
    for locale in ("fr", "nl"):
        for code in PROBLEMS:
            assert entry(code, locale).title != entry(code).title, f"{code} in {locale}"
    scripts = "".join(make() for make in STEPS.values()) + RESET_REMOTE + RESET_CARDS
    assert {code for code in PROBLEMS if code not in scripts} == set()


def test_every_value_of_the_steps_has_a_name_in_every_language() -> None:
    looked = set()
    for make in STEPS.values():
        text = make()
        looked |= {part.split("'")[0] for part in text.split("$state['")[1:]}
    for text in (RESET_REMOTE, RESET_CARDS):
        for line in text.splitlines():
            if line.strip().startswith("pair ") and "$" not in line.split()[1]:
                looked.add(line.split()[1])
    # Sixteen limits of sessions have the names of Windows in every language.
    plain = {name for name in looked if words.label(name) == name}
    assert all(name.startswith(("TCP.", "POL.", "SET")) for name in plain), plain
    for table in (labels.LABELS, labels.SERVICE, labels.WORDS):
        for name, texts in table.items():
            assert len(texts) == len(LOCALES), name
            assert all(texts), name


@pytest.mark.parametrize(
    ("locale", "text", "undo"),
    [
        ("en", "SSH listens: no before, yes now.", "The undo makes it no again."),
        ("fr", "SSH écoute : non avant, oui maintenant.", "L'annulation remet : non."),
        ("nl", "SSH luistert: eerst nee, nu ja.", "Ongedaan maken geeft weer: nee."),
    ],
)
def test_words_of_a_change(locale: str, text: str, undo: str) -> None:
    told = words.tell(parse(printed()), locale)
    assert (told.lines[0].text, told.lines[0].undo) == (text, undo)
    assert told.can_undo
    assert told.problems[0].code == "GuestDiskFull"
    assert "/" in told.problems[0].message


def test_words_of_windows() -> None:
    before = {"RT.fDenyTSConnections": 1, "TCP.SecurityLayer": 0, "service.TermService.start": "Disabled"}
    after = {"RT.fDenyTSConnections": 0, "TCP.SecurityLayer": 2, "service.TermService.start": "Manual"}
    found = StepReport(
        step="x",
        system=System.WINDOWS,
        before=before | {"certificates": "A until 2020"},
        after=after | {"certificates": ""},
        restart=True,
    )
    told = words.tell(found)
    assert [each.text for each in told.lines] == [
        "Remote Desktop refuses connections: yes before, no now.",
        "Security layer: 0 (without TLS) before, 2 (TLS) now.",
        "Start of the service TermService: disabled before, on demand now.",
        "Certificates of Remote Desktop: A until 2020 before, none now.",
    ]
    assert told.lines[-1].undo == "The undo leaves it so."
    assert told.notes == ["It counts after a restart of the VM."]


def test_words_of_a_password() -> None:
    found = StepReport(step="resetPassword", system=System.WINDOWS, before={}, after={})
    assert words.tell(found).notes == ["The new password stays: what it was before is known to nobody."]
    refused = parse(
        printed(step="resetPassword", problems=[{"code": "VmAccessDomainController"}], before={}, after={})
    )
    assert words.tell(refused).notes == []


def test_what_the_linux_steps_are_given() -> None:
    args = reset_remote((Protocol.SSH,), "r-1", user="bob", ports={Protocol.SSH: 2022})
    values = {each.name: each.value for each in args.parameters}
    assert values == {
        "protocols": "ssh", "run": "r-1", "account": "bob", "ssh_port": "2022", "rdp_port": "3389",
    }  # fmt: skip
    assert not any(each.positional for each in args.parameters)
    assert reset_cards().parameters == ()
    assert linux_undo.undo(parse(printed())).parameters[0].value == "r1"
    for wrong in (
        lambda: reset_remote((), "r"),
        lambda: reset_remote((Protocol.SSH,), "../r"),
        lambda: reset_remote((Protocol.SSH,), "r", user="bob;"),
        lambda: reset_remote((Protocol.SSH,), "r", ports={Protocol.SSH: 0}),
    ):
        with pytest.raises(Fault, match="InvalidParameter"):
            wrong()
    with pytest.raises(Fault, match="NothingToUndo"):
        linux_undo.undo(parse(printed(run="")))
