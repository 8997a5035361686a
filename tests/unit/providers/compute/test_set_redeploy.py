"""Instances of a scale set leave their host as VMs do, one after the other, and a later life goes on."""

from __future__ import annotations

import asyncio
import os
from typing import Any

import pytest

from outofband.core.errors import Fault
from outofband.resources.runner import Runner
from outofband.wire.machine import Verb
from tests.support.cloud import GROUP_ID, Cloud
from tests.support.movers import Mover
from tests.support.wait import until

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("hurry")]
SET = f"{GROUP_ID}/providers/Microsoft.Compute/virtualMachineScaleSets/web"


async def made(cloud: Cloud, host: Mover) -> dict[str, tuple[str, bytes]]:
    """Two instances on that host: by number the uuid, and what is on the disk."""
    view = cloud.fleet.host(host.identity.agent)
    assert view is not None
    properties = {
        "outofband": {"driver": "pty", "program": "keeper"},
        "host": {"id": view.agent.resource_id},
    }
    answer = await cloud.owner.ask("PUT", SET, {"sku": {"capacity": 2}, "properties": properties})
    assert (await cloud.owner.follow(answer))["status"] == "Succeeded"
    found = {}
    for each in (await cloud.owner.get(f"{SET}/virtualMachines")).json()["value"]:
        vm = str(each["properties"]["vmId"])
        disk = os.urandom(300_000)
        (host.state.machines / vm / "disk").write_bytes(disk)
        found[each["instanceId"]] = (vm, disk)
    return found


async def redeployed(cloud: Cloud, path: str, body: Any = None) -> dict[str, Any]:
    return await cloud.owner.follow(await cloud.owner.ask("POST", f"{path}/redeploy", body))


def is_at(host: Mover, vm: str, disk: bytes) -> bool:
    file = host.state.machines / vm / "disk"
    return host.runs(vm) and file.read_bytes() == disk


async def test_one_instance_moves_with_its_disk(cloud: Cloud, first: Mover, second: Mover) -> None:
    there = await made(cloud, first)
    state = await redeployed(cloud, f"{SET}/virtualMachines/1")
    assert state["status"] == "Succeeded", state
    assert "from 'h1' to 'h2'" in state["properties"]["output"]["observed"]
    assert is_at(second, *there["1"]) and is_at(first, *there["0"])
    assert not (first.state.machines / there["1"][0]).exists()
    shown = (await cloud.owner.get(f"{SET}/virtualMachines/1")).json()["properties"]
    assert shown["host"]["id"].endswith("/h2")


async def test_all_of_a_set_and_some_of_it(cloud: Cloud, first: Mover, second: Mover) -> None:
    there = await made(cloud, first)
    state = await redeployed(cloud, SET)
    assert state["status"] == "Succeeded", state
    told = state["properties"]["output"]["instances"]
    assert sorted(told) == ["0", "1"] and all("from 'h1' to 'h2'" in each for each in told.values())
    assert all(is_at(second, *each) for each in there.values())
    state = await redeployed(cloud, SET, {"instanceIds": ["0"]})
    assert list(state["properties"]["output"]["instances"]) == ["0"]
    assert is_at(first, *there["0"]) and is_at(second, *there["1"])


async def test_one_that_fails_stays_and_the_others_go_on(
    cloud: Cloud, first: Mover, second: Mover, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = await made(cloud, first)
    perform = second.perform

    async def refusing(verb: str, vm: str, args: dict[str, Any], epoch: int, *, key: str) -> Any:
        if verb == Verb.DISK_RECEIVE and vm == there["0"][0]:
            raise Fault("DiskDamaged", vm="web_0", detail="a chunk")
        return await perform(verb, vm, args, epoch, key=key)

    monkeypatch.setattr(second, "perform", refusing)
    state = await redeployed(cloud, SET)
    assert (state["status"], state["error"]["code"]) == ("Failed", "DiskDamaged")
    assert is_at(first, *there["0"]) and is_at(second, *there["1"])


@pytest.mark.parametrize("verb", [Verb.DISK_SEND, Verb.DISK_TAKE, Verb.START])
async def test_the_control_plane_is_killed_between_two(
    cloud: Cloud, first: Mover, second: Mover, verb: Verb, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = await made(cloud, first)
    host = first if verb is Verb.DISK_SEND else second
    seen: list[str] = []
    perform = host.perform

    async def noting(name: str, vm: str, args: dict[str, Any], epoch: int, *, key: str) -> Any:
        if name == verb:
            seen.append(vm)
        return await perform(name, vm, args, epoch, key=key)

    monkeypatch.setattr(host, "perform", noting)
    answer = await cloud.owner.ask("POST", f"{SET}/redeploy")
    await until(lambda: len(set(seen)) == 2)
    # The second is on its way, the first is done: another runner takes over what this one had.
    await cloud.runner._tasks.close()
    cloud.runner = Runner(cloud.store, cloud.registry, cloud.node)
    cloud.runner.start()
    state = await cloud.owner.follow(answer)
    assert state["status"] == "Succeeded", state
    assert all(is_at(second, *each) for each in there.values())
    assert [first.runs(vm) for vm, _ in there.values()] == [False, False]


async def test_an_instance_that_is_on_its_way_is_not_started_by_its_own_name(
    cloud: Cloud, first: Mover, second: Mover
) -> None:
    """Nor moved by another operation; canceled, it goes on where it was."""
    there = await made(cloud, first)
    vm = there["0"][0]
    perform, holding = second.perform, asyncio.Event()

    async def waiting(verb: str, which: str, args: dict[str, Any], epoch: int, *, key: str) -> Any:
        if verb == Verb.DISK_RECEIVE:
            holding.set()
            await asyncio.Event().wait()
        return await perform(verb, which, args, epoch, key=key)

    second.perform = waiting  # type: ignore[method-assign]
    answer = await cloud.owner.ask("POST", f"{SET}/redeploy")
    await holding.wait()
    for action, code in (("start", "VmLeaving"), ("redeploy", "Conflict")):
        state = await cloud.owner.follow(await cloud.owner.ask("POST", f"{SET}/virtualMachines/0/{action}"))
        assert (state["status"], state["error"]["code"]) == ("Failed", code)
    assert not first.runs(vm)
    where = answer.headers["Azure-AsyncOperation"].partition("?")[0]
    assert (await cloud.owner.ask("POST", f"{where}/cancel")).status_code == 202
    assert (await cloud.owner.follow(answer))["status"] == "Canceled"
    await until(lambda: is_at(first, *there["0"]))
    assert is_at(first, *there["1"])
