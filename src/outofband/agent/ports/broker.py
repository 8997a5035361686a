"""One serial port and everybody on it: cursors on the log, the keyboard, and what they are told.

Output never passes from the port to a viewer: it is in the spool, and each viewer has a cursor there. A slow
viewer only lags; one that never reads costs nothing. No task runs for a viewer: growth of the log, input and
a few timers drive everything, in callbacks of one event loop.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import structlog

from outofband.agent.ports.attachment import Attachment, Viewer
from outofband.agent.ports.keyboard import Keyboard, alarm_notice, refusal, refusal_notice, taken_over
from outofband.agent.ports.logins import EndLogin
from outofband.agent.ports.output import Output
from outofband.agent.ports.pastes import Pastes
from outofband.agent.ports.people import People
from outofband.agent.ports.showing import STATE, Showing
from outofband.agent.ports.source import Source
from outofband.agent.ports.spool import Spool
from outofband.core.errors import Fault
from outofband.wire.arbiter import TakenOver
from outofband.wire.grant import Grant
from outofband.wire.login import LoginReport
from outofband.wire.machine import PortReport
from outofband.wire.portstate import PortState
from outofband.wire.stream import PASTE, REPLAY_LIMIT, Close, Notice

INJECT_SECONDS = 5.0

log = structlog.get_logger(__name__)


class PortBroker:
    """The port `port` of the VM `vm`. `monitor`: the host lets nobody type.

    `on_change` is called when writer, viewers or alarm changed, not for output. All methods belong to the
    loop of `source.hub`.
    """

    def __init__(
        self,
        vm: str,
        port: str,
        spool: Spool,
        source: Source,
        *,
        monitor: bool = False,
        on_change: Callable[[], None] | None = None,
    ) -> None:
        self.vm = vm
        self.port = port
        self.spool = spool
        self.source = source
        self.on_change = on_change
        self.end_login: EndLogin | None = None
        """Ends the login on this port's terminal; without it that cannot be done here."""
        self.on_login: Callable[[str, LoginReport], None] | None = None
        """Told what became of the login of a session."""
        self._captured = source.writes_spool
        self._keyboard = Keyboard(self, monitor=monitor, note=spool.path.with_suffix(".login"))
        self.pastes = Pastes(self, self._keyboard, source.hub.loop)
        self._people = People(source.hub.loop, lambda: self._keyboard.told)
        self.output = Output(self)
        self._alarm: tuple[str, dict[str, Any]] | None = None
        self._showing = Showing(spool)
        self._opened = False

    # --- life ---

    async def open(self) -> None:
        """Open spool and source. Raises OSError when the spool cannot be opened. Idempotent."""
        if self._opened:
            return
        self.spool.open()
        self._opened = True
        self.source.open(self.spool, self)
        self.source.hub.add(self)
        self.output.open()
        self.watch_alarm()
        self._showing.open()
        self._keyboard.logins.open()
        # Many ports are opened in a row at the start of an agent.
        await asyncio.sleep(0)

    async def close(self, code: str = "SessionEnded", **fields: Any) -> None:
        """End every session and let go of the port; the guest notices nothing. Idempotent."""
        if not self._opened:
            return
        fields = fields or {"detail": "the agent of its host stops"}
        for attachment in self.sessions():
            self.end(attachment, Close(code, fields, resumable=True))
        self._opened = False
        await self._keyboard.logins.close()
        self.source.hub.remove(self)
        self.pastes.close()
        self.source.close()
        self.spool.close()
        self.output.close()
        await asyncio.sleep(0)

    @property
    def is_open(self) -> bool:
        """Its log can be read."""
        return self._opened

    # --- sessions ---

    def attach(
        self, viewer: Viewer, grant: Grant, *, verify: Callable[[str], Grant] | None = None
    ) -> Attachment:
        """Put a session on the port; the caller has verified `grant`.

        Sends the `attached` notice at once and the replay right after this call. `verify` turns the text of a
        newer grant into a Grant (raising Fault); without it the viewer cannot renew. Raises Fault
        PortUnavailable when the port is not open.
        """
        if not self._opened:
            raise Fault("PortUnavailable", vm=self.vm, detail="the agent of its host does not hold it")
        if (before := self._people.find(grant.session)) is not None:
            # The socket of a resumed session may look alive for a while.
            self._remove(before, resumable=True)
            before.viewer.close(Close("SessionEnded", {"detail": "it goes on over another connection"}))
        self.output.refresh()
        self._look_what_it_shows()
        typed = self._people.typed(grant.session)
        attachment = Attachment(self, viewer, grant, self._first(grant), typed, verify)
        self._people.add(attachment)
        effects = self._keyboard.join(attachment, resume=grant.resume is not None)
        refused = refusal(effects)
        if refused is not None and refused.code == "TakenOver":
            # Beaten while its socket was gone: it learns it now and does not steal the keyboard back.
            self._people.remove(grant.session)
            self._keyboard.leave(grant.session, resumable=False)
            attachment.finish()
            viewer.close(Close("TakenOver", taken_over(refused.by, refused.at)))
            return attachment
        loser = next((each.loser.name for each in effects if isinstance(each, TakenOver)), None)
        attachment.notify(self._welcome(attachment, loser))
        if refused is not None:
            attachment.notify(refusal_notice(self.vm, refused))
        if self._alarm is not None:
            attachment.notify(alarm_notice(*self._alarm))
        if STATE in grant.takes:
            attachment.notify(self._showing.notice)
        self.people_changed()
        self._people.tell(Notice("joined", {"who": grant.name}), but=attachment)
        self._keyboard.apply(effects, silent=attachment)
        attachment.watch_expiry()
        # It may be gone again: its transport broke, or it was ended.
        self.source.watch(bool(self._people))
        self.output.resumed(attachment)
        self.touched()
        return attachment

    def _first(self, grant: Grant) -> int:
        if grant.resume is not None:
            return min(grant.resume, self.spool.end)
        return max(self.spool.start, self.spool.end - max(0, min(grant.replay, REPLAY_LIMIT)))

    def _welcome(self, attachment: Attachment, loser: str | None) -> Notice:
        """`loser`: from whom it took the keyboard."""
        pasting = self.pastes.of(attachment.session)
        return Notice(
            "attached",
            {
                "session": attachment.session,
                "vm": self.vm,
                "port": self.port,
                "mode": attachment.mode,
                "offset": attachment.next,
                "live": self.spool.end,
                "writer": self._keyboard.writer,
                "input": attachment.typed.accepted,
                "others": self._people.others(attachment),
                "endLogin": attachment.grant.end_login,
                "mayWrite": self._keyboard.may_be_had(attachment.grant),
                **({"takenFrom": loser} if loser is not None else {}),
                **({"paste": True} if PASTE in attachment.grant.takes else {}),
                **({"pasting": pasting.fields()} if pasting is not None else {}),
            },
        )

    def people_changed(self) -> None:
        """Who types or asks is another now."""
        self._people.changed()

    def sessions(self) -> list[Attachment]:
        """Everybody on the port."""
        return self._people.all()

    def end(self, attachment: Attachment, close: Close) -> None:
        """Close a session from this side. A resumable one may come back to its seat for a while."""
        if not attachment.closed:
            self._remove(attachment, resumable=close.resumable)
            attachment.viewer.close(close)

    def detached(self, attachment: Attachment, *, dropped: bool) -> None:
        """A viewer's socket is gone."""
        self._remove(attachment, resumable=dropped)

    def _remove(self, attachment: Attachment, *, resumable: bool) -> None:
        attachment.finish()
        session = attachment.session
        self._people.remove(session)
        self.pastes.left(session, resumable=resumable)
        if resumable:
            self._people.keep(attachment)
        self._keyboard.leave(session, resumable=resumable)
        self._people.tell(Notice("left", {"who": attachment.grant.name}))
        self._people.changed()
        if not self._people and not self.output.awaited:
            self.source.watch(False)
        self.touched()

    # --- input ---

    def wish(self, attachment: Attachment, verb: str, fields: dict[str, Any]) -> None:
        """A viewer on the port wants something about the keyboard (stream.WISHES). Raises ProtocolError."""
        self._keyboard.wish(attachment, verb, fields)

    def watch_only(self, monitor: bool) -> None:
        """The host's administrator forbids every writer, or no longer does."""
        self._keyboard.watch_only(monitor)

    def regranted(self, attachment: Attachment) -> None:
        """A session goes on under a new grant, which may say less."""
        self._keyboard.regranted(attachment)

    def type(self, attachment: Attachment, data: bytes) -> None:
        """A session typed."""
        if self._keyboard.type(attachment, data):
            self.output.typed()

    def pasted(self) -> None:
        """A piece of a paste was typed."""
        self.output.typed()

    def acknowledge_soon(self, attachment: Attachment) -> None:
        """Repeat what was acknowledged: the viewer seems not to know."""
        self._keyboard.inbox.acknowledge(attachment)

    def taken(self) -> None:
        """The port took more of the pending input (told by the source)."""
        self._keyboard.inbox.taken()

    def grown(self) -> None:
        """There may be more in the spool (told by the source)."""
        self.output.grown()

    def undeliverable(self) -> None:
        """Nobody is there for the pending input (told by the source)."""
        self._keyboard.give_up()

    async def inject(self, data: bytes, *, after: Callable[[], Awaitable[None]] | None = None) -> None:
        """Type `data` for the agent itself, whoever has the keyboard; with `after` done right before it, and
        nothing of anybody's in between.

        Raises Fault InputNotAccepted when the port does not take it within INJECT_SECONDS, or is not there.
        """
        self.output.typed()
        if not await self._keyboard.inbox.inject(data, INJECT_SECONDS, after=after):
            raise Fault("InputNotAccepted", vm=self.vm, bytes=len(data))

    # --- telling ---

    def send_notice_all(self, notice: Notice) -> None:
        """Tell every session."""
        self._people.tell(notice)

    def _look_what_it_shows(self) -> None:
        if self._showing.look():
            self._people.tell_takers(self._showing.notice)
            self.touched()

    def mark_reset(self, boot: int) -> None:
        """The guest starts or was reset: what follows in the log belongs to boot number `boot`."""
        self.spool.reset(boot)
        self.pastes.reset()
        self._keyboard.logins.reset()
        self._showing.reset(self.spool.end)
        self._people.tell(Notice("reset", {"offset": self.spool.end, "boot": boot}))
        self._people.tell_takers(self._showing.notice)
        self.touched()

    @property
    def shows(self) -> PortState:
        """What it showed at the last look."""
        return self._showing.state

    def report(self) -> PortReport:
        """State of the port now."""
        if self._opened:
            self.spool.refresh()
        return PortReport(
            name=self.port,
            start=self.spool.start,
            end=self.spool.end,
            writer=self._keyboard.writer,
            viewers=len(self._people),
            alarm=self._alarm[0] if self._alarm else None,
            writer_session=self._keyboard.writer_session,
            shows=self._showing.state.value,
        )

    @property
    def alarm(self) -> tuple[str, dict[str, Any]] | None:
        """Catalogue code and fields of what is wrong with the port or its log."""
        return self._alarm

    def changed(self) -> None:
        """The source's connection or fault is another now (told by the source)."""
        self.watch_alarm()
        self.touched()

    def touched(self) -> None:
        """Something of the report is another now."""
        self.pastes.check()
        if self.on_change is not None:
            self.on_change()

    def watch_alarm(self) -> None:
        """Something may be wrong with the log or the source, or no longer."""
        alarm: tuple[str, dict[str, Any]] | None = None
        if self.spool.alarm is not None:
            alarm = (self.spool.alarm, {"path": str(self.spool.path.parent)})
        elif self.source.fault is not None:
            code, fields = self.source.fault
            alarm = (code, {"vm": self.vm, **fields})
        if alarm == self._alarm:
            return
        self._alarm = alarm
        if alarm is not None:
            log.warning("port.alarm", vm=self.vm, port=self.port, code=alarm[0])
            self._people.tell(alarm_notice(*alarm))
        self.touched()

    # --- once a second ---

    def tick(self, now: float, wall_ns: int) -> None:
        """The hub's periodic look."""
        spool = self.spool
        captured = self._captured
        quiet = captured and spool.quiet(wall_ns)
        if quiet and not self._people and not self._people.awaited and self._keyboard.idle:
            # What thousands of idle ports do all the time.
            return
        if not captured:
            self.source.tick(now)
        if not quiet:
            spool.look(now)
            self._look_what_it_shows()
            self.output.looked_after()
        self.output.tick(now)
        self._keyboard.tick(now)
        self._people.tick(now)
