"""A control plane as a process of its own, killed and restarted, with an agent by the book and viewers."""

from __future__ import annotations

import asyncio
import contextlib
import re
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from outofband.core import clock
from outofband.net import process
from outofband.wire import link, stream
from outofband.wire.console import Attached
from outofband.wire.machine import Power
from tests.support import postgres
from tests.support.actors import AgentPeer, Carrier, HostKey, Viewer, host_report, viewer, vm_report
from tests.support.process import Api, Serve
from tests.support.wait import promised, until

pytestmark = pytest.mark.anyio

CONNECT = "/providers/Microsoft.SerialConsole/serialPorts/0/connect"


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Serve]:
    tmp_path.chmod(0o700)
    made = Serve(tmp_path)
    try:
        made.start()
        yield made
    finally:
        made.close()


@pytest.fixture
async def agent(serve: Serve) -> AsyncIterator[AgentPeer]:
    """A host that starts whatever it is told to."""
    key = HostKey()
    async with AgentPeer(key, serve.api.enrol(key, "host-1"), serve.context()) as peer:
        peer.answer = lambda command: obey(peer, command)
        await peer.send(link.Inventory(host_report(), []))
        yield peer


def obey(peer: AgentPeer, command: link.Command) -> link.Result:
    peer.protocol.send(link.VmChanged(vm_report(command.vm, Power.RUNNING, command.epoch)))
    return link.Result(command.key, True, observed="seen")


async def in_thread(work: Any, *arguments: Any, **named: Any) -> Any:
    return await asyncio.to_thread(lambda: work(*arguments, **named))


async def make_vm(api: Api, name: str = "demo") -> str:
    """Create a VM; its resource id."""
    path = f"{api.group}/providers/Microsoft.Compute/virtualMachines/{name}"
    body = {"location": "local", "properties": {"outofband": {"driver": "qemu", "image": "demo"}}}
    await in_thread(api.call, "PUT", path, body, expect=201)
    await succeeded(api, path)
    return path


async def succeeded(api: Api, path: str) -> None:
    end = clock.monotonic() + 90
    while (await in_thread(api.call, "GET", path))["properties"]["provisioningState"] != "Succeeded":
        assert clock.monotonic() < end
        await asyncio.sleep(0.1)


async def attach(api: Api, vm: str, there: Viewer) -> str:
    """Connect, open, wait until it is attached; the session."""
    body = {"session": there.connection["session"]} if there.connection else {}
    there.connection = (await in_thread(api.call, "POST", vm + CONNECT, body))["outofband"]
    seen = len(there.events)
    await there.open(there.connection["url"], there.connection["ticket"])
    await until(lambda: any(isinstance(event, Attached) for event in there.events[seen:]))
    return str(there.connection["session"])


def resident(pid: int) -> int:
    """Resident memory in bytes."""
    found = re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{pid}/status").read_text())
    assert found is not None
    return int(found[1]) * 1024


def numbered(first: int, count: int) -> bytes:
    return b"".join(b"%08d\r\n" % number for number in range(first, first + count))


async def test_from_a_ticket_to_a_console(serve: Serve, agent: AgentPeer) -> None:
    api = serve.api
    vm = await make_vm(api)
    agent.grow(b"login: ")
    async with viewer(serve.context()) as there:
        await attach(api, vm, there)
        await until(lambda: there.output == b"login: ")
        await there.type(b"root\r")
        await until(lambda: agent.typed == b"root\r")
        await there.leave()


