"""This project as it is used: control plane and agent as two processes, VMs made through Resource Manager."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import msgspec

from bench.delay import Far
from bench.guests import Guests
from bench.lines import AzureLine, ClientLine, OurLine
from bench.load import Seat
from bench.processes import Child, cpu_seconds, memory_mib, wait_until
from bench.system import CAPTURES, KEYS, Place, free_port
from outofband.client.credentials import Secret
from outofband.client.http import SERIAL_VERSION, ArmClient
from outofband.client.profile import LocalProfile, local_profile
from outofband.client.tokens import TokenCache
from outofband.core.paths import StateDir
from outofband.net import process
from outofband.net.tls import client_context

READY_SECONDS = 60.0
CREATING = 16
"""VMs created at the same time."""
STREAMS = 4096
"""Sessions the agent may serve; its default is 256."""
_GROUP = "Microsoft.HybridCompute"


class Ours:
    name = "outofband"
    does = KEYS | CAPTURES | {"attach"}

    def __init__(
        self, place: Place, guests: Guests, folder: str, *, ring_mib: int = 16, reserve_mib: int = 4
    ) -> None:
        self.stated = (
            "logging on, TLS on both hops, tokens, rights and audit on; "
            f"ring {ring_mib} MiB, reserve {reserve_mib} MiB a port; SQLite"
        )
        self._place, self._guests = place, guests
        self._folder = place.folder(folder)
        self._state = StateDir(place.folder(f"{folder}/state"))
        self._ports = free_port(), free_port()
        self._limits = f"[limits]\nstreams = {STREAMS}\nring_mib = {ring_mib}\nreserve_mib = {reserve_mib}\n"
        self._control: Child | None = None
        self._agent: Child | None = None
        self._credentials: Secret | None = None
        self._bare = 0.0

    # --- life ---

    def prepare(self) -> None:
        """Enrol the host and create a VM for each guest."""
        self._start_control()
        self._enrol()
        with self._client() as client:
            agent = self._start_agent()
            wait_until(lambda: self._linked(client), READY_SECONDS, "the agent's link", agent)
            self._bare = memory_mib(agent.tree())
            agent.stop()
            self._settings.write_text(self._limits + self._sockets())
            agent = self._start_agent()
            wait_until(lambda: self._linked(client), READY_SECONDS, "the agent's link", agent)
            self._create_vms(client)
        self.stop()

    def start(self) -> None:
        self._start_control()
        agent = self._start_agent()
        everywhere = self._guests.number
        wait_until(lambda: self._guests.count().connected == everywhere, READY_SECONDS, "the ports", agent)
        with self._client() as client:
            wait_until(lambda: self._linked(client), READY_SECONDS, "the agent's link", agent)

    def stop(self) -> None:
        for child in (self._agent, self._control):
            if child is not None:
                child.stop()
        self._agent = self._control = None

    def _start_control(self) -> None:
        arm, console = map(str, self._ports)
        self._control = self._run("serve", "--port", arm, "--console-port", console)
        wait_until(lambda: self._ready("control"), READY_SECONDS, "the control plane", self._control)
        profile = local_profile(self._state)
        self._tls = client_context(profile.ca_file)
        self._tokens = TokenCache(self._state.client / "token.json", f"{profile.client_id}@{profile.arm}")
        self._credentials = Secret(profile, self._tokens)

    def _start_agent(self) -> Child:
        self._agent = self._run("agent", "run")
        wait_until(lambda: self._ready("agent"), READY_SECONDS, "the agent", self._agent)
        return self._agent

    def _run(self, *words: str) -> Child:
        command = [sys.executable, "-m", "outofband.cli", *words, "--state", str(self._state.root)]
        return Child(command, cpu=self._place.system_cpu, log=self._folder / f"{words[0]}.log")

    def _ready(self, name: str) -> bool:
        found = process.running(self._state.run / f"{name}.json")
        return found is not None and found.ready

    @property
    def _settings(self) -> Path:
        return self._state.agent / "agent.toml"

    def _sockets(self) -> str:
        sockets = [f'[sockets.g{n}]\npath = "{self._guests.socket(n)}"\n' for n in range(self._guests.number)]
        return "".join(sockets)

    def _enrol(self) -> None:
        self._settings.parent.mkdir(mode=0o700, exist_ok=True)
        self._settings.touch(mode=0o600)
        self._settings.write_text(self._limits)
        with self._client() as client:
            group = {
                "subscription": client.profile.subscription_id,
                "resourceGroup": client.profile.resource_group,
            }
            token = client.post("/fleet/tokens", group)["token"]
            server = client.profile.arm
        command = [sys.executable, "-m", "outofband.cli", "agent", "enroll", "--state", str(self._state.root)]
        command += ["--server", server, "--token-file", "-"]
        subprocess.run(command, input=token, text=True, check=True, stdout=subprocess.DEVNULL)

    def _linked(self, client: ArmClient) -> bool:
        found = client.list(f"{client.subscription}/providers/{_GROUP}/machines")
        return any(machine["properties"].get("status") == "Connected" for machine in found)

    def _create_vms(self, client: ArmClient) -> None:
        def create(guest: int) -> None:
            definition = {"driver": "unix", "socket": f"g{guest}"}
            body = {"location": "local", "properties": {"outofband": definition}}
            client.put(client.vm(f"g{guest}"), body)

        with ThreadPoolExecutor(CREATING) as pool:
            list(pool.map(create, range(self._guests.number)))

    # --- what it costs ---

    def cpu(self) -> dict[str, float]:
        assert self._control is not None and self._agent is not None
        return {"control": cpu_seconds(self._control.tree()), "agent": cpu_seconds(self._agent.tree())}

    def memory(self) -> float:
        assert self._control is not None and self._agent is not None
        return memory_mib(self._control.tree() + self._agent.tree())

    def captured(self) -> float:
        assert self._agent is not None
        return memory_mib(self._agent.tree()) - self._bare

    def logged(self) -> int:
        return sum(log.stat().st_size for log in self._state.machines.glob("*/serial0.log"))

    @property
    def pids(self) -> dict[str, int]:
        assert self._control is not None and self._agent is not None
        return {"control": self._control.pid, "agent": self._agent.pid}

    # --- attaching ---

    async def attach(self, guest: int, seat: Seat, *, replay: bool = False, far: Far | None = None) -> float:
        if replay:
            return await self._attach_client(guest, seat, far)
        answer, began = await self._connect(guest, self._ports[0])
        opening = answer["outofband"]
        seat.line = await OurLine.attach(seat, opening["url"], opening["ticket"], tls=self._tls, replay=0)
        return began

    async def _attach_client(self, guest: int, seat: Seat, far: Far | None) -> float:
        """With the client that people have, all of whose waits for the network are in the figure."""
        arm, console = self._ports
        if far is not None:
            arm, console = await far.port(arm), await far.port(console)
        profile = msgspec.structs.replace(
            _at(local_profile(self._state), arm), gateway=f"wss://127.0.0.1:{console}"
        )
        assert self._credentials is not None
        client = ArmClient(profile, self._credentials)
        vm = client.vm(f"g{guest}")
        line = ClientLine(seat, client, vm, replay=65536, console_port=console)
        began = time.perf_counter()
        await line.attach()
        seat.line = line
        return began

    async def _connect(self, guest: int, arm: int) -> tuple[Any, float]:
        """What Resource Manager answers to `connect`, and when it was asked."""
        with self._client(arm) as client:
            path = f"{client.vm(f'g{guest}')}/providers/Microsoft.SerialConsole/serialPorts/0/connect"
            began = time.perf_counter()
            return await asyncio.to_thread(client.post, path, version=SERIAL_VERSION), began

    @contextmanager
    def _client(self, port: int | None = None) -> Iterator[ArmClient]:
        """A client with no open connection yet, but with the token of the first one."""
        profile = local_profile(self._state)
        if port is not None:
            profile = _at(profile, port)
        assert self._credentials is not None
        with ArmClient(profile, self._credentials) as client:
            yield client


class OursForAzure(Ours):
    """The same, reached as `az serial-console` does it: text on the port of Resource Manager."""

    name = "by Azure's protocol"
    does = KEYS

    async def attach(self, guest: int, seat: Seat, *, replay: bool = False, far: Far | None = None) -> float:
        answer, began = await self._connect(guest, self._ports[0])
        token = self._tokens.get(time.time())
        assert token is not None, "connect has just used it"
        url = answer["connectionString"]
        seat.line = await AzureLine.attach(seat, url, token, tls=self._tls)
        return began


def _at(profile: LocalProfile, port: int) -> LocalProfile:
    return msgspec.structs.replace(
        profile, arm=urlsplit(profile.arm)._replace(netloc=f"127.0.0.1:{port}").geturl()
    )
