"""Network interfaces: the addresses they are given, what they name, and who has them."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from outofband.core import clock
from outofband.core.ids import parse_id
from tests.support.cloud import Cloud, Host, vm_id
from tests.support.networks import Networks, address, code

pytestmark = pytest.mark.anyio
NIC, SUBNETS, PIP = "networkInterfaces", "virtualNetworks/subnets", "publicIPAddresses"


@pytest.fixture
async def subnet(net: Networks) -> str:
    await net.network(s="10.0.0.0/29", t="10.0.1.0/24")
    return net.id(SUBNETS, "v", "s")


def configuration(name: str, subnet: str, **more: Any) -> dict[str, Any]:
    return {"name": name, "properties": {"subnet": {"id": subnet}, **more}}


async def test_a_dynamic_address_is_really_taken_from_the_subnet(net: Networks, subnet: str) -> None:
    first = await net.interface("a")
    assert first["type"] == f"Microsoft.Network/{NIC}"
    assert first["kind"] == "Regular"
    (part,) = first["properties"]["ipConfigurations"]
    assert part["id"] == net.id(NIC, "a") + "/ipConfigurations/ipconfig1"
    assert part["properties"] == {
        "provisioningState": "Succeeded",
        "privateIPAddress": "10.0.0.4",
        "privateIPAllocationMethod": "Dynamic",
        "privateIPAddressVersion": "IPv4",
        "subnet": {"id": subnet},
        "primary": True,
    }
    assert address(await net.interface("b")) == "10.0.0.5"
    assert address(await net.interface("c")) == "10.0.0.6"
    full = await net.refused(NIC, "d", ipConfigurations=[configuration("i", subnet)])
    assert full == (400, "SubnetIsFull")
    await net.delete(NIC, "b")
    assert address(await net.interface("d")) == "10.0.0.5"


async def test_many_at_once_get_different_addresses(net: Networks, subnet: str) -> None:
    where = net.id(SUBNETS, "v", "t")
    body = {"properties": {"ipConfigurations": [configuration("i", where)]}}
    async with asyncio.TaskGroup() as group:
        asked = [group.create_task(net.ask("PUT", net.id(NIC, f"n{each}"), body)) for each in range(8)]
    assert {address(each.result().json()) for each in asked} == {f"10.0.1.{last}" for last in range(4, 12)}
    for each in asked:
        await net.end(each.result())


async def test_a_static_address_is_checked(net: Networks, subnet: str) -> None:
    static = {"privateIPAllocationMethod": "Static"}
    for wanted, refusal in (
        ("10.0.0.3", "PrivateIPAddressInReservedRange"),
        ("10.0.0.7", "PrivateIPAddressInReservedRange"),
        ("10.0.0.9", "PrivateIPAddressNotInSubnet"),
        ("10.0.0", "InvalidParameter"),
        ("2001:db8::5", "InvalidParameter"),
        (None, "InvalidParameter"),
    ):
        part = configuration("i", subnet, privateIPAddress=wanted, **static)
        assert await net.refused(NIC, "n", ipConfigurations=[part]) == (400, refusal)
    assert code(await net.ask("GET", net.id(NIC, "n"))) == (404, "ResourceNotFound")
    await net.interface("n", privateIPAddress="10.0.0.5", **static)
    part = configuration("i", subnet, privateIPAddress="10.0.0.5", **static)
    answer = await net.ask("PUT", net.id(NIC, "m"), {"properties": {"ipConfigurations": [part]}})
    assert code(answer) == (400, "PrivateIPAddressInUse")
    assert net.id(NIC, "n") in answer.json()["error"]["message"]
    # The dynamic ones go around it.
    assert address(await net.interface("a")) == "10.0.0.4"
    assert address(await net.interface("b")) == "10.0.0.6"


async def test_a_dynamic_address_stays_until_the_subnet_changes(net: Networks, subnet: str) -> None:
    await net.interface("a")
    made = await net.interface("b")
    await net.delete(NIC, "a")
    # Written as it was read, as `az network nic update` does it.
    again = await net.put(NIC, "b", **made["properties"])
    assert address(again) == "10.0.0.5"
    fixed = await net.interface("b", privateIPAllocationMethod="Static", privateIPAddress="10.0.0.4")
    assert address(fixed) == "10.0.0.4"
    assert address(await net.interface("b", subnet="t")) == "10.0.1.4"
    # What it had is free again.
    assert address(await net.interface("c")) == "10.0.0.4"


async def test_two_configurations_may_change_places(net: Networks, subnet: str) -> None:
    def static(name: str, wanted: str) -> dict[str, Any]:
        return configuration(name, subnet, privateIPAllocationMethod="Static", privateIPAddress=wanted)

    await net.put(NIC, "n", ipConfigurations=[static("a", "10.0.0.4"), static("b", "10.0.0.5")])
    made = await net.put(NIC, "n", ipConfigurations=[static("a", "10.0.0.5"), static("b", "10.0.0.4")])
    assert (address(made, 0), address(made, 1)) == ("10.0.0.5", "10.0.0.4")
    listed = await net.get(net.id(NIC, "n") + "/ipConfigurations")
    assert [each["properties"]["primary"] for each in listed["value"]] == [True, False]
    same = [static("a", "10.0.0.5"), static("b", "10.0.0.5")]
    assert await net.refused(NIC, "n", ipConfigurations=same) == (400, "PrivateIPAddressInUse")
    assert await net.get(net.id(NIC, "n")) == made


async def test_ipv6_addresses_come_from_an_ipv6_prefix(net: Networks) -> None:
    await net.put(
        "virtualNetworks",
        "six",
        addressSpace={"addressPrefixes": ["10.6.0.0/16", "fd00:6::/48"]},
        subnets=[{"name": "s", "properties": {"addressPrefixes": ["10.6.0.0/24", "fd00:6::/64"]}}],
    )
    where = net.id(SUBNETS, "six", "s")
    parts = [configuration("four", where), configuration("six", where, privateIPAddressVersion="IPv6")]
    made = await net.put(NIC, "n", ipConfigurations=parts)
    assert (address(made, 0), address(made, 1)) == ("10.6.0.4", "fd00:6::4")


async def test_what_is_wrong_with_configurations(net: Networks, subnet: str) -> None:
    other = await net.network("w", s="10.0.0.0/24")
    elsewhere = other["properties"]["subnets"][0]["id"]
    for parts in (
        [],
        [{"name": "i", "properties": {}}],
        [configuration("i", subnet), configuration("I", subnet)],
        [configuration("i", subnet, primary=True), configuration("j", subnet, primary=True)],
        [configuration("i", subnet), configuration("j", elsewhere)],
        [configuration("i", subnet, privateIPAddressVersion="IPv6")],
    ):
        assert await net.refused(NIC, "n", ipConfigurations=parts) == (400, "InvalidParameter"), parts
    pools = configuration("i", subnet, loadBalancerBackendAddressPools=[{"id": "x"}])
    assert await net.refused(NIC, "n", ipConfigurations=[pools]) == (400, "NetworkFeatureUnsupported")
    nowhere = configuration("i", subnet + "x")
    assert await net.refused(NIC, "n", ipConfigurations=[nowhere]) == (400, "InvalidResourceReference")


async def test_a_public_address_belongs_to_one_configuration(net: Networks, subnet: str) -> None:
    made = await net.put(PIP, "p", sku={"name": "Standard"}, publicIPAllocationMethod="Static")
    assert made["sku"] == {"name": "Standard", "tier": "Regional"}
    assert made["properties"]["ipAddress"] == "203.0.113.0"
    public = {"publicIPAddress": {"id": made["id"]}}
    nic = await net.interface("n", **public)
    (part,) = nic["properties"]["ipConfigurations"]
    used = await net.get(made["id"])
    assert used["properties"]["ipConfiguration"] == {"id": part["id"]}
    assert code(await net.ask("DELETE", made["id"])) == (400, "PublicIPAddressCannotBeDeleted")
    other = [configuration("i", subnet, **public)]
    assert await net.refused(NIC, "m", ipConfigurations=other) == (400, "PublicIPAddressInUse")
    await net.delete(NIC, "n")
    await net.delete(PIP, "p")


async def test_a_dynamic_public_address_has_an_address_while_it_is_used(net: Networks, subnet: str) -> None:
    made = await net.put(PIP, "p")
    assert made["properties"]["publicIPAllocationMethod"] == "Dynamic"
    assert "ipAddress" not in made["properties"]
    assert "when an IP configuration uses this" in made["properties"]["outofband"]["statement"]
    await net.interface("n", publicIPAddress={"id": made["id"]})
    assert (await net.get(made["id"]))["properties"]["ipAddress"] == "203.0.113.0"
    await net.interface("n")
    assert "ipAddress" not in (await net.get(made["id"]))["properties"]
    await net.interface("n", publicIPAddress={"id": made["id"]})
    await net.delete(NIC, "n")
    assert "ipAddress" not in (await net.get(made["id"]))["properties"]


async def test_zones_are_kept_or_refused(net: Networks) -> None:
    body = {"zones": ["1"], "properties": {}}
    assert (await net.ask("PUT", net.id(PIP, "p"), body)).json()["zones"] == ["1"]
    for wrong in ([1], "1"):
        answer = await net.ask("PUT", net.id(PIP, "q"), {"zones": wrong, "properties": {}})
        assert code(answer) == (400, "InvalidParameter")


async def test_the_pool_has_an_end(net: Networks) -> None:
    static = {"publicIPAllocationMethod": "Static"}
    for name, last in (("a", "203.0.113.0"), ("b", "203.0.113.1")):
        assert (await net.put(PIP, name, **static))["properties"]["ipAddress"] == last
    assert await net.refused(PIP, "c", **static) == (409, "PublicIPAddressPoolExhausted")
    six = await net.put(PIP, "six", **static, publicIPAddressVersion="IPv6")
    assert six["properties"]["ipAddress"] == "2001:db8::"
    await net.delete(PIP, "a")
    assert (await net.put(PIP, "c", **static))["properties"]["ipAddress"] == "203.0.113.0"


async def test_a_vm_holds_its_interface(net: Networks, cloud: Cloud, host: Host, subnet: str) -> None:
    nic = await net.interface("n")
    named = {"networkInterfaces": [{"id": nic["id"].lower(), "properties": {"primary": True}}]}
    await cloud.owner.create_vm("demo", networkProfile=named)
    seen = await net.get(nic["id"])
    assert seen["properties"]["virtualMachine"] == {"id": vm_id("demo")}
    assert seen["properties"]["primary"] is True
    listed = await net.get(net.group + f"/providers/Microsoft.Network/{NIC}")
    assert listed["value"] == [seen]
    other = {"properties": {"outofband": {"driver": "qemu", "image": "demo"}, "networkProfile": named}}
    assert code(await cloud.owner.ask("PUT", vm_id("other"), other)) == (400, "NicInUse")
    leaving = parse_id((await net.interface("m"))["id"])
    async with cloud.store.write() as tx:
        await cloud.store.resources.update(tx, leaving, now=clock.now(), provisioning_state="Deleting")
    other["properties"]["networkProfile"] = {"networkInterfaces": [{"id": str(leaving)}]}
    assert code(await cloud.owner.ask("PUT", vm_id("other"), other)) == (404, "ResourceNotFound")
    refused = await net.ask("DELETE", nic["id"])
    assert code(refused) == (400, "NicInUse")
    assert vm_id("demo") in refused.json()["error"]["message"]
    await cloud.owner.follow(await cloud.owner.ask("DELETE", vm_id("demo")))
    assert "virtualMachine" not in (await net.get(nic["id"]))["properties"]
    await net.delete(NIC, "n")


async def test_what_a_configuration_named_before_is_no_other_kind_of_thing_now(
    net: Networks, subnet: str
) -> None:
    public = (await net.put(PIP, "p"))["id"]
    await net.interface("n", publicIPAddress={"id": public})
    for wrong in (
        configuration("ipconfig1", public, publicIPAddress={"id": public}),
        configuration("ipconfig1", subnet, publicIPAddress={"id": subnet}),
    ):
        assert await net.refused(NIC, "n", ipConfigurations=[wrong]) == (400, "LinkedInvalidPropertyId")