@pytest.mark.exact
async def test_a_control_plane_killed_while_lines_are_printed(serve: Serve, agent: AgentPeer) -> None:
    """None missing, none twice: the viewer comes back to its session and its byte."""
    api = serve.api
    vm = await make_vm(api)
    printing = True

    async def print_lines() -> int:
        number = 0
        while printing:
            agent.grow(numbered(number, 20))
            number += 20
            await asyncio.sleep(0.005)
        return number

    lines = asyncio.get_running_loop().create_task(print_lines())
    async with viewer(serve.context(), replay=1 << 20) as there:
        session = await attach(api, vm, there)
        for _ in range(3):
            shown = len(there.output)
            await until(lambda shown=shown: len(there.output) > shown + 2000)
            serve.kill()
            await there._over()
            serve.start()
            await agent.kill()
            await agent.connect()
            await agent.send(link.Inventory(host_report(), [vm_report(agent.commands[0].vm)]))
            await until(lambda: agent.welcome)
            assert await again(serve, vm, there) == session
        printing = False
        expected = numbered(0, await lines)
        await until(lambda: len(there.output) >= len(expected))
        assert there.output == expected


async def again(serve: Serve, vm: str, there: Viewer) -> str:
    """Connect once the host has reported its VM after a restart."""
    end = clock.monotonic() + 90
    while True:
        try:
            return await attach(serve.api, vm, there)
        except AssertionError:
            assert clock.monotonic() < end
            await asyncio.sleep(0.1)


async def test_a_command_survives_the_death_of_the_control_plane(serve: Serve, agent: AgentPeer) -> None:
    api = serve.api
    agent.answer = lambda _: None
    path = f"{api.group}/providers/Microsoft.Compute/virtualMachines/demo"
    body = {"location": "local", "properties": {"outofband": {"driver": "qemu", "image": "demo"}}}
    await in_thread(api.call, "PUT", path, body, expect=201)
    await until(lambda: agent.commands)
    serve.kill()
    serve.start()
    await agent.kill()
    agent.answer = lambda command: obey(agent, command)
    await agent.connect()
    await agent.send(link.Inventory(host_report(), []))
    await succeeded(serve.api, path)
    creates = [command.key for command in agent.commands if command.verb == "vm.create"]
    assert len(creates) >= 2
    assert len(set(creates)) == 1


async def test_switching_consoles_off_ends_the_open_ones(serve: Serve, agent: AgentPeer) -> None:
    api = serve.api
    vm = await make_vm(api)
    switch = f"{api.subscription}/providers/Microsoft.SerialConsole/consoleServices/default"
    async with viewer(serve.context()) as there:
        await attach(api, vm, there)
        started = clock.monotonic()
        await in_thread(api.call, "POST", switch + "/disableConsole")
        await until(lambda: there.ended)
        assert there.ended is not None
        assert there.ended.code == "ConsoleDisabledForSubscription"
        await until(lambda: agent.ends)
        assert clock.monotonic() - started < promised(2.0)
    refused = await in_thread(api.call, "POST", vm + CONNECT, expect=403)
    assert refused["error"]["code"] == "ConsoleDisabledForSubscription"
    await in_thread(api.call, "POST", switch + "/enableConsole")
    async with viewer(serve.context()) as there:
        await attach(api, vm, there)


async def test_a_role_that_is_taken_away_ends_the_session(serve: Serve, agent: AgentPeer) -> None:
    api = serve.api
    vm = await make_vm(api)
    async with viewer(serve.context()) as there:
        await attach(api, vm, there)
        assigned = f"{api.subscription}/providers/Microsoft.Authorization/roleAssignments"
        listed = await in_thread(api.call, "GET", assigned)
        # The first user has a role there too.
        [mine] = [each for each in listed["value"] if each["properties"]["principalType"] != "User"]
        started = clock.monotonic()
        await in_thread(api.call, "DELETE", mine["id"])
        await until(lambda: there.ended)
        assert there.ended is not None
        assert there.ended.code == "AccessRevoked"
        assert clock.monotonic() - started < promised(2.2)
    refused = await in_thread(api.call, "POST", vm + CONNECT, expect=403)
    assert refused["error"]["code"] == "AuthorizationFailed"


