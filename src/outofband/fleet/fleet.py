"""The door to the agents: everything the floors above may ask of them."""

from __future__ import annotations

import asyncio
import contextlib
import uuid
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import structlog

from outofband.core import clock
from outofband.core.errors import Fault, ProtocolError
from outofband.core.principal import Principal
from outofband.fleet import identities
from outofband.fleet.commands import REREAD_SECONDS, Commands
from outofband.fleet.connecting import Connecting
from outofband.fleet.credentials import Certify, Credentials
from outofband.fleet.enrolment import LIFE_DEFAULT, Enrolment
from outofband.fleet.hosts import Hosts, HostView
from outofband.fleet.incoming import Incoming
from outofband.fleet.renewals import Renewals
from outofband.fleet.streams import Streams
from outofband.fleet.switchboard import Switchboard
from outofband.net.tasks import Tasks
from outofband.store.agents import GONE, Agent
from outofband.store.store import Store
from outofband.store.tx import Tx
from outofband.wire.connecting import ConnectAnswer, ConnectRequest, RekeyRequest
from outofband.wire.enrolment import EnrolAnswer, EnrolRequest
from outofband.wire.link import Command, Place, Result
from outofband.wire.machine import Verb, VmReport

log = structlog.get_logger(__name__)

FLUSH_SECONDS = 2.0
REFRESH_SECONDS = 10.0
"""How old the word of another node on its agents may be."""
COMMAND_SECONDS = 30.0


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
        self._trust = trust
        link_url = arm.replace("https://", "wss://", 1).rstrip("/") + "/fleet/link"
        self._credentials = Credentials(store, certify, arm)
        self._renewals = Renewals(store, self._credentials)
        self._enrolment = Enrolment(
            store, self._credentials, arm=arm, link=link_url, fingerprint=fingerprint, trust=trust
        )
        self._connecting = Connecting(
            store, self._credentials, arm=arm, link=link_url, trust=trust, location=location
        )
        self._hosts = Hosts(store, node)
        self._commands = Commands(store)
        self.streams = Streams(self._hosts)
        self.incoming = Incoming(self._hosts, self._commands, self.streams, self._renewals)
        self.switchboard = Switchboard(
            store,
            node,
            hosts=self._hosts,
            commands=self._commands,
            streams=self.streams,
            incoming=self.incoming,
            credentials=self._credentials,
            trust=trust,
            grant_keys=grant_keys,
        )
        self.on_gone: Callable[[str], None] | None = None
        """Told of each agent that was revoked or removed, on every node: what it carried ends."""
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
        await self.switchboard.close()
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
        link = self._hosts.open_link(agent)
        return link.id if link is not None else None

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
            link = self._hosts.open_link(agent)
            # A row whose time had run out was passed over when the link was opened.
            if link is not None and row.answered is None and row.sequence <= link.sent_up_to:
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
        key, link = f"{uuid.uuid4()}:{verb}", self._hosts.open_link(agent)
        if link is None:
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
            raise Fault("AgentTimeout", host=self._hosts.name(agent), seconds=round(seconds))
        if not result.succeeded:
            raise Fault(result.code or "InternalError", **result.fields)
        return result

    def offline(self, agent: str) -> Fault:
        """As `Hosts.offline`."""
        return self._hosts.offline(agent)

    def tell(self, agent: str, place: Place) -> None:
        """Tell an agent unasked where a VM's boot diagnostics go; without a link nobody is told."""
        link = self._hosts.open_link(agent)
        if link is not None and link.takes_places:
            with contextlib.suppress(ProtocolError):
                link.send(place)

    # -- upkeep

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

    async def _keep(self) -> None:
        """Write reports and heartbeats at a bounded rate; learn what other nodes wrote."""
        refreshed = swept = clock.monotonic()
        while True:
            await asyncio.sleep(FLUSH_SECONDS)
            try:
                await self._hosts.flush()
                if clock.monotonic() - swept >= REREAD_SECONDS:
                    swept = clock.monotonic()
                    await self._commands.sweep(tuple(self.switchboard.links))
                await self._renewals.offer(self.switchboard.links)
                if self._store.db.dialect != "sqlite" and clock.monotonic() - refreshed >= REFRESH_SECONDS:
                    refreshed = clock.monotonic()
                    await self._hosts.load()
            except Fault as fault:
                log.warning("fleet.unsaved", code=fault.code)
            except Exception:
                log.exception("fleet.keep")
