"""The door to the agents: everything the floors above may ask of them."""

from __future__ import annotations

import asyncio
import contextlib
import uuid
from collections.abc import Awaitable, Callable, Iterator
from datetime import timedelta
from typing import Any

import msgspec
import structlog

from outofband.catalogue import codes
from outofband.core import clock
from outofband.core.errors import Fault, ProtocolError
from outofband.core.principal import Principal
from outofband.fleet import identities
from outofband.fleet.admission import Admission
from outofband.fleet.commands import REREAD_SECONDS, Commands
from outofband.fleet.connecting import MAX_HARDWARE, Connecting
from outofband.fleet.credentials import Certify, Credentials, due
from outofband.fleet.enrolment import LIFE_DEFAULT, Enrolment
from outofband.fleet.hosts import Hosts, HostView, vm_topic
from outofband.fleet.links import CLOSE_BUSY, Link, LinkSocket
from outofband.fleet.renewals import Renewals
from outofband.net.tasks import Tasks
from outofband.store.agents import GONE, Agent, topic
from outofband.store.store import Store
from outofband.store.tx import Tx
from outofband.wire.connecting import ConnectAnswer, ConnectRequest, RekeyRequest
from outofband.wire.enrolment import EnrolAnswer, EnrolRequest
from outofband.wire.link import (
    MAX_FOUND,
    MAX_PLACES,
    MAX_SPREAD,
    MAX_VM,
    TAKES_BEATS,
    TAKES_FINDINGS,
    TAKES_KEYS,
    TAKES_OWN_CONSOLE,
    TAKES_PLACES,
    TAKES_RENEWALS,
    TAKES_SHOWS,
    AgentMessage,
    Beat,
    Command,
    EndSession,
    Found,
    FoundKept,
    Hello,
    Inventory,
    Keys,
    LoginEnded,
    OpenStream,
    Place,
    Renew,
    Renewed,
    Result,
    Stored,
    StreamFailed,
    Told,
    VmChanged,
    VmGone,
    WantPlaces,
    Welcome,
)
from outofband.wire.login import LoginReport
from outofband.wire.machine import AgentReport, Verb, VmReport

log = structlog.get_logger(__name__)

MAX_LINKS = 5000
RETURNS_A_SECOND = 100
"""Agents that are to come back each second when all of them lost their links: half of what a node takes."""
MAX_GREETING = 256
"""Links whose agent has not proved itself yet."""
FLUSH_SECONDS = 2.0
REFRESH_SECONDS = 10.0
"""How old the word of another node on its agents may be."""
COMMAND_SECONDS = 30.0
MAX_BEAT = 64 * 1024
"""Bytes of what an agent says of itself."""

__all__ = ["COMMAND_SECONDS", "Fleet", "HostView", "LinkSocket", "topic", "vm_topic"]


