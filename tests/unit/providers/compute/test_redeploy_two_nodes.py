"""Two nodes on one PostgreSQL, each with a host of its own: redeploys at both, at once and one that dies."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest

from outofband.core import clock
from outofband.providers.compute import move_transfer
from outofband.resources.runner import Runner
from outofband.storage.files import Files
from outofband.wire.machine import Verb
from tests.support.cloud import Cloud, vm_id
from tests.support.movers import Mover, mover
from tests.support.postgres import Cluster, binaries
from tests.support.wait import until
from tests.unit.providers.compute.test_redeploy_ends import never_twice

pytestmark = [pytest.mark.anyio, pytest.mark.peers]


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    programs = binaries()
    if programs is None:
        pytest.skip("no PostgreSQL server is installed")
    server = Cluster(programs)
    server.start()
    yield server
    server.stop()
    server.remove()


class Town:
    def __init__(self, nodes: list[Cloud], hosts: list[Mover]) -> None:
        self.nodes, self.hosts = nodes, hosts
        self.vm, self.disk = "", b""

    async def settle(self) -> None:
        view = self.nodes[0].fleet.host(self.hosts[0].identity.agent)
        assert view is not None
        shape, on = {"driver": "pty", "program": "keeper"}, {"id": view.agent.resource_id}
        found = await self.nodes[0].owner.create_vm("web", outofband=shape, host=on)
        self.vm = str(found["properties"]["vmId"])
        self.disk = os.urandom(3_000_000)
        (self.hosts[0].state.machines / self.vm / "disk").write_bytes(self.disk)
        for node in self.nodes:
            await until(lambda node=node: all(node.fleet.connected(h.identity.agent) for h in self.hosts))
            # What a host tells of itself reaches the other node a moment later.
            await until(lambda node=node: all(v.report is not None for v in node.fleet.agents()))
            await until(
                lambda node=node: node.fleet.report(self.vm, self.hosts[0].identity.agent) is not None
            )

    def where(self) -> list[int]:
        return [number for number, host in enumerate(self.hosts) if host.runs(self.vm)]


@pytest.fixture
async def town(cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Town]:
    monkeypatch.setattr(move_transfer, "LOOK_SECONDS", 0.3)
    url, objects = cluster.create(), Files(tmp_path / "shared")
    async with AsyncExitStack() as stack:
        nodes, hosts = [], []
        for name in ("n1", "n2"):
            node = Cloud(tmp_path / name, url=url, objects=objects)
            node.node = name
            nodes.append(await stack.enter_async_context(node))
        for node, name in zip(nodes, ("h1", "h2"), strict=True):
            hosts.append(await stack.enter_async_context(mover(node, name, tmp_path)))
        made = Town(nodes, hosts)
        await made.settle()
        yield made


async def ended(node: Cloud, answer: httpx.Response) -> dict[str, Any]:
    """As `Person.follow`, with the patience that two nodes and a database on a crowded machine need."""
    until_then = clock.monotonic() + 90
    while True:
        polled = await node.owner.get(answer.headers["Azure-AsyncOperation"], version=None)
        state: dict[str, Any] = polled.json()
        if state["status"] != "InProgress":
            return state
        assert clock.monotonic() < until_then, state
        await asyncio.sleep(0.1)


async def test_redeploys_at_both_nodes_at_once(town: Town) -> None:
    watching = asyncio.get_running_loop().create_task(never_twice(town.vm, *town.hosts))

    async def one(node: Cloud) -> dict[str, Any]:
        answer = await node.owner.ask("POST", f"{vm_id('web')}/redeploy")
        assert answer.status_code == 202, answer.text
        return await ended(node, answer)

    states = await asyncio.gather(*(one(node) for node in town.nodes))
    assert [each["status"] for each in states] == ["Succeeded", "Succeeded"]
    assert not watching.done(), "it ran twice"
    watching.cancel()
    assert town.where() == [0], [each["properties"]["output"]["observed"] for each in states]
    assert (town.hosts[0].state.machines / town.vm / "disk").read_bytes() == town.disk
    assert not (town.hosts[1].state.machines / town.vm).exists()


@pytest.mark.parametrize("verb", [Verb.DISK_RECEIVE, Verb.START])
async def test_the_node_that_moves_it_dies_and_the_other_goes_on(town: Town, verb: Verb) -> None:
    watching = asyncio.get_running_loop().create_task(never_twice(town.vm, *town.hosts))
    holder = town.hosts[1]
    holder.killed_at[verb] = "after"
    answer = await town.nodes[1].owner.ask("POST", f"{vm_id('web')}/redeploy")
    await until(lambda: holder.died)
    # Both runners die; that of the first node comes back, and waits for no lease of its own.
    for node in town.nodes:
        await node.runner.close()
    await holder.kill()
    await holder.boot()
    town.nodes[0].runner = Runner(town.nodes[0].store, town.nodes[0].registry, "n1")
    town.nodes[0].runner.start()
    state = await ended(town.nodes[1], answer)
    assert state["status"] == "Succeeded", state
    assert not watching.done(), "it ran twice"
    watching.cancel()
    assert town.where() == [1]
    assert (town.hosts[1].state.machines / town.vm / "disk").read_bytes() == town.disk
