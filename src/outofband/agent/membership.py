"""What there is of an agent only while its server is connected: link, commands, streams, uploads, tokens.

It begins when there is an identity and a key and ends when they go; machines and what they print do not
depend on it.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable

import msgspec
import structlog

import outofband
from outofband.agent.commands import Commands
from outofband.agent.diagnostics.places import PlaceBook
from outofband.agent.diagnostics.shots import Shots
from outofband.agent.diagnostics.uploads import Uploads
from outofband.agent.diagnostics.watcher import Watcher
from outofband.agent.journal import Journal
from outofband.agent.link import ControlLink, LinkState
from outofband.agent.machines.registry import Machines
from outofband.agent.managed.tokens import HostTokens
from outofband.agent.settings import Settings
from outofband.agent.state import HostKey, Identity, Trust
from outofband.agent.streams import Streams
from outofband.agent.upkeep import Upkeep
from outofband.core import clock
from outofband.core.errors import Fault
from outofband.core.paths import StateDir
from outofband.net.blobs import BlobClient
from outofband.net.tasks import Tasks
from outofband.wire import link
from outofband.wire.login import LoginReport
from outofband.wire.machine import AgentReport, HostReport, VmReport

WATCH_SECONDS = 60.0

log = structlog.get_logger(__name__)


class Membership:
    """Make it inside the event loop; `open` once, `close` once. It is the link's Host: what the control plane
    asks ends up in `commands` and `streams`.

    `hardware` is the fingerprint that the link's hello tells; `report` says how the agent is; `ended` is
    called when the link is kept no longer although nobody closed it.
    """

    def __init__(
        self,
        state: StateDir,
        identity: Identity,
        key: HostKey,
        *,
        hardware: str,
        machines: Machines,
        journal: Journal,
        watcher: Watcher,
        settings: Callable[[], Settings],
        report: Callable[[], AgentReport],
        ended: Callable[[], None],
    ) -> None:
        self._machines = machines
        self._settings = settings
        self._ended = ended
        self._watcher = watcher
        self._takes_shows = self._takes_own = False
        config = machines.host.config
        self.facts: HostReport | None = None
        self.key = key
        self.trust = Trust(state, identity)
        self.upkeep = Upkeep(state, key.raw, report, name=identity.name)
        self.link = ControlLink(
            trust=self.trust,
            key=key,
            version=outofband.__version__,
            instance=secrets.token_hex(8),
            host=self,
            telling=watcher.untold,
            upkeep=self.upkeep,
            hardware=hardware,
        )
        self.commands = Commands(journal, machines, self.link.send)
        self.streams = Streams(
            trust=self.trust,
            find_port=machines.port,
            failed=self.link.send,
            limit=config.limits.streams,
            may_open=self._may_open,
        )
        self.places = PlaceBook(self.link.send)
        client = BlobClient(lambda: f"{self.trust.identity.arm}/blob", self.trust.context)
        machines.moving.client = client
        self.uploads = Uploads(machines.all, self.places, client, self.link.send)
        self.shots = Shots(machines.all, self.places, client, wake=not config.policy.monitor)
        self.tokens = HostTokens(self.trust, key)
        self._tasks = Tasks()
        self._keeping: asyncio.Task[None] | None = None

    @property
    def identity(self) -> Identity:
        return self.trust.identity

    def open(self) -> None:
        self._watcher.untold.on_news = self.link.found
        self._tasks.spawn("diagnostics.logs", self.uploads.run())
        self._tasks.spawn("diagnostics.shots", self.shots.run())
        self._tasks.spawn("certificate.watch", self._watch_certificate())
        self._keeping = self._tasks.spawn("link", self._keep_link())
        self._keeping.add_done_callback(lambda task: None if task.cancelled() else self._ended())

    async def close(self) -> None:
        """End the link and every stream. What the machines print is kept for the next membership."""
        self._machines.own.on_change = None
        self._machines.moving.client = None
        self._watcher.untold.on_news = lambda: None
        await self.commands.close()
        await self.streams.close()
        await self._tasks.close()
        await self.shots.close()
        await self.uploads.close()
        await self._machines.own.close()

    def failure(self) -> None:
        """Raises what ended the link's task, if that ended."""
        if self._keeping is not None and self._keeping.done() and not self._keeping.cancelled():
            self._keeping.result()

    async def _keep_link(self) -> None:
        self._machines.own.on_change = self.link.machine_changed
        await self._machines.own.open(self.identity.agent)
        # The first time on a host this tries what guests can run under, which takes seconds.
        await self.look_at_host()
        assert self.facts is not None
        log.info("host.facts", accelerator=self.facts.accelerator, probe=self.facts.probe)
        await self.link.run()

    async def _watch_certificate(self) -> None:
        while True:
            self.upkeep.warn(clock.monotonic(), clock.now())
            await asyncio.sleep(WATCH_SECONDS)

    async def look_at_host(self) -> None:
        """The host's facts are taken anew, and told."""
        self.facts = await self._machines.host_report()
        self.link.host_changed()

    def changed(self) -> None:
        """The settings are others: what they forbid ends now."""
        self.streams.check()
        self.shots.may_wake(not self._machines.host.config.policy.monitor)
        self.upkeep.say()
        self._tasks.spawn("host.look", self.look_at_host())
        self.link.again()

    def rekeyed(self, identity: Identity, key: HostKey, hardware: str) -> None:
        """Another key has taken over; it, its certificate and `identity` are on disk."""
        self.trust.identity, self.key = identity, key
        self.tokens.rekeyed(key)
        self.upkeep.rekeyed(key.raw)
        self.link.rekeyed(key, hardware)

    def machine_changed(self, vm: str) -> None:
        self.link.machine_changed(vm)

    def login_ended(self, session: str, report: LoginReport) -> None:
        self.link.login_ended(link.LoginEnded(session, report))

    def troubles(self) -> list[Fault]:
        """What is wrong with link and certificate now."""
        found = self.upkeep.troubles(clock.now())
        up = self.link.status
        if up.state is not LinkState.LINKED and up.code is not None:
            found.append(Fault(up.code, **up.fields))
        return found

    def _may_open(self, vm: str, port: str) -> None:
        """Raises Fault HostPolicyRefused where the settings let nobody open the port's console."""
        settings = self._settings()
        if not settings.consoles or (settings.ports and port not in settings.ports):
            raise Fault("HostPolicyRefused", verb="console", vm=vm)

    # What the link asks (agent.link.Host).

    def inventory(self) -> link.Inventory:
        assert self.facts is not None
        reports = self._machines.reports()
        if self._takes_own and (own := self._machines.own.report()) is not None:
            reports.append(own)
        return link.Inventory(self.facts, [self._as_taken(each) for each in reports])

    def report(self, vm: str) -> VmReport | None:
        if vm == self.identity.agent.lower() and not self._takes_own:
            return None
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
        self.streams.trust_keys(welcome.grant_keys)
        self.places.linked(welcome.takes)
        self._takes_shows = link.TAKES_SHOWS in welcome.takes
        self._takes_own = link.TAKES_OWN_CONSOLE in welcome.takes

    def keys_changed(self, keys: link.Keys) -> None:
        self.streams.trust_keys(keys.grant_keys)

    def command(self, command: link.Command) -> None:
        self.commands.receive(command)

    def open_stream(self, wish: link.OpenStream) -> None:
        self.streams.open(wish)

    def end_session(self, end: link.EndSession) -> None:
        self.streams.end(end)

    def place(self, place: link.Place) -> None:
        self.places.answered(place)
