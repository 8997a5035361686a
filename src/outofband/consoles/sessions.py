"""All sessions of this node: who may open one, which are live, and how they are ended from above."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Coroutine
from typing import Any

import msgspec
import structlog

from outofband.consoles.audit import Audit
from outofband.consoles.gateway import Gateway
from outofband.consoles.limits import Limits
from outofband.consoles.rights import Rights, Subject
from outofband.consoles.session import End, Session
from outofband.consoles.sockets import ConsoleSocket, StreamSocket, ViewerSocket
from outofband.consoles.tickets import Pending, Tickets
from outofband.consoles.witness import Deed
from outofband.core import clock
from outofband.core.errors import Fault
from outofband.core.principal import Principal
from outofband.fleet.fleet import Fleet
from outofband.identity.keys import Keys
from outofband.net.tasks import Tasks
from outofband.resources.trail import Repeats
from outofband.store.sessions import ConsoleSession
from outofband.store.store import Store
from outofband.wire import stream
from outofband.wire.console import Open
from outofband.wire.grant import TICKET_SECONDS, Mode
from outofband.wire.link import StreamHello
from outofband.wire.login import LoginReport

log = structlog.get_logger(__name__)

TEXT_PATH = "/serial/v1/{console}/client"
"""Of a session for Azure's clients. Without `ws` and with one `/client`: see `Gateway.text_from`."""
RESTARTED = "ControlPlaneStopping"
RESUMABLE = frozenset({End.DROPPED.value, RESTARTED, "AgentOffline", "StreamFailed", "ViewerTooMany"})
"""Reasons of an end after which the same person may go on with the same session."""
LOGIN_PAUSES = (1.0, 2.0, 4.0, 8.0)
"""Seconds between attempts to note what became of a login."""
REFUSED_AGAIN_SECONDS = 60.0
"""The same refusal at the same session from the same address leaves no further record for so long."""


class Connection(msgspec.Struct, frozen=True, kw_only=True):
    """What a viewer needs to open its socket. `expires_in` in seconds; the ticket works once.

    `text_url` is where Azure's clients go instead, who show their access token in place of the ticket.
    """

    url: str
    text_url: str
    ticket: str
    session: str
    expires_in: int = TICKET_SECONDS


