"""kill -9 of the control plane at every commit of an operation: nothing is lost, nothing done twice."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.support.cloud import SCOPE, Host, vm_id
from tests.support.mortal import Keeper
from tests.support.postgres import Cluster, binaries
from tests.support.wait import until

pytestmark = pytest.mark.anyio
GUEST = {"properties": {"outofband": {"driver": "qemu", "image": "demo"}}}
MOST_COMMITS = 40
Ask = Callable[[Keeper], Awaitable[httpx.Response]]


async def settle(keeper: Keeper, name: str, done: Callable[[httpx.Response], bool]) -> httpx.Response:
    """Poll the VM until `done`."""
    for _ in range(2000):
        answer = await keeper.owner.get(vm_id(name), **{"$expand": "instanceView"})
        if done(answer):
            return answer
        await asyncio.sleep(0.02)
    raise AssertionError(answer.text)


async def through_a_death(
    keeper: Keeper,
    host: Host,
    commit: int,
    when: str,
    ask: Ask,
    done: Callable[[httpx.Response], bool],
    name: str,
) -> bool:
    """Ask, be killed at `commit`, come back, see it done all the same. False when nobody died any more."""
    keeper.arm(commit, when)
    try:
        answer = await ask(keeper)
        assert answer.is_success, answer.text
        await settle(keeper, name, done)
        # It may still die of something it does beside, until it is disarmed.
        keeper.disarm()
        await settle(keeper, name, done)
        return False
    except httpx.TransportError:
        pass
    await keeper.revive()
    await host.peer.connect()
    await host.report()
    # A client whose answer got lost asks again.
    again = await keeper.owner.get(vm_id(name))
    if not done(again) and (again.status_code == 404 or "ing" not in state(again)):
        answer = await ask(keeper)
        assert answer.is_success, answer.text
    await settle(keeper, name, done)
    return True


def state(answer: httpx.Response) -> str:
    return str(answer.json().get("properties", {}).get("provisioningState", ""))


def power(answer: httpx.Response) -> str:
    found = answer.json().get("properties", {}).get("instanceView", {}).get("statuses", [{}, {}])
    return str(found[1].get("code"))


def running(answer: httpx.Response) -> bool:
    return (
        answer.status_code == 200 and state(answer) == "Succeeded" and power(answer) == "PowerState/running"
    )


def stopped(answer: httpx.Response) -> bool:
    return answer.status_code == 200 and power(answer) == "PowerState/deallocated"


def gone(answer: httpx.Response) -> bool:
    return answer.status_code == 404


async def events(keeper: Keeper, name: str) -> list[tuple[str, str]]:
    query = {"$filter": f"resourceUri eq '{vm_id(name)}'"}
    path = f"{SCOPE}/providers/Microsoft.Insights/eventtypes/management/values"
    answer = await keeper.owner.get(path, version="2015-04-01", **query)
    found: list[dict[str, Any]] = answer.json()["value"]
    return [(each["operationName"]["value"].split("/", 2)[2], each["status"]["value"]) for each in found]


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


@pytest.mark.parametrize(
    ("url", "when"), [("sqlite", "before"), ("sqlite", "after"), ("postgresql", "before")], indirect=["url"]
)
async def test_create(tmp_path: Path, when: str, url: str | None) -> None:
    async with Keeper(tmp_path, url) as keeper:
        host = await keeper.host()
        for commit in range(1, MOST_COMMITS):
            name = f"vm{commit}"

            async def put(keeper: Keeper, name: str = name) -> httpx.Response:
                return await keeper.owner.ask("PUT", vm_id(name), GUEST)

            died = await through_a_death(keeper, host, commit, when, put, running, name)
            vm = (await keeper.owner.get(vm_id(name))).json()["properties"]["vmId"]
            done = [key for key in host.done if key.endswith(("vm.create", "vm.start"))]
            assert len(done) == 2 * commit, "one create and one start for each VM, whatever died"
            assert host.power[vm].value == "running"
            told = await until_ended(keeper, name)
            assert told.count(("write", "Accepted")) == 1
            if not died:
                break
        assert commit > 5, "the operation has more commits than that"
        await host.peer.kill()


async def test_deallocate_and_delete(tmp_path: Path) -> None:
    async with Keeper(tmp_path) as keeper:
        host = await keeper.host()

        async def deallocate(keeper: Keeper) -> httpx.Response:
            return await keeper.owner.ask("POST", f"{vm_id('demo')}/deallocate")

        async def delete(keeper: Keeper) -> httpx.Response:
            return await keeper.owner.ask("DELETE", vm_id("demo"))

        for ask, done in ((deallocate, stopped), (delete, gone)):
            for commit in range(1, MOST_COMMITS):
                if done is gone or commit == 1:
                    await keeper.owner.create_vm("demo")
                else:
                    await keeper.owner.follow(await keeper.owner.ask("POST", f"{vm_id('demo')}/start"))
                host.performed.clear()
                died = await through_a_death(keeper, host, commit, "before", ask, done, "demo")
                # Who asks again, for want of an answer, has begun a second operation; a delete finds nothing.
                assert host.performed in (["vm.stop"], ["vm.stop"] * 2, ["vm.delete"]), host.performed
                if not died:
                    break
            assert commit > 3
            if done is stopped:
                await keeper.owner.follow(await keeper.owner.ask("DELETE", vm_id("demo")))
        assert host.power == {}
        await host.peer.kill()


async def until_ended(keeper: Keeper, name: str) -> list[tuple[str, str]]:
    """The end of an operation is written with the state of its resource, so it is there when that is."""
    told = await events(keeper, name)
    assert ("write", "Succeeded") in told, told
    return told


async def test_the_keeper_would_notice(tmp_path: Path) -> None:
    """The instrument itself: armed, the process dies at its next commit."""
    async with Keeper(tmp_path) as keeper:
        keeper.arm(1, "before")
        with pytest.raises(httpx.TransportError):
            await keeper.owner.ask("PUT", f"{SCOPE}/resourceGroups/x", {"location": "local"})
        await until(lambda: keeper.died)
        await keeper.revive()
        assert (await keeper.owner.get(f"{SCOPE}/resourceGroups/x")).status_code == 404
