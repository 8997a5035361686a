"""What hosts are told of networks over a link: when a card goes, when rules grow, when a host lies."""

from __future__ import annotations

import asyncio
import contextlib

import msgspec
import pytest

from outofband.core import clock
from outofband.core.errors import Fault
from outofband.providers.network import hosting, telling
from outofband.providers.network.house import House
from outofband.providers.network.telling import Telling
from outofband.wire.link import MAX_MESSAGE
from outofband.wire.machine import Power, Verb
from outofband.wire.network.plan import Plan
from tests.support.cloud import Cloud, Host, vm_id
from tests.support.networks import RDP, Networks
from tests.support.wait import until

pytestmark = pytest.mark.anyio
ADDRESS = "203.0.113.0"


def teller(cloud: Cloud) -> Telling:
    return Telling(House(cloud.store, cloud.authorizer, cloud.public_pool), cloud.fleet)


def plans(host: Host) -> list[Plan]:
    return [msgspec.convert(each.args, Plan) for each in host.heard if each.verb == Verb.NETWORK]


async def machine(cloud: Cloud, host: Host, net: Networks, nsg: str | None = None) -> str:
    """A running VM with a card and a public address at a host that offers it; the uid."""
    host.facts = {"networks": True, "public": ["203.0.113.0/24"]}
    await host.report()
    await net.network(s="10.0.0.0/24")
    public = await net.put("publicIPAddresses", "p", publicIPAllocationMethod="Static")
    more = {"nsg": nsg} if nsg is not None else {}
    nic = await net.interface("n", publicIPAddress={"id": public["id"]}, **more)
    made = await cloud.owner.create_vm("demo", networkProfile={"networkInterfaces": [{"id": nic["id"]}]})
    assert list(host.power.values()) == [Power.RUNNING]
    uid: str = made["properties"]["vmId"]
    return uid


async def test_a_card_that_is_taken_out_closes_its_doors(cloud: Cloud, host: Host, net: Networks) -> None:
    """The address may be another VM's soon: whoever came by it must not meet this one."""
    await machine(cloud, host, net)
    told = teller(cloud)
    assert await told.look() == 1
    assert plans(host)[-1].public == (ADDRESS,)
    answer = await cloud.owner.ask(
        "PATCH", vm_id("demo"), {"properties": {"networkProfile": {"networkInterfaces": []}}}
    )
    assert answer.status_code < 300, answer.text
    assert await told.look() == 1
    assert plans(host)[-1] == hosting.CLOSED and not hosting.CLOSED.doors
    assert await told.look() == 0


async def test_rules_without_end_close_the_vm_and_not_the_link(
    cloud: Cloud, host: Host, net: Networks
) -> None:
    group = await net.put("networkSecurityGroups", "many", securityRules=[{"name": "rdp", "properties": RDP}])
    uid = await machine(cloud, host, net, group["id"])
    many = [f"{10 + each // 65536}.{each // 256 % 256}.{each % 256}.0/25" for each in range(4000)]
    rules = [
        {
            "name": f"r{number}",
            "properties": {
                **{key: value for key, value in RDP.items() if key != "sourceAddressPrefix"},
                "priority": 400 + number,
                "sourceAddressPrefixes": many,
            },
        }
        for number in range(20)
    ]
    told = teller(cloud)
    await told.look()
    assert plans(host)[-1].ports
    await net.put("networkSecurityGroups", "many", securityRules=rules)
    async with cloud.store.read() as tx:
        row = await cloud.store.resources.by_uid(tx, uid)
        assert row is not None
        whole = await hosting.plan(House(cloud.store, cloud.authorizer), tx, row, [])
    assert len(msgspec.json.encode(whole)) > MAX_MESSAGE > telling.MAX_PLAN
    assert await told.look() == 1
    assert plans(host)[-1] == hosting.CLOSED
    assert cloud.fleet.connected(host.peer.identity.agent)


async def test_a_host_hears_of_its_own_vms_alone(cloud: Cloud, host: Host, net: Networks) -> None:
    uid = await machine(cloud, host, net)
    async with cloud.host("h2") as liar:
        liar.facts = host.facts
        liar.power[uid] = Power.RUNNING
        await liar.report()
        told = teller(cloud)
        await told.look()
        assert plans(host) and not plans(liar)


async def test_what_a_host_will_not_do_is_not_asked_again_and_again(
    cloud: Cloud, host: Host, net: Networks
) -> None:
    uid = await machine(cloud, host, net)
    host.refuse[Verb.NETWORK] = Fault("HostPolicyRefused", verb="vm.network", vm=uid)
    told = teller(cloud)
    assert [await told.look() for _ in range(3)] == [1, 0, 0]


