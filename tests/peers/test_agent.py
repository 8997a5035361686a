"""The real agent under the real control plane: one in a process of its own, the other in this one."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from outofband.agent import admin, enroll, local
from outofband.agent.config import config_path
from outofband.core.errors import Fault
from outofband.core.paths import StateDir
from tests.support.actors import Viewer, viewer
from tests.support.cloud import Cloud, vm_id
from tests.support.wait import until

pytestmark = pytest.mark.anyio
CONFIG = """
[programs.counter]
command = ["/bin/sh", "-c", "n=0; while :; do echo $n; n=$((n+1)); sleep 0.02; done"]
[programs.cat]
command = ["/bin/cat"]
"""


class Bench:
    def __init__(self, directory: Path) -> None:
        self.cloud = Cloud(directory)
        self.state = StateDir(directory / "state")
        self.process: asyncio.subprocess.Process
        self.log = directory / "agent.log"

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Bench]:
        async with self.cloud:
            token = await self.cloud.token()
            identity = await asyncio.to_thread(
                enroll.enrol, self.state, server=self.cloud.base, token=token, name="rack-1"
            )
            self.agent = identity.agent
            config_path(self.state).write_text(CONFIG)
            await self.start()
            try:
                yield self
            finally:
                if self.process.returncode is None:
                    self.process.kill()
                    await self.process.wait()
                await asyncio.to_thread(admin.stop_guests, self.state, 1.0, lambda _: None)

    async def start(self) -> None:
        with self.log.open("ab") as log:
            self.process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "outofband.agent.himds", "--state", str(self.state.root),
                stderr=log, stdout=log,
            )  # fmt: skip
        await until(lambda: self.cloud.fleet.connected(self.agent))

    async def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        await self.process.wait()

    async def make(self, program: str) -> None:
        await self.cloud.owner.create_vm("demo", outofband={"driver": "pty", "program": program})

    @asynccontextmanager
    async def console(self) -> AsyncIterator[Viewer]:
        path = f"{vm_id('demo')}/providers/Microsoft.SerialConsole/serialPorts/0/connect"
        answer = await self.cloud.owner.ask("POST", path, version="2024-07-01")
        assert answer.status_code == 200, answer.text
        opened = answer.json()["outofband"]
        async with viewer(self.cloud.client_context()) as person:
            await person.open(opened["url"], opened["ticket"])
            await until(lambda: person.session.room)
            yield person


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    async with Bench(tmp_path).open() as made:
        yield made


def numbers(person: Viewer) -> list[int]:
    return [int(line) for line in bytes(person.output).split(b"\r\n")[:-1]]


async def seen(person: Viewer, true: Callable[[bytes], Any]) -> None:
    await until(lambda: true(bytes(person.output)))


async def test_enrolled_linked_created_attached_typed(bench: Bench) -> None:
    await bench.make("cat")
    async with bench.console() as person:
        await person.type(b"hello\r")
        await seen(person, lambda text: b"hello\r\nhello\r\n" in text)
    status = await asyncio.to_thread(local.look, bench.state)
    assert (status.name, status.link) == ("rack-1", "linked")
    host = bench.cloud.fleet.host(bench.agent)
    assert host is not None and host.connected


async def test_a_token_enrols_one_host(bench: Bench, tmp_path: Path) -> None:
    token = await bench.cloud.token()
    for state, code in ((tmp_path / "a", None), (tmp_path / "b", "EnrollmentTokenInvalid")):
        try:
            await asyncio.to_thread(
                enroll.enrol, StateDir(state), server=bench.cloud.base, token=token, name=state.name
            )
        except Fault as fault:
            assert fault.code == code
        else:
            assert code is None
    with pytest.raises(Fault) as caught:
        await asyncio.to_thread(
            enroll.enrol,
            StateDir(tmp_path / "c"),
            server=bench.cloud.base,
            token=await bench.cloud.token(),
            name="rack-1",
        )
    assert caught.value.code == "AgentNameTaken"


async def test_a_killed_agent_costs_the_viewer_nothing(bench: Bench) -> None:
    await bench.make("counter")
    async with bench.console() as person:
        await seen(person, lambda text: text.count(b"\n") > 20)
        for _ in range(2):
            await bench.kill()
            before = len(numbers(person))
            await bench.start()
            await until(lambda there=before: len(numbers(person)) > there + 20)
        assert numbers(person) == list(range(len(numbers(person)))), "none is missing, none came twice"
        assert person.ended is None


async def test_a_restarted_control_plane_finds_its_agent_again(bench: Bench) -> None:
    await bench.make("counter")
    await bench.cloud.stop()
    await bench.cloud.start()
    await until(lambda: bench.cloud.fleet.connected(bench.agent))
    async with bench.console() as person:
        await seen(person, lambda text: text.count(b"\n") > 20)
        assert numbers(person) == list(range(len(numbers(person))))
    assert bench.process.returncode is None
