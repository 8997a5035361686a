"""The links of this node: who gets one, how it is welcomed, and what ends with it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import Any

import structlog

from outofband.core import clock
from outofband.core.errors import Fault, ProtocolError
from outofband.fleet.admission import Admission
from outofband.fleet.commands import Commands
from outofband.fleet.connecting import MAX_HARDWARE
from outofband.fleet.credentials import Credentials, due
from outofband.fleet.hosts import Hosts
from outofband.fleet.incoming import Incoming
from outofband.fleet.links import CLOSE_BUSY, Link, LinkSocket
from outofband.fleet.streams import Streams
from outofband.store.agents import Agent, topic
from outofband.store.store import Store
from outofband.wire.link import (
    MAX_SPREAD,
    TAKES_BEATS,
    TAKES_KEYS,
    TAKES_OWN_CONSOLE,
    TAKES_PLACES,
    TAKES_RENEWALS,
    TAKES_SHOWS,
    AgentMessage,
    Hello,
    Keys,
    Renewed,
    Welcome,
)

log = structlog.get_logger(__name__)

MAX_LINKS = 5000
RETURNS_A_SECOND = 100
"""Agents that are to come back each second when all of them lost their links: half of what a node takes."""
MAX_GREETING = 256
"""Links whose agent has not proved itself yet."""
END_SECONDS = 2.0
"""How long the last links may take to end when the node stops."""


class Switchboard:
    """`trust` (PEM bundle) and `grant_keys` (public JWKs) are asked for each welcome."""

    def __init__(
        self,
        store: Store,
        node: str,
        *,
        hosts: Hosts,
        commands: Commands,
        streams: Streams,
        incoming: Incoming,
        credentials: Credentials,
        trust: Callable[[], str],
        grant_keys: Callable[[], Awaitable[list[dict[str, Any]]]],
    ) -> None:
        self._store, self._bell, self._node = store, store.bell, node
        self._hosts, self._commands = hosts, commands
        self._streams, self._incoming = streams, incoming
        self._credentials, self._admission = credentials, Admission(store)
        self._trust, self._grant_keys = trust, grant_keys
        self.links: set[Link] = set()
        """Every one that has not ended, also before its agent proved itself."""
        self._empty = asyncio.Event()
        self._empty.set()

    async def close(self) -> None:
        """End every link, and wait a moment for that."""
        for link in tuple(self.links):
            link.close("the control plane stops")
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(END_SECONDS):
                await self._empty.wait()

    async def serve(self, socket: LinkSocket, address: str = "") -> None:
        """Serve one agent's socket until it ends. `address` is for the log."""
        greeting = sum(1 for link in self.links if not link.is_open)
        if greeting >= MAX_GREETING or len(self.links) >= MAX_LINKS:
            await socket.close(CLOSE_BUSY)
            return
        link = Link(socket, find=self._find, handle=self._handle)
        self.links.add(link)
        self._empty.clear()
        try:
            await link.run(self._commands.feed)
        finally:
            self.links.discard(link)
            await self._unlink(link)
            if not self.links:
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
        for link in tuple(self.links):
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
        if isinstance(message, Hello):
            await self._welcome(link, message)
        else:
            await self._incoming.hear(link, message)

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
        takes = [*self._incoming.takes, TAKES_SHOWS, TAKES_RENEWALS, TAKES_BEATS, TAKES_OWN_CONSOLE]
        spread = min(MAX_SPREAD, self._hosts.number / RETURNS_A_SECOND)
        link.welcome(Welcome(link.id, self._node, grant_keys, self._trust(), takes, spread))
        if link.renewed_at is not None:
            link.send(Renewed(row.certificate or ""))
        self._bell.ring(topic(row.id))
        log.info("link.opened", agent=row.id, name=row.name, link=link.id, version=hello.version[:64])

    async def _unlink(self, link: Link) -> None:
        self._commands.lost(link)
        self._streams.lost(link)
        if link.agent is None or not self._hosts.unlinked(link):
            return
        self._bell.ring(topic(link.agent))
        with contextlib.suppress(Fault):
            async with self._store.write() as tx:
                await self._store.agents.detach(tx, link.agent, link=link.id, now=clock.now())
