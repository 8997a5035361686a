"""Operations from outside: what a poll says, who may cancel, and what is left afterwards."""

from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from outofband.access import roles
from outofband.core import clock
from outofband.store.operations import Operation
from tests.support.cloud import GROUP_ID, OTHER_SUBSCRIPTION, SCOPE, SUBSCRIPTION, Cloud, Host, vm_id
from tests.support.wait import until

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
async def cloud(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Cloud]:
    async with Cloud(tmp_path_factory.mktemp("cloud")) as running:
        yield running


@pytest.fixture(scope="module")
async def host(cloud: Cloud) -> AsyncIterator[Host]:
    async with cloud.host() as linked:
        yield linked


@pytest.fixture(autouse=True)
def hearing(host: Host) -> None:
    host.deaf.clear()
    host.performed.clear()


def code(answer: Any) -> str:
    return str(answer.json()["error"]["code"])


def cancel_of(begun: httpx.Response) -> str:
    path, _, query = begun.headers["Azure-AsyncOperation"].partition("?")
    return f"{path}/cancel?{query}"


async def operation_of(cloud: Cloud, begun: httpx.Response) -> Operation:
    path, _, _ = begun.headers["Azure-AsyncOperation"].partition("?")
    async with cloud.store.read() as tx:
        return await cloud.store.operations.require(tx, path.rpartition("/")[2])


async def being_worked_on(cloud: Cloud, begun: httpx.Response) -> None:
    async def leased() -> bool:
        return (await operation_of(cloud, begun)).attempts > 0

    while not await leased():
        await cloud.store.bell.wait("operations", 0.02)


async def test_polls(cloud: Cloud, host: Host) -> None:
    begun = await cloud.owner.ask("PUT", vm_id("polled"), {"properties": {"outofband": {"image": "demo"}}})
    assert begun.status_code == 201
    assert begun.headers["Retry-After"] == "1"
    assert "Location" not in begun.headers, "a PUT ends with a GET of the resource"
    await cloud.owner.follow(begun)
    host.deaf.add("vm.stop")
    begun = await cloud.owner.ask("POST", f"{vm_id('polled')}/deallocate")
    assert (begun.status_code, begun.content) == (202, b"")
    status, result = begun.headers["Azure-AsyncOperation"], begun.headers["Location"]
    assert status.startswith(f"{cloud.base}/subscriptions/{SUBSCRIPTION}/providers/Microsoft.Compute/")
    assert "api-version=" in status and "api-version=" in result
    running = await cloud.owner.get(status, version=None)
    assert (running.status_code, running.json()["status"]) == (200, "InProgress")
    assert running.headers["Retry-After"] == "1"
    assert running.json().keys() == {"id", "name", "status", "startTime"}
    waiting = await cloud.owner.get(result, version=None)
    assert (waiting.status_code, waiting.headers["Retry-After"]) == (202, "1")
    assert waiting.headers["Location"] == result
    assert (await cloud.owner.ask("POST", cancel_of(begun), version=None)).status_code == 202
    ended = await cloud.owner.follow(begun)
    assert ended.keys() >= {"endTime", "error"}
    assert (ended["status"], ended["error"]["code"]) == ("Canceled", "Canceled")
    told = await cloud.owner.get(result, version=None)
    assert (told.status_code, code(told)) == (409, "Canceled")
    again = await cloud.owner.ask("POST", cancel_of(begun), version=None)
    assert (again.status_code, code(again)) == (409, "OperationNotAllowed")


async def test_no_answer_takes_a_line_break_from_an_address(cloud: Cloud, host: Host) -> None:
    """What a caller writes into a poll's address comes back in a header."""
    await cloud.owner.create_vm("quoted")
    host.deaf.add("vm.stop")
    begun = await cloud.owner.ask("POST", f"{vm_id('quoted')}/deallocate")
    for odd in ("x y", "\u4e2d", "x\r\nSet-Cookie: a=b"):
        there = begun.headers["Location"].replace("/local/", f"/{quote(odd)}/")
        waiting = await cloud.owner.get(there, version=None)
        if "\r" in odd:
            assert (waiting.status_code, code(waiting)) == (400, "InvalidResourceId")
        else:
            assert (waiting.status_code, waiting.headers["Location"]) == (202, there)
    version = await cloud.owner.ask("POST", f"{vm_id('quoted')}/start", version="2024-11-01\n")
    assert (version.status_code, code(version)) == (400, "InvalidApiVersionParameter")
    there = cancel_of(begun).replace("/local/", "/%E4%B8%AD/")
    canceled = await cloud.owner.ask("POST", there, version=None)
    assert canceled.status_code == 202
    assert (await cloud.owner.follow(canceled))["status"] == "Canceled"


