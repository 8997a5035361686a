"""What a VM's move asks of hosts and networks, and what hosts are told that no longer have it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import msgspec
import pytest

from outofband.core import clock
from outofband.core.errors import Fault
from outofband.providers.compute.fencing import Fencing
from outofband.providers.compute.guests import Guest
from outofband.providers.compute.moving import forget
from outofband.providers.compute.placement import Needs, Placement
from outofband.providers.compute.shape import Left, private_of, with_private
from outofband.providers.network import hosting
from outofband.providers.network.addresses import renew_dynamic
from outofband.providers.network.house import House
from outofband.wire.machine import HostReport
from tests.support.actors import host_report, vm_report
from tests.support.cloud import Cloud, Host
from tests.support.networks import Networks
from tests.support.wait import until

pytestmark = pytest.mark.anyio
POOL = (ip_network("203.0.113.0/30"),)
VM = "7a7d3c05-1c11-4f0c-8f5e-3f4f3d1d2c10"
NO_NEEDS = Needs()


@pytest.fixture
async def cloud(tmp_path: Path) -> AsyncIterator[Cloud]:
    made = Cloud(tmp_path)
    made.public_pool = POOL
    async with made as running:
        yield running


@pytest.mark.parametrize(
    ("about", "needs", "why"),
    [
        ({}, NO_NEEDS, ""),
        ({"moves": False}, NO_NEEDS, "does not take the disks"),
        ({"images": ["other"]}, NO_NEEDS, "has no image for it"),
        ({"memory_mib": 300}, NO_NEEDS, "has no room for it"),
        ({"networks": False}, Needs(card=True), "gives VMs no cards"),
        ({"public": ["198.51.100.0/24"]}, Needs(card=True, public=("203.0.113.1",)), "does not offer"),
        ({"public": ["203.0.113.0/30"]}, Needs(card=True, public=("203.0.113.1",)), ""),
    ],
)
async def test_what_another_host_must_have(
    cloud: Cloud, about: dict[str, Any], needs: Needs, why: str
) -> None:
    def with_moves(**more: Any) -> HostReport:
        return msgspec.structs.replace(host_report(), **{"moves": True, "networks": True, **more})

    guest = Guest(driver="qemu", image="demo", memory_mib=512)
    async with cloud.host("h1") as first, cloud.host("h2") as second:
        views = {view.agent.name: view for view in cloud.fleet.agents()}
        for host, report in ((first, with_moves()), (second, with_moves(**about))):
            agent = host.peer.identity.agent
            cloud.fleet._hosts.inventory(agent, report, [])
        views = {view.agent.name: view for view in cloud.fleet.agents()}
        found, said = Placement(cloud.fleet).others(VM, guest, views["h1"], needs)
        assert [each.agent.name for each in found] == ([] if why else ["h2"])
        assert why in said


async def test_a_host_that_reports_a_copy_comes_last_or_not_at_all(cloud: Cloud) -> None:
    """A report may be late; what is known for certain is not."""
    report = msgspec.structs.replace(host_report(), moves=True)
    guest = Guest(driver="qemu", image="demo", memory_mib=512)
    async with cloud.host("h1") as first, cloud.host("h2") as second, cloud.host("h3") as third:
        for host in (first, second, third):
            copies = [vm_report(VM)] if host is second else []
            cloud.fleet._hosts.inventory(host.peer.identity.agent, report, copies)
        views = {view.agent.name: view for view in cloud.fleet.agents()}

        def order(needs: Needs) -> list[str]:
            found, _ = Placement(cloud.fleet).others(VM, guest, views["h1"], needs)
            return [each.agent.name for each in found]

        assert order(Needs(asked=True)) == ["h3", "h2"]
        assert order(NO_NEEDS) == ["h3"]
        assert order(Needs(asked=True, copies=frozenset({views["h3"].agent.id}))) == ["h2"]


async def test_dynamic_addresses_become_others_and_static_ones_stay(cloud: Cloud) -> None:
    net = Networks(cloud.owner)
    await net.network(s="10.0.0.0/24")
    await net.put("publicIPAddresses", "moving", publicIPAllocationMethod="Dynamic")
    await net.put("publicIPAddresses", "fixed", publicIPAllocationMethod="Static")
    names = [net.id("publicIPAddresses", each) for each in ("moving", "fixed")]
    interfaces = [
        await net.interface(f"n{number}", publicIPAddress={"id": name}) for number, name in enumerate(names)
    ]
    before = [(await net.get(name))["properties"]["ipAddress"] for name in names]
    house = House(cloud.store, cloud.authorizer, POOL)
    async with cloud.host() as host:
        await cloud.owner.create_vm(
            "web", networkProfile={"networkInterfaces": [{"id": each["id"]} for each in interfaces]}
        )
        vm = next(iter(host.power))
        async with cloud.store.write() as tx:
            row = await cloud.store.resources.by_uid(tx, vm)
            assert row is not None
            keys = await hosting.public_keys(cloud.store, tx, row)
            assert keys == [names[0].lower()]
            assert await hosting.static_addresses(cloud.store, tx, row) == []
            [(old, new)] = await renew_dynamic(house, tx, [name.lower() for name in names])
        after = [(await net.get(name))["properties"]["ipAddress"] for name in names]
        assert (old, new) == (before[0], after[0])
        assert before[0] != after[0]
        assert before[1] == after[1]


async def elsewhere(cloud: Cloud, vm: str, *, keep: bool) -> None:
    """The VM lives on the host h2 by now, at a newer epoch."""
    other = next(view for view in cloud.fleet.agents() if view.agent.name == "h2")
    async with cloud.store.write() as tx:
        row = await cloud.store.resources.by_uid(tx, vm)
        assert row is not None
        agent = row.properties["_"]["agent"]
        await cloud.store.resources.advance_epoch(tx, row.id, now=clock.now())
        properties = with_private(row, agent=other.agent.id, left=(Left(agent=agent, keep=keep),))
        await cloud.store.resources.update(tx, row.id, now=clock.now(), properties=properties)


@pytest.mark.parametrize(
    ("keep", "refused", "told"),
    [
        (False, None, ["vm.delete"]),
        (True, None, ["vm.fence"]),
        (True, Fault("ActionNotSupported", driver="any", verb="vm.fence"), ["vm.fence", "vm.stop"]),
    ],
)
async def test_a_host_is_told_what_it_no_longer_has(
    cloud: Cloud, keep: bool, refused: Fault | None, told: list[str]
) -> None:
    async with cloud.host("h1") as first:
        await cloud.owner.create_vm("web")
        vm = next(iter(first.power))
        fencing = Fencing(cloud.store, cloud.fleet)
        first.performed.clear()
        assert await fencing.look() == 0
        async with cloud.host("h2") as second:
            await elsewhere(cloud, vm, keep=keep)
            if refused is not None:
                first.refuse["vm.fence"] = refused
            # Nothing new is looked at twice on one link; an inventory with other machines is.
            await again(first)
            await until(lambda: told_of(fencing, first))
            assert first.performed == told
            assert second.performed == []
            first.performed.clear()
            await fencing.look()
            assert first.performed == [], "once"


async def test_a_copy_left_by_a_later_move_is_remembered(cloud: Cloud) -> None:
    """The first move's copy goes while a second and a third one bring the VM back and away again."""
    async with cloud.host("h1") as first, cloud.host("h2"):
        await cloud.owner.create_vm("web")
        vm = next(iter(first.power))
        await elsewhere(cloud, vm, keep=False)
        async with cloud.store.write() as tx:
            row = await cloud.store.resources.by_uid(tx, vm)
            assert row is not None
            [agent] = [each.agent for each in private_of(row).left]
            later = Left(agent=agent, epoch=row.epoch + 1)
            properties = with_private(row, left=(later,))
            await cloud.store.resources.update(tx, row.id, now=clock.now(), properties=properties)
            await forget(cloud.store, tx, row.id, {agent}, epoch=row.epoch)
            now = await cloud.store.resources.by_uid(tx, vm)
            assert now is not None
            assert private_of(now).left == (later,)
            await forget(cloud.store, tx, row.id, {agent}, epoch=row.epoch + 2)
            now = await cloud.store.resources.by_uid(tx, vm)
            assert now is not None
            assert private_of(now).left == ()


async def again(host: Host) -> None:
    """Its link drops and comes back."""
    await host.peer.kill()
    await host.peer.connect()
    await host.report()


async def told_of(fencing: Fencing, host: Host) -> bool:
    await fencing.look()
    return bool(host.performed)
