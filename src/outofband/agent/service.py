"""The agent put together: machines, local socket, identity endpoint, and the membership of a control plane
while there is one, in one event loop.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from itertools import islice
from pathlib import Path

import msgspec
import structlog

import outofband
from outofband.agent import admin, config, halfway, hardware
from outofband.agent import settings as local_settings
from outofband.agent.admin import AdminSocket
from outofband.agent.config import HostConfig
from outofband.agent.desk import Desk
from outofband.agent.diagnostics.watcher import Watcher
from outofband.agent.instance import Instance
from outofband.agent.journal import Journal
from outofband.agent.local import AgentStatus, Problem
from outofband.agent.machines.registry import Machines
from outofband.agent.managed.endpoint import IdentityEndpoint
from outofband.agent.managed.keyfiles import KeyFiles
from outofband.agent.membership import Membership
from outofband.agent.settings import Settings
from outofband.agent.state import HostKey, Identity, find_identity, key_path, save_identity
from outofband.catalogue import explain
from outofband.core import clock
from outofband.core.errors import Fault
from outofband.core.paths import StateDir
from outofband.net.tasks import Tasks
from outofband.wire.detect import Detector
from outofband.wire.instance_metadata import Machine
from outofband.wire.login import LoginReport
from outofband.wire.machine import AgentReport, VmReport

log = structlog.get_logger(__name__)


class Service:
    """One agent from its start to its end; make it inside the event loop, with the state's lock held.

    `root` is where the machine's own facts are read.
    """

    def __init__(self, state: StateDir, *, root: Path = Path("/")) -> None:
        self._state, self._root = state, root
        self._config = config.load(config.config_path(state))
        self._settings, self._settings_fault = _settings(state)
        self._settings.use_proxy()
        self._since = clock.iso()
        self._stop = asyncio.Event()
        self._identity = find_identity(state)
        self._machines = Machines(
            state,
            self._settings.applied(self._config),
            name=self._identity.name if self._identity else None,
        )
        self._machines.host.root = root
        self._journal = Journal(state.agent / "journal.db")
        self._watcher = Watcher(self._machines, Detector)
        self._desk = Desk(state, self)
        self._admin = AdminSocket(state, self._desk.answer)
        self._endpoint = _endpoint(state, self._config, self._machine)
        self._endpoint_fault: Fault | None = None
        self._kept_out: Fault | None = None
        """Why there is no membership although there is an identity."""
        self._tasks = Tasks()
        self.membership: Membership | None = None

    async def run(self, instance: Instance, stop: asyncio.Event) -> None:
        """Serve until `stop` is set. Guests and what they print do not depend on it."""
        self._stop = stop
        try:
            await self._machines.load()
            self._machines.on_change(self._machine_changed)
            self._machines.on_login = self._login_ended
            self._watcher.open()
            await self._open_endpoint()
            self.join()
            await self._admin.open()
            instance.announce(ready=True)
            connected = self._identity.agent if self._identity else None
            log.info("agent.ready", agent=connected, machines=len(self._machines))
            self._tasks.spawn("desk.resume", self._desk.resume())
            await stop.wait()
            log.info("agent.stopping")
            if self.membership is not None:
                self.membership.failure()
        finally:
            if self._endpoint is not None:
                await self._endpoint.close()
            await self._tasks.close()
            await self.leave()
            await self._admin.close()
            self._watcher.close()
            await self._machines.close()
            self._journal.close()

    # What the desk asks (agent.desk.Agent).

    def join(self) -> None:
        self._kept_out = None
        self._identity = identity = find_identity(self._state)
        if identity is None or self.membership is not None:
            return
        try:
            key = HostKey.load(key_path(self._state))
            identity, told = self._recognised(identity, key)
        except Fault as fault:
            self._kept_out = fault
            log.error("agent.kept_out", code=fault.code, **fault.fields)
            return
        self._machines.host.name = identity.name
        self.membership = Membership(
            self._state,
            identity,
            key,
            hardware=told,
            machines=self._machines,
            journal=self._journal,
            watcher=self._watcher,
            settings=lambda: self._settings,
            report=self._report,
            # An agent without its link would look alive and be useless: then it ends, and is started again.
            ended=self._stop.set,
        )
        self.membership.open()
        if self._endpoint is not None:
            self._endpoint.tokens = self.membership.tokens

    async def leave(self) -> None:
        if self._endpoint is not None:
            self._endpoint.tokens = None
        if (member := self.membership) is not None:
            self.membership = None
            await member.close()

    def hardware(self, public_key: str) -> hardware.Fingerprints:
        return hardware.fingerprints(public_key, hardware.read(self._root))

    @property
    def expired(self) -> bool:
        return any(fault.code == "AgentExpired" for fault in self._troubles())

    def reload(self, changed: Settings) -> None:
        self._settings, self._settings_fault = changed, None
        changed.use_proxy()
        before = self._machines.host.config.policy.monitor
        self._machines.host.config = applied = changed.applied(self._config)
        if applied.policy.monitor is not before:
            self._machines.watch_only(applied.policy.monitor)
        if self.membership is not None:
            self.membership.changed()
        log.info("settings.reloaded", monitor=applied.policy.monitor, consoles=changed.consoles)

    def status(self) -> AgentStatus:
        identity, member = self._identity, self.membership
        up, facts = (member.link.status, member.facts) if member else (None, None)
        problem = explain(self._kept_out).message if self._kept_out else None
        if up is not None and problem is None:
            problem = admin.link_words(up)
        held = member.upkeep.certificate if member else None
        endpoint = self._endpoint
        told = None
        if endpoint is not None:
            without = [f"not on {host}: {why}" for host, why in endpoint.closed.items()]
            told = " ".join([endpoint.address, *(f"({each})" for each in without)])
        shown = facts.facts if facts else None
        return AgentStatus(
            running=True,
            connected=identity is not None,
            halfway=halfway.load(self._state),
            agent=identity.agent if identity else "",
            name=identity.name if identity else "",
            arm=identity.arm if identity else "",
            pid=os.getpid(),
            since=self._since,
            version=outofband.__version__,
            link=up.state if up else "down",
            link_since=up.since if up else None,
            node=up.node if up else None,
            problem=problem,
            expired=self.expired,
            errors=[_problem(fault) for fault in self._troubles()],
            resource=identity.resource if identity else "",
            tenant=identity.tenant if identity else "",
            subscription=identity.subscription if identity else "",
            group=identity.group if identity else "",
            location=identity.location if identity else "",
            cloud=identity.cloud if identity else "",
            correlation=identity.correlation if identity else "",
            vm_id=identity.vm_id if identity else "",
            vm_uuid=shown.uuid if shown else "",
            expires=clock.iso(held.ends) if held else "",
            heartbeat=member.upkeep.beat if member else "",
            configuration=dict(self._settings.shown()),
            manufacturer=shown.manufacturer if shown else "",
            model=shown.model if shown else "",
            cloud_provider=shown.cloud if shown else "",
            accelerator=facts.accelerator if facts else None,
            probe=facts.probe if facts else None,
            monitor=self._machines.host.config.policy.monitor,
            identity=explain(self._endpoint_fault).message if self._endpoint_fault else told,
            web=endpoint is not None and self._endpoint_fault is None,
            clock_ahead=member.link.clock_ahead if member else None,
            streams=member.streams.count if member else 0,
            commands=member.commands.pending if member else 0,
            machines=self._machines.reports(),
            gaps=list(islice(admin.gaps(self._machines), admin.MAX_GAPS)),
        )

    # How it is done.

    async def _open_endpoint(self) -> None:
        """What local programs want of the agent is no reason to leave the consoles alone."""
        if self._endpoint is None:
            return
        try:
            await self._endpoint.open()
        except Fault as fault:
            self._endpoint_fault = fault
            log.error("identity.not_open", code=fault.code, problem=explain(fault).message)

    def _recognised(self, identity: Identity, key: HostKey) -> tuple[Identity, str]:
        """The identity, and the fingerprint to tell; what an older version did not keep is kept from now on.

        Raises Fault AgentCloned.
        """
        found = self.hardware(key.public)
        told = hardware.recognised(identity.name, identity.hardware, found)
        if not identity.hardware.whole and found.whole:
            self._identity = identity = msgspec.structs.replace(identity, hardware=found)
            save_identity(self._state, identity)
        return identity, told

    def _troubles(self) -> list[Fault]:
        """Everything that is wrong now, each once."""
        found = [each for each in (self._kept_out, self._settings_fault, self._endpoint_fault) if each]
        found += [each.fence.fault(each.name) for each in self._machines.all() if each.fence is not None]
        if self.membership is not None:
            found += self.membership.troubles()
            if not key_path(self._state).exists():
                # Still in memory, and gone with the process.
                path = str(key_path(self._state))
                found.append(Fault("AgentKeyLost", path=path, detail="it was removed while the agent ran"))
        return list({fault.code: fault for fault in found}.values())

    def _report(self) -> AgentReport:
        """How the agent is, for its beats."""
        held = self.membership.upkeep.certificate if self.membership else None
        told = [(fault.code, explain(fault).message) for fault in self._troubles()]
        return AgentReport(
            services={"himds": "running"},
            configuration=dict(self._settings.shown()),
            errors=[{"code": code, "message": message} for code, message in told],
            expires=clock.iso(held.ends) if held else "",
        )

    def _machine(self) -> Machine:
        """What local programs are told."""
        identity = self._identity
        facts = self.membership.facts if self.membership else None
        if identity is None:
            return Machine()
        return Machine(
            cloud=identity.cloud,
            location=identity.location,
            name=identity.name,
            subscription=identity.subscription,
            group=identity.group,
            resource=identity.resource,
            vm_id=identity.vm_id,
            sku=facts.facts.os_sku if facts else "",
            offer=facts.facts.os_name if facts else "",
            version=facts.facts.os_version if facts else "",
        )

    def _machine_changed(self, vm: str, _: VmReport | None) -> None:
        if self.membership is not None:
            self.membership.machine_changed(vm)

    def _login_ended(self, session: str, report: LoginReport) -> None:
        if self.membership is not None:
            self.membership.login_ended(session, report)


def _settings(state: StateDir) -> tuple[Settings, Fault | None]:
    """The settings; where they cannot be read, those that let nobody in until somebody has mended them."""
    try:
        return local_settings.load(state), None
    except Fault as fault:
        log.error("settings.unreadable", **fault.fields)
        return Settings({"incomingconnections.enabled": False, "config.mode": "monitor"}), fault


def _problem(fault: Fault) -> Problem:
    told = explain(fault)
    return Problem(fault.code, told.message, list(told.remedy), dict(fault.fields))


def _endpoint(
    state: StateDir, settings: HostConfig, machine: Callable[[], Machine]
) -> IdentityEndpoint | None:
    """The endpoint for local programs, when the host's administrator wants it."""
    wanted = settings.identity
    if not wanted.enabled:
        return None
    return IdentityEndpoint(
        None,
        KeyFiles(Path(wanted.tokens), wanted.group),
        port=wanted.port,
        secret_file=state.agent / "identity-header",
        machine=machine,
    )