@pytest.mark.parametrize("name", ["vm%0A", "vm%0D%0Ax", "v%7Fm", "vm%00"])
async def test_no_name_has_a_line_break(cloud: Cloud, name: str) -> None:
    body = {"properties": {"outofband": {"image": "demo"}}}
    refused = await cloud.owner.ask("PUT", vm_id(name), body)
    assert (refused.status_code, code(refused)) == (400, "InvalidResourceId")
    refused = await cloud.owner.ask("PUT", f"{SCOPE}/resourceGroups/rows", {"location": "local\n"})
    assert (refused.status_code, code(refused)) == (400, "InvalidParameter")


async def test_a_deletion_asked_for_twice_is_one(cloud: Cloud, host: Host) -> None:
    """The second must not wait to take what is made anew when the first has ended."""
    await cloud.owner.create_vm("twice")
    host.deaf.add("vm.delete")
    first = await cloud.owner.ask("DELETE", vm_id("twice"))
    await being_worked_on(cloud, first)
    second = await cloud.owner.ask("DELETE", vm_id("twice"))
    assert (first.status_code, second.status_code) == (202, 202)
    assert (await operation_of(cloud, second)).id == (await operation_of(cloud, first)).id
    host.deaf.clear()
    await cloud.owner.ask("POST", cancel_of(first), version=None)
    assert (await cloud.owner.follow(second))["status"] == "Canceled"
    third = await cloud.owner.ask("DELETE", vm_id("twice"))
    assert (await cloud.owner.follow(third))["status"] == "Succeeded"


async def test_what_waits_behind_another_is_canceled_at_once(cloud: Cloud, host: Host) -> None:
    await cloud.owner.create_vm("queue")
    host.deaf.add("vm.stop")
    first = await cloud.owner.ask("POST", f"{vm_id('queue')}/deallocate")
    await being_worked_on(cloud, first)
    second = await cloud.owner.ask("POST", f"{vm_id('queue')}/start")
    assert (await cloud.owner.ask("POST", cancel_of(second), version=None)).status_code == 202
    assert (await cloud.owner.follow(second))["status"] == "Canceled"
    assert (await operation_of(cloud, first)).ended is None
    await cloud.owner.ask("POST", cancel_of(first), version=None)
    assert (await cloud.owner.follow(first))["status"] == "Canceled"
    host.deaf.clear()
    third = await cloud.owner.ask("POST", f"{vm_id('queue')}/restart")
    assert (await cloud.owner.follow(third))["status"] == "Succeeded", "the resource is free again"


async def test_who_may_cancel(cloud: Cloud, host: Host) -> None:
    await cloud.owner.create_vm("whose")
    host.deaf.add("vm.stop")
    begun = await cloud.owner.ask("POST", f"{vm_id('whose')}/powerOff")
    reader = await cloud.person("canceling reader", roles.READER)
    refused = await reader.ask("POST", cancel_of(begun), version=None)
    assert (refused.status_code, code(refused)) == (403, "AuthorizationFailed")
    assert "Microsoft.Compute/virtualMachines/powerOff/action" in refused.text
    nobody = await cloud.person("canceling nobody")
    assert code(await nobody.ask("POST", cancel_of(begun), version=None)) == "AuthorizationFailed"
    elsewhere = cancel_of(begun).replace(SUBSCRIPTION, OTHER_SUBSCRIPTION)
    assert code(await cloud.owner.ask("POST", elsewhere, version=None)) == "SubscriptionNotFound"
    operator = await cloud.person("operator", roles.VIRTUAL_MACHINE_CONTRIBUTOR, vm_id("whose"))
    assert (await operator.ask("POST", cancel_of(begun), version=None)).status_code == 202
    assert (await operator.follow(begun))["status"] == "Canceled"
    unknown = f"{SCOPE}/providers/Microsoft.Compute/locations/local/operations/nope/cancel"
    assert code(await cloud.owner.ask("POST", unknown)) == "OperationNotFound"


async def test_a_host_that_is_away_is_not_told_of_what_was_canceled(cloud: Cloud) -> None:
    """A person gives up waiting for a host; when it comes back it does nothing belated."""
    async with cloud.host("leaving") as leaving:
        where = f"{GROUP_ID}/providers/Microsoft.HybridCompute/machines/leaving"
        await cloud.owner.create_vm("orphan", host={"id": where})
        agent = leaving.peer.identity.agent
        begun = await cloud.owner.ask("POST", f"{vm_id('orphan')}/deallocate")
        await leaving.peer.kill()
        await until(lambda: not cloud.fleet.connected(agent))
        await cloud.owner.ask("POST", cancel_of(begun), version=None)
        state = await cloud.owner.follow(begun)
        assert state["status"] in ("Canceled", "Succeeded")
        async with cloud.store.read() as tx:
            waiting = await cloud.store.outbox.open(tx, agent, clock.now())
        sent = [each for each in waiting if each.sent is None]
        assert sent == []
