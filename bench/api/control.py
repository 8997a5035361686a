"""Our control plane as it is used: one process on SQLite, its own certificate, a token, roles looked up."""

from __future__ import annotations

import contextlib
import shutil
import socket
import sqlite3
import subprocess
import sys
import uuid
from itertools import cycle
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import msgspec

from bench.api.line import Line, Place, request
from bench.processes import Child, wait_until
from bench.system import Place as Room
from bench.system import free_port
from outofband.client.authority import Authority, Refusal
from outofband.client.credentials import Secret
from outofband.client.http import ArmClient
from outofband.client.profile import LocalProfile, local_profile
from outofband.client.tokens import TokenCache
from outofband.client.transport import Transport, trusting
from outofband.core.paths import StateDir
from outofband.net import process
from outofband.net.tls import client_context

READY_SECONDS = 60.0
CALLERS = 40
"""Who ask in turn: what one may ask is limited, and many who ask are what a control plane has."""
_QUERY = "?api-version=2024-11-01"
_CLIENT = "azsdk-python-mgmt-compute/34.0.0 Python/3.11.2 (Linux-6.1.0-x86_64-with-glibc2.36)"


class _Page(msgspec.Struct, rename="camel"):
    value: list[msgspec.Raw]
    next_link: str | None = None


class Control:
    """The first machine is made through Resource Manager by an agent, the others are copies of its row."""

    name = "outofband"
    stated = "TLS 1.3, a bearer token, sign-in and roles looked up for every request; SQLite"

    def __init__(self, room: Room) -> None:
        self._room = room
        self._folder = room.folder("outofband")
        self._first = StateDir(room.folder("outofband/first"))
        self._state = StateDir(self._folder / "state")
        self._port = self._folder / "port"
        """A serial port that nobody types at."""
        self._ports = free_port(), free_port()
        self._server: Child | None = None

    def prepare(self) -> None:
        """A store with one machine, `vm0`."""
        state = self._first
        self._start(state)
        guest = socket.socket(socket.AF_UNIX)
        guest.bind(str(self._port))
        guest.listen()
        try:
            agent = self._enrol(state)
            try:
                with self._client(state) as client:
                    group = client.group()
                    body = {"properties": {"outofband": {"driver": "unix", "socket": "quiet"}}}
                    machines = f"{client.subscription}/providers/Microsoft.HybridCompute/machines"

                    def linked() -> bool:
                        return any(
                            each["properties"].get("status") == "Connected" for each in client.list(machines)
                        )

                    wait_until(linked, READY_SECONDS, "the agent's link", agent)
                    client.put(
                        f"{group}/providers/Microsoft.Compute/virtualMachines/vm0",
                        {"location": "local", **body},
                    )
            finally:
                agent.stop()
        finally:
            guest.close()
            self.stop()

    def start(self, machines: int) -> None:
        shutil.rmtree(self._state.root, ignore_errors=True)
        for part in (self._first.control, self._first.client):
            shutil.copytree(part, self._state.root / part.name)
        database = self._state.control / "control.db"
        callers = _copy_caller(database, local_profile(self._first).client_id)
        _copy_machine(database, machines)
        self._start(self._state)
        with self._client(self._state) as client:
            self._group = client.group()
        profile = local_profile(self._state)
        self._tls = client_context(profile.ca_file)
        common = {
            "Host": urlsplit(profile.arm).netloc,
            "User-Agent": _CLIENT,
            "Accept-Encoding": "gzip, deflate",
            "Accept": "application/json",
            "Connection": "keep-alive",
            "x-ms-client-request-id": str(uuid.uuid4()),
        }
        with Transport(profile.arm, trusting(profile.ca_file)) as transport:
            tokens = [_token(transport, profile, client) for client in callers]
        self._callers = cycle([common | {"Authorization": f"Bearer {token}"} for token in tokens])

    def stop(self) -> None:
        if self._server is not None:
            self._server.stop()
        self._server = None

    @property
    def place(self) -> Place:
        return Place("127.0.0.1", self._ports[0], self._tls)

    @property
    def pids(self) -> list[int]:
        assert self._server is not None
        return self._server.tree()

    async def one(self, line: Line, number: int) -> int:
        path = f"{self._machines}/vm{number}{_QUERY}"
        body = await line.ask(request("GET", path, next(self._callers)))
        return int(f'"name":"vm{number}"'.encode() in body)

    async def all(self, line: Line) -> int:
        """Follows the next links: pages are as large as they are for who asks for no size."""
        came = 0
        path: str | None = self._machines
        caller = next(self._callers)
        asked = request("GET", self._machines + _QUERY, caller)
        while path is not None:
            page = msgspec.json.decode(await line.ask(asked), type=_Page)
            came += len(page.value)
            if (path := page.next_link) is not None:
                url = urlsplit(path)
                asked = request("GET", f"{url.path}?{url.query}", caller)
        return came

    @property
    def _machines(self) -> str:
        return f"{self._group}/providers/Microsoft.Compute/virtualMachines"

    def _start(self, state: StateDir) -> None:
        arm, console = map(str, self._ports)
        self._server = self._run(state, "serve", "--port", arm, "--console-port", console)
        wait_until(lambda: _ready(state, "control"), READY_SECONDS, "the control plane", self._server)

    def _enrol(self, state: StateDir) -> Child:
        """Make this host known, and run its agent."""
        settings = state.agent / "agent.toml"
        settings.parent.mkdir(mode=0o700, exist_ok=True)
        settings.touch(mode=0o600)
        settings.write_text(f'[sockets.quiet]\npath = "{self._port}"\n')
        with self._client(state) as client:
            profile = client.profile
            wanted = {"subscription": profile.subscription_id, "resourceGroup": profile.resource_group}
            token = client.post("/fleet/tokens", wanted)["token"]
        command = [*_command("agent", "enroll", state=state), "--server", profile.arm, "--token-file", "-"]
        subprocess.run(command, input=token, text=True, check=True, stdout=subprocess.DEVNULL)
        agent = self._run(state, "agent", "run")
        wait_until(lambda: _ready(state, "agent"), READY_SECONDS, "the agent", agent)
        return agent

    def _run(self, state: StateDir, *words: str) -> Child:
        return Child(
            _command(*words, state=state), cpu=self._room.system_cpu, log=self._folder / f"{words[0]}.log"
        )

    def _client(self, state: StateDir) -> ArmClient:
        profile = local_profile(state)
        cache = TokenCache(state.client / "token.json", f"{profile.client_id}@{profile.arm}")
        return ArmClient(profile, Secret(profile, cache))


