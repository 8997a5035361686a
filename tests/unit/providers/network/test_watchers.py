"""What is asked of an interface: effective rules and routes, who decides about a flow, and the next hop."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.cloud import SCOPE, Cloud, Host, vm_id
from tests.support.networks import RDP, WATCHER, Networks, address, code

pytestmark = pytest.mark.anyio
NSG, RULES, NIC = "networkSecurityGroups", "networkSecurityGroups/securityRules", "networkInterfaces"
SUBNETS = "virtualNetworks/subnets"


@pytest.fixture
async def wired(net: Networks, cloud: Cloud, host: Host) -> dict[str, Any]:
    """A VM with an interface, a group at its subnet that lets everybody in on 3389, and one at itself."""
    await net.put(NSG, "near", securityRules=[{"name": "desk", "properties": RDP}])
    await net.put(NSG, "far", securityRules=[{"name": "gate", "properties": RDP | {"priority": 400}}])
    await net.network()
    group = {"networkSecurityGroup": {"id": net.id(NSG, "far")}}
    await net.put(SUBNETS, "v", "s", addressPrefix="10.0.0.0/24", **group)
    nic = await net.interface("n", nsg=net.id(NSG, "near"))
    named = {"networkInterfaces": [{"id": nic["id"]}]}
    await cloud.owner.create_vm("demo", networkProfile=named)
    return nic


def flow(**changes: Any) -> dict[str, Any]:
    whole = {
        "targetResourceId": vm_id("demo"),
        "direction": "Inbound",
        "protocol": "TCP",
        "localIPAddress": "10.0.0.4",
        "localPort": "3389",
        "remoteIPAddress": "198.51.100.7",
        "remotePort": "60000",
    }
    return whole | changes


async def test_there_is_a_watcher_in_every_location_by_itself(net: Networks, cloud: Cloud) -> None:
    listed = await net.get(f"{SCOPE}/providers/Microsoft.Network/networkWatchers")
    assert [(each["id"], each["location"]) for each in listed["value"]] == [(WATCHER, "local")]
    await net.put(NSG, "x", location="East Wing")
    listed = await net.get(f"{SCOPE}/providers/Microsoft.Network/networkWatchers")
    assert [each["location"] for each in listed["value"]] == ["eastwing", "local"]
    assert (await net.get(WATCHER.upper().replace("/SUBSCRIPTIONS", "/subscriptions")))["id"] == WATCHER
    for other in (WATCHER.replace("_local", "_moon"), WATCHER.replace("NetworkWatcherRG", "Lab")):
        assert (await net.ask("GET", other)).status_code == 404


async def test_the_rule_that_decides_about_a_flow(net: Networks, wired: dict[str, Any]) -> None:
    where = WATCHER + "/ipFlowVerify"
    # Inbound both allow, and the last word is the interface's own group's.
    assert await net.result(where, flow()) == {"access": "Allow", "ruleName": "securityRules/desk"}
    other_port = await net.result(where, flow(localPort="22"))
    assert other_port == {"access": "Deny", "ruleName": "defaultSecurityRules/DenyAllInBound"}
    inside = await net.result(where, flow(localPort="22", remoteIPAddress="10.0.0.9"))
    assert inside == {"access": "Allow", "ruleName": "defaultSecurityRules/AllowVnetInBound"}
    out = await net.result(where, flow(direction="Outbound", remoteIPAddress="8.8.8.8"))
    assert (out["access"], out["ruleName"]) == ("Allow", "defaultSecurityRules/AllowInternetOutBound")
    # It is told that nothing here would stop it.
    assert out["outofband"]["enforced"] is False and "outbound" in out["outofband"]["statement"]
    deny = RDP | {"priority": 100, "access": "Deny", "sourceAddressPrefix": "198.51.100.0/24"}
    await net.put(RULES, "far", "block", **deny)
    assert await net.result(where, flow()) == {"access": "Deny", "ruleName": "securityRules/block"}
    by_interface = flow(targetNicResourceId=wired["id"], remoteIPAddress="203.0.113.9")
    assert (await net.result(where, by_interface))["access"] == "Allow"
    for text in (wired["id"] + "/", ""):
        assert (await net.result(where, by_interface | {"targetNicResourceId": text}))["access"] == "Allow"
    await net.delete(RULES, "far", "block")
    assert (await net.result(where, flow()))["access"] == "Allow"


async def test_a_question_that_makes_no_sense_is_refused_at_once(
    net: Networks, wired: dict[str, Any], cloud: Cloud
) -> None:
    where = WATCHER + "/ipFlowVerify"
    await cloud.owner.create_vm("bare")
    elsewhere = vm_id("demo").replace("/subscriptions/2", "/subscriptions/3")
    for changes, refusal in (
        ({"localIPAddress": "10.0.0.5"}, "InvalidParameter"),
        ({"localPort": "65536"}, "InvalidParameter"),
        ({"remoteIPAddress": "host"}, "InvalidParameter"),
        ({"protocol": "ICMP"}, "InvalidParameter"),
        ({"direction": "Up"}, "InvalidParameter"),
        ({"localPort": 3389}, "InvalidRequestContent"),
        ({"targetResourceId": vm_id("nope")}, "InvalidResourceReference"),
        ({"targetResourceId": elsewhere}, "InvalidResourceReference"),
        ({"targetResourceId": vm_id("bare")}, "NetworkInterfaceNotUsable"),
        ({"targetNicResourceId": net.id(NIC, "other")}, "InvalidResourceReference"),
    ):
        assert code(await net.ask("POST", where, flow(**changes))) == (400, refusal), changes


async def test_effective_rules_of_both_groups(net: Networks, wired: dict[str, Any]) -> None:
    found = await net.result(wired["id"] + "/effectiveNetworkSecurityGroups")
    subnet, own = found["value"]
    assert subnet["networkSecurityGroup"] == {"id": net.id(NSG, "far")}
    assert subnet["association"] == {"subnet": {"id": net.id(SUBNETS, "v", "s")}}
    assert own["association"] == {"networkInterface": {"id": wired["id"]}}
    names = [each["name"] for each in own["effectiveSecurityRules"]]
    assert names[0] == "securityRules/desk"
    told = {each["name"]: each["outofband"]["enforced"] for each in own["effectiveSecurityRules"]}
    assert told["securityRules/desk"] and not told["defaultSecurityRules/AllowInternetOutBound"]
    assert "not enforced" in found["outofband"]["statement"]
    assert "defaultSecurityRules/DenyAllOutBound" in names
    assert own["tagMap"]["VirtualNetwork"] == ["10.0.0.0/16", "168.63.129.16/32"]


async def test_application_groups_stand_for_their_members(net: Networks, wired: dict[str, Any]) -> None:
    asg = await net.put("applicationSecurityGroups", "desks")
    away = {
        **RDP,
        "priority": 200,
        "access": "Deny",
        "destinationAddressPrefix": None,
        "destinationApplicationSecurityGroups": [{"id": asg["id"]}],
    }
    await net.put(RULES, "near", "away", **away)
    where = WATCHER + "/ipFlowVerify"
    assert (await net.result(where, flow()))["access"] == "Allow"
    group = {"applicationSecurityGroups": [{"id": asg["id"]}]}
    await net.interface("n", nsg=net.id(NSG, "near"), **group)
    assert await net.result(where, flow()) == {"access": "Deny", "ruleName": "securityRules/away"}
    found = await net.result(wired["id"] + "/effectiveNetworkSecurityGroups")
    (rule,) = [
        each for each in found["value"][1]["effectiveSecurityRules"] if each["name"] == "securityRules/away"
    ]
    assert rule["expandedDestinationAddressPrefix"] == ["10.0.0.4/32"]
    assert code(await net.ask("DELETE", asg["id"]))[1] == "InUseApplicationSecurityGroupCannotBeDeleted"


async def test_routes_and_the_next_hop(net: Networks, wired: dict[str, Any]) -> None:
    def asked(target: str) -> dict[str, Any]:
        ends = {"sourceIPAddress": "10.0.0.4", "destinationIPAddress": target}
        return {"targetResourceId": vm_id("demo"), **ends}

    where = WATCHER + "/nextHop"
    system = {"routeTableId": "System Route"}
    assert await net.result(where, asked("10.0.9.9")) == {"nextHopType": "VnetLocal", **system}
    assert await net.result(where, asked("8.8.8.8")) == {"nextHopType": "Internet", **system}
    assert await net.result(where, asked("192.168.0.1")) == {"nextHopType": "None", **system}
    through = {
        "addressPrefix": "0.0.0.0/0",
        "nextHopType": "VirtualAppliance",
        "nextHopIpAddress": "10.0.0.9",
    }
    table = await net.put("routeTables", "t", routes=[{"name": "out", "properties": through}])
    await net.put(SUBNETS, "v", "s", addressPrefix="10.0.0.0/24", routeTable={"id": table["id"]})
    hop = {"nextHopType": "VirtualAppliance", "nextHopIpAddress": "10.0.0.9"}
    assert await net.result(where, asked("8.8.8.8")) == {**hop, "routeTableId": table["id"]}
    listed = (await net.result(wired["id"] + "/effectiveRouteTable"))["value"]
    seen = [(each["source"], each["state"], each["addressPrefix"][0]) for each in listed]
    assert ("Default", "Invalid", "0.0.0.0/0") in seen
    assert ("User", "Active", "0.0.0.0/0") in seen
    assert listed[-1]["nextHopIpAddress"] == ["10.0.0.9"]


async def test_the_view_of_a_vms_security(net: Networks, wired: dict[str, Any]) -> None:
    found = await net.result(WATCHER + "/securityGroupView", {"targetResourceId": vm_id("demo")})
    (interface,) = found["networkInterfaces"]
    assert interface["id"] == wired["id"]
    associations = interface["securityRuleAssociations"]
    assert [each["name"] for each in associations["subnetAssociation"]["securityRules"]] == ["gate"]
    assert associations["networkInterfaceAssociation"]["id"] == wired["id"]


async def test_a_standard_public_address_is_shut_without_a_group(
    net: Networks, cloud: Cloud, host: Host
) -> None:
    await net.network(s="10.0.0.0/24")
    public = await net.put("publicIPAddresses", "p", sku={"name": "Standard"})
    nic = await net.interface("n", publicIPAddress={"id": public["id"]})
    assert address(nic) == "10.0.0.4"
    asked = flow(targetResourceId=nic["id"])
    assert (await net.result(WATCHER + "/ipFlowVerify", asked))["access"] == "Deny"
    inside = asked | {"remoteIPAddress": "10.0.0.9"}
    assert (await net.result(WATCHER + "/ipFlowVerify", inside))["access"] == "Allow"


async def test_which_rules_are_about_traffic(net: Networks, wired: dict[str, Any]) -> None:
    def asked(**changes: str) -> dict[str, Any]:
        whole = {"direction": "Inbound", "protocol": "TCP", "source": "198.51.100.0/24", "destination": "*"}
        return {
            "targetResourceId": vm_id("demo"),
            "profiles": [whole | {"destinationPort": "3389"} | changes],
        }

    where = WATCHER + "/networkConfigurationDiagnostic"
    (found,) = (await net.result(where, asked()))["results"]
    assert found["profile"]["source"] == "198.51.100.0/24"
    told = found["networkSecurityGroupResult"]
    assert told["securityRuleAccessResult"] == "Allow"
    far, near = told["evaluatedNetworkSecurityGroups"]
    assert (far["appliedTo"], near["appliedTo"]) == (net.id(SUBNETS, "v", "s"), wired["id"])
    assert (far["matchedRule"]["ruleName"], near["matchedRule"]["action"]) == ("securityRules/gate", "Allow")
    for changes in ({"destinationPort": "3389-3400"}, {"destinationPort": "*"}, {"protocol": "UDP"}):
        (found,) = (await net.result(where, asked(**changes)))["results"]
        told = found["networkSecurityGroupResult"]
        assert told["securityRuleAccessResult"] == "Deny", changes
        (only,) = told["evaluatedNetworkSecurityGroups"]
        assert only["matchedRule"]["ruleName"] == "defaultSecurityRules/DenyAllInBound"
        first = only["rulesEvaluationResult"][0]
        assert (first["name"], first["sourceMatched"]) == ("securityRules/gate", True)
        assert first["destinationPortMatched"] is ("protocol" in changes)
    outward = asked(direction="Outbound", source="10.0.0.4", destination="Internet", destinationPort="443")
    (found,) = (await net.result(where, outward))["results"]
    assert found["networkSecurityGroupResult"]["securityRuleAccessResult"] == "Allow"
    for changes in (
        {"source": "Storage"},
        {"direction": "Up"},
        {"protocol": "GRE"},
        {"destinationPort": "x"},
    ):
        assert code(await net.ask("POST", where, asked(**changes))) == (400, "InvalidParameter"), changes
    empty = {"targetResourceId": vm_id("demo"), "profiles": []}
    assert code(await net.ask("POST", where, empty)) == (400, "InvalidParameter")


async def test_what_a_watcher_does_not_do_is_said(net: Networks) -> None:
    for action, word in (
        ("troubleshoot", "connectivityCheck"),
        ("configureFlowLog", "log"),
        ("topology", ""),
    ):
        answer = await net.ask("POST", f"{WATCHER}/{action}", {"targetResourceId": "/x"})
        assert code(answer)[1] == "ActionNotOffered", action
        assert word in answer.json()["error"]["message"]


async def test_usages_and_names_of_a_location(net: Networks) -> None:
    where = f"{SCOPE}/providers/Microsoft.Network/locations/local"
    await net.put("publicIPAddresses", "p", dnsSettings={"domainNameLabel": "door"})
    usages = {each["name"]["value"]: each for each in (await net.get(where + "/usages"))["value"]}
    counted = usages["PublicIPAddresses"]
    assert (counted["currentValue"], counted["limit"], counted["unit"]) == (1, 1000, "Count")
    assert usages["VirtualNetworks"]["currentValue"] == 0
    dns = where + "/CheckDnsNameAvailability"
    assert await net.get(dns, domainNameLabel="door") == {"available": False}
    assert await net.get(dns, domainNameLabel="gate") == {"available": True}
    assert code(await net.ask("GET", dns, domainNameLabel="No Name")) == (400, "InvalidDomainNameLabel")
    label = {"dnsSettings": {"domainNameLabel": "door"}}
    assert await net.refused("publicIPAddresses", "q", **label) == (400, "DnsRecordInUse")
    await net.put("publicIPAddresses", "p")
    assert await net.get(dns, domainNameLabel="door") == {"available": True}