async def test_viewers_that_never_read_cost_little_memory(serve: Serve, agent: AgentPeer) -> None:
    api = serve.api
    vm = await make_vm(api)
    block = b"x" * 32768

    async def flood(carrier: Carrier) -> None:
        offset = 0
        await carrier.attached(offset)
        while carrier.closed is None:
            await carrier.send(stream.Data(offset, block))
            offset += len(block)

    async with contextlib.AsyncExitStack() as stack:
        # What the first session of a process loads is not a session's.
        agent.serve_stream = agent.show_log
        async with viewer(serve.context()) as first:
            await attach(api, vm, first)
        before = resident(serve.pid)
        agent.serve_stream = flood
        for _ in range(20):
            stuck = await stack.enter_async_context(viewer(serve.context()))
            await attach(api, vm, stuck)
            assert stuck.socket is not None
            stuck.socket.transport.pause_reading()
        agent.serve_stream = agent.show_log
        there = await stack.enter_async_context(viewer(serve.context()))
        await attach(api, vm, there)
        for number in range(20):
            line = b"%d\r\n" % number
            started = clock.monotonic()
            agent.grow(line)
            await until(lambda line=line: there.output.endswith(line))
            assert clock.monotonic() - started < promised(0.5)
        grown = resident(serve.pid) - before
        assert grown < 20 * 512 * 1024, f"{grown / 20 / 1024:.0f} KiB a session"


async def test_a_stop_is_quick_and_tells_the_viewers(serve: Serve, agent: AgentPeer) -> None:
    api = serve.api
    vm = await make_vm(api)
    async with viewer(serve.context()) as there:
        await attach(serve.api, vm, there)
        started = clock.monotonic()
        assert await in_thread(serve.end) == 0
        assert clock.monotonic() - started < promised(6.0)
        assert there.ended is not None
        assert (there.ended.code, there.ended.resumable) == ("ControlPlaneStopping", True)
    assert not serve.run_file.exists()
    assert "Traceback" not in serve.log.read_text()


def test_a_second_start_is_refused_and_touches_nothing(serve: Serve, tmp_path: Path) -> None:
    def oob(root: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "outofband.cli", "serve", "--state", str(root), *arguments]
        return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)

    same = oob(serve.state.root)
    assert (same.returncode, "StoreInUse" in same.stderr) == (8, True)
    other = tmp_path / "other"
    taken = oob(other, "--port", str(serve.ports["arm"]))
    assert taken.returncode == 8
    assert "PortInUse" in taken.stderr
    assert str(serve.pid) in taken.stderr
    assert not other.exists()
    found = process.running(serve.run_file)
    assert found is not None
    assert found.ready


@pytest.mark.exact
def test_state_and_log_hold_no_secret_for_others(serve: Serve) -> None:
    api = serve.api
    token = api.http.headers["Authorization"].removeprefix("Bearer ")
    secret = Path(serve.profile()["clientSecretFile"]).read_text().strip()
    api.call("GET", f"{api.group}/providers/Microsoft.Compute/virtualMachines")
    log = serve.log.read_text()
    assert secret not in log
    assert token not in log
    loose = [path for path in serve.state.root.rglob("*") if path.stat().st_mode & 0o077]
    assert [path for path in loose if path != serve.log] == []


async def test_the_same_on_postgresql(tmp_path: Path) -> None:
    programs = postgres.binaries()
    if programs is None:
        pytest.skip("no PostgreSQL server is installed")
    cluster = postgres.Cluster(programs)
    await in_thread(cluster.start)
    tmp_path.chmod(0o700)
    secret = tmp_path / "store-url"
    secret.write_text(cluster.create())
    serve = Serve(tmp_path, OOB_STORE_URL_FILE=str(secret), OOB_NODE="n1")
    try:
        await in_thread(serve.start)
        key, api = HostKey(), serve.api
        async with AgentPeer(key, api.enrol(key, "host-1"), serve.context()) as peer:
            peer.answer = lambda command: obey(peer, command)
            await peer.send(link.Inventory(host_report(), []))
            vm = await make_vm(api)
            peer.grow(b"on postgres")
            async with viewer(serve.context()) as there:
                await attach(api, vm, there)
                await until(lambda: there.output == b"on postgres")
            assert await in_thread(serve.end) == 0
    finally:
        serve.close()
        cluster.stop()
        cluster.remove()
