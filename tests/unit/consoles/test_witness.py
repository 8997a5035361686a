"""What is noted of a keyboard: the table of the arbiter, seen from each session that it is about."""

from __future__ import annotations

import pytest

from outofband.consoles.witness import MAX_DEEDS, PERIOD_SECONDS, Deed, Witness
from outofband.wire.arbiter import REFUSALS
from outofband.wire.stream import Notice


def seat(mode: str, writer: str | None) -> Notice:
    return Notice("writer", {"mode": mode, "writer": writer})


def attached(mode: str, writer: str | None, **more: object) -> Notice:
    return Notice("attached", {"mode": mode, "writer": writer, **more})


def about(event: str, session: str, **more: object) -> Notice:
    return Notice("keyboard", {"event": event, "session": session, **more})


def told(witness: Witness, *notices: Notice) -> list[Deed]:
    found = [witness.told(each, 1000.0) for each in notices]
    return [each for each in found if each is not None]


def test_who_takes_it_by_coming_in() -> None:
    assert told(Witness("a", "ann"), attached("write", "ann")) == []
    assert told(Witness("a", "ann"), attached("write", "ann", takenFrom="bob")) == [
        Deed("taken", "Succeeded", "bob")
    ]


def test_who_takes_it_later() -> None:
    witness = Witness("a", "ann")
    witness.wishes("write")
    assert told(witness, attached("observe", "bob"), seat("write", "ann")) == [
        Deed("taken", "Succeeded", "bob")
    ]


def test_who_takes_it_from_another_session_of_his_own() -> None:
    witness = Witness("a", "ann")
    notices = (attached("observe", "ann"), seat("write", "ann"))
    assert told(witness, notices[0]) == []
    witness.wishes("write")
    assert told(witness, notices[1]) == [Deed("taken", "Succeeded", "ann")]


def test_who_takes_it_and_waits_for_the_end_of_a_login() -> None:
    witness = Witness("a", "ann")
    assert told(witness, attached("observe", "bob")) == []
    witness.wishes("write")
    assert told(witness, seat("observe", "ann"), seat("observe", "ann")) == []
    assert told(witness, seat("write", "ann")) == [Deed("taken", "Succeeded", "bob")]


def test_a_wish_that_was_refused_is_over() -> None:
    witness = Witness("a", "ann")
    assert told(witness, attached("observe", "bob")) == []
    witness.wishes("write")
    no = Notice("alarm", {"code": "KeyboardHeld", "fields": {"by": "bob"}})
    assert told(witness, no, seat("observe", None), seat("write", "ann")) == [
        Deed("KeyboardHeld", "Failed", "bob"),
        Deed("granted", "Succeeded"),
    ]


def test_who_asks_and_is_given_it() -> None:
    witness = Witness("a", "ann")
    witness.wishes("ask")
    notices = (
        attached("observe", "bob"),
        about("asked", "a", who="ann", of="bob", seconds=30),
        about("handed", "a", who="ann", by="bob"),
        seat("write", "ann"),
        seat("observe", None),
    )
    assert told(witness, *notices) == [
        Deed("asked", "Started", "bob"),
        Deed("given", "Succeeded", "bob"),
        Deed("given back", "Succeeded"),
    ]


@pytest.mark.parametrize(
    ("event", "status"), [("declined", "Failed"), ("unanswered", "Failed"), ("withdrawn", "Succeeded")]
)
def test_who_asks_in_vain(event: str, status: str) -> None:
    mine, other = about(event, "a", who="ann", of="bob"), about(event, "c", who="cy", of="bob")
    assert told(Witness("a", "ann"), attached("observe", "bob"), mine, other) == [Deed(event, status, "bob")]


def test_who_hands_it_over_notes_that_and_no_giving_back() -> None:
    notices = (attached("write", "bob"), about("handed", "a", who="ann", by="bob"), seat("observe", "ann"))
    assert told(Witness("b", "bob"), *notices) == [Deed("handed over", "Succeeded", "ann")]


def test_a_bystander_notes_nothing() -> None:
    notices = (attached("observe", "bob"), about("handed", "a", who="ann", by="bob"), seat("observe", "ann"))
    assert told(Witness("c", "cy"), *notices) == []


def test_a_free_keyboard() -> None:
    witness = Witness("a", "ann")
    witness.wishes("write")
    assert told(witness, attached("observe", None), seat("write", "ann")) == [Deed("granted", "Succeeded")]


def test_a_login_that_is_ended_takes_no_keyboard_back() -> None:
    notices = (attached("write", "ann"), seat("observe", "ann"), seat("write", "ann"))
    assert told(Witness("a", "ann"), *notices) == []


@pytest.mark.parametrize("code", sorted(REFUSALS))
def test_the_hosts_no(code: str) -> None:
    alarm = Notice("alarm", {"code": code, "fields": {"vm": "x", "by": "bob"}})
    assert told(Witness("a", "ann"), alarm) == [Deed(code, "Failed", "bob")]


def test_other_alarms_are_none() -> None:
    assert told(Witness("a", "ann"), Notice("alarm", {"code": "SpoolFull", "fields": {}})) == []


def test_a_flood_is_counted() -> None:
    witness = Witness("a", "ann")
    ask = about("asked", "a", of="bob")
    assert len(told(witness, *[ask] * (MAX_DEEDS + 5))) == MAX_DEEDS
    assert witness.omitted == 5
    assert witness.told(ask, 1000.0 + PERIOD_SECONDS) is not None
    assert witness.omitted == 5


@pytest.mark.parametrize("fields", [{}, {"mode": "all"}])
def test_a_notice_that_is_none_is_told_so(fields: dict[str, object]) -> None:
    with pytest.raises((KeyError, ValueError)):
        Witness("a", "ann").told(Notice("writer", fields), 0.0)