async def test_a_host_that_goes_on_failing_is_told_less_and_less_often(
    cloud: Cloud, host: Host, net: Networks, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(telling, "AGAIN_SECONDS", 1000.0)
    monkeypatch.setattr(telling, "AGAIN_AT_MOST", 3000.0)
    uid = await machine(cloud, host, net)
    host.refuse[Verb.NETWORK] = Fault("HypervisorRefused", verb="vm.network", detail="no")
    told = teller(cloud)
    assert [await told.look() for _ in range(3)] == [1, 0, 0]
    pauses = []
    for _ in range(3):
        owed = told._owed[uid]
        pauses.append(round((owed.at - clock.monotonic()) / 1000))
        told._owed[uid] = owed._replace(at=0.0)
        assert await told.look() == 1
    assert pauses == [1, 2, 3]
    # Another plan is told at once; and what is heard is owed no more.
    del host.refuse[Verb.NETWORK]
    answer = await cloud.owner.ask(
        "PATCH", vm_id("demo"), {"properties": {"networkProfile": {"networkInterfaces": []}}}
    )
    assert answer.status_code < 300, answer.text
    assert [await told.look() for _ in range(2)] == [1, 0]
    assert told._owed == {}


async def test_a_look_comes_when_the_first_is_owed_it(
    cloud: Cloud, host: Host, net: Networks, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not every second: working out the plans of all VMs is not for that."""
    await machine(cloud, host, net)
    told = teller(cloud)
    host.refuse[Verb.NETWORK] = Fault("HypervisorRefused", verb="vm.network", detail="no")
    monkeypatch.setattr(telling, "AGAIN_SECONDS", 5.0)
    assert 4.0 < await told._try() - clock.monotonic() <= 5.0
    monkeypatch.setattr(cloud.store, "read", lambda: 1 / 0)
    assert [round(await told._try() - clock.monotonic()) for _ in range(3)] == [5, 10, 10]


async def test_rules_are_about_the_address_behind_the_public_one(
    cloud: Cloud, host: Host, net: Networks
) -> None:
    """An Allow for another address of the same card lets nobody in by this one."""
    other = RDP | {"destinationAddressPrefix": "10.0.0.9"}
    group = await net.put("networkSecurityGroups", "g", securityRules=[{"name": "rdp", "properties": other}])
    await machine(cloud, host, net, group["id"])
    subnet = {"id": net.id("virtualNetworks/subnets", "v", "s")}
    public = {"id": net.id("publicIPAddresses", "p")}
    parts = [
        {"name": "one", "properties": {"subnet": subnet, "publicIPAddress": public, "primary": True}},
        {
            "name": "two",
            "properties": {
                "subnet": subnet,
                "privateIPAllocationMethod": "Static",
                "privateIPAddress": "10.0.0.9",
            },
        },
    ]
    await net.put("networkInterfaces", "n", ipConfigurations=parts, networkSecurityGroup={"id": group["id"]})
    await teller(cloud).look()
    assert plans(host)[-1].stages[0][0].name != "rdp"


async def test_a_stopped_vm_begins_with_the_rules_of_now(cloud: Cloud, host: Host, net: Networks) -> None:
    group = await net.put("networkSecurityGroups", "g", securityRules=[{"name": "rdp", "properties": RDP}])
    uid = await machine(cloud, host, net, group["id"])
    host.power[uid] = Power.STOPPED
    await host.report()
    report = cloud.fleet.report
    await until(lambda: (seen := report(uid)) is not None and seen.power is Power.STOPPED)
    told = teller(cloud)
    await told.look()
    rules = [rule.name for rule in plans(host)[-1].stages[0]]
    assert rules[0] == "rdp"
    await net.put("networkSecurityGroups", "g", securityRules=[])
    assert await told.look() == 1
    assert plans(host)[-1].stages[0][0].name != "rdp"


async def test_plans_are_worked_out_when_something_changed(
    cloud: Cloud, host: Host, net: Networks, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not every few seconds for ever: that would cost a thousand VMs' host most of a processor."""
    monkeypatch.setattr(telling, "LOOK_SECONDS", 0.02)
    monkeypatch.setattr(telling, "GATHER_SECONDS", 0.0)
    uid = await machine(cloud, host, net)
    looks = []

    class Counted(Telling):
        async def look(self) -> int:
            looks.append(await super().look())
            return looks[-1]

    counted = Counted(House(cloud.store, cloud.authorizer, cloud.public_pool), cloud.fleet)
    task = asyncio.ensure_future(counted.run())
    try:
        await until(lambda: looks and plans(host))

        async def still() -> bool:
            before = len(looks)
            await asyncio.sleep(0.5)
            return len(looks) == before

        await until(still)
        quiet = len(looks)
        host.power[uid] = Power.STOPPED
        await host.report()
        await until(lambda: len(looks) > quiet)
        quiet = len(looks)
        await net.put("networkSecurityGroups", "new")
        await until(lambda: len(looks) > quiet)
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
