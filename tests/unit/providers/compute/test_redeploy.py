"""A VM leaves its host: agents with real programs, the control plane's own Blob service, everybody killed."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Any

import msgspec
import pytest

from outofband.access.machine_roles import VIRTUAL_MACHINE_CONTRIBUTOR
from outofband.agent.hypervisors.pty import PtyDriver
from outofband.core.errors import Fault
from outofband.providers.compute.fencing import Fencing
from outofband.providers.compute.shape import private_of
from outofband.resources.runner import Runner
from outofband.wire.arm import reasons
from outofband.wire.machine import Power, Verb
from tests.support.cloud import Cloud, vm_id
from tests.support.movers import Mover, mover
from tests.support.wait import until

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("hurry")]


async def made(cloud: Cloud, host: Mover) -> tuple[str, bytes]:
    """A VM on that host, by its uuid, and what is on its disk."""
    on = {"id": f"{(cloud.fleet.host(host.identity.agent) or _none()).agent.resource_id}"}
    shape = {"driver": "pty", "program": "keeper"}
    found = await cloud.owner.create_vm("web", outofband=shape, host=on)
    vm = str(found["properties"]["vmId"])
    disk = b"a disk of\nits own " + os.urandom(2_200_000).hex().encode()
    (host.state.machines / vm / "disk").write_bytes(disk)
    return vm, disk


def _none() -> Any:
    raise AssertionError("no such host")


async def redeployed(cloud: Cloud, **query: str) -> dict[str, Any]:
    headers = {reasons.HEADER: query.pop("reason")} if "reason" in query else None
    answer = await cloud.owner.ask("POST", f"{vm_id('web')}/redeploy", headers=headers, **query)
    return await cloud.owner.follow(answer)


def home(host: Mover, vm: str) -> Path:
    return host.state.machines / vm


async def test_it_moves_with_its_disk_and_its_console(cloud: Cloud, first: Mover, second: Mover) -> None:
    vm, disk = await made(cloud, first)
    state = await redeployed(cloud)
    output = state["properties"]["output"]
    assert state["status"] == "Succeeded", state
    assert "from 'h1' to 'h2'" in output["observed"]
    assert (output["host"], output["epoch"]) == ("h2", 2)
    assert (home(second, vm) / "disk").read_bytes() == disk
    assert not home(first, vm).exists()
    assert (first.runs(vm), second.runs(vm)) == (False, True)
    port = second.machines.port(vm, "0")
    assert port.spool.read(port.spool.start, 100).startswith(b" up\r\n"), "what it printed before is there"
    shown = (await cloud.owner.get(vm_id("web"))).json()["properties"]
    assert shown["host"]["id"].endswith("/h2")
    async with cloud.store.read() as tx:
        row = await cloud.store.resources.by_uid(tx, vm)
    assert row is not None
    assert (private_of(row).moving, private_of(row).left) == (None, ())
    # Nothing of the transfer is left, and nothing of it can be had by anybody's role.
    async with cloud.store.read() as tx:
        account = await cloud.store.resources.get(
            tx, f"/subscriptions/{row.subscription_id}/providers/Outofband.Diagnostics/accounts/moves"
        )
        assert account is not None
        assert await cloud.store.containers.page(tx, account.uid, prefix="", start="", limit=9) == []
    # And back again.
    again = await redeployed(cloud)
    assert "from 'h2' to 'h1'" in again["properties"]["output"]["observed"]
    assert (home(first, vm) / "disk").read_bytes() == disk


async def test_without_another_host_it_stays_and_says_why(cloud: Cloud, first: Mover) -> None:
    vm, disk = await made(cloud, first)
    state = await redeployed(cloud)
    assert "It stays on its host: no other host" in state["properties"]["output"]["observed"]
    assert (home(first, vm) / "disk").read_bytes() == disk
    assert first.runs(vm)


@pytest.mark.parametrize(
    ("about", "why"),
    [
        ({"moves": False}, "does not take the disks"),
        ({"programs": []}, "ImageNotFound"),
        ({"drivers": ["qemu"]}, "AllocationFailed"),
    ],
)
async def test_hosts_that_cannot_take_it(
    cloud: Cloud, first: Mover, tmp_path: Path, about: dict[str, Any], why: str
) -> None:
    async with mover(cloud, "h2", tmp_path, **about):
        await made(cloud, first)
        state = await redeployed(cloud)
        assert why in state["properties"]["output"]["observed"]


VERBS = [Verb.STOP, Verb.DISK_SEND, Verb.DISK_RECEIVE, Verb.DISK_TAKE, Verb.START, Verb.DELETE]


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("verb", VERBS)
async def test_an_agent_is_killed_at_each_step(
    cloud: Cloud, first: Mover, second: Mover, verb: Verb, when: str
) -> None:
    vm, disk = await made(cloud, first)
    at_source = verb in (Verb.STOP, Verb.DISK_SEND, Verb.DELETE)
    victim = first if at_source else second
    victim.killed_at[verb] = when
    watching = asyncio.get_running_loop().create_task(never_twice(vm, first, second))
    following = asyncio.get_running_loop().create_task(redeployed(cloud))
    await until(lambda: victim.died == [verb])
    await victim.kill()
    await victim.boot()
    state = await following
    assert not watching.done(), "it ran twice"
    watching.cancel()
    assert state["status"] == "Succeeded", state
    fencing = Fencing(cloud.store, cloud.fleet)
    # Where the source was away when its copy was to go, it goes now that it is back.
    await until(lambda: gone(fencing, home(first, vm)))
    assert (first.runs(vm), second.runs(vm)) == (False, True)
    assert (home(second, vm) / "disk").read_bytes() == disk


async def gone(fencing: Fencing, path: Path) -> bool:
    await fencing.look()
    return not path.exists()


async def never_twice(vm: str, *hosts: Mover) -> None:
    while True:
        assert sum(host.runs(vm) for host in hosts) <= 1
        await asyncio.sleep(0.002)


@pytest.mark.parametrize("verb", VERBS)
async def test_the_control_plane_is_killed_at_each_step(
    cloud: Cloud, first: Mover, second: Mover, verb: Verb
) -> None:
    vm, disk = await made(cloud, first)
    answer = await cloud.owner.ask("POST", f"{vm_id('web')}/redeploy")
    victim = first if verb in (Verb.STOP, Verb.DISK_SEND, Verb.DELETE) else second
    await until(lambda: any(each.verb == verb for each in (victim.peer or _none()).commands))
    # Its runner dies where it is; the next one finds the lease of its own node and goes on.
    await cloud.runner._tasks.close()
    cloud.runner = Runner(cloud.store, cloud.registry, cloud.node)
    cloud.runner.start()
    state = await cloud.owner.follow(answer)
    assert state["status"] == "Succeeded", state
    assert (first.runs(vm), second.runs(vm)) == (False, True)
    assert (home(second, vm) / "disk").read_bytes() == disk
    assert not home(first, vm).exists()


async def test_what_fails_before_the_switch_is_taken_back(
    cloud: Cloud, first: Mover, second: Mover, monkeypatch: pytest.MonkeyPatch
) -> None:
    vm, disk = await made(cloud, first)
    monkeypatch.setattr("outofband.agent.moving.desk.receiving._check", _damaged)
    state = await redeployed(cloud)
    assert (state["status"], state["error"]["code"]) == ("Failed", "DiskDamaged")
    assert (first.runs(vm), second.runs(vm)) == (True, False)
    assert (home(first, vm) / "disk").read_bytes() == disk
    assert list(second.state.machines.iterdir()) == []
    shown = (await cloud.owner.get(vm_id("web"))).json()["properties"]
    assert shown["host"]["id"].endswith("/h1")


async def test_a_report_that_is_late_about_its_power_leaves_it_running(
    cloud: Cloud, first: Mover, second: Mover, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Taken back it runs again, whatever was last reported of it."""
    vm, _ = await made(cloud, first)
    late = next(each for each in first.machines.reports() if each.vm == vm)
    cloud.fleet._hosts.changed(first.identity.agent, msgspec.structs.replace(late, power=Power.STOPPED))
    monkeypatch.setattr("outofband.agent.moving.desk.receiving._check", _damaged)
    assert (await redeployed(cloud))["status"] == "Failed"
    assert (first.runs(vm), second.runs(vm)) == (True, False)


