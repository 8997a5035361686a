"""Virtual networks, subnets and route tables, through the port."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.networks import Networks, code

pytestmark = pytest.mark.anyio
VNET, SUBNETS = "virtualNetworks", "virtualNetworks/subnets"
TABLES, ROUTES = "routeTables", "routeTables/routes"
SPACE = {"addressPrefixes": ["10.0.0.0/16"]}


def subnet(name: str, prefix: str, **more: Any) -> dict[str, Any]:
    return {"name": name, "properties": {"addressPrefix": prefix, **more}}


async def test_a_subnet_is_the_same_inline_and_as_a_child(net: Networks) -> None:
    made = await net.network(a="10.0.0.0/24")
    assert made["properties"]["addressSpace"] == SPACE
    child = await net.put(SUBNETS, "v", "b", addressPrefixes=["10.0.1.0/24"])
    assert child["id"] == net.id(SUBNETS, "v", "b")
    assert child["properties"]["addressPrefixes"] == ["10.0.1.0/24"]
    whole = await net.get(net.id(VNET, "v"))
    assert whole["properties"]["subnets"][1] == child
    listed = await net.get(net.id(VNET, "v") + "/subnets")
    assert [each["name"] for each in listed["value"]] == ["a", "b"]
    # Who does not speak of subnets leaves them; who says there are none takes them away.
    kept = await net.put(VNET, "v", addressSpace=SPACE)
    assert len(kept["properties"]["subnets"]) == 2
    await net.delete(SUBNETS, "v", "A")
    emptied = await net.put(VNET, "v", addressSpace=SPACE, subnets=[])
    assert emptied["properties"]["subnets"] == []


async def test_bad_prefixes_and_overlaps_are_refused_with_azures_codes(net: Networks) -> None:
    await net.network(a="10.0.0.0/24")
    for prefix, refusal in (
        ("10.0.0.128/25", "NetcfgSubnetRangesOverlap"),
        ("10.0.0.0/16", "NetcfgSubnetRangesOverlap"),
        ("10.1.0.0/24", "NetcfgSubnetRangeOutsideVnet"),
        ("10.0.0.0/15", "NetcfgSubnetRangeOutsideVnet"),
        ("10.0.2.1/24", "InvalidCIDRNotation"),
        ("10.0.2.0", "InvalidAddressPrefixFormat"),
        ("10.0.2.0/33", "InvalidAddressPrefixFormat"),
        ("10.0.2.0/30", "InvalidParameter"),
    ):
        assert await net.refused(SUBNETS, "v", "b", addressPrefix=prefix) == (400, refusal), prefix
        both = [subnet("a", "10.0.0.0/24"), subnet("b", prefix)]
        assert await net.refused(VNET, "v", addressSpace=SPACE, subnets=both) == (400, refusal), prefix
    for space, refusal in (
        (["10.0.0.0/16", "10.0.1.0/24"], "NetcfgInvalidVirtualNetworkAddressSpace"),
        (["10.0.0.1/16"], "InvalidCIDRNotation"),
        ([], "InvalidParameter"),
        (["10.1.0.0/16"], "NetcfgSubnetRangeOutsideVnet"),
    ):
        assert await net.refused(VNET, "v", addressSpace={"addressPrefixes": space}) == (400, refusal)
    twice = [subnet("a", "10.0.0.0/24"), subnet("A", "10.0.1.0/24")]
    assert await net.refused(VNET, "v", addressSpace=SPACE, subnets=twice) == (400, "InvalidParameter")


async def test_what_does_not_exist_here_is_refused_and_not_dropped(net: Networks) -> None:
    refusal = (400, "NetworkFeatureUnsupported")
    peering = [{"name": "p", "properties": {}}]
    assert await net.refused(VNET, "v", addressSpace=SPACE, virtualNetworkPeerings=peering) == refusal
    assert await net.refused(VNET, "v", addressSpace=SPACE, enableDdosProtection=True) == refusal
    await net.network()
    for absent in (
        {"natGateway": {"id": net.id("natGateways", "n")}},
        {"delegations": [{"name": "d"}]},
        {"serviceEndpoints": [{"service": "Microsoft.Storage"}]},
    ):
        assert await net.refused(SUBNETS, "v", "b", addressPrefix="10.0.2.0/24", **absent) == refusal
    empty = {"delegations": [], "serviceEndpoints": [], "natGateway": None}
    await net.put(SUBNETS, "v", "b", addressPrefix="10.0.2.0/24", **empty)


async def test_a_subnet_in_use_stays_and_keeps_the_addresses_given_out(net: Networks) -> None:
    await net.network(s="10.0.0.0/24")
    nic = await net.interface("n", privateIPAllocationMethod="Static", privateIPAddress="10.0.0.200")
    (configuration,) = nic["properties"]["ipConfigurations"]
    found = await net.get(net.id(SUBNETS, "v", "s"))
    assert found["properties"]["ipConfigurations"] == [{"id": configuration["id"]}]
    in_use = (400, "InUseSubnetCannotBeDeleted")
    assert code(await net.ask("DELETE", net.id(SUBNETS, "v", "s"))) == in_use
    assert code(await net.ask("DELETE", net.id(VNET, "v"))) == in_use
    assert await net.refused(VNET, "v", addressSpace=SPACE, subnets=[]) == in_use
    smaller = {"addressPrefix": "10.0.0.0/25"}
    assert await net.refused(SUBNETS, "v", "s", **smaller) == (400, "InUsePrefixCannotBeDeleted")
    # Its own first addresses are no longer there to be used.
    reserved = {"addressPrefixes": ["10.0.0.0/25", "10.0.0.200/29"]}
    assert await net.refused(SUBNETS, "v", "s", **reserved) == (400, "InUsePrefixCannotBeDeleted")
    await net.put(SUBNETS, "v", "s", addressPrefix="10.0.0.0/23")
    await net.delete("networkInterfaces", "n")
    await net.delete(SUBNETS, "v", "s")
    await net.delete(VNET, "v")


async def test_references_are_checked(net: Networks) -> None:
    await net.network()
    table = await net.put(TABLES, "t")
    for named, refusal in (
        ({"routeTable": {"id": table["id"] + "x"}}, "InvalidResourceReference"),
        ({"networkSecurityGroup": {"id": table["id"]}}, "LinkedInvalidPropertyId"),
        ({"routeTable": {"id": "t"}}, "LinkedInvalidPropertyId"),
        (
            {"routeTable": {"id": table["id"].replace("/subscriptions/2", "/subscriptions/3")}},
            "InvalidResourceReference",
        ),
    ):
        given = {"addressPrefix": "10.0.2.0/24", **named}
        assert await net.refused(SUBNETS, "v", "b", **given) == (400, refusal)
    await net.put(TABLES, "far", location="elsewhere")
    elsewhere = {"routeTable": {"id": net.id(TABLES, "far")}}
    refused = await net.refused(SUBNETS, "v", "b", addressPrefix="10.0.2.0/24", **elsewhere)
    assert refused == (400, "InvalidResourceReference")


async def test_routes_inline_and_as_children(net: Networks) -> None:
    to_appliance = {
        "addressPrefix": "0.0.0.0/0",
        "nextHopType": "VirtualAppliance",
        "nextHopIpAddress": "10.0.0.4",
    }
    made = await net.put(TABLES, "t", routes=[{"name": "out", "properties": to_appliance}])
    (route,) = made["properties"]["routes"]
    assert route["properties"] == {
        "provisioningState": "Succeeded",
        **to_appliance,
        "hasBgpOverride": False,
    }
    assert made["properties"]["disableBgpRoutePropagation"] is False
    child = await net.put(ROUTES, "t", "drop", addressPrefix="10.9.0.0/16", nextHopType="none")
    assert child["properties"]["nextHopType"] == "None"
    assert len((await net.get(net.id(TABLES, "t")))["properties"]["routes"]) == 2
    for given, refusal in (
        ({"addressPrefix": "10.9.0.0/16", "nextHopType": "Internet"}, "RouteConflict"),
        ({"addressPrefix": "10.8.0.0/16", "nextHopType": "VirtualAppliance"}, "RouteNextHopIpAddressInvalid"),
        ({"addressPrefix": "10.8.0.1/16", "nextHopType": "None"}, "InvalidCIDRNotation"),
        ({"addressPrefix": "nowhere", "nextHopType": "None"}, "InvalidAddressPrefixFormat"),
        ({"addressPrefix": "10.8.0.0/16", "nextHopType": "Moon"}, "InvalidParameter"),
    ):
        assert await net.refused(ROUTES, "t", "other", **given) == (400, refusal)
    await net.network()
    where = {"routeTable": {"id": made["id"]}}
    await net.put(SUBNETS, "v", "s", addressPrefix="10.0.0.0/24", **where)
    used = await net.get(made["id"])
    assert used["properties"]["subnets"] == [{"id": net.id(SUBNETS, "v", "s")}]
    assert code(await net.ask("DELETE", made["id"])) == (400, "InUseRouteTableCannotBeDeleted")
    await net.delete(ROUTES, "t", "drop")
    await net.delete(VNET, "v")
    await net.delete(TABLES, "t")


async def test_whether_an_address_is_free(net: Networks) -> None:
    await net.network(s="10.0.0.0/29")
    await net.interface("n")
    where = net.id(VNET, "v") + "/CheckIPAddressAvailability"
    taken = await net.get(where, ipAddress="10.0.0.4")
    assert taken == {"available": False, "availableIPAddresses": ["10.0.0.5", "10.0.0.6"]}
    assert (await net.get(where, ipAddress="10.0.0.5"))["available"] is True
    assert (await net.get(where, ipAddress="10.0.0.7"))["available"] is False
    outside = await net.ask("GET", where, ipAddress="10.0.9.9")
    assert code(outside) == (400, "PrivateIPAddressNotInAnySubnet")
    assert code(await net.ask("GET", where)) == (400, "InvalidParameter")


async def test_a_subnets_group_and_route_table_do_not_change_places(net: Networks) -> None:
    group = {"id": (await net.put("networkSecurityGroups", "g"))["id"]}
    table = {"id": (await net.put("routeTables", "t"))["id"]}
    await net.network(s="10.0.0.0/24")
    plain = {"addressPrefix": "10.0.0.0/24"}
    await net.put(SUBNETS, "v", "s", **plain, networkSecurityGroup=group, routeTable=table)
    refused = await net.refused(SUBNETS, "v", "s", **plain, networkSecurityGroup=table, routeTable=group)
    assert refused == (400, "LinkedInvalidPropertyId")


async def test_an_address_space_has_bounds(net: Networks) -> None:
    """To compare many prefixes each with each would hold up everybody for minutes."""
    many = [f"10.{number // 256}.{number % 256}.0/24" for number in range(1001)]
    for prefixes, refusal in ((many, "InvalidParameter"), ([*many[:999], many[0]], "Netcfg")):
        answer = await net.refused("virtualNetworks", "v", addressSpace={"addressPrefixes": prefixes})
        assert answer[1].startswith(refusal)
    subnet = {"name": "s", "properties": {"addressPrefixes": many[:101]}}
    space = {"addressPrefixes": ["10.0.0.0/8"]}
    assert await net.refused("virtualNetworks", "v", addressSpace=space, subnets=[subnet]) == (
        400,
        "InvalidParameter",
    )
    made = await net.put("virtualNetworks", "v", addressSpace={"addressPrefixes": many[:1000]})
    assert len(made["properties"]["addressSpace"]["addressPrefixes"]) == 1000
