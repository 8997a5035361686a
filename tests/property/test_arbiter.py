"""Whatever happens in whatever order: never two writers, never a writer without the right, nobody is taken
over by somebody without that right, and every asking is answered once, in time.
"""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from outofband.wire.arbiter import (
    ASK_SECONDS,
    MAX_BEATEN,
    RESERVE_SECONDS,
    Arbiter,
    Asked,
    Freed,
    Granted,
    HandedOver,
    NotGiven,
    Seat,
    TakenOver,
    Who,
    Why,
)

SESSIONS = st.sampled_from(["a", "b", "c", "d"])


class Keyboard(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.arbiter = Arbiter()
        self.now = 0.0
        self.attached: dict[str, Who] = {}
        self.holder: str | None = None
        self.asked: dict[str, float] = {}
        """When each asking began that has not ended, by the effects alone."""

    def follow(self, effects: list[object]) -> None:
        """Keep a second account from the effects alone: it must agree with the table."""
        for effect in effects:
            if isinstance(effect, Granted):
                self.holder = effect.who.session
                self.asked.pop(self.holder, None)
            elif isinstance(effect, TakenOver):
                assert effect.loser.session == self.holder
                assert effect.by.session != effect.loser.session
                assert effect.by.may_take
            elif isinstance(effect, HandedOver):
                assert effect.giver.session == self.holder
                assert effect.to.may_write
            elif isinstance(effect, Asked):
                assert effect.who.session != effect.of.session == self.holder
                began = self.asked.setdefault(effect.who.session, self.now)
                assert effect.until == began + ASK_SECONDS
            elif isinstance(effect, NotGiven):
                began = self.asked.pop(effect.who.session)
                if effect.why is Why.UNANSWERED:
                    assert self.now >= began + ASK_SECONDS
            elif isinstance(effect, Freed):
                self.holder = None

    @rule(session=SESSIONS, may_write=st.booleans(), may_take=st.booleans())
    def attach(self, session: str, may_write: bool, may_take: bool) -> None:
        if session not in self.attached:
            self.attached[session] = Who(session, f"name-{session}", may_write, may_take)
            self.arbiter.attach(self.attached[session])

    @rule(session=SESSIONS, resume=st.booleans())
    def take(self, session: str, resume: bool) -> None:
        if session in self.attached:
            self.follow(list(self.arbiter.take(session, self.now, resume=resume)))

    @rule(session=SESSIONS)
    def ask(self, session: str) -> None:
        if session in self.attached:
            self.follow(list(self.arbiter.ask(session, self.now)))

    @rule(session=SESSIONS, other=SESSIONS, deed=st.sampled_from(["allow", "decline", "hand"]))
    def decide(self, session: str, other: str, deed: str) -> None:
        if session in self.attached:
            before, asked = self.holder, other in self.asked
            effects = list(getattr(self.arbiter, deed)(session, other, self.now))
            self.follow(effects)
            if any(isinstance(effect, HandedOver) for effect in effects):
                assert before == session
                assert asked or deed == "hand"

    @rule(session=SESSIONS)
    def release(self, session: str) -> None:
        if session in self.attached:
            self.follow(list(self.arbiter.release(session, self.now)))

    @rule(session=SESSIONS, dropped=st.booleans())
    def detach(self, session: str, dropped: bool) -> None:
        self.follow(list(self.arbiter.detach(session, self.now, dropped=dropped)))
        self.attached.pop(session, None)

    @rule(session=SESSIONS)
    def revoke(self, session: str) -> None:
        if session in self.attached:
            self.follow(list(self.arbiter.revoke(session, self.now)))
            self.attached[session] = Who(session, f"name-{session}", False, False)

    @rule(seconds=st.floats(0, RESERVE_SECONDS * 2))
    def wait(self, seconds: float) -> None:
        self.now += seconds
        self.follow(list(self.arbiter.tick(self.now)))
        assert all(self.now < began + ASK_SECONDS for began in self.asked.values())

    @invariant()
    def one_writer_at_most(self) -> None:
        typing = [session for session in self.attached if self.arbiter.may_type(session)]
        assert len(typing) <= 1
        for session in typing:
            assert session == self.holder
            assert self.attached[session].may_write

    @invariant()
    def seat_and_writer_agree(self) -> None:
        assert (self.arbiter.seat is Seat.FREE) == (self.arbiter.writer is None)

    @invariant()
    def who_asks_is_there_and_waits_for_somebody(self) -> None:
        assert set(self.arbiter.asking) == set(self.asked) <= set(self.attached)
        assert not (self.asked and self.arbiter.seat is Seat.FREE)
        assert all(self.attached[session].may_write for session in self.asked)

    @invariant()
    def memory_is_bounded(self) -> None:
        assert len(self.arbiter._beaten) <= MAX_BEATEN
        assert len(self.arbiter._not_before) <= len(["a", "b", "c", "d"])


TestKeyboard = Keyboard.TestCase