def _token(transport: Transport, profile: LocalProfile, client: str) -> str:
    granted = Authority(transport, profile.tenant_id).token(
        grant_type="client_credentials",
        client_id=client,
        client_secret=profile.secret(),
        scope=f"{profile.arm}/.default",
    )
    if isinstance(granted, Refusal):
        raise RuntimeError(granted.words)
    return granted.access_token


def _command(*words: str, state: StateDir) -> list[str]:
    return [sys.executable, "-m", "outofband.cli", *words, "--state", str(state.root)]


def _ready(state: StateDir, name: str) -> bool:
    found = process.running(state.run / f"{name}.json")
    return found is not None and found.ready


def _copy_caller(database: Path, client: str) -> list[str]:
    """Make more callers like `client`, with its secret and its roles; the client ids of all of them."""
    with contextlib.closing(sqlite3.connect(database)) as store, store:
        store.row_factory = sqlite3.Row
        found = store.execute("SELECT * FROM service_principals WHERE app_id = ?", (client,)).fetchone()
        owner, clients = found["object_id"], [client]
        for _ in range(1, CALLERS):
            new = str(uuid.uuid4())
            clients.append(str(uuid.uuid4()))
            _insert(store, "service_principals", dict(found) | {"object_id": new, "app_id": clients[-1]})
            # A secret is held by a program's application, which each needs.
            for row in _rows(store, "applications", "app_id", client):
                fresh = {"object_id": str(uuid.uuid4()), "app_id": clients[-1]}
                _insert(store, "applications", row | fresh)
            for row in _rows(store, "client_secrets", "object_id", owner):
                fresh = {"id": str(uuid.uuid4()), "object_id": new, "app_id": clients[-1]}
                _insert(store, "client_secrets", row | fresh)
            for row in _rows(store, "role_assignments", "principal_id", owner):
                name = str(uuid.uuid4())
                key = f"{row['key'].rpartition('/')[0]}/{name}"
                _insert(store, "role_assignments", row | {"name": name, "key": key, "principal_id": new})
    return clients


def _copy_machine(database: Path, machines: int) -> None:
    """Fill the table up to `machines` rows of a VM, all like the first but for their names and ids."""
    with contextlib.closing(sqlite3.connect(database)) as store, store:
        store.row_factory = sqlite3.Row
        (first,) = _rows(store, "resources", "name", "vm0")
        for number in range(1, machines):
            named = {name: f"{first[name].removesuffix('0')}{number}" for name in ("id", "key", "name")}
            own = {"uid": str(uuid.uuid4()), "etag": f'"{uuid.uuid4()}"'}
            _insert(store, "resources", first | named | own)


def _rows(store: sqlite3.Connection, table: str, column: str, value: str) -> list[dict[str, Any]]:
    return [dict(row) for row in store.execute(f"SELECT * FROM {table} WHERE {column} = ?", (value,))]


def _insert(store: sqlite3.Connection, table: str, row: dict[str, Any]) -> None:
    marks = ", ".join(f":{name}" for name in row)
    store.execute(f"INSERT INTO {table} ({', '.join(row)}) VALUES ({marks})", row)
