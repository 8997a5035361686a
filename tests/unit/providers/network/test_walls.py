"""Who may do what to networks, what a group takes with it, and that tenants are walls."""

from __future__ import annotations

import pytest

from outofband.access import roles
from outofband.core import clock
from outofband.core.ids import ResourceId
from outofband.wire.network.prefixes import blocks
from tests.support.cloud import (
    GROUP,
    GROUP_ID,
    OTHER_SUBSCRIPTION,
    OTHER_TENANT,
    SCOPE,
    SUBSCRIPTION,
    Cloud,
)
from tests.support.networks import RDP, WATCHER, Networks, code

pytestmark = pytest.mark.anyio
NSG, NIC, SUBNETS = "networkSecurityGroups", "networkInterfaces", "virtualNetworks/subnets"
OTHER_SCOPE = f"/subscriptions/{OTHER_SUBSCRIPTION}"
OTHER_GROUP = f"{OTHER_SCOPE}/resourceGroups/{GROUP}"


async def group(cloud: Cloud, name: str) -> str:
    async with cloud.store.write() as tx:
        rid = ResourceId(subscription=SUBSCRIPTION, group=name)
        await cloud.store.resources.put(tx, rid, now=clock.now(), by="test", location="local")
    return f"{SCOPE}/resourceGroups/{name}"


async def test_a_network_contributor_does_it_all_and_a_reader_only_looks(cloud: Cloud) -> None:
    maker = Networks(await cloud.person("maker", roles.NETWORK_CONTRIBUTOR))
    await maker.network(s="10.0.0.0/24")
    await maker.put(NSG, "web", securityRules=[{"name": "rdp", "properties": RDP}])
    nic = await maker.interface("n", nsg=maker.id(NSG, "web"))
    assert (await maker.result(nic["id"] + "/effectiveNetworkSecurityGroups"))["value"]
    reader = Networks(await cloud.person("reader", roles.READER))
    assert (await reader.get(nic["id"])) == await maker.get(nic["id"])
    for method, where in (
        ("PUT", reader.id(NSG, "x")),
        ("PUT", reader.id(NSG + "/securityRules", "web", "x")),
        ("DELETE", reader.id(NSG, "web")),
        ("PATCH", reader.id(NSG, "web")),
        ("POST", nic["id"] + "/effectiveNetworkSecurityGroups"),
        ("POST", WATCHER + "/ipFlowVerify"),
    ):
        assert code(await reader.ask(method, where, {})) == (403, "AuthorizationFailed"), (method, where)


async def test_using_what_is_elsewhere_takes_the_right_to_join_it(cloud: Cloud, net: Networks) -> None:
    """A right in one group is none to plug into the networks of another, nor a way to learn of them."""
    other = await group(cloud, "Other")
    await net.network(s="10.0.0.0/24")
    subnet = net.id(SUBNETS, "v", "s")
    person = await cloud.person("guest", roles.NETWORK_CONTRIBUTOR, other)
    guest = Networks(person, other)
    for name in (subnet, subnet + "x"):
        parts = [{"name": "i", "properties": {"subnet": {"id": name}}}]
        assert await guest.refused(NIC, "n", ipConfigurations=parts) == (403, "LinkedAuthorizationFailed")
    await cloud.assign(person, roles.NETWORK_CONTRIBUTOR, net.id("virtualNetworks", "v"))
    parts = [{"name": "i", "properties": {"subnet": {"id": subnet}}}]
    made = await guest.put(NIC, "n", ipConfigurations=parts)
    # A group whose address is used from elsewhere cannot go.
    answer = await cloud.owner.ask("DELETE", GROUP_ID)
    assert answer.status_code == 202
    state = await cloud.owner.follow(answer)
    assert (state["status"], state["error"]["code"]) == ("Failed", "InUseSubnetCannotBeDeleted")
    assert made["id"] in state["error"]["message"]
    await guest.delete(NIC, "n")


