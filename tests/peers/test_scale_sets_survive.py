"""kill -9 of the control plane at every commit of what scale sets and changed VMs do: all of it ends well."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest

from outofband.wire.link import VmChanged
from outofband.wire.machine import Power
from tests.support.actors import vm_report
from tests.support.cloud import GROUP_ID, Host, vm_id
from tests.support.mortal import Keeper
from tests.support.postgres import Cluster, binaries

pytestmark = pytest.mark.anyio
SET = f"{GROUP_ID}/providers/Microsoft.Compute/virtualMachineScaleSets/web"
GUEST = {"driver": "qemu", "image": "demo"}
MOST_COMMITS = 80
POLLS = 2000
Seen = Callable[[Any], bool]


@pytest.fixture(scope="module")
def postgres() -> Iterator[Cluster]:
    programs = binaries()
    if programs is None:
        pytest.skip("no PostgreSQL server is installed")
    cluster = Cluster(programs)
    try:
        cluster.start()
        yield cluster
        cluster.stop()
    finally:
        cluster.remove()


@pytest.fixture
def url(request: pytest.FixtureRequest) -> str | None:
    """The database under the control plane; None is its own file."""
    return request.getfixturevalue("postgres").create() if request.param == "postgresql" else None


class Trial:
    """One control plane, one host, and a question that is asked until nobody dies of it any more."""

    def __init__(self, keeper: Keeper, host: Host) -> None:
        self.keeper, self.host = keeper, host

    async def read(self, path: str) -> Any:
        answer = await self.keeper.owner.get(path, **{"$expand": "instanceView"})
        return answer.json() if answer.status_code == 200 else None

    async def ask(self, method: str, path: str, body: Any = None) -> httpx.Response:
        answer = await self.keeper.owner.ask(method, path, body)
        assert answer.is_success, answer.text
        return answer

    async def done(self, method: str, path: str, body: Any = None) -> None:
        state = await self.keeper.owner.follow(await self.ask(method, path, body))
        assert state["status"] == "Succeeded", state

    async def settle(self, path: str, seen: Seen) -> None:
        for _ in range(POLLS):
            if seen(await self.read(path)):
                return
            await asyncio.sleep(0.02)
        raise AssertionError(await self.read(path))

    async def die(self, commit: int, path: str, question: Callable[[], Awaitable[Any]], seen: Seen) -> bool:
        """Ask, be killed at `commit`, come back, see it done all the same. False when nobody died."""
        self.keeper.arm(commit, "before")
        try:
            await question()
            await self.settle(path, seen)
            # It may still die of something it does beside, until it is disarmed.
            self.keeper.disarm()
            await self.settle(path, seen)
            return False
        except httpx.TransportError:
            pass
        await self.keeper.revive()
        await self.host.peer.connect()
        await self.host.report()
        # A client whose answer got lost asks again, unless it sees that it was heard.
        now = await self.read(path)
        if not seen(now) and (now is None or not _moves(now)):
            await question()
        await self.settle(path, seen)
        return True


def _moves(body: Any) -> bool:
    return str(body["properties"].get("provisioningState")).endswith("ing")


def _settled(body: Any) -> bool:
    return body is not None and body["properties"]["provisioningState"] == "Succeeded"


async def instances(trial: Trial) -> dict[str, Any]:
    found = (await trial.read(f"{SET}/virtualMachines"))["value"]
    return {each["properties"]["vmId"]: each for each in found}


@pytest.mark.parametrize("url", ["sqlite", pytest.param("postgresql", marks=pytest.mark.soak)], indirect=True)
async def test_capacity_is_reached_and_every_instance_is_one(tmp_path: Path, url: str | None) -> None:
    async with Keeper(tmp_path, url) as keeper:
        trial = Trial(keeper, await keeper.host())
        host = trial.host
        body = {"sku": {"capacity": 0}, "properties": {"outofband": GUEST}}
        await trial.done("PUT", SET, body)
        alive = {2, 0}
        commit = 0
        while alive:
            commit += 1
            assert commit < MOST_COMMITS
            for wanted in (2, 0):
                host.performed.clear()

                async def scale(wanted: int = wanted) -> None:
                    await trial.ask("PATCH", SET, {"sku": {"capacity": wanted}})

                def reached(found: Any, wanted: int = wanted) -> bool:
                    return _settled(found) and found["sku"]["capacity"] == wanted

                if not await trial.die(commit, SET, scale, reached):
                    alive.discard(wanted)
                there = await instances(trial)
                assert len(there) == wanted
                assert set(host.power) == set(there), "the host has these machines and no others"
                assert all(_settled(each) for each in there.values())
                verbs = ["vm.create", "vm.start"] if wanted else ["vm.delete"]
                assert sorted(host.performed) == sorted(verbs * 2), "each once, whatever died"
        assert commit > 10, "there are more commits than that"
        await host.peer.kill()


@pytest.mark.soak
async def test_a_new_model_reaches_its_instance_once(tmp_path: Path) -> None:
    async with Keeper(tmp_path) as keeper:
        trial = Trial(keeper, await keeper.host())
        policy = {"upgradePolicy": {"mode": "Automatic"}}
        body = {"sku": {"capacity": 1}, "properties": {"outofband": GUEST | {"memoryMiB": 64}, **policy}}
        await trial.done("PUT", SET, body)
        for commit in range(1, MOST_COMMITS):
            memory = 64 + commit
            guest = {"properties": {"outofband": GUEST | {"memoryMiB": memory}}}
            trial.host.performed.clear()

            async def change(guest: Any = guest) -> None:
                await trial.ask("PATCH", SET, guest)

            def changed(found: Any, memory: int = memory) -> bool:
                return _settled(found) and found["properties"]["outofband"]["memoryMiB"] == memory

            died = await trial.die(commit, SET, change, changed)
            (one,) = (await instances(trial)).values()
            assert one["properties"]["latestModelApplied"] is True
            assert one["properties"]["outofband"]["memoryMiB"] == memory
            assert one["properties"]["instanceView"]["statuses"][1]["code"] == "PowerState/running"
            assert trial.host.performed == ["vm.create", "vm.stop", "vm.start"]
            if not died:
                break
        assert commit > 10
        await trial.host.peer.kill()


@pytest.mark.soak
async def test_a_vm_gets_its_size_once(tmp_path: Path) -> None:
    async with Keeper(tmp_path) as keeper:
        trial = Trial(keeper, await keeper.host())
        await trial.done("PUT", vm_id("demo"), {"properties": {"outofband": GUEST}})
        for commit in range(1, MOST_COMMITS):
            memory = 64 + commit
            guest = {"properties": {"outofband": GUEST | {"memoryMiB": memory}}}
            trial.host.performed.clear()

            async def resize(guest: Any = guest) -> None:
                await trial.ask("PATCH", vm_id("demo"), guest)

            def resized(found: Any, memory: int = memory) -> bool:
                return _settled(found) and found["properties"]["outofband"]["memoryMiB"] == memory

            died = await trial.die(commit, vm_id("demo"), resize, resized)
            assert trial.host.performed == ["vm.create", "vm.stop", "vm.start"]
            found = await trial.read(vm_id("demo"))
            assert found["properties"]["instanceView"]["statuses"][1]["code"] == "PowerState/running"
            if not died:
                break
        assert commit > 10
        await trial.host.peer.kill()


async def test_a_machine_is_taken_over_once(tmp_path: Path) -> None:
    async with Keeper(tmp_path) as keeper:
        trial = Trial(keeper, await keeper.host())
        host = trial.host
        for commit in range(1, MOST_COMMITS):
            name, vm = f"vm{commit}", str(uuid.uuid4())
            host.power[vm] = Power.RUNNING
            host.defined[vm] = {"image": "demo", "memory_mib": 64, "cpus": 1}
            await host.peer.send(VmChanged(msgspec.structs.replace(vm_report(vm), **host.defined[vm])))
            found = f"{GROUP_ID}/providers/Microsoft.Compute/importableVirtualMachines/{vm}"
            await trial.settle(found, lambda body: body is not None)
            host.performed.clear()

            async def take(name: str = name, vm: str = vm) -> None:
                await trial.ask("PUT", vm_id(name), {"properties": {"import": {"vmId": vm}}})

            died = await trial.die(commit, vm_id(name), take, _settled)
            made = await trial.read(vm_id(name))
            assert made["properties"]["vmId"] == vm
            assert host.performed == ["vm.create"]
            assert host.power[vm] is Power.RUNNING
            if not died:
                break
        assert commit > 4
        await host.peer.kill()
