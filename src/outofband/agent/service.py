"""The agent put together: machines, link, streams, commands and the local socket, in one event loop."""

from __future__ import annotations

import asyncio
import os
import secrets
from itertools import islice
from pathlib import Path

import msgspec
import structlog

import outofband
from outofband.agent import admin, config
from outofband.agent.admin import AdminSocket, AgentStatus
from outofband.agent.commands import Commands
from outofband.agent.config import HostConfig
from outofband.agent.diagnostics.places import PlaceBook
from outofband.agent.diagnostics.shots import Shots
from outofband.agent.diagnostics.uploads import Uploads
from outofband.agent.diagnostics.watcher import Watcher
from outofband.agent.instance import Instance
from outofband.agent.journal import Journal
from outofband.agent.link import ControlLink
from outofband.agent.machines.registry import Machines
from outofband.agent.managed.endpoint import IdentityEndpoint
from outofband.agent.managed.keyfiles import KeyFiles
from outofband.agent.managed.tokens import HostTokens
from outofband.agent.state import HostKey, Identity, Trust, key_path
from outofband.agent.streams import Streams
from outofband.catalogue import explain
from outofband.core import clock
from outofband.core.errors import Fault
from outofband.core.paths import StateDir
from outofband.net.blobs import BlobClient
from outofband.net.tasks import Tasks
from outofband.wire import link
from outofband.wire.detect import Detector
from outofband.wire.machine import HostReport, VmReport

log = structlog.get_logger(__name__)


class Service:
    """One agent from its start to its end; make it inside the event loop, with the state's lock held.

    It is the link's Host: what the control plane asks ends up in `commands` and `streams`.
    """

    def __init__(self, state: StateDir, identity: Identity) -> None:
        settings = config.load(config.config_path(state))
        self._since = clock.iso()
        self._facts: HostReport | None = None
        self._takes_shows = False
        self._trust = Trust(state, identity)
        self._machines = Machines(state, settings, name=identity.name)
        self._journal = Journal(state.agent / "journal.db")
        self._watcher = Watcher(self._machines, Detector)
        self._link = ControlLink(
            trust=self._trust,
            key=HostKey.load(key_path(state)),
            version=outofband.__version__,
            instance=secrets.token_hex(8),
            host=self,
            telling=self._watcher.untold,
        )
        self._watcher.untold.on_news = self._link.found
        self._commands = Commands(self._journal, self._machines, self._link.send)
        self._streams = Streams(
            trust=self._trust,
            find_port=self._machines.port,
            failed=self._link.send,
            limit=settings.limits.streams,
        )
        self._places = PlaceBook(self._link.send)
        client = BlobClient(lambda: f"{self._trust.identity.arm}/blob", self._trust.context)
        self._uploads = Uploads(self._machines.all, self._places, client, self._link.send)
        self._shots = Shots(self._machines.all, self._places, client, wake=not settings.policy.monitor)
        self._tokens = HostTokens(self._trust, HostKey.load(key_path(state)))
        self._identity = _identity(state, settings, self._tokens)
        self._identity_problem: str | None = None
        self._admin = AdminSocket(state, self._status)

    async def run(self, instance: Instance, stop: asyncio.Event) -> None:
        """Serve until `stop` is set. Guests and what they print do not depend on it."""
        tasks = Tasks()
        try:
            await self._machines.load()
            self._machines.on_change(lambda vm, _: self._link.machine_changed(vm))
            self._machines.on_login = lambda session, report: self._link.login_ended(
                link.LoginEnded(session, report)
            )
            self._watcher.open()
            await self._admin.open()
            await self._open_identity()
            instance.announce(ready=True)
            log.info("agent.ready", agent=self._trust.identity.agent, machines=len(self._machines))
            tasks.spawn("diagnostics.logs", self._uploads.run())
            tasks.spawn("diagnostics.shots", self._shots.run())
            keeping = tasks.spawn("link", self._keep_link())
            # An agent without its link would look alive and be useless: then it ends, and is started again.
            keeping.add_done_callback(lambda _: stop.set())
            await stop.wait()
            log.info("agent.stopping")
            if keeping.done():
                keeping.result()
        finally:
            if self._identity is not None:
                await self._identity.close()
            await self._commands.close()
            await self._streams.close()
            await tasks.close()
            await self._shots.close()
            await self._uploads.close()
            await self._admin.close()
            self._watcher.close()
            await self._machines.close()
            self._journal.close()

    async def _open_identity(self) -> None:
        """What local programs want of the agent is no reason to leave the consoles alone."""
        if self._identity is None:
            return
        try:
            await self._identity.open()
        except Fault as fault:
            self._identity_problem = explain(fault).message
            log.error("identity.not_open", code=fault.code, problem=self._identity_problem)

    async def _keep_link(self) -> None:
        # The first time on a host this tries what guests can run under, which takes seconds.
        self._facts = await self._machines.host_report()
        log.info("host.facts", accelerator=self._facts.accelerator, probe=self._facts.probe)
        await self._link.run()

    # What the link asks (agent.link.Host).

    def inventory(self) -> link.Inventory:
        assert self._facts is not None
        return link.Inventory(self._facts, [self._as_taken(each) for each in self._machines.reports()])

    def report(self, vm: str) -> VmReport | None:
        try:
            return self._as_taken(self._machines.get(vm).report())
        except Fault:
            return None

    def _as_taken(self, report: VmReport) -> VmReport:
        """A report as far as the control plane of this link takes it."""
        if self._takes_shows:
            return report
        ports = [msgspec.structs.replace(port, shows="") for port in report.ports]
        return msgspec.structs.replace(report, ports=ports)

    def welcomed(self, welcome: link.Welcome) -> None:
        self._streams.trust_keys(welcome.grant_keys)
        self._places.linked(welcome.takes)
        self._takes_shows = link.TAKES_SHOWS in welcome.takes

    def keys_changed(self, keys: link.Keys) -> None:
        self._streams.trust_keys(keys.grant_keys)

    def command(self, command: link.Command) -> None:
        self._commands.receive(command)

    def open_stream(self, wish: link.OpenStream) -> None:
        self._streams.open(wish)

    def end_session(self, end: link.EndSession) -> None:
        self._streams.end(end)

    def place(self, place: link.Place) -> None:
        self._places.answered(place)

    # What the host's administrator asks.

    def _status(self) -> AgentStatus:
        identity, up, facts = self._trust.identity, self._link.status, self._facts
        return AgentStatus(
            running=True,
            agent=identity.agent,
            name=identity.name,
            arm=identity.arm,
            pid=os.getpid(),
            since=self._since,
            link=up.state,
            link_since=up.since,
            node=up.node,
            problem=admin.link_words(up),
            accelerator=facts.accelerator if facts else None,
            probe=facts.probe if facts else None,
            monitor=facts.monitor if facts else False,
            identity=self._identity_problem or (self._identity.address if self._identity else None),
            clock_ahead=self._link.clock_ahead,
            streams=self._streams.count,
            commands=self._commands.pending,
            machines=self._machines.reports(),
            gaps=list(islice(admin.gaps(self._machines), admin.MAX_GAPS)),
        )


def _identity(state: StateDir, settings: HostConfig, tokens: HostTokens) -> IdentityEndpoint | None:
    """The endpoint for local programs, when the host's administrator wants it."""
    wanted = settings.identity
    if not wanted.enabled:
        return None
    return IdentityEndpoint(
        tokens,
        KeyFiles(Path(wanted.tokens), wanted.group),
        port=wanted.port,
        secret_file=state.agent / "identity-header",
    )
