"""Moves that come to nothing, and those who would start the VM twice meanwhile."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest

from outofband.agent.moving import leaving
from outofband.agent.moving.leaving import Leaving
from outofband.core import clock
from outofband.core.errors import Fault
from outofband.fleet.fleet import Fleet
from outofband.providers.compute import move_transfer
from outofband.providers.compute.moving import Moves
from outofband.resources.runner import Runner
from outofband.wire.arm import reasons
from outofband.wire.machine import Verb
from tests.support.cloud import GROUP_ID, SUBSCRIPTION, Cloud, vm_id
from tests.support.movers import Mover
from tests.support.wait import until

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("hurry")]

CLASSIC = f"{GROUP_ID}/providers/Microsoft.ClassicCompute/virtualMachines/old"
CLASSIC_VERSION = "2017-04-01"
DEAD = {"confirmHostIsDead": "true"}
DISK = b"a disk of\nits own " + bytes(range(256)) * 9000


async def made(cloud: Cloud, host: Mover) -> str:
    view = cloud.fleet.host(host.identity.agent)
    assert view is not None
    shape = {"driver": "pty", "program": "keeper"}
    found = await cloud.owner.create_vm("web", outofband=shape, host={"id": view.agent.resource_id})
    vm = str(found["properties"]["vmId"])
    (home(host, vm) / "disk").write_bytes(DISK)
    return vm


def home(host: Mover, vm: str) -> Path:
    return host.state.machines / vm


async def redeploy(cloud: Cloud, reason: str = "", **query: str) -> httpx.Response:
    headers = {reasons.HEADER: reason} if reason else None
    answer = await cloud.owner.ask("POST", f"{vm_id('web')}/redeploy", headers=headers, **query)
    assert answer.status_code == 202, answer.text
    return answer


async def cancel(cloud: Cloud, answer: httpx.Response) -> dict[str, Any]:
    where = answer.headers["Azure-AsyncOperation"].partition("?")[0]
    assert (await cloud.owner.ask("POST", f"{where}/cancel")).status_code == 202
    return await cloud.owner.follow(answer)


async def starts(cloud: Cloud) -> dict[str, Any]:
    return await cloud.owner.follow(await cloud.owner.ask("POST", f"{vm_id('web')}/start"))


async def never_twice(vm: str, *hosts: Mover) -> None:
    while True:
        assert sum(host.runs(vm) for host in hosts) <= 1
        await asyncio.sleep(0.005)


async def containers(cloud: Cloud) -> list[str]:
    async with cloud.store.read() as tx:
        account = await cloud.store.resources.get(
            tx, f"/subscriptions/{SUBSCRIPTION}/providers/Outofband.Diagnostics/accounts/moves"
        )
        assert account is not None
        found = await cloud.store.containers.page(tx, account.uid, prefix="", start="", limit=9)
    return [each.name for each in found]


def arrived(host: Mover) -> list[str]:
    return [each.name for each in host.state.machines.iterdir()]


@pytest.mark.parametrize("verb", [Verb.STOP, Verb.DISK_SEND, Verb.DISK_RECEIVE])
@pytest.mark.parametrize("when", ["before", "after"])
async def test_canceled_before_its_line_it_goes_on_where_it_was(
    cloud: Cloud, first: Mover, second: Mover, verb: Verb, when: str
) -> None:
    vm = await made(cloud, first)
    at = second if verb is Verb.DISK_RECEIVE else first
    at.killed_at[verb] = when
    answer = await redeploy(cloud)
    await until(lambda: at.died == [verb])
    if verb is Verb.STOP:
        # What hangs there are orders that change its power, the start behind them too: its agent comes anew.
        await at.kill()
        await at.boot()
    state = await cancel(cloud, answer)
    assert state["status"] == "Canceled"
    await until(lambda: first.runs(vm))
    await until(lambda: arrived(second) == [])
    assert (home(first, vm) / "disk").read_bytes() == DISK
    assert not (home(first, vm) / leaving.FILE).exists()
    if verb is not Verb.STOP:
        assert await containers(cloud) == []
    # Nothing of it stays in the way of the next. What hangs of the first hangs in this test alone.
    await at.kill()
    await at.boot()
    again = await cloud.owner.follow(await redeploy(cloud))
    assert again["status"] == "Succeeded", again
    assert (home(second, vm) / "disk").read_bytes() == DISK


async def test_canceled_while_its_host_is_away_it_starts_when_that_is_back(
    cloud: Cloud, first: Mover, second: Mover
) -> None:
    vm = await made(cloud, first)
    first.killed_at[Verb.DISK_SEND] = "before"
    answer = await redeploy(cloud)
    await until(lambda: first.died)
    await first.kill()
    await until(lambda: not cloud.fleet.connected(first.identity.agent))
    await cancel(cloud, answer)
    assert not first.runs(vm)
    await first.boot()
    await until(lambda: first.runs(vm))


async def test_a_target_that_is_away_then_drops_what_arrived_when_it_is_back(
    cloud: Cloud, first: Mover, second: Mover
) -> None:
    vm = await made(cloud, first)
    second.killed_at[Verb.DISK_RECEIVE] = "after"
    answer = await redeploy(cloud)
    await until(lambda: second.died)
    await second.kill()
    await until(lambda: not cloud.fleet.connected(second.identity.agent))
    await cancel(cloud, answer)
    await until(lambda: first.runs(vm))
    assert arrived(second) == [f".incoming-{vm}"]
    await second.boot()
    await until(lambda: arrived(second) == [])


async def test_the_control_plane_dies_while_it_takes_a_move_back(
    cloud: Cloud, first: Mover, second: Mover
) -> None:
    """Whoever finds that it is unwanted ends it, with the same orders."""
    vm = await made(cloud, first)
    second.killed_at[Verb.DISK_RECEIVE] = "before"
    answer = await redeploy(cloud)
    await until(lambda: second.died)
    assert len(await containers(cloud)) == 1
    async with cloud.store.write() as tx:
        rows = await cloud.store.operations.unfinished(tx)
        await cloud.store.operations.want_canceled(tx, rows[0], clock.now())
    await cloud.runner._tasks.close()
    cloud.runner = Runner(cloud.store, cloud.registry, cloud.node)
    cloud.runner.start()
    state = await cloud.owner.follow(answer)
    assert state["status"] == "Canceled"
    await until(lambda: first.runs(vm))
    assert await containers(cloud) == []


@pytest.mark.parametrize("verb", [Verb.DISK_SEND, Verb.DISK_RECEIVE])
async def test_its_classic_view_does_not_start_what_is_being_moved(
    cloud: Cloud, first: Mover, second: Mover, verb: Verb
) -> None:
    """Operations of another resource do not wait for the move. The host does not start what it has sent."""
    vm = await made(cloud, first)
    body = {"properties": {"outofband": {"virtualMachine": {"id": vm_id("web")}}}}
    assert (await cloud.owner.ask("PUT", CLASSIC, body, version=CLASSIC_VERSION)).status_code == 201
    watching = asyncio.get_running_loop().create_task(never_twice(vm, first, second))
    holder = first if verb is Verb.DISK_SEND else second
    holder.killed_at[verb] = "after"
    answer = await redeploy(cloud)
    await until(lambda: holder.died)
    refused = await cloud.owner.follow(
        await cloud.owner.ask("POST", f"{CLASSIC}/start", version=CLASSIC_VERSION)
    )
    assert (refused["status"], refused["error"]["code"]) == ("Failed", "VmLeaving")
    assert not first.runs(vm)
    await holder.kill()
    await holder.boot()
    state = await cloud.owner.follow(answer)
    assert state["status"] == "Succeeded", state
    assert not watching.done(), "it ran twice"
    watching.cancel()
    assert (first.runs(vm), second.runs(vm)) == (False, True)


async def test_a_mark_that_nobody_lifted_is_lifted_by_the_next_start(cloud: Cloud, first: Mover) -> None:
    """Its move ended while its host did not hear of it, and too long ago for the order that was left."""
    vm = await made(cloud, first)
    await cloud.owner.follow(await cloud.owner.ask("POST", f"{vm_id('web')}/powerOff"))
    move = "0d9f7a52-1f6f-4a3e-9d39-0b9d6f0f2b11"
    leaving.save(home(first, vm), Leaving(move=move, epoch=1))
    await first.kill()
    await first.boot()
    state = await starts(cloud)
    assert state["status"] == "Succeeded", state
    assert first.runs(vm)


async def test_what_a_dead_host_was_asked_for_is_not_done_when_it_is_back(
    cloud: Cloud, first: Mover, second: Mover
) -> None:
    """A start waits for its host; somebody gives that up for dead; both come to their end, but not both."""
    vm = await made(cloud, first)
    await cloud.owner.follow(await cloud.owner.ask("POST", f"{vm_id('web')}/powerOff"))
    first.killed_at[Verb.START] = "before"
    answer = await cloud.owner.ask("POST", f"{vm_id('web')}/start")
    await until(lambda: first.died)
    await first.kill()
    await until(lambda: not cloud.fleet.connected(first.identity.agent))
    await cancel(cloud, answer)
    watching = asyncio.get_running_loop().create_task(never_twice(vm, first, second))
    state = await cloud.owner.follow(await redeploy(cloud, "mainboard burnt", **DEAD))
    assert state["status"] == "Succeeded", state
    # Nobody looks for copies here: the order that was left for it is enough.
    await first.boot()
    await until(lambda: first.machines.get(vm).report().fault == "VmMovedAway")
    assert not watching.done(), "it ran twice"
    watching.cancel()
    assert (first.runs(vm), second.runs(vm)) == (False, True)
    assert (home(first, vm) / "disk").read_bytes() == DISK


async def test_a_copy_goes_when_its_host_is_back_though_its_vm_is_gone(
    cloud: Cloud, first: Mover, second: Mover
) -> None:
    vm = await made(cloud, first)
    await first.kill()
    await until(lambda: not cloud.fleet.connected(first.identity.agent))
    await cloud.owner.follow(await redeploy(cloud, "it burns", **DEAD))
    assert (first.runs(vm), second.runs(vm)) == (True, True), "nobody can reach the first"
    await cloud.owner.follow(await cloud.owner.ask("DELETE", vm_id("web")))
    assert not home(second, vm).exists()
    await first.boot()
    await until(lambda: not home(first, vm).exists())
    assert not first.runs(vm)


async def test_a_group_that_is_deleted_meanwhile_leaves_nothing_on_either_host(
    cloud: Cloud, first: Mover, second: Mover
) -> None:
    """A group's deletion does not wait for operations of what is in it."""
    vm = await made(cloud, first)
    second.killed_at[Verb.DISK_TAKE] = "before"
    await redeploy(cloud)
    await until(lambda: second.died)
    assert (await cloud.owner.ask("DELETE", GROUP_ID)).status_code == 202
    await second.kill()
    await second.boot()
    await until(lambda: not home(first, vm).exists())
    await until(lambda: arrived(second) == [])
    assert (first.runs(vm), second.runs(vm)) == (False, False)


