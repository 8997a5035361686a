"""The keyboard's table, row by row."""

from __future__ import annotations

import pytest

from outofband.core.errors import ProtocolError
from outofband.wire.arbiter import (
    ASK_AGAIN_SECONDS,
    ASK_SECONDS,
    MAX_BEATEN,
    RESERVE_SECONDS,
    Arbiter,
    Asked,
    Freed,
    Granted,
    HandedOver,
    NotGiven,
    Refused,
    Seat,
    TakenOver,
    Who,
    Why,
)

ANNA = Who("a", "anna")
BERT = Who("b", "bert")
CARL = Who("c", "carl", may_take=False)
DORA = Who("d", "dora", may_take=False)
READER = Who("r", "rita", may_write=False)


def table(*members: Who, monitor: bool = False) -> Arbiter:
    arbiter = Arbiter(monitor=monitor)
    for who in members:
        arbiter.attach(who)
    return arbiter


def test_the_first_who_asks_gets_the_keyboard() -> None:
    arbiter = table(ANNA, BERT)
    assert arbiter.take("a", 0) == [Granted(ANNA)]
    assert arbiter.may_type("a")
    assert not arbiter.may_type("b")


def test_a_newcomer_takes_over_and_the_loser_is_told_by_whom() -> None:
    arbiter = table(ANNA, BERT)
    arbiter.take("a", 0)
    assert arbiter.take("b", 5) == [TakenOver(ANNA, by=BERT, at=5), Granted(BERT)]
    assert not arbiter.may_type("a")


def test_a_dropped_writer_finds_the_seat_kept() -> None:
    arbiter = table(ANNA, BERT)
    arbiter.take("a", 0)
    assert arbiter.detach("a", 1, dropped=True) == []
    assert arbiter.seat is Seat.KEPT
    arbiter.attach(ANNA)
    assert arbiter.take("a", 2, resume=True) == [Granted(ANNA)]


def test_a_dropped_writer_who_was_beaten_does_not_steal_the_seat_back() -> None:
    arbiter = table(ANNA, BERT)
    arbiter.take("a", 0)
    arbiter.detach("a", 1, dropped=True)
    assert arbiter.take("b", 2) == [Granted(BERT)]
    arbiter.attach(ANNA)
    assert arbiter.take("a", 3, resume=True) == [Refused(ANNA, "TakenOver", by="bert", at=2)]
    assert arbiter.may_type("b")
    assert arbiter.take("a", 4) == [TakenOver(BERT, by=ANNA, at=4), Granted(ANNA)], (
        "asking anew does take over"
    )


def test_the_kept_seat_is_freed_after_its_time() -> None:
    arbiter = table(ANNA)
    arbiter.take("a", 0)
    arbiter.detach("a", 1, dropped=True)
    assert arbiter.tick(1 + RESERVE_SECONDS - 0.1) == []
    assert arbiter.tick(1 + RESERVE_SECONDS) == [Freed()]
    assert arbiter.seat is Seat.FREE


def test_leaving_and_releasing_free_the_seat() -> None:
    arbiter = table(ANNA)
    arbiter.take("a", 0)
    assert arbiter.release("a", 1) == [Freed()]
    arbiter.take("a", 1)
    assert arbiter.detach("a", 2, dropped=False) == [Freed()]
    assert arbiter.members == ()


def test_who_may_not_write_is_refused_and_the_writer_stays() -> None:
    arbiter = table(ANNA, READER)
    arbiter.take("a", 0)
    assert arbiter.take("r", 1) == [Refused(READER, "WriteNotGranted")]
    assert arbiter.may_type("a")
    assert arbiter.revoke("a", 1) == [Freed()]
    assert arbiter.take("a", 2)[0].code == "WriteNotGranted"  # type: ignore[union-attr]


def test_monitor_mode_refuses_everybody() -> None:
    arbiter = table(ANNA, monitor=True)
    assert arbiter.take("a", 0) == [Refused(ANNA, "WriteRefusedByHost")]
    assert not arbiter.may_type("a")


