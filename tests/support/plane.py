"""The gateway's half of a control plane on real sockets: store, fleet, sessions, listener, and a link port.

The link port adapts `websockets` to `LinkSocket` as the ASGI edge does with its own sockets.
"""

from __future__ import annotations

import asyncio
import atexit
import functools
import shutil
import socket
import ssl
import tempfile
import threading
import uuid
from collections.abc import Callable, Sequence
from datetime import timedelta
from pathlib import Path

from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from outofband.catalogue import entry
from outofband.consoles.gateway import Gateway
from outofband.consoles.limits import Limits
from outofband.consoles.listener import Listener
from outofband.consoles.rights import Rights, Subject, Verdict
from outofband.consoles.sessions import Connection, Sessions
from outofband.core import clock
from outofband.core.errors import Fault
from outofband.core.principal import Principal, PrincipalKind
from outofband.fleet.fleet import Fleet
from outofband.identity.agent_certificates import certify
from outofband.identity.keys import Keys, KeyUse
from outofband.identity.pki import Pki
from outofband.net import tls
from outofband.resources.polling import DEFAULT_LOCATION
from outofband.store.directory import Subscription, Tenant
from outofband.store.store import Store
from outofband.wire.grant import Mode
from outofband.wire.link import MAX_MESSAGE
from tests.support.database import open_store

TENANT = "11111111-1111-4111-8111-111111111111"
SUBSCRIPTION = "22222222-2222-4222-8222-222222222222"
GROUP = "lab"
VM = "33333333-3333-4333-8333-333333333333"
VM_ID = (
    f"/subscriptions/{SUBSCRIPTION}/resourceGroups/{GROUP}/providers/Microsoft.Compute/virtualMachines/demo"
)
BOTH = frozenset({Mode.WRITE, Mode.OBSERVE})


def person(name: str = "alice") -> Principal:
    return Principal(
        tenant=TENANT,
        object_id=str(uuid.uuid5(uuid.NAMESPACE_DNS, name)),
        app_id=str(uuid.uuid5(uuid.NAMESPACE_DNS, name + ".app")),
        kind=PrincipalKind.SERVICE_PRINCIPAL,
        name=name,
        expires=clock.wall() + 3600,
    )


class Permissions:
    """Rights a test can take away."""

    def __init__(self) -> None:
        self.refusal: Fault | None = None
        self.granted = BOTH
        self.asked = 0

    async def __call__(self, subjects: Sequence[Subject]) -> list[Verdict]:
        self.asked += 1
        if self.refusal is not None and entry(self.refusal.code).retry:
            raise self.refusal
        return [self.refusal or self.granted for _ in subjects]


class WebsocketsLink:
    def __init__(self, connection: ServerConnection) -> None:
        self._connection = connection

    async def receive_text(self) -> str | None:
        try:
            message = await self._connection.recv()
        except ConnectionClosed:
            return None
        return message if isinstance(message, str) else None

    async def send_text(self, text: str) -> None:
        try:
            await self._connection.send(text)
        except ConnectionClosed as error:
            raise ConnectionResetError from error

    async def close(self, code: int) -> None:
        await self._connection.close(code)


