"""Who may type on a port: one writer, any number of observers. A pure table; the agent drives it.

Rule 1: everything that decides about the keyboard is in this file.
Rule 2: a newcomer who asks to write takes over; the loser's session ends and is told by whom (S10). For
        that he needs the right to take over; without it he watches, and may ask for the keyboard.
Rule 3: a writer whose socket dropped keeps the seat for RESERVE_SECONDS, unless somebody takes it;
        whoever lost the seat meanwhile learns it when he resumes, and does not steal it back.
Rule 4: every asking ends, and both sides are told how: given, declined, withdrawn, or unanswered for
        ASK_SECONDS. It outlives a change of the writer; a seat that becomes free goes to who has asked for
        the longest.

    seat      event               next      effects
    FREE      take(s), ask(s)     HELD(s)   Granted(s)
    HELD(w)   take(w), ask(w)     HELD(w)   Granted(w)
    HELD(w)   take(s)             HELD(s)   TakenOver(w, by s), Granted(s)
    HELD(w)   ask(s)              HELD(w)   Asked(s, of w)
    HELD(w)   allow(w, s)         HELD(s)   HandedOver(w, to s), Granted(s)    if s asks
    HELD(w)   hand(w, s)          HELD(s)   HandedOver(w, to s), Granted(s)
    HELD(w)   decline(w, s)       HELD(w)   NotGiven(s, declined)              if s asks
    HELD(w)   release(w)          FREE      Freed
    HELD(w)   detach(w, dropped)  KEPT(w)   -
    HELD(w)   detach(w, left)     FREE      Freed
    KEPT(w)   take(w)             HELD(w)   Granted(w)
    KEPT(w)   take(s)             HELD(s)   Granted(s); w is remembered as beaten by s
    KEPT(w)   ask(s)              KEPT(w)   Asked(s, of w)
    KEPT(w)   tick after the end  FREE      Freed
    any       would be FREE       HELD(s)   Granted(s) instead of Freed        if s asks, the longest
    any       would be HELD(x)    HELD(x)   and Asked(s, of x) again for every s that still asks
    any       release(s), detach  same      NotGiven(s, withdrawn)             if s asks
    any       tick, asked too long          NotGiven(s, unanswered)
    HELD(w)   take(s)             same      Refused(KeyboardHeld by w)         s has no right to take over
    KEPT(w)   take(s)             same      Refused(KeyboardHeld by w)         the same
    HELD(w)   ask(s)              same      Refused(KeyboardAskedTooSoon)      declined or unanswered just now
    any       allow, decline, hand by who does not hold it   Refused(KeyboardNotYours)
    HELD(w)   allow(w, s), decline(w, s)                     Refused(KeyboardNotAsked) if s does not ask
    HELD(w)   hand(w, s)          same      Refused(PersonNotAttached), or PersonMayNotType
    any       take(beaten, resume) same     Refused(TakenOver by ...)
    any       take, ask (no right) same     Refused(WriteNotGranted)
    any       take, ask in monitor mode     Refused(WriteRefusedByHost)
"""

from __future__ import annotations

import enum
from collections import OrderedDict

import msgspec

from outofband.core.errors import ProtocolError

RESERVE_SECONDS = 30.0
ASK_SECONDS = 30.0
"""An asking that was not answered for this long is over."""
ASK_AGAIN_SECONDS = 10.0
"""After a no, or none, the same session may not ask for this long: the writer has other things to do."""
MAX_BEATEN = 256
"""Dropped writers remembered as beaten; the oldest is forgotten first."""
REFUSALS = frozenset(
    {
        "KeyboardAskedTooSoon",
        "KeyboardHeld",
        "KeyboardNotAsked",
        "KeyboardNotYours",
        "PersonMayNotType",
        "PersonNotAttached",
        "WriteNotGranted",
        "WriteRefusedByHost",
    }
)
"""Codes of what it says no with to a wish about the keyboard."""


class Seat(enum.Enum):
    FREE = "free"
    HELD = "held"
    KEPT = "kept"


class Why(enum.StrEnum):
    """How an asking ended without the keyboard."""

    DECLINED = "declined"
    UNANSWERED = "unanswered"
    WITHDRAWN = "withdrawn"


class Who(msgspec.Struct, frozen=True):
    """A session as the others see it. `may_take`: also from a writer who does not want to give it."""

    session: str
    name: str
    may_write: bool = True
    may_take: bool = True


class Granted(msgspec.Struct, frozen=True):
    who: Who