def _damaged(*_: object) -> None:
    raise Fault("DiskDamaged", detail="it was spoilt")


async def test_what_fails_after_the_switch_is_gone_on_with(
    cloud: Cloud, first: Mover, second: Mover, monkeypatch: pytest.MonkeyPatch
) -> None:
    vm, disk = await made(cloud, first)

    async def broken(self: PtyDriver) -> str:
        raise Fault("VmStartFailed", detail="no terminal")

    with monkeypatch.context() as patched:
        patched.setattr(PtyDriver, "start", broken)
        state = await redeployed(cloud)
    assert (state["status"], state["error"]["code"]) == ("Failed", "VmStartFailed")
    assert (first.runs(vm), second.runs(vm)) == (False, False)
    assert home(first, vm).exists(), "nobody saw it boot where it is now"
    await cloud.owner.follow(await cloud.owner.ask("POST", f"{vm_id('web')}/start"))
    assert second.runs(vm)
    assert not home(first, vm).exists()
    assert (home(second, vm) / "disk").read_bytes() == disk


async def test_a_host_that_cannot_be_reached_is_not_dead(cloud: Cloud, first: Mover, second: Mover) -> None:
    vm, disk = await made(cloud, first)
    fencing = Fencing(cloud.store, cloud.fleet)
    confirmed = {"confirmHostIsDead": "true"}
    alive = await cloud.owner.ask("POST", f"{vm_id('web')}/redeploy", **confirmed)
    assert alive.json()["error"]["code"] == "HostIsAlive"
    await first.kill()
    await until(lambda: not cloud.fleet.connected(first.identity.agent))
    refused = await cloud.owner.ask("POST", f"{vm_id('web')}/redeploy")
    assert (refused.status_code, refused.json()["error"]["code"]) == (409, "HostNotConfirmedDead")
    bare = await cloud.owner.ask("POST", f"{vm_id('web')}/redeploy", **confirmed)
    assert bare.json()["error"]["code"] == "ReasonRequired"
    operator = await cloud.person("operator", VIRTUAL_MACHINE_CONTRIBUTOR)
    denied = await operator.ask("POST", f"{vm_id('web')}/redeploy", **confirmed)
    assert (denied.status_code, denied.json()["error"]["code"]) == (403, "AuthorizationFailed")
    assert first.runs(vm), "it was never dead"
    state = await redeployed(cloud, reason="mainboard burnt", **confirmed)
    assert state["status"] == "Succeeded", state
    assert "confirmed dead by owner (mainboard burnt)" in state["properties"]["output"]["observed"]
    assert second.runs(vm)
    assert not (home(second, vm) / "disk").exists(), "its disk is where nobody gets at it"
    # The old host is back, with its copy running: it is ended there, says so, and keeps its disk.
    await first.boot()
    await until(lambda: shut_out(fencing, first, vm))
    assert (first.runs(vm), second.runs(vm)) == (False, True)
    assert first.machines.get(vm).report().fault == "VmMovedAway"
    assert (home(first, vm) / "disk").read_bytes() == disk
    await fencing.look()
    found = (await cloud.owner.ask("DELETE", vm_id("web"))).status_code
    assert found == 202
    await until(lambda: not home(first, vm).exists() and not home(second, vm).exists())


