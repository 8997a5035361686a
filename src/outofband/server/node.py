"""The life of a node: start everything in order, serve until told to stop, stop in the opposite order.

Ready means: Resource Manager answers and the console listener accepts.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import msgspec
import structlog
from starlette.types import ASGIApp

from outofband.access.roles import OWNER
from outofband.core import clock
from outofband.core.errors import Fault
from outofband.core.paths import StateDir
from outofband.core.secrets import write_private
from outofband.http.app import create_app
from outofband.http.forwarded import Forwarded
from outofband.identity import bootstrap, first_user
from outofband.identity.bootstrap import FirstStart
from outofband.identity.pki import Pki
from outofband.net.forwarded import Proxies
from outofband.net.tasks import Tasks
from outofband.resources.polling import DEFAULT_LOCATION
from outofband.server.blobs import open_storage
from outofband.server.certificates import Certificates
from outofband.server.edge import Edge
from outofband.server.housekeeping import keep_house
from outofband.server.settings import Settings
from outofband.server.watching import watch
from outofband.server.wiring import Services, wire
from outofband.store.store import Store

log = structlog.get_logger(__name__)


class Profile(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """`client/profile.json`: what a client on this host needs. The secret is in a file of its own."""

    arm: str
    gateway: str
    ca_file: str
    tenant_id: str
    subscription_id: str
    resource_group: str
    client_id: str
    client_secret_file: str


class Node:
    """One control plane process. `arm` and `console` are sockets that listen already."""

    def __init__(
        self, state: StateDir, settings: Settings, arm: socket.socket, console: socket.socket
    ) -> None:
        self._state, self._settings = state, settings
        self._arm, self._console = arm, console
        self._stop = asyncio.Event()
        self._ready = False
        self._tasks = Tasks()

    def stop(self) -> None:
        """Begin to stop; `run` returns when it is done. Harmless when repeated."""
        self._ready = False
        self._stop.set()

    async def run(self, ready: Callable[[], None]) -> None:
        """Serve until `stop`. Calls `ready` once both ports serve. Raises Fault when it cannot start."""
        async with self._services() as services:
            certificates = services.certificates
            edge = Edge(self._app(services), certificates.context())
            await services.listener.start(self._console, certificates.context())
            serving = self._tasks.spawn("edge", edge.serve_on(self._arm))
            # Without its API a node is of no use: whoever started it may start it again.
            serving.add_done_callback(lambda _: self.stop())
            accepting = self._tasks.spawn("edge.accepting", edge.accepting.wait())
            await asyncio.wait((serving, accepting), return_when=asyncio.FIRST_COMPLETED)
            self._tasks.spawn("audit.seal", services.audit.sealer.run())
            self._tasks.spawn("housekeeping", keep_house(services))
            self._tasks.spawn("watch", watch(services))
            self._tasks.spawn("webhooks", services.webhooks.run())
            self._tasks.spawn("diagnostics", services.following.run())
            self._tasks.spawn("networks", services.networks.run())
            self._tasks.spawn("fencing", services.fencing.run())
            if not self._stop.is_set():
                self._ready = True
                ready()
                log.info("node.ready", arm=self._settings.arm, gateway=self._settings.gateway)
                await self._stop.wait()
            log.info("node.stopping")
            await self._wind_down(services, edge, serving)
            serving.result()

    @contextlib.asynccontextmanager
    async def _services(self) -> AsyncIterator[Services]:
        """Everything made and started but the two ports."""
        state, settings = self._state, self._settings
        async with contextlib.AsyncExitStack() as ends:
            store = await Store.open(
                settings.store(state), settings.master_keys(state), node=settings.node_name
            )
            ends.push_async_callback(store.close)
            certificates = Certificates.open(state, settings, store.vault)
            storage = await open_storage(settings, state, store)
            ends.push_async_callback(storage.close)
            ends.push_async_callback(self._tasks.close)
            services = wire(
                settings,
                store,
                certificates,
                storage,
                unready=self._unready,
                first_password=state.first_password,
                audit_memory=state.audit_memory,
            )
            await services.keys.ensure(clock.now())
            secret_file = state.client / "secret"
            first = await bootstrap.ensure(
                store, secret_file, owner_role=OWNER, now=clock.now(), location=DEFAULT_LOCATION
            )
            await first_user.ensure(
                store,
                services.authority.passwords,
                state.first_password,
                tenant_id=first.tenant_id,
                owner_role=OWNER,
                by=bootstrap.SYSTEM,
                now=clock.now(),
            )
            self._leave_profile(first, certificates.pki, secret_file)
            await services.fleet.start()
            await services.sessions.start()
            services.runner.start()
            yield services

    async def _wind_down(self, services: Services, edge: Edge, serving: asyncio.Task[None]) -> None:
        await services.runner.close()
        await services.sessions.close()
        await services.fleet.close()
        await edge.leave()
        await asyncio.wait([serving])
        await services.listener.close()
        # The last word: up to here nothing is missing.
        try:
            await services.audit.sealer.seal(clock.now(), closed=True)
        except Fault as fault:
            log.warning("audit.not_closed", code=fault.code)

    def _app(self, services: Services) -> ASGIApp:
        proxies = Proxies(self._settings.trusted_proxies)
        app = create_app(services)
        return Forwarded(proxies, app) if proxies else app

    def _unready(self) -> str | None:
        if self._stop.is_set():
            return "stopping"
        return None if self._ready else "starting"

    def _leave_profile(self, first: FirstStart, pki: Pki, secret_file: Path) -> None:
        profile = Profile(
            arm=self._settings.arm,
            gateway=self._settings.gateway,
            ca_file=str(pki.trust),
            tenant_id=first.tenant_id,
            subscription_id=first.subscription_id,
            resource_group=first.resource_group,
            client_id=first.client_id,
            client_secret_file=str(secret_file),
        )
        body = msgspec.json.format(msgspec.json.encode(profile)) + b"\n"
        path = self._state.profile
        if not path.exists() or path.read_bytes() != body:
            write_private(path, body)
