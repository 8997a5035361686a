"""Whatever happens in whatever order: never two writers, never a writer without the right."""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from outofband.wire.arbiter import RESERVE_SECONDS, Arbiter, Freed, Granted, Seat, TakenOver, Who

SESSIONS = st.sampled_from(["a", "b", "c", "d"])


class Keyboard(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.arbiter = Arbiter()
        self.now = 0.0
        self.attached: dict[str, Who] = {}
        self.holder: str | None = None

    def follow(self, effects: list[object]) -> None:
        """Keep a second account from the effects alone: it must agree with the table."""
        for effect in effects:
            if isinstance(effect, Granted):
                self.holder = effect.who.session
            elif isinstance(effect, TakenOver):
                assert effect.loser.session == self.holder
                assert effect.by.session != effect.loser.session
            elif isinstance(effect, Freed):
                self.holder = None

    @rule(session=SESSIONS, may_write=st.booleans())
    def attach(self, session: str, may_write: bool) -> None:
        if session not in self.attached:
            self.attached[session] = Who(session, f"name-{session}", may_write)
            self.arbiter.attach(self.attached[session])

    @rule(session=SESSIONS, resume=st.booleans())
    def ask(self, session: str, resume: bool) -> None:
        if session in self.attached:
            self.follow(list(self.arbiter.ask(session, self.now, resume=resume)))

    @rule(session=SESSIONS)
    def release(self, session: str) -> None:
        if session in self.attached:
            self.follow(list(self.arbiter.release(session)))

    @rule(session=SESSIONS, dropped=st.booleans())
    def detach(self, session: str, dropped: bool) -> None:
        self.follow(list(self.arbiter.detach(session, self.now, dropped=dropped)))
        self.attached.pop(session, None)

    @rule(session=SESSIONS)
    def revoke(self, session: str) -> None:
        if session in self.attached:
            self.follow(list(self.arbiter.revoke(session)))
            self.attached[session] = Who(session, f"name-{session}", False)

    @rule(seconds=st.floats(0, RESERVE_SECONDS * 2))
    def wait(self, seconds: float) -> None:
        self.now += seconds
        self.follow(list(self.arbiter.tick(self.now)))

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


TestKeyboard = Keyboard.TestCase