async def shut_out(fencing: Fencing, host: Mover, vm: str) -> bool:
    await fencing.look()
    return not host.runs(vm)


async def test_what_never_arrived_goes_back(
    cloud: Cloud, first: Mover, second: Mover, monkeypatch: pytest.MonkeyPatch
) -> None:
    vm, disk = await made(cloud, first)
    with monkeypatch.context() as patched:
        patched.setattr("outofband.agent.moving.desk.MovingDesk.prepare", _not_received)
        state = await redeployed(cloud)
    assert (state["status"], state["error"]["code"]) == ("Failed", "DiskNotReceived")
    again = await redeployed(cloud)
    assert "never arrived" in again["properties"]["output"]["observed"]
    assert (first.runs(vm), second.runs(vm)) == (True, False)
    assert (home(first, vm) / "disk").read_bytes() == disk


def _not_received(*_: object) -> None:
    raise Fault("DiskNotReceived", vm="web")


async def test_a_target_that_dies_before_the_first_boot_gives_it_back(
    cloud: Cloud, first: Mover, second: Mover
) -> None:
    vm, disk = await made(cloud, first)
    second.killed_at[Verb.DISK_TAKE] = "before"
    answer = await cloud.owner.ask("POST", f"{vm_id('web')}/redeploy")
    await until(lambda: second.died)
    await second.kill()
    where = answer.headers["Azure-AsyncOperation"].partition("?")
    await cloud.owner.ask("POST", f"{where[0]}/cancel")
    await cloud.owner.follow(answer)
    await until(lambda: not cloud.fleet.connected(second.identity.agent))
    state = await redeployed(cloud, reason="it burns", confirmHostIsDead="true")
    assert "where it came from" in state["properties"]["output"]["observed"], state
    assert first.runs(vm)
    assert (home(first, vm) / "disk").read_bytes() == disk
    await second.boot()
    await Fencing(cloud.store, cloud.fleet).look()
    assert not second.runs(vm)