async def test_a_question_about_a_vm_takes_the_right_to_read_it(cloud: Cloud, net: Networks) -> None:
    await net.network(s="10.0.0.0/24")
    nic = await net.interface("n")
    asker = await cloud.person("asker", roles.NETWORK_CONTRIBUTOR, WATCHER)
    body = {"targetResourceId": nic["id"], "sourceIPAddress": "10.0.0.4", "destinationIPAddress": "8.8.8.8"}
    refused = await Networks(asker).ask("POST", WATCHER + "/nextHop", body)
    assert code(refused) == (403, "LinkedAuthorizationFailed")


async def test_a_group_takes_its_networks_with_it(cloud: Cloud) -> None:
    net = Networks(cloud.owner, await group(cloud, "Gone"))
    nsg = await net.put(NSG, "web")
    await net.network(s="10.0.0.0/24")
    await net.put(SUBNETS, "v", "s", addressPrefix="10.0.0.0/24", networkSecurityGroup={"id": nsg["id"]})
    public = await net.put("publicIPAddresses", "p", publicIPAllocationMethod="Static")
    await net.interface("n", nsg=nsg["id"], publicIPAddress={"id": public["id"]})
    await net.end(await net.ask("DELETE", net.group))
    assert code(await net.ask("GET", net.group)) == (404, "ResourceGroupNotFound")
    async with cloud.store.read() as tx:
        assert await cloud.store.network.taken(tx, "public") == []
        assert await cloud.store.network.taken(tx, net.id(SUBNETS, "v", "s").lower()) == []
        keys = [net.id(kind, name).lower() for kind, name in ((NSG, "web"), ("virtualNetworks", "v"))]
        assert await cloud.store.network.to(tx, keys) == []


async def test_tenants_are_walls(cloud: Cloud, net: Networks) -> None:
    await net.network(s="10.0.0.0/24")
    await net.put("publicIPAddresses", "p", dnsSettings={"domainNameLabel": "door"})
    person = await cloud.person("stranger", roles.OWNER, OTHER_SCOPE, OTHER_TENANT)
    stranger = Networks(person, OTHER_GROUP)
    foreign = net.id(SUBNETS, "v", "s")
    assert code(await stranger.ask("GET", foreign)) == (404, "SubscriptionNotFound")
    # A name of the other tenant is answered as one that nowhere exists is.
    for name in (foreign, foreign + "x", foreign.replace(SUBSCRIPTION, "0" * 8)):
        parts = [{"name": "i", "properties": {"subnet": {"id": name}}}]
        assert await stranger.refused(NIC, "n", ipConfigurations=parts) == (400, "InvalidResourceReference")
    watcher = WATCHER.replace(SCOPE, OTHER_SCOPE)
    body = {"targetResourceId": net.id(NIC, "n"), "sourceIPAddress": "::1", "destinationIPAddress": "::1"}
    assert code(await stranger.ask("POST", watcher + "/nextHop", body)) == (400, "InvalidResourceReference")
    usages = await stranger.get(f"{OTHER_SCOPE}/providers/Microsoft.Network/locations/local/usages")
    assert {each["currentValue"] for each in usages["value"]} == {0}
    dns = f"{OTHER_SCOPE}/providers/Microsoft.Network/locations/local/CheckDnsNameAvailability"
    assert await stranger.get(dns, domainNameLabel="door") == {"available": True}
    # The same names and addresses over there are nobody's business here.
    await stranger.network(s="10.0.0.0/24")
    mine, theirs = await net.interface("n"), await stranger.interface("n")
    parts = "ipConfigurations"
    assert [each["properties"][parts][0]["properties"]["privateIPAddress"] for each in (mine, theirs)] == [
        "10.0.0.4",
        "10.0.0.4",
    ]


async def test_without_a_pool_there_is_no_public_address_and_it_is_said(cloud: Cloud, net: Networks) -> None:
    made = await net.put("publicIPAddresses", "p", publicIPAllocationMethod="Static")
    assert made["properties"]["ipAddress"] == str(blocks("203.0.113.0/31")[0][0])
    await cloud.stop()
    cloud.public_pool = ()
    await cloud.start()
    # What was given out stays given out.
    assert (await net.get(made["id"]))["properties"]["ipAddress"] == "203.0.113.0"
    bare = await net.put("publicIPAddresses", "q", publicIPAllocationMethod="Static")
    assert "ipAddress" not in bare["properties"]
    assert "public_addresses" in bare["properties"]["outofband"]["statement"]
