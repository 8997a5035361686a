"""A server that was connected by a sign-in, as programs on it and its copies meet it: a control plane, himds
as a process of its own, unmodified azure-identity and az.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from outofband.access import roles
from outofband.agent import config, local
from outofband.agent.instance import run_path
from outofband.agent.local import AgentStatus
from outofband.core.paths import StateDir
from outofband.net import process
from outofband.wire.managed_identity import ARC_PATH
from tests.peers.test_identity_clients import TOKENS, Clients, token_folder
from tests.support.cloud import SCOPE, TENANT, Cloud, Person
from tests.support.ports import lasting_ports
from tests.support.server import MACHINES, VERSION
from tests.support.wait import until, within

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
async def cloud(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Cloud]:
    async with Cloud(tmp_path_factory.mktemp("cloud")) as running, running.host():
        await running.owner.create_vm("demo")
        yield running


@pytest.fixture(scope="module")
async def clients(cloud: Cloud) -> AsyncIterator[Clients]:
    made = Clients(cloud)
    yield made
    shutil.rmtree(made.home, ignore_errors=True)


async def status(state: StateDir) -> AgentStatus:
    return await asyncio.to_thread(local.status, state)


@asynccontextmanager
async def himds(state: StateDir, *before: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """The agent of this state, ready; `before` is a command that it is run by."""
    with (state.root / "test.log").open("ab") as log:
        running = await asyncio.create_subprocess_exec(
            *before, sys.executable, "-m", "outofband.agent.himds", "--json", "--state", str(state.root),
            stdout=log, stderr=log,
        )  # fmt: skip
    try:
        await until(lambda: (found := process.running(run_path(state))) is not None and found.ready)
        yield running
    finally:
        if running.returncode is None:
            running.terminate()
        await within(running.wait(), (state.root / "test.log").read_text)


async def connect(cloud: Cloud, state: StateDir, name: str) -> AgentStatus:
    """What azcmagent does with a running agent; until the link is up."""
    facts = await asyncio.to_thread(local.key, state)
    machine = f"{MACHINES}/{name}"
    await asyncio.to_thread(local.begin, state, "connect", machine)
    properties = {"vmId": facts.vm_id, "osType": "linux", "clientPublicKey": facts.public_key}
    body = {"location": "local", "identity": {"type": "SystemAssigned"}, "properties": properties}
    answer = await cloud.owner.ask("PUT", machine, body, version=VERSION)
    assert answer.status_code == 200, answer.text
    trust = cloud.pki.trust.read_text()
    await asyncio.to_thread(local.claim, state, machine, cloud.base, trust, "Lab")
    return await linked(state)


async def linked(state: StateDir) -> AgentStatus:
    async def there() -> AgentStatus | None:
        found = await status(state)
        return found if found.link == "linked" else None

    found: AgentStatus = await until(there)
    return found


async def machine(cloud: Cloud, name: str) -> dict[str, Any]:
    found: dict[str, Any] = (await cloud.owner.get(f"{MACHINES}/{name}", version=VERSION)).json()
    return found


def state_of(folder: Path, identity: str = "") -> StateDir:
    state = StateDir(folder / "state")
    state.agent.mkdir(parents=True, mode=0o700)
    config.config_path(state).write_text(f"[identity]\n{identity}\n")
    return state


@pytest.fixture
async def server(cloud: Cloud, tmp_path: Path) -> AsyncIterator[tuple[StateDir, AgentStatus, int]]:
    """Connected, Reader, and with its endpoint for local programs where Azure's clients look."""
    [port] = lasting_ports(1)
    state = state_of(tmp_path, f"enabled = true\nport = {port}")
    async with token_folder(), himds(state):
        found = await connect(cloud, state, f"srv-{uuid.uuid4().hex[:8]}")
        me = Person(cloud, found.agent, found.agent, TENANT, "")
        await cloud.assign(me, roles.READER, SCOPE)
        yield state, found, port


