"""Who may type on a port: one writer, any number of observers. A pure table; the agent drives it.

Rule 1: everything that decides about the keyboard is in this file.
Rule 2: a newcomer who asks to write takes over; the loser's session ends and is told by whom (S10).
Rule 3: a writer whose socket dropped keeps the seat for RESERVE_SECONDS, unless somebody takes it;
        whoever lost the seat meanwhile learns it when he resumes, and does not steal it back.

    seat      event               next      effects
    FREE      ask(s)              HELD(s)   Granted(s)
    HELD(w)   ask(w)              HELD(w)   Granted(w)
    HELD(w)   ask(s)              HELD(s)   TakenOver(w, by s), Granted(s)
    HELD(w)   release(w)          FREE      Freed
    HELD(w)   detach(w, dropped)  KEPT(w)   -
    HELD(w)   detach(w, left)     FREE      Freed
    KEPT(w)   ask(w)              HELD(w)   Granted(w)
    KEPT(w)   ask(s)              HELD(s)   Granted(s); w is remembered as beaten by s
    KEPT(w)   tick after the end  FREE      Freed
    any       ask(beaten, resume) same      Refused(TakenOver by ...)
    any       ask(no right)       same      Refused(WriteNotGranted)
    any       ask in monitor mode same      Refused(WriteRefusedByHost)
"""

from __future__ import annotations

import enum
from collections import OrderedDict

import msgspec

from outofband.core.errors import ProtocolError

RESERVE_SECONDS = 30.0
MAX_BEATEN = 256
"""Dropped writers remembered as beaten; the oldest is forgotten first."""


class Seat(enum.Enum):
    FREE = "free"
    HELD = "held"
    KEPT = "kept"


class Who(msgspec.Struct, frozen=True):
    """A session as the others see it."""

    session: str
    name: str
    may_write: bool = True


class Granted(msgspec.Struct, frozen=True):
    who: Who


class TakenOver(msgspec.Struct, frozen=True):
    """`loser` was attached and must be told, then closed."""

    loser: Who
    by: Who
    at: float


class Refused(msgspec.Struct, frozen=True):
    who: Who
    code: str
    by: str | None = None
    at: float | None = None


class Freed(msgspec.Struct, frozen=True):
    pass


Effect = Granted | TakenOver | Refused | Freed


class Arbiter:
    """The keyboard of one port. `monitor` is the host's own refusal of every writer."""

    def __init__(self, *, monitor: bool = False) -> None:
        self.monitor = monitor
        self.seat = Seat.FREE
        self.writer: Who | None = None
        self._members: dict[str, Who] = {}
        self._kept_until = 0.0
        self._beaten: OrderedDict[str, tuple[str, float]] = OrderedDict()

    @property
    def members(self) -> tuple[Who, ...]:
        return tuple(self._members.values())

    def may_type(self, session: str) -> bool:
        return self.seat is Seat.HELD and self.writer is not None and self.writer.session == session

    def attach(self, who: Who) -> None:
        """A session joins as observer; asking to write is a second event."""
        self._members[who.session] = who

    def ask(self, session: str, now: float, *, resume: bool = False) -> list[Effect]:
        """An attached session wants the keyboard. `resume` marks one that comes back after a drop."""
        who = self._member(session)
        effects = self.tick(now)
        if self.monitor:
            return [*effects, Refused(who, "WriteRefusedByHost")]
        if not who.may_write:
            return [*effects, Refused(who, "WriteNotGranted")]
        beaten = self._beaten.pop(session, None)
        if resume and beaten is not None:
            return [*effects, Refused(who, "TakenOver", by=beaten[0], at=beaten[1])]
        if self.seat is not Seat.FREE and self.writer is not None and self.writer.session != session:
            if self.seat is Seat.HELD:
                effects.append(TakenOver(self.writer, by=who, at=now))
            self._beaten[self.writer.session] = (who.name, now)
            while len(self._beaten) > MAX_BEATEN:
                self._beaten.popitem(last=False)
        self.seat, self.writer = Seat.HELD, who
        return [*effects, Granted(who)]

    def release(self, session: str) -> list[Effect]:
        """The writer gives the keyboard back and stays as observer; from anybody else it means nothing."""
        self._member(session)
        return self._free() if self.may_type(session) else []

    def detach(self, session: str, now: float, *, dropped: bool) -> list[Effect]:
        """A session's socket is gone: `dropped` when it may come back, otherwise it left for good."""
        effects = self.tick(now)
        if self._members.pop(session, None) is None:
            return effects
        if not self.may_type(session):
            return effects
        if dropped:
            self.seat, self._kept_until = Seat.KEPT, now + RESERVE_SECONDS
            return effects
        return [*effects, *self._free()]

    def revoke(self, session: str) -> list[Effect]:
        """A session loses its right to write and becomes a mere observer."""
        who = self._member(session)
        self._members[session] = msgspec.structs.replace(who, may_write=False)
        return self._free() if self.may_type(session) else []

    def tick(self, now: float) -> list[Effect]:
        if self.seat is Seat.KEPT and now >= self._kept_until:
            return self._free()
        return []

    def _free(self) -> list[Effect]:
        self.seat, self.writer = Seat.FREE, None
        return [Freed()]

    def _member(self, session: str) -> Who:
        if (who := self._members.get(session)) is None:
            raise ProtocolError(f"expected an attached session, got {session!r}")
        return who
