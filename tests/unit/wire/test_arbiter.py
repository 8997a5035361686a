"""The keyboard's table, row by row."""

from __future__ import annotations

import pytest

from outofband.core.errors import ProtocolError
from outofband.wire.arbiter import (
    MAX_BEATEN,
    RESERVE_SECONDS,
    Arbiter,
    Freed,
    Granted,
    Refused,
    Seat,
    TakenOver,
    Who,
)

ANNA = Who("a", "anna")
BERT = Who("b", "bert")
READER = Who("r", "rita", may_write=False)


def table(*members: Who, monitor: bool = False) -> Arbiter:
    arbiter = Arbiter(monitor=monitor)
    for who in members:
        arbiter.attach(who)
    return arbiter


def test_the_first_who_asks_gets_the_keyboard() -> None:
    arbiter = table(ANNA, BERT)
    assert arbiter.ask("a", 0) == [Granted(ANNA)]
    assert arbiter.may_type("a")
    assert not arbiter.may_type("b")


def test_a_newcomer_takes_over_and_the_loser_is_told_by_whom() -> None:
    arbiter = table(ANNA, BERT)
    arbiter.ask("a", 0)
    assert arbiter.ask("b", 5) == [TakenOver(ANNA, by=BERT, at=5), Granted(BERT)]
    assert not arbiter.may_type("a")


def test_a_dropped_writer_finds_the_seat_kept() -> None:
    arbiter = table(ANNA, BERT)
    arbiter.ask("a", 0)
    assert arbiter.detach("a", 1, dropped=True) == []
    assert arbiter.seat is Seat.KEPT
    arbiter.attach(ANNA)
    assert arbiter.ask("a", 2, resume=True) == [Granted(ANNA)]


def test_a_dropped_writer_who_was_beaten_does_not_steal_the_seat_back() -> None:
    arbiter = table(ANNA, BERT)
    arbiter.ask("a", 0)
    arbiter.detach("a", 1, dropped=True)
    assert arbiter.ask("b", 2) == [Granted(BERT)]
    arbiter.attach(ANNA)
    assert arbiter.ask("a", 3, resume=True) == [Refused(ANNA, "TakenOver", by="bert", at=2)]
    assert arbiter.may_type("b")
    assert arbiter.ask("a", 4) == [TakenOver(BERT, by=ANNA, at=4), Granted(ANNA)], (
        "asking anew does take over"
    )


def test_the_kept_seat_is_freed_after_its_time() -> None:
    arbiter = table(ANNA)
    arbiter.ask("a", 0)
    arbiter.detach("a", 1, dropped=True)
    assert arbiter.tick(1 + RESERVE_SECONDS - 0.1) == []
    assert arbiter.tick(1 + RESERVE_SECONDS) == [Freed()]
    assert arbiter.seat is Seat.FREE


def test_leaving_and_releasing_free_the_seat() -> None:
    arbiter = table(ANNA)
    arbiter.ask("a", 0)
    assert arbiter.release("a") == [Freed()]
    arbiter.ask("a", 1)
    assert arbiter.detach("a", 2, dropped=False) == [Freed()]
    assert arbiter.members == ()


def test_who_may_not_write_is_refused_and_the_writer_stays() -> None:
    arbiter = table(ANNA, READER)
    arbiter.ask("a", 0)
    assert arbiter.ask("r", 1) == [Refused(READER, "WriteNotGranted")]
    assert arbiter.may_type("a")
    assert arbiter.revoke("a") == [Freed()]
    assert arbiter.ask("a", 2)[0].code == "WriteNotGranted"  # type: ignore[union-attr]


def test_monitor_mode_refuses_everybody() -> None:
    arbiter = table(ANNA, monitor=True)
    assert arbiter.ask("a", 0) == [Refused(ANNA, "WriteRefusedByHost")]
    assert not arbiter.may_type("a")


def test_a_stranger_is_a_protocol_error() -> None:
    with pytest.raises(ProtocolError, match="expected an attached session"):
        table(ANNA).ask("x", 0)


def test_the_memory_of_beaten_writers_is_bounded() -> None:
    arbiter = Arbiter()
    for number in range(MAX_BEATEN + 50):
        arbiter.attach(Who(str(number), "crowd"))
        arbiter.ask(str(number), number)
    assert len(arbiter._beaten) == MAX_BEATEN
