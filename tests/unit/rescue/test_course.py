"""The states of a run: the table is whole, and every way through it ends."""

import pytest

from outofband.core.errors import Fault
from outofband.rescue.course import COURSE, ENDS, RESTS, Event, State, advance
from outofband.rescue.runbook import EFFECTS, RUNBOOK, Ask, Deed, Step, following, step_of
from outofband.rescue.texts import TEXTS, text

WAYS = [
    (State.BEGUN, Event.ANSWERS, State.PROVEN),
    (State.BEGUN, Event.SILENT, State.CHOOSING),
    (State.BEGUN, Event.GO_ON, State.CHOOSING),
    (State.CHOOSING, Event.MORE, State.LOOKING),
    (State.CHOOSING, Event.OVER, State.UNRESOLVED),
    (State.CHOOSING, Event.LOOKED_ALL, State.LOOKED),
    (State.LOOKING, Event.LOOKED_AT, State.CHOOSING),
    (State.LOOKING, Event.NOTHING, State.PROVING),
    (State.LOOKING, Event.READY, State.DOING),
    (State.LOOKING, Event.ASKS, State.ASKING),
    (State.ASKING, Event.AGREED, State.DOING),
    (State.ASKING, Event.DECLINED, State.CHOOSING),
    (State.DOING, Event.DONE, State.PROVING),
    (State.DOING, Event.NOT_DONE, State.PROVING),
    (State.PROVING, Event.ANSWERS, State.PROVEN),
    (State.PROVING, Event.SILENT, State.CHOOSING),
]


@pytest.mark.parametrize(("at", "event", "then"), WAYS)
def test_each_way(at: State, event: Event, then: State) -> None:
    assert advance(at, event) is then


def test_there_is_no_other_way_but_out() -> None:
    others = {(at, event) for at, event in COURSE} - {(at, event) for at, event, _ in WAYS}
    assert others == {(at, event) for at in set(State) - ENDS for event in (Event.CANCEL, Event.BROKE)}
    assert {COURSE[each] for each in others} == {State.CANCELED, State.FAILED}


@pytest.mark.parametrize("state", State)
def test_every_state_is_reached_and_every_end_is_one(state: State) -> None:
    assert state is State.BEGUN or state in COURSE.values()
    leaves = [each for each in COURSE if each[0] is state]
    assert bool(leaves) is (state not in ENDS)
    assert ENDS < RESTS


def test_an_impossible_event_says_what_was_expected() -> None:
    with pytest.raises(ValueError, match="in doing expected broke, cancel, done, notDone, got agreed"):
        advance(State.DOING, Event.AGREED)
    with pytest.raises(ValueError, match="nothing: it has ended"):
        advance(State.PROVEN, Event.MORE)


def test_the_runbook_is_the_articles_order() -> None:
    assert [row.step.value for row in RUNBOOK] == list(range(1, 9))
    assert [row.name for row in RUNBOOK] == [
        "resetConfiguration",
        "securityRules",
        "bootDiagnostics",
        "resetNic",
        "resourceHealth",
        "resetPassword",
        "restart",
        "redeploy",
    ]
    assert {deed for row in RUNBOOK for deed in row.deeds} == set(Deed) == set(EFFECTS)
    assert Ask.TEMPORARY_DISK in EFFECTS[Deed.REDEPLOY].asks
    assert EFFECTS[Deed.RESET_PASSWORD].asks == (Ask.PASSWORD,)


def test_which_step_follows() -> None:
    walked, step = [], following(None, None)
    while step is not None:
        walked.append(step)
        step = following(step, None)
    assert walked == list(Step)
    assert following(None, Step.RESTART) is Step.RESTART
    assert following(Step.RESTART, Step.RESTART) is None
    for number in (0, 9):
        with pytest.raises(Fault, match="InvalidParameter"):
            step_of(number)


def test_every_language_has_every_word() -> None:
    english = TEXTS["en"]
    for words in TEXTS.values():
        assert words.keys() == english.keys()
        assert all(words.values())
    names = [f"step.{each.value}" for each in Step] + [f"deed.{each.value}" for each in Deed]
    names += [f"ask.{each.value}" for each in Ask] + [f"state.{each.value}" for each in State]
    for name in names:
        assert text(name, "fr") != text(name, "nl")
    assert text("report.by", "nl", who="ada", when="nu") == "door ada, nu"
