"""kill -9 of the control plane at every commit of an operation on networks: all is there, or nothing."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.support.mortal import Keeper
from tests.support.networks import RDP, WATCHER, Networks
from tests.support.postgres import Cluster, binaries

pytestmark = pytest.mark.anyio
NIC, SUBNETS, RULES = "networkInterfaces", "virtualNetworks/subnets", "networkSecurityGroups/securityRules"
MOST_COMMITS = 20
Ask = Callable[[Networks], Awaitable[httpx.Response]]
Seen = Callable[[httpx.Response], bool]


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


def made(answer: httpx.Response) -> bool:
    return answer.status_code == 200 and answer.json()["properties"]["provisioningState"] == "Succeeded"


def gone(answer: httpx.Response) -> bool:
    return answer.status_code == 404


async def settle(keeper: Keeper, where: str, done: Seen) -> None:
    for _ in range(1500):
        answer = await Networks(keeper.owner).ask("GET", where)
        if done(answer):
            return
        await asyncio.sleep(0.02)
    raise AssertionError(answer.text)


async def through_a_death(keeper: Keeper, commit: int, when: str, where: str, ask: Ask, done: Seen) -> bool:
    """Ask, be killed at `commit`, come back, ask again if the answer was lost, see it done. False when
    nobody died any more.
    """
    keeper.arm(commit, when)
    try:
        answer = await ask(Networks(keeper.owner))
        assert answer.is_success, answer.text
        await settle(keeper, where, done)
        keeper.disarm()
        await settle(keeper, where, done)
        return False
    except httpx.TransportError:
        pass
    await keeper.revive()
    again = await Networks(keeper.owner).ask("GET", where)
    lost = gone(again) if done is made else made(again)
    if lost:
        answer = await ask(Networks(keeper.owner))
        assert answer.is_success, answer.text
    await settle(keeper, where, done)
    return True


@pytest.mark.parametrize(("url", "when"), [("sqlite", "after"), ("postgresql", "before")], indirect=["url"])
async def test_an_interface_and_its_address(tmp_path: Path, when: str, url: str | None) -> None:
    async with Keeper(tmp_path, url) as keeper:
        net = Networks(keeper.owner)
        await net.network(s="10.0.0.0/24")
        subnet, nic = net.id(SUBNETS, "v", "s"), net.id(NIC, "n")
        body: dict[str, Any] = {
            "properties": {"ipConfigurations": [{"name": "i", "properties": {"subnet": {"id": subnet}}}]}
        }

        async def put(net: Networks) -> httpx.Response:
            return await net.ask("PUT", nic, body)

        async def delete(net: Networks) -> httpx.Response:
            return await net.ask("DELETE", nic)

        alive = {put: True, delete: True}
        for commit in range(1, MOST_COMMITS):
            alive[put] = await through_a_death(keeper, commit, when, nic, put, made)
            net = Networks(keeper.owner)
            found = await net.get(nic)
            (part,) = found["properties"]["ipConfigurations"]
            # Never a second address: the one that was taken before the death is this one, or was given back.
            assert part["properties"]["privateIPAddress"] == "10.0.0.4"
            assert (await net.get(subnet))["properties"]["ipConfigurations"] == [{"id": part["id"]}]
            alive[delete] = await through_a_death(keeper, commit, when, nic, delete, gone)
            net = Networks(keeper.owner)
            assert "ipConfigurations" not in (await net.get(subnet))["properties"]
            if not any(alive.values()):
                break
        assert commit > 3, "the operations have more commits than that"


async def test_a_rule_and_a_question(tmp_path: Path) -> None:
    async with Keeper(tmp_path) as keeper:
        net = Networks(keeper.owner)
        await net.network(s="10.0.0.0/24")
        nsg = await net.put("networkSecurityGroups", "web")
        nic = await net.interface("n", nsg=nsg["id"])
        rule = net.id(RULES, "web", "rdp")

        async def put(net: Networks) -> httpx.Response:
            return await net.ask("PUT", rule, {"properties": RDP})

        async def delete(net: Networks) -> httpx.Response:
            return await net.ask("DELETE", rule)

        for commit in range(1, MOST_COMMITS):
            wrote = await through_a_death(keeper, commit, "before", rule, put, made)
            erased = await through_a_death(keeper, commit, "before", rule, delete, gone)
            whole = await Networks(keeper.owner).get(nsg["id"])
            assert whole["properties"]["provisioningState"] == "Succeeded"
            assert whole["properties"]["securityRules"] == []
            if not wrote and not erased:
                break
        assert commit > 2
        question = {
            "targetResourceId": nic["id"],
            "sourceIPAddress": "10.0.0.4",
            "destinationIPAddress": "8.8.8.8",
        }
        for commit in range(1, MOST_COMMITS):
            keeper.arm(commit, "before")
            try:
                answer = await Networks(keeper.owner).ask("POST", WATCHER + "/nextHop", question)
                state = await keeper.owner.follow(answer)
                keeper.disarm()
            except httpx.TransportError:
                await keeper.revive()
                if commit == 1:
                    continue
                state = await keeper.owner.follow(answer)
                assert state["properties"]["output"]["nextHopType"] == "Internet"
                continue
            assert state["status"] == "Succeeded"
            break
        assert commit > 2