async def test_azure_identity_over_both_families(
    cloud: Cloud, clients: Clients, server: tuple[StateDir, AgentStatus, int]
) -> None:
    _, found, port = server
    for host in ("localhost", "127.0.0.1", "[::1]"):
        base = f"http://{host}:{port}"
        env = {"IMDS_ENDPOINT": base, "IDENTITY_ENDPOINT": f"{base}{ARC_PATH}"}
        assert await clients.talk("managed", clients.about(), **env) == ["demo"], host
        token = await clients.talk("managed_aio", clients.about(), **env)
        listed = await cloud.http.get(
            f"{SCOPE}/providers/Microsoft.Compute/virtualMachines",
            headers={"Authorization": f"Bearer {token}"},
            params={"api-version": "2024-11-01"},
        )
        assert listed.status_code == 200, host
        async with httpx.AsyncClient(trust_env=False, timeout=60) as http:
            told = await http.get(
                f"{base}/metadata/instance",
                params={"api-version": "2020-06-01"},
                headers={"Metadata": "true"},
            )
        compute = told.json()["compute"]
        assert compute["resourceId"] == found.resource
        assert (compute["vmId"], compute["azEnvironment"]) == (found.vm_id, "Lab")


async def test_az_on_the_server_until_it_is_disconnected(
    cloud: Cloud, clients: Clients, server: tuple[StateDir, AgentStatus, int]
) -> None:
    state, found, port = server
    base = f"http://localhost:{port}"
    arc = {"IMDS_ENDPOINT": base, "IDENTITY_ENDPOINT": f"{base}{ARC_PATH}"}
    await clients.registered()
    [account] = await clients.az("login", "--identity", **arc)
    assert account["user"]["assignedIdentityInfo"] == "MSI"
    assert [each["name"] for each in await clients.az("vm", "list", **arc)] == ["demo"]
    await asyncio.to_thread(local.begin, state, "disconnect", found.resource)
    gone = await cloud.owner.ask("DELETE", found.resource, version=VERSION)
    assert gone.status_code in (200, 204), gone.text
    await asyncio.to_thread(local.release, state)
    assert "not connected" in await clients.az("login", "--identity", expect=1, **arc)
    assert not list(TOKENS.glob("oob-*.key"))


async def test_what_the_resource_shows_is_this_machine(cloud: Cloud, tmp_path: Path) -> None:
    state, name = state_of(tmp_path), f"srv-{uuid.uuid4().hex[:8]}"
    async with himds(state) as running:
        found = await connect(cloud, state, name)

        async def beaten() -> bool:
            return bool((await machine(cloud, name))["properties"].get("agentConfiguration"))

        await until(beaten)
        shown = (await machine(cloud, name))["properties"]
        assert (shown["status"], shown["vmId"], shown["errorDetails"]) == ("Connected", found.vm_id, [])
        assert shown["osSku"] and shown["networkProfile"]["networkInterfaces"]
        assert shown["agentConfiguration"]["configMode"] == "full"
        running.kill()
        await running.wait()

        async def noticed() -> bool:
            return bool((await machine(cloud, name))["properties"]["status"] == "Disconnected")

        await until(noticed)
    async with himds(state):
        assert (await linked(state)).agent == found.agent


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, for a machine of another name")
async def test_a_copied_disk_is_another_machine(cloud: Cloud, tmp_path: Path) -> None:
    """The state is copied whole; what the system calls itself is another's, as once a copy was prepared."""
    if not Path("/etc/machine-id").exists():
        pytest.skip("this system has no machine-id")
    state, name = state_of(tmp_path), f"srv-{uuid.uuid4().hex[:8]}"
    async with himds(state):
        await connect(cloud, state, name)
        copy = StateDir(tmp_path / "copy")
        shutil.copytree(state.root, copy.root, ignore=shutil.ignore_patterns("*.sock", "run"))
        (tmp_path / "machine-id").write_text("0123456789abcdef0123456789abcdef\n")
        elsewhere = f'mount --bind {tmp_path / "machine-id"} /etc/machine-id && exec "$@"'
        async with himds(copy, "unshare", "--mount", "sh", "-c", elsewhere, "sh"):
            told = await status(copy)
            assert [each.code for each in told.errors] == ["AgentCloned"]
            assert (told.connected, told.link) == (True, "down")
            assert (await linked(state)).errors == [], "the machine itself is left alone"
            await asyncio.to_thread(local.release, copy)
            twin = await connect(cloud, copy, f"{name}-copy")
            assert twin.agent != (await linked(state)).agent
