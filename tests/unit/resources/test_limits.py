"""How many requests a caller may make, through the port."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from outofband.resources.kernel import Kernel
from outofband.resources.limits import Limits
from outofband.wire.arm.throttle import Allowance, Kind
from tests.support.cloud import GROUP_ID, OTHER_SUBSCRIPTION, SCOPE, VM_TYPE, Cloud, vm_id

pytestmark = pytest.mark.anyio
FEW = Allowance(3, 0.001)


@pytest.fixture
async def cloud(tmp_path: Path) -> AsyncIterator[Cloud]:
    async with Cloud(tmp_path) as running:
        limits = Limits({kind: FEW for kind in Kind})
        running.kernel = Kernel(running.store, running.authorizer, running.registry, limits)
        yield running


async def test_who_asks_too_often_is_told_when_to_come_back(cloud: Cloud) -> None:
    name = "x-ms-ratelimit-remaining-subscription-reads"
    left = [(await cloud.owner.get(GROUP_ID)).headers[name] for _ in range(3)]
    assert left == ["2", "1", "0"]
    refused = await cloud.owner.get(GROUP_ID)
    assert refused.status_code == 429
    assert refused.json()["error"]["code"] == "SubscriptionRequestsThrottled"
    assert 900 < int(refused.headers["retry-after"]) <= 1000
    other = await cloud.person("other", "acdd72a7-3385-48ef-bd42-f606fba81ae7")
    assert (await other.get(GROUP_ID)).status_code == 200, "each caller has its own"
    written = await cloud.owner.ask("PUT", GROUP_ID, {"location": "local"})
    assert written.headers["x-ms-ratelimit-remaining-subscription-writes"] == "2", "and each kind"
    deleted = await cloud.owner.ask("DELETE", vm_id("nope"))
    assert deleted.headers["x-ms-ratelimit-remaining-subscription-deletes"] == "2"
    tenant = await cloud.owner.get("/subscriptions")
    assert tenant.headers["x-ms-ratelimit-remaining-tenant-reads"] == "2"


async def test_guessing_subscriptions_is_counted_too(cloud: Cloud) -> None:
    codes = [(await cloud.owner.get(f"/subscriptions/{OTHER_SUBSCRIPTION}")).status_code for _ in range(4)]
    assert codes == [404, 404, 404, 429]


async def test_the_way_to_a_console_is_never_closed(cloud: Cloud) -> None:
    async with cloud.host():
        await cloud.owner.create_vm("demo")
        rid = vm_id("demo")
        for _ in range(4):
            await cloud.owner.get(f"{SCOPE}/{VM_TYPE}")
            await cloud.owner.ask("PUT", GROUP_ID, {"location": "local"})
        assert (await cloud.owner.get(f"{SCOPE}/{VM_TYPE}")).status_code == 429
        ports = f"{rid}/providers/Microsoft.SerialConsole/serialPorts"
        switch = f"{SCOPE}/providers/Microsoft.SerialConsole/consoleServices/default"
        for _ in range(5):
            for method, path in (
                ("GET", rid),
                ("HEAD", rid),
                ("GET", f"{rid}/instanceView"),
                ("GET", switch),
                ("GET", ports),
                ("GET", f"{ports}/0"),
                ("POST", f"{ports}/0/connect"),
            ):
                answer = await cloud.owner.ask(method, path)
                assert answer.is_success, (method, path, answer.text)
                assert not [each for each in answer.headers if each.startswith("x-ms-ratelimit")]


async def test_an_operation_can_be_followed_by_who_has_nothing_left(cloud: Cloud) -> None:
    for _ in range(2):
        await cloud.owner.ask("PUT", GROUP_ID, {"location": "local"})
    await cloud.owner.ask("PUT", f"{SCOPE}/resourceGroups/x", {"location": "local"})
    begun = await cloud.owner.ask("DELETE", f"{SCOPE}/resourceGroups/x")
    for _ in range(4):
        await cloud.owner.get(GROUP_ID)
    assert (await cloud.owner.get(GROUP_ID)).status_code == 429
    assert (await cloud.owner.follow(begun))["status"] == "Succeeded"