class Plane:
    """Use as `async with Plane(folder) as plane`; `restart` kills it without a goodbye and starts it anew."""

    def __init__(
        self, folder: Path, limits: Limits | None = None, *, database: str | None = None, node: str = "n1"
    ) -> None:
        """`database`: the address of one that several nodes share; this node's own file without it."""
        self.folder = folder
        self.database = database
        self.node = node
        self.rights: Callable[[Store], Rights] = lambda _: self.permissions
        """Made of the store once it is open."""
        self.limits = limits or Limits(sweep_seconds=0.1, recheck_seconds=0.1, alarm_seconds=0.2)
        self.permissions = Permissions()
        if not (folder / "control.db").exists():
            shutil.copytree(_template(), folder, dirs_exist_ok=True)
        self.pki = Pki.open(folder / "pki", [], clock.now())
        self._ports: dict[str, int] = {}

    @property
    def trust(self) -> str:
        return self.pki.trust.read_text()

    def client_context(self) -> ssl.SSLContext:
        return tls.client_context(self.pki.trust)

    async def __aenter__(self) -> Plane:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def start(self) -> None:
        self.store = await open_store(self.database or self.folder)
        self.keys = Keys(self.store)
        context = tls.server_context(self.pki.certificate, self.pki.key)
        link_port, gateway_port = self._bind("link"), self._bind("gateway")
        self.link_url = f"wss://127.0.0.1:{link_port.getsockname()[1]}/fleet/link"
        self.gateway_port = gateway_port.getsockname()[1]
        self.fleet = Fleet(
            self.store,
            node=self.node,
            arm=f"https://127.0.0.1:{link_port.getsockname()[1]}",
            trust=lambda: self.trust,
            fingerprint=lambda: self.pki.fingerprint,
            grant_keys=lambda: self.keys.public(KeyUse.GRANT, clock.now()),
            certify=functools.partial(certify, self.pki),
            location=DEFAULT_LOCATION,
        )
        await self.fleet.start()
        self.sessions = Sessions(
            self.store,
            self.fleet,
            self.keys,
            self.rights(self.store),
            node=self.node,
            gateway=Gateway(url=f"wss://127.0.0.1:{self.gateway_port}"),
            limits=self.limits,
        )
        await self.sessions.start()
        self.listener = Listener(self.sessions, self.limits)
        await self.listener.start(gateway_port, context)
        self._links = await serve(
            self._serve_link,
            sock=link_port,
            ssl=context,
            max_size=MAX_MESSAGE,
            compression=None,
            ping_interval=None,
        )

    async def stop(self) -> None:
        await self.sessions.close()
        await self.fleet.close()
        await self.listener.close()
        self._links.close()
        await self._links.wait_closed()
        await self.store.close()

    async def connect(
        self,
        agent: str,
        *,
        who: Principal | None = None,
        rights: frozenset[Mode] = BOTH,
        resume_session: str | None = None,
        base: str = "https://127.0.0.1:1",
    ) -> Connection:
        return await self.sessions.connect(
            who or person(),
            vm_id=VM_ID,
            vm=VM,
            vm_name="demo",
            agent=agent,
            subscription=SUBSCRIPTION,
            port="0",
            rights=rights,
            base=base,
            address="192.0.2.7",
            resume_session=resume_session,
        )

    async def token(self, life: timedelta = timedelta(hours=1)) -> str:
        return await self.fleet.create_token(person("admin"), SUBSCRIPTION, GROUP, life)

    async def _serve_link(self, connection: ServerConnection) -> None:
        await self.fleet.switchboard.serve(WebsocketsLink(connection), "127.0.0.1")

    def _bind(self, name: str) -> socket.socket:
        """The same port after a restart, as an installation has it."""
        listening = socket.socket()
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(("127.0.0.1", self._ports.get(name, 0)))
        self._ports[name] = listening.getsockname()[1]
        listening.setblocking(False)
        return listening


@functools.cache
def _template() -> Path:
    """A folder with a store, its keys and its authorities: made once, copied for each test."""
    folder = Path(tempfile.mkdtemp(prefix="oob-plane-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    Pki.open(folder / "pki", [], clock.now())

    async def fill() -> None:
        store, now = await open_store(folder), clock.now()
        await Keys(store).ensure(now)
        async with store.write() as tx:
            await store.directory.add_tenant(tx, Tenant(id=TENANT, name="T", domain=None, created=now))
            mine = Subscription(id=SUBSCRIPTION, tenant_id=TENANT, name="S", state="Enabled", created=now)
            await store.directory.add_subscription(tx, mine)
        await store.close()

    # The caller's loop runs already: this one is for a moment, in a thread of its own.
    thread = threading.Thread(target=asyncio.run, args=(fill(),))
    thread.start()
    thread.join()
    return folder