def test_a_stranger_is_a_protocol_error() -> None:
    with pytest.raises(ProtocolError, match="expected an attached session"):
        table(ANNA).take("x", 0)


def test_the_memory_of_beaten_writers_is_bounded() -> None:
    arbiter = Arbiter()
    for number in range(MAX_BEATEN + 50):
        arbiter.attach(Who(str(number), "crowd"))
        arbiter.take(str(number), number)
    assert len(arbiter._beaten) == MAX_BEATEN


def test_without_the_right_to_take_over_the_writer_keeps_the_keyboard() -> None:
    arbiter = table(ANNA, CARL)
    arbiter.take("a", 0)
    assert arbiter.take("c", 1) == [Refused(CARL, "KeyboardHeld", by="anna")]
    arbiter.detach("a", 2, dropped=True)
    assert arbiter.take("c", 3) == [Refused(CARL, "KeyboardHeld", by="anna")], "a kept seat is not free"
    assert arbiter.take("c", 2 + RESERVE_SECONDS) == [Freed(), Granted(CARL)]


def test_who_asks_is_given_the_keyboard_and_the_giver_stays() -> None:
    arbiter = table(ANNA, CARL)
    arbiter.take("a", 0)
    assert arbiter.ask("c", 1) == [Asked(CARL, ANNA, 1 + ASK_SECONDS)]
    assert arbiter.ask("c", 2) == [], "asking twice is asking once"
    assert arbiter.allow("a", "c", 3) == [HandedOver(ANNA, CARL), Granted(CARL)]
    assert arbiter.may_type("c")
    assert ANNA in arbiter.members


def test_who_was_declined_asks_again_a_little_later() -> None:
    arbiter = table(ANNA, CARL)
    arbiter.take("a", 0)
    arbiter.ask("c", 1)
    assert arbiter.decline("a", "c", 2) == [NotGiven(CARL, ANNA, Why.DECLINED)]
    [no] = arbiter.ask("c", 3)
    assert isinstance(no, Refused)
    assert (no.code, no.by, no.at) == ("KeyboardAskedTooSoon", "anna", 2 + ASK_AGAIN_SECONDS)
    assert arbiter.ask("c", 2 + ASK_AGAIN_SECONDS) == [Asked(CARL, ANNA, 2 + ASK_AGAIN_SECONDS + ASK_SECONDS)]


def test_an_asking_nobody_answers_ends() -> None:
    arbiter = table(ANNA, CARL)
    arbiter.take("a", 0)
    arbiter.ask("c", 1)
    assert arbiter.tick(ASK_SECONDS) == []
    assert arbiter.tick(1 + ASK_SECONDS) == [NotGiven(CARL, ANNA, Why.UNANSWERED)]
    assert arbiter.allow("a", "c", 40) == [Refused(ANNA, "KeyboardNotAsked")], "an answer too late"


def test_asking_at_a_free_keyboard_gives_it() -> None:
    arbiter = table(CARL)
    assert arbiter.ask("c", 0) == [Granted(CARL)]


def test_a_freed_keyboard_goes_to_who_asked_first() -> None:
    arbiter = table(ANNA, CARL, DORA)
    arbiter.take("a", 0)
    arbiter.ask("d", 1)
    arbiter.ask("c", 2)
    assert arbiter.release("a", 3) == [Granted(DORA), Asked(CARL, DORA, 2 + ASK_SECONDS)]


def test_a_kept_seat_goes_to_who_asked_once_its_time_is_over() -> None:
    arbiter = table(ANNA, CARL)
    arbiter.take("a", 0)
    arbiter.detach("a", 1, dropped=True)
    assert arbiter.ask("c", 2) == [Asked(CARL, ANNA, 2 + ASK_SECONDS)]
    assert arbiter.tick(1 + RESERVE_SECONDS) == [Granted(CARL)]


