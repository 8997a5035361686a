"""The keyboard of one port: the arbiter's decisions carried out on the attached sessions.

Who may type is decided in `wire.arbiter` alone; here it is told to everybody, and typed bytes follow it.
"""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any, Protocol

from outofband.agent.ports import logins
from outofband.agent.ports.attachment import Attachment
from outofband.agent.ports.inbox import Inbox
from outofband.agent.ports.logins import Logins
from outofband.agent.ports.source import Source
from outofband.core import clock
from outofband.core.errors import ProtocolError
from outofband.wire import arbiter
from outofband.wire.arbiter import Arbiter, Effect, Granted, Refused, Seat, Who
from outofband.wire.grant import Grant, Mode
from outofband.wire.stream import WISHES, Close, Notice


class Room(logins.Room, Protocol):
    """The broker, as its keyboard sees it."""

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

    def people_changed(self) -> None:
        """Who types or asks is another now."""
        ...


class Keyboard:
    """Seat and input of one port. `monitor`: the host lets nobody type; `note`: as of `Logins`."""

    def __init__(self, room: Room, *, monitor: bool, note: Path) -> None:
        self.inbox = Inbox(room.source)
        self.logins = Logins(room, note, lambda: self._seat_changed(None))
        self._room = room
        self._arbiter = Arbiter(monitor=monitor)
        self._typist: str | None = None
        """Session whose input may still wait for the port."""

    @property
    def writer(self) -> str | None:
        """Name of who may type, or would if he were back."""
        return self._arbiter.writer.name if self._arbiter.writer else None

    @property
    def writer_session(self) -> str | None:
        """Session of who may type now."""
        writer = self._arbiter.writer
        return writer.session if writer is not None and self._arbiter.seat is Seat.HELD else None

    @property
    def told(self) -> dict[str, Any]:
        """What everybody is told of the seat, beside who is there."""
        kept = self.writer if self._arbiter.seat is Seat.KEPT else None
        return {"asking": list(self._arbiter.asking), "kept": kept}

    def may_type(self, session: str) -> bool:
        """Whether what this session types goes to the port now."""
        return self._arbiter.may_type(session) and not self.logins.ending

    def is_seat_of(self, session: str) -> bool:
        """Whether the keyboard is this session's, or kept for it."""
        return self._arbiter.writer is not None and self._arbiter.writer.session == session

    def may_be_had(self, grant: Grant) -> bool:
        """Whether somebody with this grant can come to type here."""
        return grant.may_write and not self._arbiter.monitor

    @property
    def idle(self) -> bool:
        """`tick` has nothing to do while nobody is there."""
        return self.inbox.empty and not self.logins.waits

    # --- the seat ---

    def watch_only(self, monitor: bool) -> None:
        """The host's administrator forbids every writer, or no longer does."""
        self.apply(self._arbiter.watch_only(monitor, clock.monotonic()))

    def join(self, attachment: Attachment, *, resume: bool) -> list[Effect]:
        """A session comes in, and asks to type if its grant says so.

        The caller tells it what it got, and then has the effects carried out with `apply`.
        """
        grant = attachment.grant
        self._arbiter.attach(_who(grant))
        self.logins.returned(grant.session)
        if grant.mode is not Mode.WRITE:
            return []
        effects = self._arbiter.take(grant.session, clock.monotonic(), resume=resume)
        if any(isinstance(effect, Granted) and effect.who.session == grant.session for effect in effects):
            attachment.mode = Mode.WRITE
        return effects

    def leave(self, session: str, *, resumable: bool) -> None:
        """A session is gone; a resumable one finds its seat kept for a while."""
        self.apply(self._arbiter.detach(session, clock.monotonic(), dropped=resumable))
        owner = self.logins.owner
        if owner is None or self.writer_session is not None:
            return
        if session == owner.session or self._find(owner.session) is None:
            self.logins.abandoned(dropped=resumable)

    def wish(self, attachment: Attachment, verb: str, fields: dict[str, Any]) -> None:
        """A session on the port wants something about the keyboard. Raises ProtocolError."""
        session, now, table = attachment.session, clock.monotonic(), self._arbiter
        match verb:
            case "write":
                effects = table.take(session, now)
            case "ask":
                effects = table.ask(session, now)
            case "release":
                effects = table.release(session, now)
            case "allow":
                effects = table.allow(session, _named(verb, fields), now)
            case "decline":
                effects = table.decline(session, _named(verb, fields), now)
            case "hand":
                effects = table.hand(session, _named(verb, fields), now)
            case _:
                raise ProtocolError(f"expected one of {sorted(WISHES)}, got {verb!r}")
        self.apply(effects)
        if (refused := refusal(effects)) is not None:
            attachment.notify(refusal_notice(self._room.vm, refused))

    def regranted(self, attachment: Attachment) -> None:
        """A session goes on under a new grant, which may say less."""
        grant = attachment.grant
        self.logins.regranted(grant)
        if grant.may_write:
            self._arbiter.attach(_who(grant))
        else:
            owner = self.logins.owner
            if owner is not None and owner.session == grant.session:
                # He may go on watching, but what he left open is not for whoever types next. Before the seat
                # is given on: nobody types while it is being ended.
                self.logins.taken()
            self.apply(self._arbiter.revoke(grant.session, clock.monotonic()))

    def apply(self, effects: list[Effect], *, silent: Attachment | None = None) -> None:
        """Carry out what the arbiter decided; `silent` has been told already."""
        for effect in effects:
            match effect:
                case arbiter.TakenOver(loser, by, at):
                    code = "TakenOverLoginEnds" if self.logins.ends_with_owner else "TakenOver"
                    for attachment in self._room.sessions():
                        if attachment.session == loser.session:
                            self._room.end(attachment, Close(code, taken_over(by.name, at)))
                    self.logins.taken()
                case arbiter.HandedOver(giver, to):
                    if (heir := self._find(to.session)) is not None:
                        self.logins.handed(heir.grant)
                    self._tell_all("handed", to, by=giver.name)
                case Granted(who):
                    self._granted(who, silent)
                case arbiter.Freed():
                    self._seat_changed(silent)
                case arbiter.Asked(who, of, until):
                    self._tell(who, of, "asked", seconds=round(max(until - clock.monotonic(), 0.0)))
                case arbiter.NotGiven(who, of, why):
                    self._tell(who, of, why)

    def _granted(self, who: Who, silent: Attachment | None) -> None:
        if self._typist not in (None, who.session):
            # What the port has not taken yet must not be typed into another's session.
            self.inbox.discard()
        self._typist = who.session
        owner = self.logins.owner
        if owner is not None and owner.session != who.session and self._find(owner.session) is None:
            self.logins.taken()
        self._seat_changed(None if self.logins.ending else silent)

    def _seat_changed(self, silent: Attachment | None) -> None:
        writer = self._arbiter.writer
        self._room.source.want_input(writer is not None)
        for attachment in self._room.sessions():
            mine = self._arbiter.may_type(attachment.session) and not self.logins.ending
            attachment.mode = Mode.WRITE if mine else Mode.OBSERVE
            if attachment is not silent:
                attachment.notify(self._seat_notice(attachment))
        self._room.people_changed()
        self._room.touched()

    def _seat_notice(self, attachment: Attachment) -> Notice:
        return Notice("writer", {"writer": self.writer, "mode": attachment.mode})

    def _find(self, session: str) -> Attachment | None:
        return next((each for each in self._room.sessions() if each.session == session), None)

    def _tell(self, who: Who, of: Who | None, event: str, **more: Any) -> None:
        """Tell the two whom an asking concerns, and everybody that the list of who asks is another."""
        fields = {"event": event, "session": who.session, "who": who.name, "of": of.name if of else None}
        for session in {who.session, of.session if of else who.session}:
            if (attachment := self._find(session)) is not None:
                attachment.notify(Notice("keyboard", fields | more))
        self._room.people_changed()

    def _tell_all(self, event: str, who: Who, **more: Any) -> None:
        for attachment in self._room.sessions():
            fields = {"event": event, "session": who.session, "who": who.name, **more}
            attachment.notify(Notice("keyboard", fields))

    # --- input ---

    def type(self, attachment: Attachment, data: bytes) -> bool:
        """Hand typed bytes to the port; False when they are not this session's to type.

        A session whose input the port does not take is ended.
        """
        typed = attachment.typed
        if not self.may_type(attachment.session):
            # Typed before it knew that the keyboard is not its own (any more, or yet).
            typed.accepted += len(data)
            attachment.notify(self._seat_notice(attachment))
            return False
        self.logins.typed(attachment.grant)
        if not self.inbox.put(attachment, typed, data):
            fields = {"vm": self._room.vm, "bytes": self.inbox.discard() + len(data)}
            self._room.end(attachment, Close("InputNotAccepted", fields, resumable=True))
        return True

    def give_up(self) -> None:
        """Nobody is there for the pending input."""
        self._tell_lost(self.inbox.discard())

    def tick(self, now: float) -> None:
        """About once a second, monotonic seconds."""
        if self._arbiter.seat is Seat.KEPT or self._arbiter.asking:
            self.apply(self._arbiter.tick(now))
        if self.logins.waits:
            self.logins.tick(now)
        self._tell_lost(self.inbox.give_up_stale(now))

    def _tell_lost(self, count: int) -> None:
        if count:
            for attachment in self._room.sessions():
                attachment.notify(alarm_notice("InputNotAccepted", {"vm": self._room.vm, "bytes": count}))