class Fleet:
    """Agents of this node: enrolment, links, commands, reports. `start` it before use, `close` it at the end.

    `arm` is the advertised base URL, https; `location` the region of machines that say none. `trust` (PEM
    bundle), `fingerprint` (SHA-256 of the current authority, hex) and `grant_keys` (public JWKs) are asked
    anew each time, because they rotate. `certify` makes certificates of machines.
    """

    def __init__(
        self,
        store: Store,
        *,
        node: str,
        arm: str,
        trust: Callable[[], str],
        fingerprint: Callable[[], str],
        grant_keys: Callable[[], Awaitable[list[dict[str, Any]]]],
        certify: Certify,
        location: str,
    ) -> None:
        self._store = store
        self._bell = store.bell
        self._node = node
        self._trust, self._grant_keys = trust, grant_keys
        link_url = arm.replace("https://", "wss://", 1).rstrip("/") + "/fleet/link"
        self._credentials = Credentials(store, certify, arm)
        self._renewals = Renewals(store, self._credentials)
        self._enrolment = Enrolment(
            store, self._credentials, arm=arm, link=link_url, fingerprint=fingerprint, trust=trust
        )
        self._connecting = Connecting(
            store, self._credentials, arm=arm, link=link_url, trust=trust, location=location
        )
        self._admission = Admission(store)
        self._hosts = Hosts(store, node)
        self._commands = Commands(store)
        self._links: set[Link] = set()
        self._empty = asyncio.Event()
        self._empty.set()
        self.on_login: Callable[[str, str, LoginReport], None] | None = None
        """Told by which agent what became of the guest login of which session."""
        self.on_places: Callable[[str, str], Awaitable[Place]] | None = None
        """Asked by an agent where the boot diagnostics of a VM (uuid) go. Raises nothing."""
        self.on_stored: Callable[[str, str, str], Awaitable[None]] | None = None
        """Told by an agent of which VM and port a segment of the log was sealed. Raises nothing."""
        self.on_found: Callable[[str, list[Told]], Awaitable[None]] | None = None
        """Given what an agent recognised; it is on disk when this returns. A Fault ends the link, and the
        agent says it again on the next one.
        """
        self.on_gone: Callable[[str], None] | None = None
        """Told of each agent that was revoked or removed, on every node: what it carried ends."""
        self._openings: dict[str, tuple[Link, asyncio.Future[Any]]] = {}
        self._tasks = Tasks()

    async def start(self) -> None:
        """Forget the links an earlier life of this node had, learn of every agent."""
        async with self._store.write() as tx:
            await self._store.agents.detach_node(tx, self._node)
        await self._hosts.load()
        self._tasks.spawn("fleet.keep", self._keep())
        self._tasks.spawn("fleet.sift", self._sift())

    async def close(self) -> None:
        """End every link, write what is not written yet."""
        for link in tuple(self._links):
            link.close("the control plane stops")
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(FLUSH_SECONDS):
                await self._empty.wait()
        await self._tasks.close()
        await self._hosts.flush()

    # -- who there is

    def connected(self, agent: str) -> bool:
        view = self._hosts.view(agent)
        return view is not None and view.connected

    def linked(self, agent: Agent) -> bool:
        """Whether the agent of a row just read is connected.

        The row is the newest word on links to other nodes; on those to this node it comes after the fact.
        """
        return self._hosts.link(agent.id) is not None or agent.linked_beside(self._node)

    def host(self, agent: str) -> HostView | None:
        """A host by its agent's id."""
        return self._hosts.view(agent)

    def link_of(self, agent: str) -> str | None:
        """Id of the link that an agent has here; None without one."""
        link = self._hosts.link(agent)
        return link.id if link is not None and link.is_open else None

    def agents(self, subscription: str | None = None, group: str | None = None) -> list[HostView]:
        """Hosts of a subscription or resource group, longest enrolled first."""
        return self._hosts.views(subscription, group)

    def report(self, vm: str, agent: str | None = None) -> VmReport | None:
        """The last report on a VM (uuid). Name the agent the VM belongs to: only its word counts then."""
        return self._hosts.report(vm, agent)

    # -- enrolment

    def authorities(self) -> str:
        """The PEM bundle a host compares with its token before it enrols; no secret."""
        return self._trust()

    async def create_token(
        self,
        principal: Principal,
        subscription: str,
        group: str,
        ttl: timedelta = LIFE_DEFAULT,
        *,
        name: str | None = None,
    ) -> str:
        """As `Enrolment.create_token`."""
        return await self._enrolment.create_token(principal, subscription, group, name=name, life=ttl)

    async def enrol(self, request: EnrolRequest, address: str = "") -> EnrolAnswer:
        """As `Enrolment.enrol`; `address` is where the host called from, for the log."""
        agent, answer = await self._enrolment.enrol(request, address)
        self._hosts.remember(agent)
        return answer

    async def connect(self, request: ConnectRequest, address: str = "") -> ConnectAnswer:
        """As `Connecting.claim`."""
        agent, answer = await self._connecting.claim(request, address)
        self._hosts.remember(agent)
        return answer

    async def rekey(self, request: RekeyRequest, address: str = "") -> ConnectAnswer:
        """As `Connecting.rekey`; a link by the old key ends."""
        agent, answer = await self._connecting.rekey(request, address)
        self._hosts.remember(agent)
        return answer

    async def revoke(self, agent: str) -> None:
        """Refuse the agent from now on and end its link."""
        async with self._store.write() as tx:
            await self._store.agents.revoke(tx, agent, clock.now())
            await identities.switch_off(self._store, tx, agent)
        self._forget(agent)

    async def remove(self, agent: str) -> None:
        """Forget the agent with its commands, free its name, end its link."""
        async with self._store.write() as tx:
            await self.erase(tx, agent)
        self._forget(agent)

    async def erase(self, tx: Tx, agent: str) -> None:
        """As `remove`, within a unit of work: what the nodes have of the agent ends with its commit."""
        await self._store.agents.remove(tx, agent)
        await identities.take(self._store, tx, agent)

    def _forget(self, agent: str) -> None:
        self._hosts.forget(agent)
        if self.on_gone is not None:
            self.on_gone(agent)

    # -- commands

    async def command(
        self,
        agent: str,
        verb: str,
        vm: str,
        args: dict[str, Any] | None = None,
        *,
        key: str,
        epoch: int = 0,
        timeout: float = COMMAND_SECONDS,
        require_online: bool = True,
    ) -> Result:
        """Have an agent do something to a VM (uuid), and wait for what it saw happen.

        `key` makes a repeat harmless, also by a later life of this process: it gets the first result. Raises
        Fault AgentOffline (with `require_online`, when no link is there to begin with), AgentTimeout,
        AgentQueueFull, or the code the agent failed with.
        """
        result = await self._commands.answer_of(key)
        if result is None:
            if require_online and not self.connected(agent):
                raise self.offline(agent)
            row = await self._commands.put(agent, verb, vm, args or {}, key=key, epoch=epoch, seconds=timeout)
            link = self._hosts.link(agent)
            # A row whose time had run out was passed over when the link was opened.
            if link is not None and link.is_open and row.answered is None and row.sequence <= link.sent_up_to:
                await self._commands.again(link, row)
            result = await self._commands.wait(key, timeout)
        return self._settled(agent, result, timeout)

    async def leave_order(
        self,
        tx: Tx,
        agent: str,
        verb: Verb,
        vm: str,
        args: dict[str, Any] | None = None,
        *,
        key: str,
        epoch: int,
        seconds: float,
    ) -> None:
        """Have an agent do something as soon as it has a link, within `seconds`; nobody waits for it. It is
        kept with the unit of work. An agent that is no more, or takes no more, is not told.
        """
        if await self._store.agents.get(tx, agent) is None:
            return
        try:
            await self._commands.within(
                tx, agent, verb.value, vm, args or {}, key=key, epoch=epoch, seconds=seconds
            )
        except Fault as fault:
            if fault.code != "AgentQueueFull":
                raise
            log.warning("order.not_left", agent=agent, verb=verb.value, vm=vm)

    async def ask(
        self,
        agent: str,
        verb: Verb,
        vm: str,
        args: dict[str, Any] | None = None,
        *,
        epoch: int,
        timeout: float = COMMAND_SECONDS,
    ) -> Result:
        """Have an agent look at something of a VM (uuid): a verb of READING, of which no side keeps anything.

        Raises what `command` raises, and Fault TooManyRequests.
        """
        key, link = f"{uuid.uuid4()}:{verb}", self._hosts.link(agent)
        if link is None or not link.is_open:
            if not self.connected(agent):
                raise self.offline(agent)
            # Its link may be at another node, which only the outbox reaches.
            try:
                return await self.command(agent, verb.value, vm, args, key=key, epoch=epoch, timeout=timeout)
            finally:
                await self._commands.forget(key)
        question = Command(key, verb.value, vm, args or {}, epoch)
        result = await self._commands.ask(link, question, timeout)
        if result is None and not link.is_open:
            raise self.offline(agent)
        return self._settled(agent, result, timeout)

    def _settled(self, agent: str, result: Result | None, seconds: float) -> Result:
        if result is None:
            raise Fault("AgentTimeout", host=self._name(agent), seconds=round(seconds))
        if not result.succeeded:
            raise Fault(result.code or "InternalError", **result.fields)
        return result

    def offline(self, agent: str) -> Fault:
        """The Fault that says an agent has no link, and since when; or that it is no more."""
        view = self._hosts.view(agent)
        if view is None:
            return Fault("HostGone")
        seen = view.since if not view.connected else None
        return Fault(
            "AgentOffline", host=self._name(agent), since=f" since {clock.iso(seen)}" if seen else ""
        )

    # -- console streams

    @contextlib.contextmanager
    def opening(self, agent: str, request: OpenStream, arrival: asyncio.Future[Any]) -> Iterator[None]:
        """Ask an agent to dial back. Within the block its refusal, or the end of its link, fails `arrival`.

        Raises Fault AgentOffline when there is no link here.
        """
        link = self._hosts.link(agent)
        if link is None or not link.is_open:
            raise self.offline(agent)
        try:
            link.send(request)
        except ProtocolError as error:
            raise self.offline(agent) from error
        self._openings[request.session] = link, arrival
        try:
            yield
        finally:
            self._openings.pop(request.session, None)

    def end_session(self, agent: str, session: str, code: str, **fields: Any) -> None:
        """Tell an agent to close a session's stream now; without a link there is nobody to tell."""
        link = self._hosts.link(agent)
        if link is not None and link.is_open:
            with contextlib.suppress(ProtocolError):
                link.send(EndSession(session, code, fields))

    # -- links

    async def serve_link(self, socket: LinkSocket, address: str = "") -> None:
        """Serve one agent's socket until it ends. `address` is for the log."""
        greeting = sum(1 for link in self._links if not link.is_open)
        if greeting >= MAX_GREETING or len(self._links) >= MAX_LINKS:
            await socket.close(CLOSE_BUSY)
            return
        link = Link(socket, find=self._find, handle=self._handle)
        self._links.add(link)
        self._empty.clear()
        try:
            await link.run(self._commands.feed)
        finally:
            self._links.discard(link)
            await self._unlink(link)
            if not self._links:
                self._empty.set()
            unknown = {"unknown": link.server.unknown} if link.server.unknown else {}
            log.info(
                "link.ended",
                agent=link.agent,
                link=link.id,
                address=address,
                reason=link.server.reason,
                **unknown,
            )

    async def announce_keys(self) -> None:
        """Tell every agent that is linked here which keys and authorities count now."""
        message = Keys(await self._grant_keys(), self._trust())
        for link in tuple(self._links):
            if not link.is_open:
                continue
            if link.takes_keys:
                with contextlib.suppress(ProtocolError):
                    link.send(message)
            else:
                link.close("the keys changed, and this agent learns of them with a new link only")

    async def _find(self, agent: str) -> Agent | None:
        async with self._store.read() as tx:
            return await self._store.agents.get(tx, agent)

    async def _handle(self, link: Link, message: AgentMessage) -> None:
        agent = link.agent
        assert agent is not None
        match message:
            case Hello():
                await self._welcome(link, message)
            case Inventory(host, machines):
                self._hosts.inventory(agent, host, machines)
            case VmChanged(report):
                self._hosts.changed(agent, report)
            case VmGone(vm):
                self._hosts.gone(agent, vm)
            case Result():
                await self._commands.answered(link, message)
            case StreamFailed(session, code, fields):
                self._refused(link, session, code, fields)
            case LoginEnded(session, report):
                if self.on_login is not None:
                    self.on_login(agent, session, report)
            case WantPlaces(vms):
                await self._places(link, vms)
            case Stored(vm, port):
                _require_uuids([vm])
                if self.on_stored is not None:
                    await self.on_stored(agent, vm, port)
            case Found():
                await self._found(link, message)
            case Beat(report):
                self._beat(agent, report)
            case Renew():
                await self._renewals.answer(link)
            case _:
                log.warning("link.unhandled", agent=agent, message=type(message).__name__)

    async def _welcome(self, link: Link, hello: Hello) -> None:
        row = link.row
        assert row is not None
        if (refusal := await self._admission.refusal(row, hello)) is not None:
            link.reject(refusal)
            log.warning("link.refused", agent=row.id, name=row.name, code=refusal.code)
            return
        grant_keys = await self._grant_keys()
        renews, now = TAKES_RENEWALS in hello.takes, clock.now()
        said: dict[str, Any] = {"renews": renews}
        if hello.hardware and not row.hardware:
            said["hardware"] = hello.hardware[:MAX_HARDWARE]
        async with self._store.write() as tx:
            attached = await self._store.agents.attach(
                tx, row.id, link=link.id, node=self._node, now=now, version=hello.version[:64], **said
            )
            if attached and renews and due(row, now):
                row = await self._credentials.renew(tx, row, now)
                link.renewed_at = clock.monotonic()
        if not attached:
            link.reject(Fault("AgentUnknown", agent=row.id))
            return
        link.row, link.takes_renewals, link.instance = row, renews, hello.instance
        before = self._hosts.linked(row, link)
        if before is not None:
            if before.instance == link.instance:
                before.close("a newer link of the same agent took its place")
            else:
                # If its socket still works it is another process with the same key: it is told, and waits.
                before.reject(Fault("AgentLinkTaken", name=row.name))
        link.takes_keys = TAKES_KEYS in hello.takes
        link.takes_places = TAKES_PLACES in hello.takes
        doors = {TAKES_FINDINGS: self.on_found, TAKES_PLACES: self.on_places}
        takes = [name for name, door in doors.items() if door is not None]
        takes += [TAKES_SHOWS, TAKES_RENEWALS, TAKES_BEATS, TAKES_OWN_CONSOLE]
        spread = min(MAX_SPREAD, self._hosts.number / RETURNS_A_SECOND)
        link.welcome(Welcome(link.id, self._node, grant_keys, self._trust(), takes, spread))
        if link.renewed_at is not None:
            link.send(Renewed(row.certificate or ""))
        self._bell.ring(topic(row.id))
        log.info("link.opened", agent=row.id, name=row.name, link=link.id, version=hello.version[:64])

    def _beat(self, agent: str, report: AgentReport) -> None:
        beat = msgspec.to_builtins(report)
        if (size := len(msgspec.json.encode(beat))) > MAX_BEAT:
            log.warning("agent.beat_too_large", agent=agent, bytes=size, limit=MAX_BEAT)
            return
        self._hosts.beat(agent, beat)

    async def _sift(self) -> None:
        """End what this node has of agents that were revoked or removed, here or on another one."""
        with self._bell.listen(GONE) as ear:
            while True:
                if not await ear.wait():
                    continue
                try:
                    for agent in await self._hosts.sift():
                        if self.on_gone is not None:
                            self.on_gone(agent)
                except Fault as fault:
                    log.warning("fleet.not_sifted", code=fault.code)
                    await asyncio.sleep(FLUSH_SECONDS)
                    ear.hear()

    async def _places(self, link: Link, vms: list[str]) -> None:
        if len(vms) > MAX_PLACES or self.on_places is None:
            raise ProtocolError(f"expected at most {MAX_PLACES} VMs, got {len(vms)}")
        _require_uuids(vms)
        for vm in vms:
            place = await self.on_places(link.agent or "", vm)
            if link.is_open:
                link.send(place)

    def tell(self, agent: str, place: Place) -> None:
        """Tell an agent unasked where a VM's boot diagnostics go; without a link nobody is told."""
        link = self._hosts.link(agent)
        if link is not None and link.is_open and link.takes_places:
            with contextlib.suppress(ProtocolError):
                link.send(place)

    async def _found(self, link: Link, message: Found) -> None:
        if len(message.found) > MAX_FOUND or self.on_found is None:
            raise ProtocolError(f"expected at most {MAX_FOUND} findings, got {len(message.found)}")
        await self.on_found(link.agent or "", message.found)
        if link.is_open:
            link.send(FoundKept(message.number))

    async def _unlink(self, link: Link) -> None:
        self._commands.lost(link)
        for session, (through, arrival) in tuple(self._openings.items()):
            if through is link:
                self._openings.pop(session, None)
                _fail(arrival, self.offline(link.agent or ""))
        if link.agent is None or not self._hosts.unlinked(link):
            return
        self._bell.ring(topic(link.agent))
        with contextlib.suppress(Fault):
            async with self._store.write() as tx:
                await self._store.agents.detach(tx, link.agent, link=link.id, now=clock.now())

    def _refused(self, link: Link, session: str, code: str, fields: dict[str, Any]) -> None:
        through, arrival = self._openings.get(session, (None, None))
        if through is not link or arrival is None:
            return
        if code not in codes():
            fault = Fault("StreamFailed", host=self._name(link.agent or ""), detail=code[:200])
        else:
            fault = Fault(code, **({"host": self._name(link.agent or "")} | fields))
        _fail(arrival, fault)

    async def _keep(self) -> None:
        """Write reports and heartbeats at a bounded rate; learn what other nodes wrote."""
        refreshed = swept = clock.monotonic()
        while True:
            await asyncio.sleep(FLUSH_SECONDS)
            try:
                await self._hosts.flush()
                if clock.monotonic() - swept >= REREAD_SECONDS:
                    swept = clock.monotonic()
                    await self._commands.sweep(tuple(self._links))
                await self._renewals.offer(self._links)
                if self._store.db.dialect != "sqlite" and clock.monotonic() - refreshed >= REFRESH_SECONDS:
                    refreshed = clock.monotonic()
                    await self._hosts.load()
            except Fault as fault:
                log.warning("fleet.unsaved", code=fault.code)
            except Exception:
                log.exception("fleet.keep")

    def _name(self, agent: str) -> str:
        view = self._hosts.view(agent)
        return view.agent.name if view is not None else agent


def _require_uuids(vms: list[str]) -> None:
    """Each comes back in its answer, and waits until the agent reads it. Raises ProtocolError for more than
    that.
    """
    if any(len(vm) > MAX_VM for vm in vms):
        raise ProtocolError(f"expected uuids of {MAX_VM} characters, got a longer one")


def _fail(arrival: asyncio.Future[Any], fault: Fault) -> None:
    if not arrival.done():
        arrival.set_exception(fault)
