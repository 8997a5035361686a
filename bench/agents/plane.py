"""The control plane under test and its simulated agents, and one real agent without a VM."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import subprocess
import sys
import time

from bench.processes import Child, cpu_seconds, memory_mib, wait_until
from bench.system import Place, free_port
from outofband.agent.simulated import book as books
from outofband.agent.simulated import keys
from outofband.agent.simulated.enrolling import enrol
from outofband.client.credentials import Secret
from outofband.client.http import ArmClient
from outofband.client.profile import local_profile
from outofband.client.tokens import TokenCache
from outofband.core.paths import StateDir
from outofband.net import process

READY_SECONDS = 60.0


class ControlPlane:
    """One process on SQLite, everything as it is used; it has the last processor for itself."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self._folder = place.folder("control")
        self.state = StateDir(place.folder("control/state"))
        self.agents = place.folder("control/agents")
        self._ports = free_port(), free_port()
        self._server: Child | None = None

    def start(self) -> None:
        arm, console = map(str, self._ports)
        command = [
            *_command("serve", state=self.state),
            "--port",
            arm,
            "--console-port",
            console,
        ]
        self._server = Child(command, cpu=self._place.system_cpu, log=self._folder / "serve.log")
        wait_until(lambda: _ready(self.state, "control"), READY_SECONDS, "the control plane", self._server)

    def kill(self) -> None:
        """kill -9."""
        assert self._server is not None
        os.kill(self._server.pid, signal.SIGKILL)
        self._server.stop()

    def stop(self) -> None:
        if self._server is not None:
            self._server.stop()
        self._server = None

    @property
    def cpu(self) -> float:
        """Processor seconds so far."""
        assert self._server is not None
        return cpu_seconds(self._server.tree())

    @property
    def memory(self) -> float:
        """MiB."""
        assert self._server is not None
        return memory_mib(self._server.tree())

    def enrol(self, number: int) -> tuple[books.Book, list[str]]:
        """So many simulated agents, enrolled beforehand: none of it is measured."""
        file = self._folder / "keys"
        keys.make(file, number)
        texts = keys.load(file)
        with self._client() as client:
            place = self._group(client)

            def token(name: str) -> str:
                return str(client.post("/fleet/tokens", {**place, "name": name})["token"])

            trust = client.profile.ca_file.read_text()
            empty = books.Book(arm=client.profile.arm)
            book = asyncio.run(enrol(empty, texts, folder=self.agents, trust=trust, token=token))
        return book, texts

    def linked(self) -> int:
        """How many machines the control plane itself says are connected."""
        with self._client() as client:
            found = client.list(f"{client.subscription}/providers/Microsoft.HybridCompute/machines")
            return sum(each["properties"]["status"] == "Connected" for each in found)

    def real_agent(self) -> tuple[Child, StateDir]:
        """A real agent on this control plane: `himds` without a VM."""
        state = StateDir(self._place.folder("agent"))
        with self._client() as client:
            token = client.post("/fleet/tokens", self._group(client) | {"name": "real"})["token"]
            server = client.profile.arm
        command = [
            *_command("agent", "enroll", state=state),
            "--server",
            server,
            "--name",
            "real",
            "--token-file",
            "-",
        ]
        subprocess.run(command, input=token, text=True, check=True, stdout=subprocess.DEVNULL)
        started = [sys.executable, "-m", "outofband.agent.himds", "--state", str(state.root)]
        child = Child(started, cpu=self._place.load_cpu, log=self._folder / "himds.log")
        wait_until(lambda: _ready(state, "agent"), READY_SECONDS, "the agent", child)
        return child, state

    def remove(self) -> None:
        shutil.rmtree(self._folder, ignore_errors=True)

    def _group(self, client: ArmClient) -> dict[str, str | None]:
        profile = client.profile
        return {"subscription": profile.subscription_id, "resourceGroup": profile.resource_group}

    def _client(self) -> ArmClient:
        profile = local_profile(self.state)
        cache = TokenCache(self.state.client / "token.json", f"{profile.client_id}@{profile.arm}")
        return ArmClient(profile, Secret(profile, cache))


async def cpu_within(seconds: float, *pids: int) -> float:
    """Share of a processor that these processes take for so many seconds."""
    before, began = cpu_seconds(pids), time.monotonic()
    await asyncio.sleep(seconds)
    return (cpu_seconds(pids) - before) / (time.monotonic() - began)


def _command(*words: str, state: StateDir) -> list[str]:
    return [sys.executable, "-m", "outofband.cli", *words, "--state", str(state.root)]


def _ready(state: StateDir, name: str) -> bool:
    found = process.running(state.run / f"{name}.json")
    return found is not None and found.ready


__all__ = ["ControlPlane", "cpu_within"]
