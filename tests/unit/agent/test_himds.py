"""The agent as a process: it is killed, stopped and started again, and nobody is told a wrong thing."""

from __future__ import annotations

import asyncio
import signal
import sys
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from outofband.agent import admin, local, settings, state
from outofband.agent.config import config_path
from outofband.agent.instance import run_path
from outofband.agent.state import HostKey
from outofband.core.errors import Fault
from outofband.core.paths import StateDir
from outofband.net.process import running
from outofband.wire import grant as grants
from outofband.wire import link, stream
from outofband.wire.grant import Grant
from outofband.wire.machine import Power
from tests.support.wait import WAIT, until
from tests.unit.agent.control_plane import Authority, ControlPlane, grant_key, identity, public_jwk
from tests.unit.agent.gateway import Gateway, Incoming

pytestmark = pytest.mark.anyio
CONFIG = """
[programs.counter]
command = ["/bin/sh", "-c", "trap '' TERM HUP; n=0; while :; do echo $n; n=$((n+1)); sleep 0.02; done"]
[programs.cat]
command = ["/bin/cat"]
"""
VM = str(uuid.UUID(int=7))


class Bench:
    """A control plane and a gateway in this process, and the agent in one of its own."""

    def __init__(self, directory: Path) -> None:
        self.authority = Authority(directory)
        self.key = HostKey.make()
        self.grant_key = grant_key()
        self.plane = ControlPlane(self.authority, self.key, [public_jwk(self.grant_key)])
        self.gateway = Gateway(self.authority)
        self.state = StateDir(directory / "state")
        self.process: asyncio.subprocess.Process
        self.log = directory / "agent.log"

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Bench]:
        async with self.plane, self.gateway:
            self.key.save(state.key_path(self.state))
            state.save_identity(self.state, identity(self.plane.arm, self.authority))
            config_path(self.state).write_text(CONFIG)
            try:
                await self.start()
                yield self
            finally:
                # Also when it did not come up: an event loop with a child is never closed.
                if self.process.returncode is None:
                    self.process.kill()
                    await self.process.wait()
                await asyncio.to_thread(admin.stop_guests, self.state, 0.1, lambda _: None)

    async def start(self) -> None:
        seen = len(self.plane.hellos)
        with self.log.open("ab") as log:
            self.process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "outofband.agent.himds", "--json", "--state", str(self.state.root),
                stderr=log, stdout=log,
            )  # fmt: skip
        await self.plane.until(lambda: len(self.plane.hellos) > seen and self.plane.inventory)

    async def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        await self.process.wait()

    async def do(
        self, verb: str, args: dict[str, object] | None = None, key: str | None = None
    ) -> link.Result:
        command = link.Command(key or uuid.uuid4().hex, verb, VM, args or {}, epoch=1)
        seen = sum(isinstance(each, link.Result) and each.key == command.key for each in self.plane.heard)
        await self.plane.send(command)
        return await self.plane.result(command.key, seen + 1)

    async def make(self, program: str) -> None:
        definition = {"vm": VM, "name": "demo", "driver": "pty", "program": program, "epoch": 1}
        assert (await self.do("vm.create", definition)).succeeded
        started = await self.do("vm.start")
        assert started.succeeded, started

    async def console(self, session: str, number: int, resume: int | None = None) -> Incoming:
        claims = Grant(
            agent="agent-1", session=session, vm=VM, port="0", principal="p", name="ann",
            exp=4e9, resume=resume,
        )  # fmt: skip
        signed = grants.sign(claims, self.grant_key)
        await self.plane.send(link.OpenStream(session, self.gateway.url(session), "t", signed))
        return await self.gateway.stream(number)

    async def status(self) -> local.AgentStatus:
        return await asyncio.to_thread(local.look, self.state)

    async def begun(self, key: str) -> None:
        """Wait until the agent is in the middle of a command, and has noted in its journal that it is."""
        await until(
            lambda: any(
                "command.started" in line and f'"{key}"' in line for line in self.log.read_text().splitlines()
            )
        )


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    async with Bench(tmp_path).open() as made:
        yield made