def _who(grant: Grant) -> Who:
    return Who(grant.session, grant.name, may_write=grant.may_write, may_take=grant.may_take)


def _named(verb: str, fields: dict[str, Any]) -> str:
    if not isinstance(session := fields.get("session"), str):
        raise ProtocolError(f"expected the session that {verb!r} is about")
    return session


def refusal(effects: list[Effect]) -> Refused | None:
    """The arbiter's no, if it said no."""
    return next((effect for effect in effects if isinstance(effect, Refused)), None)


def refusal_notice(vm: str, refused: Refused) -> Notice:
    """The same in words for who asked. `seconds`: how long it holds, where that is known."""
    fields: dict[str, Any] = {"vm": vm, "by": refused.by}
    if refused.at is not None:
        fields["seconds"] = max(1, round(refused.at - clock.monotonic()))
    return alarm_notice(refused.code, {name: each for name, each in fields.items() if each is not None})


def alarm_notice(code: str, fields: dict[str, Any]) -> Notice:
    """Something is wrong with the port, its log or its input."""
    return Notice("alarm", {"code": code, "fields": fields})


def taken_over(by: str | None, at: float | None) -> dict[str, Any]:
    """Fields for the loser to read; the arbiter's `at` is monotonic time."""
    ago = clock.monotonic() - at if at is not None else 0.0
    return {"by": by, "at": clock.iso(clock.now() - timedelta(seconds=ago))}
