"""The keyboard of one port: the arbiter's decisions carried out on the attached sessions.

Who may type is decided in `wire.arbiter` alone; here it is told to everybody, and typed bytes follow it.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Protocol

from outofband.agent.ports.attachment import Attachment
from outofband.agent.ports.inbox import Inbox
from outofband.agent.ports.source import Source
from outofband.core import clock
from outofband.wire import arbiter
from outofband.wire.arbiter import Arbiter, Effect, Granted, Refused, Seat, Who
from outofband.wire.grant import Mode
from outofband.wire.stream import Close, Notice


class Room(Protocol):
    """The broker, as its keyboard sees it."""

    vm: str
    source: Source

    def sessions(self) -> list[Attachment]:
        """Everybody on the port."""
        ...

    def end(self, attachment: Attachment, close: Close) -> None:
        """Close a session."""
        ...

    def touched(self) -> None:
        """Something of the port's report is another now."""
        ...


class Keyboard:
    """Seat and input of one port. `monitor`: the host lets nobody type."""

    def __init__(self, room: Room, *, monitor: bool) -> None:
        self.inbox = Inbox(room.source)
        self._room = room
        self._arbiter = Arbiter(monitor=monitor)
        self._typist: str | None = None
        """Session whose input may still wait for the port."""

    @property
    def writer(self) -> str | None:
        """Name of who may type, or would if he were back."""
        return self._arbiter.writer.name if self._arbiter.writer else None

    # --- the seat ---

    def join(self, attachment: Attachment, *, resume: bool) -> list[Effect]:
        """A session comes in, and asks to type if its grant says so.

        The caller tells it what it got, and then has the effects carried out with `apply`.
        """
        grant = attachment.grant
        self._arbiter.attach(Who(grant.session, grant.name, may_write=grant.may_write))
        if grant.mode is not Mode.WRITE:
            return []
        effects = self._arbiter.ask(grant.session, clock.monotonic(), resume=resume)
        if any(isinstance(effect, Granted) for effect in effects):
            attachment.mode = Mode.WRITE
        return effects

    def leave(self, session: str, *, resumable: bool) -> None:
        """A session is gone; a resumable one finds its seat kept for a while."""
        self.apply(self._arbiter.detach(session, clock.monotonic(), dropped=resumable))

    def ask(self, attachment: Attachment) -> None:
        """A session on the port wants to type."""
        effects = self._arbiter.ask(attachment.session, clock.monotonic())
        self.apply(effects)
        if (refused := refusal(effects)) is not None:
            attachment.notify(alarm_notice(refused.code, {"vm": self._room.vm}))

    def release(self, attachment: Attachment) -> None:
        """The writer gives the keyboard back."""
        self.apply(self._arbiter.release(attachment.session))

    def regranted(self, attachment: Attachment) -> None:
        """A session goes on under a new grant, which may say less."""
        grant = attachment.grant
        if grant.may_write:
            self._arbiter.attach(Who(grant.session, grant.name, may_write=True))
        else:
            self.apply(self._arbiter.revoke(grant.session))

    def apply(self, effects: list[Effect], *, silent: Attachment | None = None) -> None:
        """Carry out what the arbiter decided; `silent` has been told already."""
        for effect in effects:
            match effect:
                case arbiter.TakenOver(loser, by, at):
                    for attachment in self._room.sessions():
                        if attachment.session == loser.session:
                            self._room.end(attachment, Close("TakenOver", taken_over(by.name, at)))
                case Granted(who):
                    if self._typist not in (None, who.session):
                        # What the port has not taken yet must not be typed into another's session.
                        self.inbox.discard()
                    self._typist = who.session
                    self._seat_changed(silent)
                case arbiter.Freed():
                    self._seat_changed(silent)

    def _seat_changed(self, silent: Attachment | None) -> None:
        writer = self._arbiter.writer
        self._room.source.want_input(writer is not None)
        for attachment in self._room.sessions():
            mine = writer is not None and writer.session == attachment.session
            attachment.mode = Mode.WRITE if mine else Mode.OBSERVE
            if attachment is not silent:
                attachment.notify(self._seat_notice(attachment))
        self._room.touched()

    def _seat_notice(self, attachment: Attachment) -> Notice:
        return Notice("writer", {"writer": self.writer, "mode": attachment.mode})

    # --- input ---

    def type(self, attachment: Attachment, data: bytes) -> bool:
        """Hand typed bytes to the port; False when they are not this session's to type.

        A session whose input the port does not take is ended.
        """
        typed = attachment.typed
        if not self._arbiter.may_type(attachment.session):
            # Typed before it knew that the keyboard is not its own (any more).
            typed.accepted += len(data)
            attachment.notify(self._seat_notice(attachment))
            return False
        if not self.inbox.put(attachment, typed, data):
            fields = {"vm": self._room.vm, "bytes": self.inbox.discard() + len(data)}
            self._room.end(attachment, Close("InputNotAccepted", fields, resumable=True))
        return True

    def give_up(self) -> None:
        """Nobody is there for the pending input."""
        self._tell_lost(self.inbox.discard())

    def tick(self, now: float) -> None:
        """About once a second, monotonic seconds."""
        if self._arbiter.seat is Seat.KEPT:
            self.apply(self._arbiter.tick(now))
        self._tell_lost(self.inbox.give_up_stale(now))

    def _tell_lost(self, count: int) -> None:
        if count:
            for attachment in self._room.sessions():
                attachment.notify(alarm_notice("InputNotAccepted", {"vm": self._room.vm, "bytes": count}))


def refusal(effects: list[Effect]) -> Refused | None:
    """The arbiter's no, if it said no."""
    return next((effect for effect in effects if isinstance(effect, Refused)), None)


def alarm_notice(code: str, fields: dict[str, Any]) -> Notice:
    """Something is wrong with the port, its log or its input."""
    return Notice("alarm", {"code": code, "fields": fields})


def taken_over(by: str | None, at: float | None) -> dict[str, Any]:
    """Fields for the loser to read; the arbiter's `at` is monotonic time."""
    ago = clock.monotonic() - at if at is not None else 0.0
    return {"by": by, "at": clock.iso(clock.now() - timedelta(seconds=ago))}