async def test_a_console_all_the_way_through(bench: Bench) -> None:
    await bench.make("cat")
    incoming = await bench.console("s1", 1)
    incoming.send(stream.Input(0, b"hello\r"))
    await bench.gateway.until(lambda: b"hello\r\nhello\r\n" in incoming.output)
    status = await bench.status()
    assert (status.running, status.link, status.streams) == (True, "linked", 1)
    assert status.problem is None and status.accelerator
    [machine] = status.machines
    assert (machine.name, machine.power) == ("demo", Power.RUNNING)
    assert machine.ports[0].writer == "ann"
    # No byte of a console, and nothing that opens one, is in the log.
    log = bench.log.read_text()
    assert "stream.open" in log and "hello" not in log and "eyJ" not in log


async def test_killed_between_doing_and_answering(bench: Bench) -> None:
    await bench.make("counter")
    # A graceful stop that the program ignores takes its whole time: there is time to kill the agent in it.
    command = link.Command("stop-1", "vm.stop", VM, {"graceful": True, "timeout": 2.0}, epoch=1)
    await bench.plane.send(command)
    await bench.begun("stop-1")
    await bench.kill()
    await bench.start()
    assert not any(isinstance(each, link.Result) and each.key == "stop-1" for each in bench.plane.heard)
    await bench.plane.send(command)
    first = await bench.plane.result("stop-1")
    assert first.code == "VmStopTimeout"
    await bench.kill()
    await bench.start()
    await bench.plane.send(command)
    assert await bench.plane.result("stop-1", 2) == first


async def test_what_must_not_happen_twice_is_not_repeated_after_a_kill(bench: Bench) -> None:
    await bench.make("counter")
    command = link.Command("restart-1", "vm.restart", VM, {"graceful": True, "timeout": 60.0}, epoch=1)
    await bench.plane.send(command)
    await bench.begun("restart-1")
    await bench.kill()
    await bench.start()
    await bench.plane.send(command)
    result = await bench.plane.result("restart-1")
    assert (result.code, result.fields) == ("ActionInterrupted", {"verb": "vm.restart", "vm": VM})
    assert (await bench.do("vm.start")).data["already"] is True


async def test_nothing_printed_is_lost_while_the_agent_is_killed(bench: Bench) -> None:
    await bench.make("counter")
    first = await bench.console("s1", 1)
    await bench.gateway.until(lambda: first.output.count(b"\n") > 20)
    await bench.kill()
    await bench.gateway.until(lambda: first.gone)
    end = first.of(stream.Data)[-1].offset + len(first.of(stream.Data)[-1].payload)
    await asyncio.sleep(0.3)  # the guest prints while nobody is there
    await bench.start()
    second = await bench.console("s1", 2, resume=end)
    await bench.gateway.until(lambda: second.output.count(b"\n") > 20)
    assert second.of(stream.Data)[0].offset == end
    assert second.of(stream.Gap) == []
    numbers = [int(line) for line in (first.output + second.output).split(b"\r\n")[:-1]]
    assert numbers == list(range(len(numbers)))


async def test_consoles_go_on_while_the_control_link_is_broken(bench: Bench) -> None:
    await bench.make("counter")
    incoming = await bench.console("s1", 1)
    port = bench.plane.port
    await bench.plane.stop()
    assert bench.plane.socket is not None
    bench.plane.socket.transport.abort()
    count = incoming.output.count(b"\n")
    await bench.gateway.until(lambda: incoming.output.count(b"\n") > count + 50)
    incoming.send(stream.Input(0, b"x"))
    await bench.gateway.until(lambda: stream.Ack(1) in incoming.frames)
    assert (await bench.status()).problem is not None
    bench.plane.inventory = None
    await bench.plane.listen(port)
    inventory = await bench.plane.until(lambda: bench.plane.inventory)
    assert inventory.machines[0].ports[0].writer == "ann"
    assert not incoming.gone