def test_an_old_state_of_a_move_can_be_read() -> None:
    """Operations go on over an upgrade of the control plane."""
    from outofband.providers.compute.move_steps import Move

    old = {"id": "m", "source": "a", "target": "b", "epoch": 1, "phase": "send", "how": "carried"}
    assert msgspec.convert(old, Move).vm == ""


async def test_two_redeploys_at_once_move_it_twice(cloud: Cloud, first: Mover, second: Mover) -> None:
    """The second was accepted for where the VM was then: not for the host on which it finds it."""
    vm = await made(cloud, first)
    watching = asyncio.get_running_loop().create_task(never_twice(vm, first, second))
    both = [await redeploy(cloud), await redeploy(cloud)]
    states = [await cloud.owner.follow(answer) for answer in both]
    assert [state["status"] for state in states] == ["Succeeded", "Succeeded"], states
    assert not watching.done(), "it ran twice"
    watching.cancel()
    assert (first.runs(vm), second.runs(vm)) == (True, False)
    assert (home(first, vm) / "disk").read_bytes() == DISK


async def test_the_target_has_a_head_start_and_may_lose_it(cloud: Cloud, first: Mover, second: Mover) -> None:
    """It is asked to fetch what is stored before its source has begun; killed, it receives all of it."""
    vm = await made(cloud, first)
    first.killed_at[Verb.DISK_SEND] = "before"
    answer = await redeploy(cloud)
    await until(lambda: first.died and f".incoming-{vm}" in arrived(second))
    await second.kill()
    await second.boot()
    await first.kill()
    await first.boot()
    state = await cloud.owner.follow(answer)
    assert state["status"] == "Succeeded", state
    assert (home(second, vm) / "disk").read_bytes() == DISK


