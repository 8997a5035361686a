"""The door to the agents: everything the floors above may ask of them."""

from __future__ import annotations

import asyncio
import contextlib
import uuid
from collections.abc import Awaitable, Callable, Iterator
from datetime import timedelta
from typing import Any

import structlog

from outofband.catalogue import codes
from outofband.core import clock
from outofband.core.errors import Fault, ProtocolError
from outofband.core.principal import Principal
from outofband.fleet import identities
from outofband.fleet.commands import Commands
from outofband.fleet.enrolment import LIFE_DEFAULT, Enrolment
from outofband.fleet.hosts import Hosts, HostView, vm_topic
from outofband.fleet.links import CLOSE_BUSY, Link, LinkSocket
from outofband.net.tasks import Tasks
from outofband.store.agents import Agent, topic
from outofband.store.store import Store
from outofband.wire.enrolment import EnrolAnswer, EnrolRequest
from outofband.wire.link import (
    MAX_FOUND,
    MAX_PLACES,
    MAX_VM,
    TAKES_FINDINGS,
    TAKES_KEYS,
    TAKES_PLACES,
    TAKES_SHOWS,
    AgentMessage,
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
from outofband.wire.machine import Verb, VmReport

log = structlog.get_logger(__name__)

MAX_LINKS = 5000
MAX_GREETING = 256
"""Links whose agent has not proved itself yet."""
FLUSH_SECONDS = 2.0
REFRESH_SECONDS = 10.0
"""How old the word of another node on its agents may be."""
COMMAND_SECONDS = 30.0

__all__ = ["COMMAND_SECONDS", "Fleet", "HostView", "LinkSocket", "topic", "vm_topic"]


class Fleet:
    """Agents of this node: enrolment, links, commands, reports. `start` it before use, `close` it at the end.

    `arm` is the advertised base URL, https. `trust` (PEM bundle), `fingerprint` (SHA-256 of the current
    authority, hex) and `grant_keys` (public JWKs) are asked anew each time, because they rotate.
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
    ) -> None:
        self._store = store
        self._bell = store.bell
        self._node = node
        self._trust, self._grant_keys = trust, grant_keys
        link_url = arm.replace("https://", "wss://", 1).rstrip("/") + "/fleet/link"
        self._enrolment = Enrolment(store, arm=arm, link=link_url, fingerprint=fingerprint, trust=trust)
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
        self._openings: dict[str, tuple[Link, asyncio.Future[Any]]] = {}
        self._tasks = Tasks()

    async def start(self) -> None:
        """Forget the links an earlier life of this node had, learn of every agent."""
        async with self._store.write() as tx:
            await self._store.agents.detach_node(tx, self._node)
        await self._hosts.load()
        self._tasks.spawn("fleet.keep", self._keep())

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

    async def revoke(self, agent: str) -> None:
        """Refuse the agent from now on and end its link."""
        async with self._store.write() as tx:
            await self._store.agents.revoke(tx, agent, clock.now())
            await identities.switch_off(self._store, tx, agent)
        self._hosts.forget(agent)

    async def remove(self, agent: str) -> None:
        """Forget the agent with its commands, free its name, end its link."""
        async with self._store.write() as tx:
            await self._store.agents.remove(tx, agent)
            await identities.take(self._store, tx, agent)
        self._hosts.forget(agent)

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
        """The Fault that says an agent has no link, and since when."""
        view = self._hosts.view(agent)
        seen = view.since if view is not None and not view.connected else None
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
            log.info("link.ended", agent=link.agent, link=link.id, address=address, reason=link.server.reason)

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
            case _:
                log.warning("link.unhandled", agent=agent, message=type(message).__name__)

    async def _welcome(self, link: Link, hello: Hello) -> None:
        row = link.row
        assert row is not None
        grant_keys = await self._grant_keys()
        async with self._store.write() as tx:
            await self._store.agents.attach(
                tx, row.id, link=link.id, node=self._node, now=clock.now(), version=hello.version[:64]
            )
        before = self._hosts.linked(row, link)
        if before is not None:
            before.close("a newer link of the same agent took its place")
        link.takes_keys = TAKES_KEYS in hello.takes
        link.takes_places = TAKES_PLACES in hello.takes
        doors = {TAKES_FINDINGS: self.on_found, TAKES_PLACES: self.on_places}
        takes = [*(name for name, door in doors.items() if door is not None), TAKES_SHOWS]
        link.welcome(Welcome(link.id, self._node, grant_keys, self._trust(), takes))
        self._bell.ring(topic(row.id))
        log.info("link.opened", agent=row.id, name=row.name, link=link.id, version=hello.version[:64])

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
        refreshed = clock.monotonic()
        while True:
            await asyncio.sleep(FLUSH_SECONDS)
            try:
                await self._hosts.flush()
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