async def test_a_stop_leaves_the_guest_running_and_the_state_clean(bench: Bench) -> None:
    await bench.make("counter")
    incoming = await bench.console("s1", 1)
    before = (await bench.status()).machines[0]
    bench.process.terminate()
    assert await asyncio.wait_for(bench.process.wait(), WAIT) == 0
    await bench.gateway.until(lambda: incoming.gone)
    assert incoming.of(stream.Close) == [], "the gateway waits for the agent to come back"
    status = await bench.status()
    assert not status.running and status.name == "host-1"
    assert not (bench.state.agent / local.SOCKET).exists()
    await bench.start()
    after = (await bench.status()).machines[0]
    assert (after.power, after.since) == (Power.RUNNING, before.since)
    assert after.ports[0].end > before.ports[0].end


async def test_a_second_agent_is_refused(bench: Bench) -> None:
    second = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "outofband.agent.himds", "--state", str(bench.state.root),
        stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    _, told = await asyncio.wait_for(second.communicate(), WAIT)
    assert second.returncode == 8
    assert f"error (AgentRunning) Another agent (process {bench.process.pid})".encode() in told
    assert (await bench.status()).link == "linked"
    with pytest.raises(Fault) as caught:
        await asyncio.to_thread(admin.stop_guests, bench.state, 1.0, lambda _: None)
    assert caught.value.code == "AgentRunning"


async def test_guests_can_be_stopped_without_their_agent(bench: Bench) -> None:
    await bench.make("counter")
    await bench.kill()
    said: list[str] = []
    assert await asyncio.to_thread(admin.stop_guests, bench.state, 0.3, said.append) == [VM]
    assert said == ["demo", "all stopped"]
    assert await asyncio.to_thread(admin.stop_guests, bench.state, 0.3, said.append) == []
    await bench.start()
    inventory = bench.plane.inventory
    assert inventory is not None and inventory.machines[0].power is Power.STOPPED


async def test_an_agent_without_an_identity_waits_for_one(tmp_path: Path) -> None:
    """It can be connected only through its socket, so it has to run before it is."""
    where = StateDir(tmp_path)
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "outofband.agent.himds", "--state", str(tmp_path),
        stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    try:
        await until(lambda: running(run_path(where)))
        status = await asyncio.to_thread(local.status, where)
        assert (status.running, status.connected, status.link, status.name) == (True, False, "down", "")
    finally:
        process.terminate()
        assert await asyncio.wait_for(process.wait(), WAIT) == 0
    with pytest.raises(Fault, match="AgentNotEnrolled"):
        local.look(where)


async def test_a_state_directory_may_lie_deep(tmp_path: Path) -> None:
    deep = tmp_path.joinpath(*["a-rather-long-folder-name"] * 6)
    deep.mkdir(parents=True)
    async with Bench(deep).open() as bench:
        await bench.make("cat")
        incoming = await bench.console("s1", 1)
        incoming.send(stream.Input(0, b"deep\r"))
        await bench.gateway.until(lambda: b"deep\r\ndeep" in incoming.output)
        assert (await bench.status()).running


async def test_its_log_is_in_a_file_that_may_be_moved_away(bench: Bench) -> None:
    file = bench.state.log / "himds.log"
    assert "msg=agent.ready" in file.read_text()
    assert file.stat().st_mode & 0o777 == 0o640
    file.rename(file.with_name("himds.log.away"))
    bench.process.send_signal(signal.SIGHUP)
    await until(lambda: file.exists() and "msg=settings.reloaded" in file.read_text())
    settings.path(bench.state).write_text("{")
    bench.process.send_signal(signal.SIGHUP)
    await until(lambda: "level=error msg=settings.not_reloaded" in file.read_text())
    assert bench.process.returncode is None
    assert local.status(bench.state).link == "linked"
