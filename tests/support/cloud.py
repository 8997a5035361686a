"""A whole control plane in one process, over TLS, with hosts and people to use it."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import socket
import ssl
import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import msgspec
import uvicorn

from outofband.access import roles
from outofband.access.authorizer import Authorizer
from outofband.audit.log import AuditLog
from outofband.consoles.gateway import Gateway
from outofband.consoles.limits import Limits
from outofband.consoles.listener import Listener
from outofband.consoles.sessions import Sessions
from outofband.core import clock, secrets
from outofband.core.errors import Fault
from outofband.core.ids import ResourceId
from outofband.diagnostics.boot_log import BootLog
from outofband.diagnostics.findings import Findings
from outofband.diagnostics.measures import Measures
from outofband.diagnostics.places import Places
from outofband.diagnostics.retention import Retention
from outofband.diagnostics.webhooks import Webhooks
from outofband.fleet.fleet import Fleet
from outofband.http.app import create_app
from outofband.http.forwarded import Forwarded
from outofband.identity.agent_certificates import certify
from outofband.identity.authority import Authority
from outofband.identity.directory import Directory
from outofband.identity.keys import Keys, KeyUse
from outofband.identity.owners import Owners
from outofband.identity.pki import Pki
from outofband.net import tls
from outofband.net.forwarded import Proxies, network
from outofband.providers.declare import declare
from outofband.providers.rescues.hands import Requests
from outofband.resources.kernel import Kernel
from outofband.resources.polling import DEFAULT_LOCATION
from outofband.resources.runner import Runner
from outofband.server.edge import KEEP_ALIVE_SECONDS
from outofband.server.rights import ConsoleRights
from outofband.server.watched import watched
from outofband.storage.files import Files
from outofband.storage.objects import Objects
from outofband.storage.service import Storage
from outofband.store.assignments import Assignment
from outofband.store.directory import Subscription, Tenant
from outofband.store.principals import ServicePrincipal
from outofband.wire.link import Command, Inventory, Result, VmChanged, VmGone
from outofband.wire.machine import Power, Verb
from outofband.wire.network.prefixes import Block
from tests.support.actors import AgentPeer, HostKey, host_report, vm_report
from tests.support.database import open_store
from tests.support.ports import bind_lasting
from tests.support.users import cheap_passwords
from tests.support.wait import until

TENANT = "11111111-1111-4111-8111-111111111111"
OTHER_TENANT = "11111111-1111-4111-8111-999999999999"
SUBSCRIPTION = "22222222-2222-4222-8222-222222222222"
OTHER_SUBSCRIPTION = "22222222-2222-4222-8222-999999999999"
GROUP = "Lab"
VERSION = "2024-11-01"
SCOPE = f"/subscriptions/{SUBSCRIPTION}"
GROUP_ID = f"{SCOPE}/resourceGroups/{GROUP}"
VM_TYPE = "providers/Microsoft.Compute/virtualMachines"


def vm_id(name: str, group: str = GROUP) -> str:
    return f"{SCOPE}/resourceGroups/{group}/{VM_TYPE}/{name}"


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


class Person:
    """A service principal with its secret, and an HTTP client that is signed in as it."""

    def __init__(self, cloud: Cloud, object_id: str, app_id: str, tenant: str, secret: str) -> None:
        self.cloud, self.object_id, self.app_id = cloud, object_id, app_id
        self.tenant, self.secret = tenant, secret
        self.token: str | None = None

    async def sign_in(self) -> str:
        form = {
            "grant_type": "client_credentials",
            "client_id": self.app_id,
            "client_secret": self.secret,
            "scope": f"{self.cloud.base}/.default",
        }
        answer = await self.cloud.http.post(f"/{self.tenant}/oauth2/v2.0/token", data=form)
        assert answer.status_code == 200, answer.text
        self.token = str(answer.json()["access_token"])
        return self.token

    async def ask(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        version: str | None = VERSION,
        headers: dict[str, str] | None = None,
        **query: str,
    ) -> httpx.Response:
        token = self.token or await self.sign_in()
        params = {**query, **({"api-version": version} if version else {})}
        return await self.cloud.http.request(
            method,
            path,
            params=params or None,
            json=body,
            headers={"Authorization": f"Bearer {token}", **(headers or {})},
        )

    async def get(self, path: str, **more: Any) -> httpx.Response:
        return await self.ask("GET", path, **more)

    async def follow(self, answer: httpx.Response) -> dict[str, Any]:
        """Poll an operation to its end; its last body."""
        assert answer.is_success, answer.text
        where = answer.headers["Azure-AsyncOperation"]
        end = clock.monotonic() + 60
        while True:
            polled = await self.get(where, version=None)
            assert polled.status_code == 200, polled.text
            state: dict[str, Any] = polled.json()
            if state["status"] != "InProgress":
                return state
            assert clock.monotonic() < end, state
            await asyncio.sleep(0.02)

    async def create_vm(self, name: str = "demo", **properties: Any) -> dict[str, Any]:
        body = {"properties": {"outofband": {"driver": "qemu", "image": "demo"}, **properties}}
        state = await self.follow(await self.ask("PUT", vm_id(name), body))
        assert state["status"] == "Succeeded", state
        found = await self.get(vm_id(name), **{"$expand": "instanceView"})
        made: dict[str, Any] = found.json()
        return made


class Cloud:
    """Use as `async with Cloud(folder) as cloud`. The services of the edge are its attributes."""

    public_pool: tuple[Block, ...] = ()
    """As the setting `public_addresses`; to be set before the start."""
    trusted_proxies: tuple[str, ...] = ()
    """As the setting; to be set before the start."""
    webhook_networks: tuple[str, ...] = ()
    """As the setting; to be set before the start."""
    node = "n1"
    """Another name for each of several on one database; to be set before the start."""
    limits = Limits(recheck_seconds=0.1)
    """Of consoles; to be set before the start."""

    def __init__(
        self,
        folder: Path,
        ports: dict[str, int] | None = None,
        url: str | None = None,
        objects: Objects | None = None,
    ) -> None:
        """`objects`: where blobs are kept; files in `folder` without it."""
        self.folder = folder
        self.objects = objects
        self.url = url or f"sqlite:///{folder}/control.db"
        self.pki = Pki.open(folder / "pki", [], clock.now())
        self.not_ready: str | None = None
        self.ports = ports or {}

    @property
    def unready(self) -> Callable[[], str | None]:
        return lambda: self.not_ready

    def client_context(self) -> ssl.SSLContext:
        return tls.client_context(self.pki.trust)

    async def __aenter__(self) -> Cloud:
        await self.start()
        self.owner = await self.person("owner", roles.OWNER)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def start(self) -> None:
        arm, gateway = self._bind("arm"), self._bind("gateway")
        self.base = f"https://127.0.0.1:{arm.getsockname()[1]}"
        url = f"wss://127.0.0.1:{gateway.getsockname()[1]}"
        names = frozenset({"localhost", "127.0.0.1"})
        self.gateway = Gateway(url=url, names=names, arm=self.base, arm_names=names)
        self.store = await open_store(self.url)
        await self._directory()
        self.keys = Keys(self.store)
        await self.keys.ensure(clock.now())
        self.authority = Authority(self.store, self.keys, base=self.base, passwords=cheap_passwords())
        self.authorizer = Authorizer(self.store)
        self.directory = Directory(self.store, self.authority.passwords, Owners(self.store, roles.OWNER))
        self.fleet = Fleet(
            self.store,
            node=self.node,
            arm=self.base,
            trust=self.pki.trust.read_text,
            fingerprint=lambda: self.pki.fingerprint,
            grant_keys=lambda: self.keys.public(KeyUse.GRANT, clock.now()),
            certify=functools.partial(certify, self.pki),
            location=DEFAULT_LOCATION,
        )
        self.webhooks = Webhooks(self.store, [network(each) for each in self.webhook_networks])
        self.findings = Findings(self.store, watched, self.webhooks)
        self.measures = Measures(self.store, watched, self.findings, self.webhooks)
        self.fleet.incoming.on_found = self.findings.take
        await self.fleet.start()
        self.sessions = Sessions(
            self.store,
            self.fleet,
            self.keys,
            ConsoleRights(self.store),
            node=self.node,
            gateway=self.gateway,
            limits=self.limits,
        )
        await self.sessions.start()
        context = tls.server_context(self.pki.certificate, self.pki.key)
        self.listener = Listener(self.sessions, self.limits, proxies=Proxies(self.trusted_proxies))
        await self.listener.start(gateway, context)
        self.storage = Storage(
            self.store,
            self.objects or Files(self.folder / "blobs"),
            endpoint=f"{self.base}/blob/{{account}}/",
        )
        self.places = places = Places(self.store, self.storage, watched)
        self.retention = Retention(self.store, places, watched)
        self.boot_log = BootLog(self.store, self.storage, places)
        self.fleet.incoming.on_places, self.fleet.incoming.on_stored = places.hand_out, self.retention.stored
        self.registry = declare(
            self.store,
            self.authorizer,
            self.fleet,
            self.sessions,
            self.storage,
            places,
            self.webhooks,
            self.public_pool,
            requests := Requests(self.store, self.authorizer),
        )
        self.audit = AuditLog(self.store, 90)
        self.kernel = requests.kernel = Kernel(self.store, self.authorizer, self.registry)
        self.runner = Runner(self.store, self.registry, self.node)
        self.runner.start()
        config = uvicorn.Config(
            Forwarded(Proxies(self.trusted_proxies), create_app(self)),
            ws="websockets-sansio",
            lifespan="off",
            log_config=None,
            ssl_certfile=self.pki.certificate,
            ssl_keyfile=self.pki.key,
            ws_per_message_deflate=False,
            timeout_keep_alive=KEEP_ALIVE_SECONDS,
            timeout_graceful_shutdown=5,
        )
        self._server = _Server(config)
        self._serving = asyncio.get_running_loop().create_task(self._server.serve(sockets=[arm]))
        await until(lambda: self._server.started)
        self.http = httpx.AsyncClient(
            base_url=self.base, verify=self.client_context(), trust_env=False, timeout=90.0
        )

    async def stop(self) -> None:
        await self.http.aclose()
        await self.runner.close()
        await self.sessions.close()
        await self.fleet.close()
        await self.listener.close()
        self._server.should_exit = True
        await self._serving
        await self.storage.close()
        await self.store.close()

    async def person(
        self, name: str, role: str | None = None, scope: str = SCOPE, tenant: str = TENANT
    ) -> Person:
        object_id, app_id = str(uuid.uuid4()), str(uuid.uuid4())
        now, secret = clock.now(), secrets.token()
        async with self.store.write() as tx:
            await self.store.principals.add(
                tx,
                ServicePrincipal(
                    object_id=object_id,
                    app_id=app_id,
                    tenant_id=tenant,
                    name=name,
                    disabled=False,
                    created=now,
                ),
            )
            await self.store.principals.add_secret(tx, object_id, label="t", now=now, secret=secret)
        person = Person(self, object_id, app_id, tenant, secret)
        if role is not None:
            await self.assign(person, role, scope)
        return person

    async def assign(self, person: Person, role: str, scope: str) -> Assignment:
        async with self.store.write() as tx:
            return await self.store.assignments.add(
                tx,
                Assignment(
                    tenant_id=person.tenant,
                    name=str(uuid.uuid4()),
                    scope=scope,
                    role_id=role,
                    principal_id=person.object_id,
                    principal_type="ServicePrincipal",
                    created=clock.now(),
                    created_by="test",
                ),
            )

    async def token(self) -> str:
        body = {"subscription": SUBSCRIPTION, "resourceGroup": GROUP}
        answer = await self.owner.ask("POST", "/fleet/tokens", body, version=None)
        assert answer.status_code == 200, answer.text
        return str(answer.json()["token"])

    @contextlib.asynccontextmanager
    async def host(self, name: str = "h1") -> AsyncIterator[Host]:
        """An enrolled, linked host whose VMs do as they are told."""
        key = HostKey()
        request = key.enrolment(await self.token(), name)
        identity = await self.fleet.enrol(request)
        async with AgentPeer(key, identity, self.client_context()) as peer:
            host = Host(peer)
            await host.report()
            await until(lambda: self.fleet.connected(identity.agent))
            yield host

    def _bind(self, name: str) -> socket.socket:
        listening = socket.socket()
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if name in self.ports:
            listening.bind(("127.0.0.1", self.ports[name]))
        else:
            self.ports[name] = bind_lasting(listening)
        listening.setblocking(False)
        return listening

    async def _directory(self) -> None:
        now = clock.now()
        places = (
            (TENANT, "lab.example", SUBSCRIPTION),
            (OTHER_TENANT, "other.example", OTHER_SUBSCRIPTION),
        )
        async with self.store.write() as tx:
            if await self.store.directory.tenants(tx):
                return
            for tenant, domain, subscription in places:
                await self.store.directory.add_tenant(
                    tx, Tenant(id=tenant, name="T", domain=domain, created=now)
                )
                await self.store.directory.add_subscription(
                    tx,
                    Subscription(id=subscription, tenant_id=tenant, name="S", state="Enabled", created=now),
                )
                group = ResourceId(subscription=subscription, group=GROUP)
                await self.store.resources.put(tx, group, now=now, by="test", location="local")


class Host:
    """Keeps the power of VMs as an agent does. `refuse`: verbs that fail and how; `deaf`: left unanswered;
    `data`: what is said with success.
    """

    def __init__(self, peer: AgentPeer) -> None:
        self.peer = peer
        self.power: dict[str, Power] = {}
        self.refuse: dict[str, Fault] = {}
        self.deaf: set[str] = set()
        self.data: dict[str, dict[str, Any]] = {}
        self.done: dict[str, Result] = {}
        self.performed: list[str] = []
        self.images = ["demo"]
        self.heard: list[Command] = []
        self.defined: dict[str, dict[str, Any]] = {}
        """What of its definition is reported of a VM."""
        self.facts: dict[str, Any] = {}
        """What it reports of itself beyond the usual."""
        self.watch: Callable[[Command], None] = lambda command: None
        """Told of every command that comes."""
        peer.answer = self._answer

    async def report(self) -> None:
        machines = [
            msgspec.structs.replace(vm_report(vm, power), **self.defined.get(vm, {}))
            for vm, power in self.power.items()
        ]
        facts = msgspec.structs.replace(host_report(), images=self.images, **self.facts)
        await self.peer.send(Inventory(facts, machines))

    def _answer(self, command: Command) -> Result | None:
        self.watch(command)
        if command.verb in self.deaf:
            return None
        if (known := self.done.get(command.key)) is not None:
            return known
        self.performed.append(command.verb)
        self.heard.append(command)
        if (fault := self.refuse.get(command.verb)) is not None:
            result = Result(command.key, False, code=fault.code, fields=fault.fields)
        else:
            self._perform(command)
            seen = f"{command.verb} was seen"
            result = Result(command.key, True, seen, data=self.data.get(command.verb, {}))
        self.done[command.key] = result
        return result

    def _perform(self, command: Command) -> None:
        after = {
            Verb.CREATE: self.power.get(command.vm, Power.STOPPED),
            Verb.START: Power.RUNNING,
            Verb.STOP: Power.STOPPED,
            Verb.RESTART: Power.RUNNING,
        }
        verb = Verb(command.verb)
        if verb is Verb.DELETE:
            self.power.pop(command.vm, None)
            self.peer.protocol.send(VmGone(command.vm))
        elif verb in after:
            self.power[command.vm] = after[verb]
            self.peer.protocol.send(VmChanged(vm_report(command.vm, after[verb])))
