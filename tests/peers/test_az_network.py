"""az on networks: what is made is given back, rules are judged as Azure judges them."""

from __future__ import annotations

import pytest

from tests.peers.az import Clients
from tests.peers.az_documents import blocks
from tests.peers.house import House

GROUP = ("--resource-group", "demo")


@pytest.fixture(scope="module")
def network(house: House, azure: Clients) -> Clients:
    """A virtual network with a subnet, an address, a security group, and an interface that has them all."""
    azure.json("network", "nsg", "create", *GROUP, "--name", "walls")
    azure.json(
        *("network", "vnet", "create", *GROUP, "--name", "net", "--address-prefixes", "10.9.0.0/16"),
        *("--subnet-name", "desks", "--subnet-prefixes", "10.9.1.0/24"),
    )
    azure.json("network", "public-ip", "create", *GROUP, "--name", "door", "--sku", "Standard")
    azure.json(
        *("network", "nic", "create", *GROUP, "--name", "card", "--vnet-name", "net", "--subnet", "desks"),
        *("--network-security-group", "walls", "--public-ip-address", "door"),
        *("--private-ip-address", "10.9.1.4"),
    )
    return azure


def test_a_group_has_azures_default_rules(network: Clients) -> None:
    shown = network.json("network", "nsg", "show", *GROUP, "--name", "walls")
    defaults = {rule["name"]: rule["priority"] for rule in shown["defaultSecurityRules"]}
    assert defaults == {
        "AllowVnetInBound": 65000,
        "AllowAzureLoadBalancerInBound": 65001,
        "DenyAllInBound": 65500,
        "AllowVnetOutBound": 65000,
        "AllowInternetOutBound": 65001,
        "DenyAllOutBound": 65500,
    }


def test_life_of_a_rule(network: Clients) -> None:
    rule = ("network", "nsg", "rule")
    where = (*GROUP, "--nsg-name", "walls")
    made = network.json(
        *(*rule, "create", *where, "--name", "rdp", "--priority", "300", "--access", "Allow"),
        *("--protocol", "Tcp", "--destination-port-ranges", "3389", "--source-address-prefixes"),
        *("203.0.113.0/24", "198.51.100.7"),
    )
    assert (made["provisioningState"], made["destinationPortRange"]) == ("Succeeded", "3389")
    assert made["sourceAddressPrefixes"] == ["203.0.113.0/24", "198.51.100.7"]
    changed = network.json(*rule, "update", *where, "--name", "rdp", "--access", "Deny")
    assert (changed["access"], changed["priority"]) == ("Deny", 300)
    assert [each["name"] for each in network.json(*rule, "list", *where)] == ["rdp"]
    assert network.json(*rule, "show", *where, "--name", "rdp")["protocol"] == "Tcp"
    taken = network.refused(
        *(*rule, "create", *where, "--name", "ssh", "--priority", "300", "--protocol", "Tcp"),
        *("--destination-port-ranges", "22"),
    )
    assert "SecurityRuleConflict" in taken
    wrong = network.refused(*rule, "create", *where, "--name", "low", "--priority", "50")
    assert "priority" in wrong.lower()
    network.json(*rule, "delete", *where, "--name", "rdp")
    assert network.json(*rule, "list", *where) == []


def test_an_interface_and_its_address(network: Clients) -> None:
    card = network.json("network", "nic", "show", *GROUP, "--name", "card")
    (configuration,) = card["ipConfigurations"]
    assert configuration["privateIPAddress"] == "10.9.1.4"
    assert configuration["subnet"]["id"].endswith("/virtualNetworks/net/subnets/desks")
    assert card["networkSecurityGroup"]["id"].endswith("/networkSecurityGroups/walls")
    door = network.json("network", "public-ip", "show", *GROUP, "--name", "door")
    assert door["ipConfiguration"]["id"].lower() == configuration["id"].lower()
    listed = network.json("network", "nic", "list", *GROUP, "--query", "[].name")
    assert listed == ["card"]
    in_use = network.refused("network", "vnet", "delete", *GROUP, "--name", "net")
    assert "InUse" in in_use


def test_effective_rules_and_routes(network: Clients) -> None:
    rules = network.json("network", "nic", "list-effective-nsg", *GROUP, "--name", "card")["value"]
    assert rules[0]["networkSecurityGroup"]["id"].endswith("/networkSecurityGroups/walls")
    names = {rule["name"] for rule in rules[0]["effectiveSecurityRules"]}
    assert any(name.endswith("DenyAllInBound") for name in names)
    routes = network.json("network", "nic", "show-effective-route-table", *GROUP, "--name", "card")["value"]
    ways = {route["addressPrefix"][0]: route["nextHopType"] for route in routes}
    assert (ways["10.9.0.0/16"], ways["0.0.0.0/0"]) == ("VnetLocal", "Internet")


def test_the_watcher_tells_which_rule_decides(house: House, network: Clients) -> None:
    subscription = f"/subscriptions/{house.profile()['subscriptionId']}"
    card = f"{subscription}/resourceGroups/demo/providers/Microsoft.Network/networkInterfaces/card"
    machine = f"{subscription}/resourceGroups/demo/providers/Microsoft.Compute/virtualMachines/demo"
    network.json(
        "vm", "update", "--ids", machine, "--set", f'networkProfile.networkInterfaces=[{{"id":"{card}"}}]'
    )
    assert [each["name"] for each in network.json("network", "watcher", "list")] == ["NetworkWatcher_local"]
    flow = ("network", "watcher", "test-ip-flow", *GROUP, "--vm", "demo", "--protocol", "TCP")
    inward = ("--direction", "Inbound", "--local", "10.9.1.4:3389", "--remote", "203.0.113.9:60000")
    closed = network.json(*flow, *inward)
    assert (closed["access"], closed["ruleName"]) == ("Deny", "defaultSecurityRules/DenyAllInBound")
    network.json(
        *("network", "nsg", "rule", "create", *GROUP, "--nsg-name", "walls", "--name", "desk"),
        *("--priority", "200", "--protocol", "Tcp", "--destination-port-ranges", "3389"),
    )
    opened = network.json(*flow, *inward)
    assert (opened["access"], opened["ruleName"]) == ("Allow", "securityRules/desk")
    outward = ("--direction", "Outbound", "--local", "10.9.1.4:60000", "--remote", "192.0.2.1:443")
    assert network.json(*flow, *outward)["access"] == "Allow"


def test_the_lines_of_the_document(network: Clients) -> None:
    make, ask = blocks("networks.md", "bash")
    network.bash(make)
    said = network.bash(ask).out
    assert '"ruleName": "securityRules/rdp"' in said
    assert "defaultSecurityRules/DenyAllInBound" in said
    assert '"nextHopType": "VnetLocal"' in said