def test_a_writer_who_comes_back_hears_who_asked_meanwhile() -> None:
    arbiter = table(ANNA, CARL)
    arbiter.take("a", 0)
    arbiter.detach("a", 1, dropped=True)
    arbiter.ask("c", 2)
    arbiter.attach(ANNA)
    assert arbiter.take("a", 3, resume=True) == [Granted(ANNA), Asked(CARL, ANNA, 2 + ASK_SECONDS)]


def test_an_asking_is_withdrawn_by_word_by_leaving_and_by_a_lost_right() -> None:
    for withdraw in (
        lambda table: table.release("c", 2),
        lambda table: table.detach("c", 2, dropped=True),
        lambda table: table.detach("c", 2, dropped=False),
        lambda table: table.revoke("c", 2),
    ):
        arbiter = table(ANNA, CARL)
        arbiter.take("a", 0)
        arbiter.ask("c", 1)
        [gone] = withdraw(arbiter)
        assert isinstance(gone, NotGiven)
        assert (gone.who.session, gone.of, gone.why) == ("c", ANNA, Why.WITHDRAWN)
        assert arbiter.asking == ()


def test_the_writer_hands_over_to_whom_he_names() -> None:
    arbiter = table(ANNA, CARL, READER)
    assert arbiter.hand("c", "a", 0) == [Refused(CARL, "KeyboardNotYours")]
    arbiter.take("a", 0)
    assert arbiter.hand("c", "a", 1) == [Refused(CARL, "KeyboardNotYours", by="anna")]
    assert arbiter.hand("a", "x", 1) == [Refused(ANNA, "PersonNotAttached")]
    assert arbiter.hand("a", "r", 1) == [Refused(ANNA, "PersonMayNotType", by="rita")]
    assert arbiter.hand("a", "a", 1) == []
    assert arbiter.hand("a", "c", 1) == [HandedOver(ANNA, CARL), Granted(CARL)]
    assert not arbiter.may_type("a")


def test_only_the_writer_answers() -> None:
    arbiter = table(ANNA, BERT, CARL)
    arbiter.take("a", 0)
    arbiter.ask("c", 1)
    assert arbiter.allow("b", "c", 2) == [Refused(BERT, "KeyboardNotYours", by="anna")]
    assert arbiter.decline("c", "c", 2) == [Refused(CARL, "KeyboardNotYours", by="anna")]


def test_who_takes_over_hears_who_asked_the_one_before() -> None:
    arbiter = table(ANNA, BERT, CARL)
    arbiter.take("a", 0)
    arbiter.ask("c", 1)
    assert arbiter.take("b", 2) == [
        TakenOver(ANNA, by=BERT, at=2),
        Granted(BERT),
        Asked(CARL, BERT, 1 + ASK_SECONDS),
    ]


def test_a_new_right_to_take_over_counts_at_once() -> None:
    arbiter = table(ANNA, CARL)
    arbiter.take("a", 0)
    arbiter.attach(Who("c", "carl", may_take=True))
    assert any(isinstance(effect, TakenOver) for effect in arbiter.take("c", 1))


def test_a_host_that_forbids_typing_from_now_on() -> None:
    arbiter = table(ANNA, BERT, CARL)
    arbiter.take("a", 0.0)
    arbiter.ask("b", 1.0)
    assert arbiter.watch_only(True, 2.0) == [NotGiven(BERT, ANNA, Why.WITHDRAWN), Freed()]
    assert (arbiter.seat, arbiter.may_type("a")) == (Seat.FREE, False)
    assert arbiter.take("a", 3.0) == [Refused(ANNA, "WriteRefusedByHost")]
    assert arbiter.watch_only(True, 4.0) == []
    assert arbiter.watch_only(False, 5.0) == []
    assert arbiter.take("c", 6.0) == [Granted(CARL)]


def test_a_keyboard_that_was_kept_is_not_when_nobody_may_type() -> None:
    arbiter = table(ANNA)
    arbiter.take("a", 0.0)
    arbiter.detach("a", 1.0, dropped=True)
    assert arbiter.watch_only(True, 2.0) == [Freed()]
    assert arbiter.seat is Seat.FREE