class TakenOver(msgspec.Struct, frozen=True):
    """`loser` was attached and must be told, then closed."""

    loser: Who
    by: Who
    at: float


class HandedOver(msgspec.Struct, frozen=True):
    """`giver` stays as observer."""

    giver: Who
    to: Who


class Asked(msgspec.Struct, frozen=True):
    """`of` should answer until then; he is perhaps not there, while his seat is kept."""

    who: Who
    of: Who
    until: float


class NotGiven(msgspec.Struct, frozen=True):
    """`of` is the writer, if there still is one."""

    who: Who
    of: Who | None
    why: Why


class Refused(msgspec.Struct, frozen=True):
    who: Who
    code: str
    by: str | None = None
    at: float | None = None


class Freed(msgspec.Struct, frozen=True):
    pass


Effect = Granted | TakenOver | HandedOver | Asked | NotGiven | Refused | Freed


class Arbiter:
    """The keyboard of one port. `monitor` is the host's own refusal of every writer."""

    def __init__(self, *, monitor: bool = False) -> None:
        self.monitor = monitor
        self.seat = Seat.FREE
        self.writer: Who | None = None
        self._members: dict[str, Who] = {}
        self._kept_until = 0.0
        self._beaten: OrderedDict[str, tuple[str, float]] = OrderedDict()
        self._asking: dict[str, float] = {}
        """Until when, by session; who asked first is first."""
        self._not_before: dict[str, float] = {}

    @property
    def members(self) -> tuple[Who, ...]:
        return tuple(self._members.values())

    @property
    def asking(self) -> tuple[str, ...]:
        """Sessions that ask for the keyboard, the longest first."""
        return tuple(self._asking)

    def may_type(self, session: str) -> bool:
        return self.seat is Seat.HELD and self.writer is not None and self.writer.session == session

    def attach(self, who: Who) -> None:
        """A session joins as observer, or is known anew; asking to write is a second event."""
        self._members[who.session] = who
        if self.writer is not None and self.writer.session == who.session:
            self.writer = who

    def take(self, session: str, now: float, *, resume: bool = False) -> list[Effect]:
        """An attached session wants the keyboard. `resume` marks one that comes back after a drop."""
        who = self._member(session)
        effects = self.tick(now)
        if (no := self._kept_from(who)) is not None:
            return [*effects, no]
        beaten = self._beaten.pop(session, None)
        if resume and beaten is not None:
            return [*effects, Refused(who, "TakenOver", by=beaten[0], at=beaten[1])]
        if self.seat is not Seat.FREE and self.writer is not None and self.writer.session != session:
            if not who.may_take:
                return [*effects, Refused(who, "KeyboardHeld", by=self.writer.name)]
            if self.seat is Seat.HELD:
                effects.append(TakenOver(self.writer, by=who, at=now))
            self._beaten[self.writer.session] = (who.name, now)
            while len(self._beaten) > MAX_BEATEN:
                self._beaten.popitem(last=False)
        return [*effects, *self._seated(who)]

    def ask(self, session: str, now: float) -> list[Effect]:
        """An attached session asks whoever has the keyboard for it."""
        who = self._member(session)
        effects = self.tick(now)
        if (no := self._kept_from(who)) is not None:
            return [*effects, no]
        if self.seat is Seat.FREE or self.writer is None or self.writer.session == session:
            return [*effects, *self._seated(who)]
        if session in self._asking:
            return effects
        if now < (again := self._not_before.get(session, now)):
            return [*effects, Refused(who, "KeyboardAskedTooSoon", by=self.writer.name, at=again)]
        self._asking[session] = until = now + ASK_SECONDS
        return [*effects, Asked(who, self.writer, until)]

    def allow(self, session: str, asker: str, now: float) -> list[Effect]:
        """The writer gives the keyboard to a session that asked for it."""
        who = self._member(session)
        effects = self.tick(now)
        if (no := self._no_answer(who, asker)) is not None:
            return [*effects, no]
        return [*effects, *self._handed(who, self._member(asker))]

    def decline(self, session: str, asker: str, now: float) -> list[Effect]:
        """The writer keeps the keyboard."""
        who = self._member(session)
        effects = self.tick(now)
        if (no := self._no_answer(who, asker)) is not None:
            return [*effects, no]
        return [*effects, self._not_given(asker, Why.DECLINED, now)]

    def hand(self, session: str, to: str, now: float) -> list[Effect]:
        """The writer gives the keyboard to a session of his choice, and stays as observer."""
        who = self._member(session)
        effects = self.tick(now)
        if not self.may_type(session):
            return [*effects, self._not_yours(who)]
        heir = self._members.get(to)
        if heir is None:
            return [*effects, Refused(who, "PersonNotAttached")]
        if not heir.may_write:
            return [*effects, Refused(who, "PersonMayNotType", by=heir.name)]
        if to == session:
            return effects
        return [*effects, *self._handed(who, heir)]

    def release(self, session: str, now: float) -> list[Effect]:
        """The writer gives the keyboard back and stays as observer; who asks for it asks no longer; from
        anybody else it means nothing.
        """
        self._member(session)
        effects = self.tick(now)
        if session in self._asking:
            effects.append(self._not_given(session, Why.WITHDRAWN, now))
        return [*effects, *self._free()] if self.may_type(session) else effects

    def detach(self, session: str, now: float, *, dropped: bool) -> list[Effect]:
        """A session's socket is gone: `dropped` when it may come back, otherwise it left for good."""
        effects = self.tick(now)
        if session not in self._members:
            return effects
        if session in self._asking:
            effects.append(self._not_given(session, Why.WITHDRAWN, now))
        if not dropped:
            self._not_before.pop(session, None)
        del self._members[session]
        if not self.may_type(session):
            return effects
        if dropped:
            self.seat, self._kept_until = Seat.KEPT, now + RESERVE_SECONDS
            return effects
        return [*effects, *self._free()]

    def revoke(self, session: str, now: float) -> list[Effect]:
        """A session loses its right to write and becomes a mere observer."""
        who = self._member(session)
        effects = self.tick(now)
        self._members[session] = msgspec.structs.replace(who, may_write=False, may_take=False)
        if session in self._asking:
            effects.append(self._not_given(session, Why.WITHDRAWN, now))
        return [*effects, *self._free()] if self.may_type(session) else effects

    def watch_only(self, monitor: bool, now: float) -> list[Effect]:
        """The host's administrator forbids every writer, or no longer does."""
        effects = self.tick(now)
        self.monitor = monitor
        if not monitor:
            return effects
        effects += [self._not_given(session, Why.WITHDRAWN, now) for session in list(self._asking)]
        return effects if self.seat is Seat.FREE else [*effects, *self._free()]

    def tick(self, now: float) -> list[Effect]:
        """Whatever ends by itself."""
        effects: list[Effect] = []
        if self.seat is Seat.KEPT and now >= self._kept_until:
            effects += self._free()
        for session in [each for each, until in self._asking.items() if now >= until]:
            effects.append(self._not_given(session, Why.UNANSWERED, now))
        self._not_before = {each: at for each, at in self._not_before.items() if now < at}
        return effects

    # --- how it is done ---

    def _kept_from(self, who: Who) -> Refused | None:
        """What keeps a session from every keyboard."""
        if self.monitor:
            return Refused(who, "WriteRefusedByHost")
        return None if who.may_write else Refused(who, "WriteNotGranted")

    def _no_answer(self, who: Who, asker: str) -> Refused | None:
        """Why a session may not answer that asking."""
        if not self.may_type(who.session):
            return self._not_yours(who)
        return None if asker in self._asking else Refused(who, "KeyboardNotAsked")

    def _not_yours(self, who: Who) -> Refused:
        return Refused(who, "KeyboardNotYours", by=self.writer.name if self.writer else None)

    def _handed(self, giver: Who, to: Who) -> list[Effect]:
        return [HandedOver(giver, to), *self._seated(to)]

    def _seated(self, who: Who) -> list[Effect]:
        self.seat, self.writer = Seat.HELD, who
        self._asking.pop(who.session, None)
        self._beaten.pop(who.session, None)
        others = [(self._members[session], until) for session, until in self._asking.items()]
        return [Granted(who), *(Asked(asker, who, until) for asker, until in others)]

    def _not_given(self, session: str, why: Why, now: float) -> NotGiven:
        del self._asking[session]
        if why is not Why.WITHDRAWN:
            self._not_before[session] = now + ASK_AGAIN_SECONDS
        return NotGiven(self._members[session], self.writer, why)

    def _free(self) -> list[Effect]:
        self.seat, self.writer = Seat.FREE, None
        if (heir := next(iter(self._asking), None)) is not None:
            return self._seated(self._members[heir])
        return [Freed()]

    def _member(self, session: str) -> Who:
        if (who := self._members.get(session)) is None:
            raise ProtocolError(f"expected an attached session, got {session!r}")
        return who