async def test_a_host_is_confirmed_dead_twice_at_once(cloud: Cloud, first: Mover, second: Mover) -> None:
    vm = await made(cloud, first)
    await first.kill()
    await until(lambda: not cloud.fleet.connected(first.identity.agent))
    both = [await redeploy(cloud, "it burns", **DEAD), await redeploy(cloud, "it burns", **DEAD)]
    states = [await cloud.owner.follow(answer) for answer in both]
    assert [state["status"] for state in states] == ["Succeeded", "Failed"], states
    assert states[1]["error"]["code"] == "Conflict"
    assert second.runs(vm)
    assert second.machines.get(vm).report().fault is None


async def test_a_report_that_is_late_about_a_copy_keeps_it_from_no_host(
    cloud: Cloud, first: Mover, second: Mover
) -> None:
    """As a node has it to which the other host has not told yet that its copy went."""
    vm = await made(cloud, first)
    report = next(each for each in first.machines.reports() if each.vm == vm)
    cloud.fleet._hosts.changed(second.identity.agent, report)
    state = await cloud.owner.follow(await redeploy(cloud))
    assert "It moved from 'h1' to 'h2'" in state["properties"]["output"]["observed"], state
    assert (first.runs(vm), second.runs(vm)) == (False, True)


async def test_a_report_that_is_late_about_an_arrival_takes_nothing_back(
    cloud: Cloud, first: Mover, second: Mover, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It arrived, and what it has written since is kept: its host is asked before it goes back."""
    vm = await made(cloud, first)

    async def not_seen(*_: object) -> None:
        raise Fault("AgentTimeout", host="h2")

    with monkeypatch.context() as patched:
        patched.setattr(Moves, "booted", not_seen)
        assert (await cloud.owner.follow(await redeploy(cloud)))["status"] == "Failed"
    assert (first.runs(vm), second.runs(vm)) == (False, True)
    written = DISK + b"written since"
    (home(second, vm) / "disk").write_bytes(written)
    cloud.fleet._hosts.gone(second.identity.agent, vm)
    state = await cloud.owner.follow(await redeploy(cloud))
    assert state["status"] == "Succeeded", state
    assert [(home(host, vm) / "disk").read_bytes() for host in (first, second) if host.runs(vm)] == [written]


async def test_what_was_in_the_way_when_it_was_accepted_may_be_gone(
    cloud: Cloud, first: Mover, second: Mover
) -> None:
    """A redeploy that is asked for while another one is past its line, and its copy not gone yet."""
    vm = await made(cloud, first)
    first.killed_at[Verb.DELETE] = "before"
    one = await redeploy(cloud)
    await until(lambda: first.died == [Verb.DELETE])
    two = await redeploy(cloud)
    await first.kill()
    await first.boot()
    assert (await cloud.owner.follow(one))["status"] == "Succeeded"
    state = await cloud.owner.follow(two)
    assert "It moved from 'h2' to 'h1'" in state["properties"]["output"]["observed"], state
    assert (first.runs(vm), second.runs(vm)) == (True, False)


async def test_a_host_that_will_not_follow_is_asked_once(
    cloud: Cloud, first: Mover, second: Mover, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As an older agent says it; the disk comes all the same."""
    vm, asked, whole = await made(cloud, first), [], Fleet.ask

    async def older(fleet: Fleet, agent: str, verb: Verb, *args: Any, **more: Any) -> Any:
        if verb is Verb.DISK_FOLLOW:
            asked.append(agent)
            raise Fault("ActionNotSupported", verb=str(verb), driver="pty")
        return await whole(fleet, agent, verb, *args, **more)

    monkeypatch.setattr(Fleet, "ask", older)
    monkeypatch.setattr(move_transfer, "FOLLOW_SECONDS", 0.001)
    assert (await cloud.owner.follow(await redeploy(cloud)))["status"] == "Succeeded"
    assert asked == [second.identity.agent]
    assert (home(second, vm) / "disk").read_bytes() == DISK