class Sessions:
    """The door to the consoles of this node, whose listener is reached at `gateway`."""

    def __init__(
        self,
        store: Store,
        fleet: Fleet,
        keys: Keys,
        rights: Rights,
        *,
        node: str,
        gateway: Gateway,
        limits: Limits | None = None,
    ) -> None:
        self.limits = limits or Limits()
        self._store, self._fleet, self._rights = store, fleet, rights
        self._node = node
        self._gateway = gateway
        self._tickets = Tickets(keys, self.limits)
        self._live: dict[str, Session] = {}
        self._audit = Audit(store, node, live=self._live, resumable=RESUMABLE)
        self._refusals = Repeats()
        self._tasks = Tasks()
        self._serving: set[asyncio.Task[None]] = set()
        self._stopping = False

    async def start(self) -> None:
        """Note the end of what an earlier life of this node had open."""
        await self._audit.restarted(RESTARTED)
        self._fleet.incoming.on_login = self._login_ended
        self._fleet.on_gone = self._host_gone
        self._tasks.spawn("sessions.watch", self._watch())

    async def close(self) -> None:
        """End every session in a way that clients come back from."""
        self._stopping = True
        for session in tuple(self._live.values()):
            session.end(stream.Close(RESTARTED, {}, resumable=True))
        if self._serving:
            await asyncio.wait(self._serving, timeout=self.limits.linger_seconds)
        await self._tasks.close()

    @property
    def live(self) -> list[Subject]:
        return [session.subject for session in self._live.values()]

    def mode(self, session: str) -> Mode | None:
        """What a live session of this node asks for now; None when it is none."""
        found = self._live.get(session)
        return found.mode if found is not None else None

    async def connect(
        self,
        principal: Principal,
        *,
        vm_id: str,
        vm: str,
        vm_name: str,
        agent: str,
        subscription: str,
        port: str,
        rights: frozenset[Mode],
        base: str,
        address: str | None = None,
        resume_session: str | None = None,
        warning: Fault | None = None,
    ) -> Connection:
        """Give a ticket for one socket. The caller has checked everything that can keep a person out.

        `vm_id` is the VM's resource id, `vm` its uuid, `base` the address the caller reached the API by.
        `resume_session` goes on with a session of the same person at the same port; if that cannot be, it is
        a new one. The person is told `warning` on the console. Raises Fault GatewayFull or TooManyRequests.
        """
        if len(self._live) >= self.limits.sessions:
            raise Fault("GatewayFull", limit=self.limits.sessions)
        # Before a row is written: one without a ticket would never end.
        self._tickets.require_room(principal)
        session = uuid.uuid4().hex
        async with self._store.write() as tx:
            found = await self._store.sessions.get(tx, resume_session) if resume_session else None
            if found is not None and _same(found, principal, vm_id, port):
                session = found.id
                if found.ended is not None:
                    await self._store.sessions.reopen(tx, session, node=self._node)
            else:
                mode = Mode.WRITE if Mode.WRITE in rights else Mode.OBSERVE
                await self._store.sessions.start(
                    tx,
                    session=session,
                    vm=vm_id,
                    port=port,
                    principal=principal,
                    node=self._node,
                    now=clock.now(),
                    mode=mode.value,
                    client_address=address,
                )
        subject = Subject(
            session=session,
            principal=principal,
            vm_id=vm_id,
            vm=vm,
            vm_name=vm_name,
            agent=agent,
            subscription=subscription,
            port=port,
            warning=warning,
        )
        ticket = await self._tickets.issue(subject, rights)
        url = f"{self._gateway.seen_from(base)}/console/v1/{session}/client"
        text_url = self._gateway.text_from(base) + TEXT_PATH.format(console=session)
        return Connection(url=url, text_url=text_url, ticket=ticket, session=session)

    def viewer(self, session: str) -> ViewerSocket | None:
        """Who is at a live session of this node."""
        found = self._live.get(session)
        return found.viewer if found is not None else None

    def owned(self, session: str, principal: Principal) -> Subject | None:
        """A session of that caller's which is live, or may still be opened with its ticket."""
        live = self._live.get(session)
        found = live.subject if live is not None else self._tickets.find(session)
        return found if found is not None and found.is_of(principal) else None

    def expected(self, session: str) -> Subject | None:
        """A session that somebody may still open with its ticket."""
        return self._tickets.find(session)

    async def end_where(
        self,
        *,
        subscription: str | None = None,
        vm: str | None = None,
        session: str | None = None,
        principal: str | None = None,
        agent: str | None = None,
        code: str,
        **fields: Any,
    ) -> int:
        """End every session that matches all that is given (ids without case; `vm` a resource id or uuid;
        `principal` an object id), also those that only have a ticket yet. How many there were.

        Viewer and agent are told `code` at once; the call does not wait for them.
        """
        wanted = {"subscription": subscription, "vm": vm, "session": session, "principal": principal}
        wanted["agent"] = agent
        asked = {name: value.lower() for name, value in wanted.items() if value is not None}
        if not asked:
            raise ValueError("end_where needs at least one condition")
        waiting = [each for each in self._tickets.waiting() if _matches(each, asked)]
        for each in waiting:
            self._tickets.withdraw(each)
            if each.session not in self._live:
                await self._audit.ended(each.session, code)
        found = [each for each in self._live.values() if _matches(each.subject, asked)]
        # The condition takes the field's name; the text the person reads still wants to name it.
        told = fields if subscription is None else {"subscription": subscription, **fields}
        for each_live in found:
            each_live.end(stream.Close(code, told))
        return len(found) + len({each.session for each in waiting} - self._live.keys())

    # What sockets tell (sockets.Gate); called from their callbacks

    def viewer_opened(self, viewer: ViewerSocket, text: str) -> None:
        self._spawn(viewer, self._redeemed(viewer, text))

    def viewer_known(self, viewer: ViewerSocket, principal: Principal, first: Open) -> None:
        """A viewer whose person was told by an access token."""
        self._spawn(viewer, self._claimed(viewer, principal, first), first.client, principal)

    def _spawn(
        self,
        viewer: ViewerSocket,
        admission: Coroutine[Any, Any, Session],
        client: str = "",
        principal: Principal | None = None,
    ) -> None:
        serving = self._tasks.spawn("session", self._serve(viewer, admission, client, principal))
        self._serving.add(serving)
        serving.add_done_callback(self._serving.discard)

    def viewer_wishes(self, viewer: ViewerSocket, control: stream.Control) -> None:
        session = self._live.get(viewer.session)
        if session is not None and session.viewer is viewer:
            session.wishes(control.verb)

    def stream_opened(self, arrived: StreamSocket, text: str) -> None:
        try:
            hello = msgspec.json.decode(text, type=StreamHello)
        except (msgspec.MsgspecError, RecursionError) as error:
            self.violated(arrived, str(error))
            return
        session = self._live.get(arrived.session)
        if session is None or hello.session != arrived.session or not session.accept(arrived, hello.token):
            log.info("stream.refused", session=arrived.session, address=arrived.address)
            arrived.refuse()

    def stream_closes(self, carrier: StreamSocket, close: stream.Close) -> None:
        if (session := self._live.get(carrier.session)) is not None:
            session.stream_closes(carrier, close)

    def seat_changed(self, carrier: StreamSocket, mode: Mode) -> None:
        if (session := self._live.get(carrier.session)) is not None:
            session.seat_changed(mode)

    def noticed(self, carrier: StreamSocket, notice: stream.Notice) -> None:
        session = self._live.get(carrier.session)
        if session is None:
            return
        session.pasted.noticed(notice)
        deed = session.witness.told(notice, clock.monotonic())
        if deed is not None:
            self._tasks.spawn("session.keyboard", self._note_deed(session, deed))

    def violated(self, socket: ConsoleSocket, detail: str) -> None:
        log.warning("console.violation", session=socket.session, address=socket.address, detail=detail)
        session = self._live.get(socket.session)
        if session is not None and socket is session.viewer:
            session.end(stream.Close("ProtocolViolated", {"detail": detail}))
        elif session is not None and isinstance(socket, StreamSocket):
            session.stream_gone(socket)
            socket.refuse()
        else:
            socket.refuse()

    def gone(self, socket: ConsoleSocket) -> None:
        session = self._live.get(socket.session)
        if session is None:
            return
        if isinstance(socket, StreamSocket):
            session.stream_gone(socket)
        elif socket is session.viewer:
            session.viewer_gone()

    async def _note_deed(self, session: Session, deed: Deed) -> None:
        """A store that is away for a moment is waited for."""
        for pause in LOGIN_PAUSES:
            try:
                await self._audit.keyboard(session.subject.session, deed)
                return
            except Fault as fault:
                log.warning("session.deed_not_noted", session=session.subject.session, code=fault.code)
                await asyncio.sleep(pause)

    def refused(
        self, viewer: ViewerSocket, fault: Fault, *, client: str = "", principal: Principal | None = None
    ) -> None:
        """Somebody was not let in at a session's socket. `principal` is who, if that is known."""
        deed = (viewer.session, viewer.address, fault.code, principal.object_id if principal else "")
        if self._refusals.is_new(deed, clock.monotonic(), REFUSED_AGAIN_SECONDS):
            attempt = self._audit.refused(viewer.session, fault, viewer.address, client, principal)
            self._tasks.spawn("session.refused", attempt)

    def _host_gone(self, agent: str) -> None:
        self._tasks.spawn("session.host_gone", self.end_where(agent=agent, code="HostGone"))

    def _login_ended(self, agent: str, session: str, report: LoginReport) -> None:
        self._tasks.spawn("session.login", self._note_login(agent, session, report))

    async def _note_login(self, agent: str, session: str, report: LoginReport) -> None:
        """Nobody tells it again: a store that is away for a moment is waited for."""
        for pause in LOGIN_PAUSES:
            try:
                await self._audit.login_ended(
                    session, report, lambda vm: self._fleet.report(vm, agent) is not None
                )
                return
            except Fault as fault:
                log.warning("session.login_not_noted", session=session, code=fault.code)
                await asyncio.sleep(pause)

    # The life of one

    async def _serve(
        self,
        viewer: ViewerSocket,
        admission: Coroutine[Any, Any, Session],
        client: str,
        principal: Principal | None,
    ) -> None:
        try:
            session = await admission
        except Fault as fault:
            viewer.tell_and_finish(stream.Close(fault.code, fault.fields))
            self.refused(viewer, fault, client=client, principal=principal)
            return
        name = session.subject.session
        structlog.contextvars.bind_contextvars(session=name)
        try:
            reason = await session.run()
        except Exception:
            log.exception("session.defect_at_end")
            reason = "InternalError"
        finally:
            # Whatever went wrong: who is not there takes no place from others.
            self._forget(session)
        if reason != End.REPLACED:
            await self._audit.ended(name, reason, session.ending)
        log.info(
            "session.ended",
            vm=session.subject.vm_name,
            principal=session.subject.principal.name,
            reason=reason,
        )

    async def _redeemed(self, viewer: ViewerSocket, text: str) -> Session:
        """By a ticket in the first message. Raises Fault."""
        try:
            first = msgspec.json.decode(text, type=Open)
        except (msgspec.MsgspecError, RecursionError) as error:
            raise Fault("ProtocolViolated", detail=str(error)) from error
        if first.resume is not None and not 0 <= first.resume <= stream.MAX_OFFSET:
            raise Fault("ProtocolViolated", detail="resume is no offset")
        if self._stopping:
            raise Fault(RESTARTED)
        pending = await self._tickets.redeem(first, viewer.session)
        return await self._admit(viewer, _within(first, pending), pending.subject)

    async def _claimed(self, viewer: ViewerSocket, principal: Principal, first: Open) -> Session:
        """By being whom the ticket was given to. Raises Fault."""
        if self._stopping:
            raise Fault(RESTARTED)
        pending = self._tickets.claim(viewer.session, principal)
        return await self._admit(viewer, _within(first, pending), pending.subject)

    async def _admit(self, viewer: ViewerSocket, first: Open, subject: Subject) -> Session:
        """From a right that was shown to a session in its place. Raises Fault."""
        # Several sockets may come for one session at the same time: the last one stays.
        shown = 0
        while (before := self._live.get(subject.session)) is not None:
            await before.replace()
            shown = before.shown
            self._forget(before)
        session = Session(
            subject,
            viewer,
            first,
            fleet=self._fleet,
            tickets=self._tickets,
            rights=self._rights,
            stream_url=f"{self._gateway.url}/stream/v1/{subject.session}",
            limits=self.limits,
        )
        session.shown = shown
        self._live[subject.session] = session
        try:
            await self._audit.began(subject.session, first, viewer.address)
        except BaseException:
            self._forget(session)
            session.abandon()
            raise
        log.info(
            "session.attached",
            vm=subject.vm_name,
            principal=subject.principal.name,
            address=viewer.address,
            mode=first.mode.value,
        )
        return session

    def _forget(self, session: Session) -> None:
        name = session.subject.session
        if self._live.get(name) is session:
            del self._live[name]

    async def _watch(self) -> None:
        """Ask again and again whether everybody may still be here; note tickets that nobody used."""
        while True:
            await asyncio.sleep(self.limits.recheck_seconds)
            try:
                for subject in self._tickets.expire():
                    if subject.session not in self._live:
                        await self._audit.ended(subject.session, "TicketExpired")
                await self._review()
            except Exception:
                # Were this task to end, nobody who lost his right would be sent away any more.
                log.exception("sessions.watch")

    async def _review(self) -> None:
        live = [session for session in self._live.values() if session.granted]
        if not live:
            return
        try:
            verdicts = await self._rights([session.subject for session in live])
            for session, verdict in zip(live, verdicts, strict=True):
                await session.judge(verdict)
        except Fault as fault:
            # Not to know is no reason to throw anybody out.
            log.warning("sessions.not_reviewed", code=fault.code)


def _within(first: Open, pending: Pending) -> Open:
    """What a viewer asks for, as far as its ticket goes."""
    return first if Mode.WRITE in pending.rights else msgspec.structs.replace(first, mode=Mode.OBSERVE)


def _same(row: ConsoleSession, principal: Principal, vm_id: str, port: str) -> bool:
    mine = (row.object_id, row.vm_id.lower(), row.port) == (principal.object_id, vm_id.lower(), port)
    return mine and (row.ended is None or row.reason in RESUMABLE)


def _matches(subject: Subject, asked: dict[str, str]) -> bool:
    has = {
        "subscription": {subject.subscription.lower()},
        "vm": {subject.vm.lower(), subject.vm_id.lower()},
        "session": {subject.session},
        "principal": {subject.principal.object_id.lower()},
        "agent": {subject.agent.lower()},
    }
    return all(value in has[name] for name, value in asked.items())
