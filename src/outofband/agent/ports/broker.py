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

from outofband.agent.ports import search
from outofband.agent.ports.attachment import Attachment, Typed, Viewer
from outofband.agent.ports.keyboard import Keyboard, alarm_notice, refusal, refusal_notice, taken_over
from outofband.agent.ports.logins import EndLogin
from outofband.agent.ports.pace import Pace
from outofband.agent.ports.pastes import Pastes
from outofband.agent.ports.showing import STATE, Showing
from outofband.agent.ports.source import Source
from outofband.agent.ports.spool import Spool
from outofband.core import clock
from outofband.core.errors import Fault
from outofband.wire.arbiter import RESERVE_SECONDS, TakenOver
from outofband.wire.grant import Grant
from outofband.wire.login import LoginReport
from outofband.wire.machine import PortReport
from outofband.wire.portstate import PortState
from outofband.wire.stream import PASTE, REPLAY_LIMIT, Close, Notice

MAX_KEPT_SESSIONS = 256
"""Dropped sessions whose input offset is remembered; the oldest is forgotten first."""
MAX_NAMES = 64
"""Of others at the port that a newcomer is told."""
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
        self._attached: dict[str, Attachment] = {}
        self._kept: dict[str, Typed] = {}
        self._waiters: set[asyncio.Future[None]] = set()
        self._behind: list[Attachment] = []
        self._people_due = False
        self._pace = Pace(source.hub.loop, self._flush, source.rest)
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
        self._pace.seen = self._pace.looked = self.spool.end
        self._watch_alarm()
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
        self._pace.cancel()
        self.pastes.close()
        self.source.close()
        self.spool.close()
        self._wake_waiters()
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
        if (before := self._attached.get(grant.session)) is not None:
            # The socket of a resumed session may look alive for a while.
            self._remove(before, resumable=True)
            before.viewer.close(Close("SessionEnded", {"detail": "it goes on over another connection"}))
        self._refresh()
        self._look_what_it_shows()
        typed = self._kept.pop(grant.session, None) or Typed()
        typed.kept_until = None
        # `attached` tells that all this was taken: an acknowledgement must not fall behind it.
        typed.delivered = typed.accepted
        attachment = Attachment(self, viewer, grant, self._first(grant), typed, verify)
        self._attached[grant.session] = attachment
        effects = self._keyboard.join(attachment, resume=grant.resume is not None)
        refused = refusal(effects)
        if refused is not None and refused.code == "TakenOver":
            # Beaten while its socket was gone: it learns it now and does not steal the keyboard back.
            del self._attached[grant.session]
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
        self._tell(Notice("joined", {"who": grant.name}), but=attachment)
        self._keyboard.apply(effects, silent=attachment)
        attachment.watch_expiry()
        self.source.watch(bool(self._attached))
        self.resumed(attachment)
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
                "others": self._others(attachment),
                "endLogin": attachment.grant.end_login,
                "mayWrite": self._keyboard.may_be_had(attachment.grant),
                **({"takenFrom": loser} if loser is not None else {}),
                **({"paste": True} if PASTE in attachment.grant.takes else {}),
                **({"pasting": pasting.fields()} if pasting is not None else {}),
            },
        )

    def _others(self, attachment: Attachment) -> list[str]:
        """Who was here before, by name; a person with two sessions twice."""
        names = [each.grant.name for each in self._attached.values() if each is not attachment]
        return names[:MAX_NAMES]

    def people_changed(self) -> None:
        """Who is here, who types or who asks is another now: everybody is told, once for all of a turn."""
        if not self._people_due and self._opened:
            self._people_due = True
            self.source.hub.loop.call_soon(self._tell_people)

    def _tell_people(self) -> None:
        self._people_due = False
        people = [
            {
                "session": each.session,
                "name": each.grant.name,
                "mode": each.mode,
                "since": each.typed.since,
                "client": each.grant.client,
            }
            for each in self.sessions()[:MAX_NAMES]
        ]
        self._tell(Notice("people", {"people": people, **self._keyboard.told}))

    def sessions(self) -> list[Attachment]:
        """Everybody on the port."""
        return list(self._attached.values())

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
        self._attached.pop(session, None)
        self.pastes.left(session, resumable=resumable)
        if resumable:
            attachment.typed.kept_until = clock.monotonic() + RESERVE_SECONDS
            self._kept[session] = attachment.typed
            while len(self._kept) > MAX_KEPT_SESSIONS:
                del self._kept[next(iter(self._kept))]
        self._keyboard.leave(session, resumable=resumable)
        self._tell(Notice("left", {"who": attachment.grant.name}))
        self.people_changed()
        if not self._attached and not self._waiters:
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
            self._typed()

    def pasted(self) -> None:
        """A piece of a paste was typed."""
        self._typed()

    def _typed(self) -> None:
        self._pace.typed()
        if self._pace.resting:
            self._arm()

    def acknowledge_soon(self, attachment: Attachment) -> None:
        """Repeat what was acknowledged: the viewer seems not to know."""
        self._keyboard.inbox.acknowledge(attachment)

    def taken(self) -> None:
        """The port took more of the pending input (told by the source)."""
        self._keyboard.inbox.taken()

    def undeliverable(self) -> None:
        """Nobody is there for the pending input (told by the source)."""
        self._keyboard.give_up()

    async def inject(self, data: bytes, *, after: Callable[[], Awaitable[None]] | None = None) -> None:
        """Type `data` for the agent itself, whoever has the keyboard; with `after` done right before it, and
        nothing of anybody's in between.

        Raises Fault InputNotAccepted when the port does not take it within INJECT_SECONDS, or is not there.
        """
        self._typed()
        if not await self._keyboard.inbox.inject(data, INJECT_SECONDS, after=after):
            raise Fault("InputNotAccepted", vm=self.vm, bytes=len(data))

    # --- output ---

    def grown(self) -> None:
        """There may be more in the spool (told by the source)."""
        if self._opened:
            self._pace.grown()

    def resumed(self, attachment: Attachment) -> None:
        """A viewer can take more: give it, right after the current callback."""
        if not self._behind:
            self.source.hub.loop.call_soon(self._catch_up)
        self._behind.append(attachment)

    def _catch_up(self) -> None:
        behind, self._behind = self._behind, []
        if not self._opened:
            return
        self._refresh()
        frames: dict[int, bytes] = {}
        for attachment in behind:
            if attachment.pump(frames):
                self.resumed(attachment)
        self._arm()

    def _flush(self) -> bool:
        """Give every viewer what is new. True when something was."""
        if not self._opened:
            return False
        pace, spool = self._pace, self.spool
        self._refresh()
        grew = spool.end > pace.seen
        pace.seen = spool.end
        frames: dict[int, bytes] = {}
        for attachment in self.sessions():
            if attachment.pump(frames):
                self.resumed(attachment)
        self.pastes.grown()
        self._wake_waiters()
        if (grew and spool.alarm) or spool.end - pace.looked > (spool.reserve // 4 or spool.ring // 8):
            # The disk is full, or much came since the last look: this cannot wait for the next second.
            self._maintain()
        if not grew or pace.eager:
            self._arm()
        return grew

    def _refresh(self) -> None:
        """Look how far the log came, before any cursor goes there: a gap is told at its place, not later."""
        self.spool.refresh()
        if self.spool.exposed:
            self._maintain()

    def look_again(self) -> None:
        """Look how far the log came, for a reader that is no viewer: gaps up to there are known then."""
        if self._opened:
            self._refresh()

    def _maintain(self) -> None:
        self._pace.looked = self.spool.end
        self.spool.maintain()
        self._after_upkeep()

    def _arm(self) -> None:
        """Ask for the next wake-up, if there is anybody to serve."""
        if (
            not self._waiters
            and not self.pastes.active
            and all(attachment.congested for attachment in self._attached.values())
        ):
            return
        self._pace.resting = False
        self.source.arm()
        # What came between the last look and the arming wakes nobody.
        self.spool.refresh()
        if self.spool.end > self._pace.seen:
            self._pace.grown()

    def _wake_waiters(self) -> None:
        for waiter in self._waiters:
            if not waiter.done():
                waiter.set_result(None)

    async def growth(self, timeout: float) -> bool:
        """Wait until the log may have grown; False when the time is over or the port was closed."""
        if timeout <= 0 or not self._opened:
            return False
        waiter: asyncio.Future[None] = self.source.hub.loop.create_future()
        self._waiters.add(waiter)
        try:
            self.source.watch(True)
            self._arm()
            await asyncio.wait([waiter], timeout=timeout)
            return waiter.done() and self._opened
        finally:
            self._waiters.discard(waiter)
            if not self._attached and not self._waiters and self._opened:
                self.source.watch(False)

    async def wait_for(self, pattern: bytes, since: int, timeout: float) -> bytes | None:
        """Watch the output from offset `since` on until `pattern` appears; b"" matches the first byte.

        Returns the line it stands in (at most 512 bytes, no line end; it may be empty), or None after
        `timeout` seconds.
        """
        self.spool.refresh()
        return await search.wait_for(self, pattern, since, timeout)

    # --- telling ---

    def send_notice_all(self, notice: Notice) -> None:
        """Tell every session."""
        self._tell(notice)

    def _tell(self, notice: Notice, but: Attachment | None = None) -> None:
        for attachment in self.sessions():
            if attachment is not but:
                attachment.notify(notice)

    def _look_what_it_shows(self) -> None:
        if self._showing.look():
            self._tell_state()
            self.touched()

    def _tell_state(self) -> None:
        for attachment in self.sessions():
            if STATE in attachment.grant.takes:
                attachment.notify(self._showing.notice)

    def mark_reset(self, boot: int) -> None:
        """The guest starts or was reset: what follows in the log belongs to boot number `boot`."""
        self.spool.reset(boot)
        self.pastes.reset()
        self._keyboard.logins.reset()
        self._showing.reset(self.spool.end)
        self._tell(Notice("reset", {"offset": self.spool.end, "boot": boot}))
        self._tell_state()
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
            viewers=len(self._attached),
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
        self._watch_alarm()
        self.touched()

    def touched(self) -> None:
        """Something of the report is another now."""
        self.pastes.check()
        if self.on_change is not None:
            self.on_change()

    def _watch_alarm(self) -> None:
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
            self._tell(alarm_notice(*alarm))
        self.touched()

    # --- once a second ---

    def tick(self, now: float, wall_ns: int) -> None:
        """The hub's periodic look."""
        spool = self.spool
        captured = self._captured
        quiet = captured and spool.quiet(wall_ns)
        if quiet and not self._attached and not self._kept and self._keyboard.idle:
            # What thousands of idle ports do all the time.
            return
        if not captured:
            self.source.tick(now)
        if not quiet:
            spool.look(now)
            self._look_what_it_shows()
            self._pace.looked = spool.end
            self._after_upkeep()
            if self._attached and spool.end > self._pace.seen:
                # No wake-up is known to get lost; if one ever does, it costs a second and not the output.
                self._pace.grown()
        if self._pace.overslept(now):
            self._arm()
        self._keyboard.tick(now)
        if self._kept:
            for session in [key for key, typed in self._kept.items() if now >= (typed.kept_until or now)]:
                del self._kept[session]

    def _after_upkeep(self) -> None:
        if self.spool.fresh_lost:
            gaps, self.spool.fresh_lost = self.spool.fresh_lost, []
            for attachment in self.sessions():
                for gap in gaps:
                    attachment.tell_late(gap)
            self._pace.grown()
        self._watch_alarm()
