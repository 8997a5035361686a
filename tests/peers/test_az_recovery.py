"""Every command of docs/howto/rdp-recovery.md by the real az, on a guest that has a card and an address."""

from __future__ import annotations

import json
import re
import shlex
import socket
from collections.abc import Iterator
from typing import Any

import pytest

from guests.build import Guest
from tests.peers.az import ROOT, Clients, Said
from tests.peers.house import House, until
from tests.peers.network import open_house
from tests.peers.talks import Talks

PUBLIC = "127.9.8.0/29"
GROUP = ("--resource-group", "demo")
DEMO = (*GROUP, "--name", "demo")
WATCHER = ("network", "watcher")
GATEWAY, CARD = "10.9.1.1", "10.9.1.4"
PASSWORD = "kelp-Otter-42-tern"
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIIGRnHB2pqI2JNTzdq1xPXjbtDcVkQ0bBhBqR2mmZ9Sk bob"
WINDOWS = ("EnableRemotePS", "RDPSettings", "ResetRDPCert", "SetRDPPort", "IPConfig", "EnableAdminAccount")


@pytest.fixture(scope="module")
def house(demo_guest: Guest) -> Iterator[House]:
    made = open_house(demo_guest, PUBLIC)
    try:
        made.up()
        yield made
    finally:
        made.close()


def run(azure: Clients, command: str, *more: str) -> Said:
    words = ("vm", "run-command", "invoke", *DEMO, "--command-id", command)
    return azure.az(*words, *more, "--output", "json", expect=None)


def in_guest(azure: Clients, script: str) -> str:
    """What a script printed, as soon as the guest's agent is there."""
    found: list[Said] = []

    def answered() -> bool:
        found[:] = [run(azure, "RunShellScript", "--scripts", script)]
        assert found[0].code == 0 or "GuestAgentAbsent" in found[0].err, found[0]
        return found[0].code == 0

    until("the guest's agent answers", answered, 180)
    return str(found[0].json["value"][0]["message"])


@pytest.fixture(scope="module", autouse=True)
def wired(house: House, azure: Clients) -> None:
    """The demo VM with an interface, a security group at it, and the card that comes with a start."""
    azure.json("network", "nsg", "create", *GROUP, "--name", "walls")
    azure.json(
        *("network", "vnet", "create", *GROUP, "--name", "net", "--address-prefixes", "10.9.0.0/16"),
        *("--subnet-name", "desks", "--subnet-prefixes", "10.9.1.0/24"),
    )
    made = azure.json(
        *("network", "nic", "create", *GROUP, "--name", "card", "--vnet-name", "net", "--subnet", "desks"),
        *("--network-security-group", "walls", "--private-ip-address", CARD),
    )["NewNIC"]
    named = f'networkProfile.networkInterfaces=[{{"id":"{made["id"]}"}}]'
    azure.json("vm", "update", *DEMO, "--set", named)
    azure.json("vm", "stop", *DEMO, "--skip-shutdown")
    azure.json("vm", "start", *DEMO)
    in_guest(azure, "true")


def reach(azure: Clients, address: str, port: int, *more: str) -> dict[str, Any]:
    where = ("--source-resource", "demo", "--dest-address", address, "--dest-port", str(port))
    answer: dict[str, Any] = azure.json(*WATCHER, "test-connectivity", *GROUP, *where, *more)
    return answer


def test_a_connection_is_tried_in_the_guest(azure: Clients) -> None:
    # The host's end of the guest's network stands for the host's own loopback interface.
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        open_ = reach(azure, GATEWAY, port)
    assert (open_["connectionStatus"], open_["probesSent"], open_["probesFailed"]) == ("Reachable", 5, 0)
    assert open_["minLatencyInMs"] <= open_["avgLatencyInMs"] <= open_["maxLatencyInMs"] < 3000
    first, last = open_["hops"]
    assert (first["type"], first["address"], first["issues"]) == ("Source", CARD, [])
    assert first["resourceId"].endswith("/networkInterfaces/card/ipConfigurations/ipconfig1")
    assert (last["address"], first["nextHopIds"]) == (GATEWAY, [last["id"]])
    shut = reach(azure, GATEWAY, port)
    assert (shut["connectionStatus"], shut["probesFailed"]) == ("Unreachable", 5)
    (issue,) = shut["hops"][-1]["issues"]
    assert {"key": "Seen", "value": "refused"} in issue["context"]
    (issue,) = reach(azure, "no-such-host.invalid", 80)["hops"][0]["issues"]
    assert (issue["origin"], issue["type"]) == ("Local", "DnsResolution")


def test_what_is_not_enforced_is_said(azure: Clients) -> None:
    away = ("--priority", "200", "--direction", "Outbound", "--access", "Deny", "--protocol", "*")
    rule = ("network", "nsg", "rule")
    azure.json(
        *(*rule, "create", *GROUP, "--nsg-name", "walls", "--name", "shut", *away),
        *("--destination-port-ranges", "*"),
    )
    with socket.create_server(("127.0.0.1", 0)) as listening:
        found = reach(azure, GATEWAY, listening.getsockname()[1])
    assert found["connectionStatus"] == "Reachable"
    (issue,) = found["hops"][-1]["issues"]
    assert (issue["origin"], issue["severity"]) == ("Outbound", "Warning")
    said = {each["key"]: each["value"] for each in issue["context"]}
    assert said["RuleName"] == "securityRules/shut" and said["Enforced"].startswith("no")
    azure.json(*rule, "delete", *GROUP, "--nsg-name", "walls", "--name", "shut")


def test_the_rest_of_the_watcher(azure: Clients) -> None:
    hop = azure.json(
        *(*WATCHER, "show-next-hop", *GROUP, "--vm", "demo", "--source-ip", CARD, "--dest-ip", "8.8.8.8"),
    )
    assert hop["nextHopType"] == "Internet"
    view = azure.json(*WATCHER, "show-security-group-view", *GROUP, "--vm", "demo")
    rules = view["networkInterfaces"][0]["securityRuleAssociations"]["effectiveSecurityRules"]
    assert "defaultSecurityRules/DenyAllInBound" in [each["name"] for each in rules]
    flow = ("--direction", "Inbound", "--protocol", "TCP", "--source", "198.51.100.7", "--port", "3389")
    (found,) = azure.json(
        *(*WATCHER, "run-configuration-diagnostic", *GROUP, "--resource", "demo"),
        *("--resource-type", "virtualMachines", *flow, "--destination", CARD),
    )["results"]
    told = found["networkSecurityGroupResult"]
    (group,) = told["evaluatedNetworkSecurityGroups"]
    assert told["securityRuleAccessResult"] == "Deny"
    assert group["matchedRule"]["ruleName"] == "defaultSecurityRules/DenyAllInBound"
    for refused, code in (
        (
            ("test-connectivity", *GROUP, "--source-resource", "demo", "--dest-address", GATEWAY),
            "InvalidParameter",
        ),
        (("show-topology", *GROUP), "ActionNotOffered"),
    ):
        assert f"({code})" in azure.refused(*WATCHER, *refused)
    asked = ("--source-resource", "demo", "--dest-address", GATEWAY, "--protocol", "Icmp")
    said = azure.refused(*WATCHER, "test-connectivity", *GROUP, *asked)
    assert "(ConnectivityProtocolUnsupported)" in said
    for kind in ("packet-capture", "flow-log", "connection-monitor"):
        said = azure.refused(*WATCHER, kind, "list", "--location", "local", code=3)
        assert "(InvalidResourceType)" in said


def test_accounts_and_ssh(azure: Clients) -> None:
    who = ("--username", "bob")
    user = ("vm", "user")
    azure.json(*user, "update", *DEMO, *who, "--password", PASSWORD)
    azure.json(*user, "update", *DEMO, *who, "--ssh-key-value", KEY)
    said = in_guest(azure, "id bob; grep -c '^bob:\\$' /etc/shadow; cat ~bob/.ssh/authorized_keys")
    assert "uid=" in said and "\n1\n" in said and KEY.split()[1] in said
    assert "misspelled or not recognized" in azure.az(*user, "reset-remote-desktop", *DEMO, expect=2).err


def test_commands_by_their_ids(azure: Clients) -> None:
    assert CARD in run(azure, "ifconfig").out
    for command in WINDOWS:
        shown = azure.json("vm", "run-command", "show", "--location", "local", "--command-id", command)
        assert (shown["osType"], shown["script"][0]) == ("Windows", "#!powershell")
        said = run(azure, command)
        assert said.code == 1 and "(OperationNotAllowed)" in said.err and "is for Windows" in said.err


def test_log_and_health(house: House, azure: Clients) -> None:
    assert "Linux version" in azure.json("vm", "boot-diagnostics", "get-boot-log", *DEMO)
    vm = azure.json("vm", "show", *DEMO)["id"]
    health = f"{vm}/providers/Microsoft.ResourceHealth/availabilityStatuses/current"
    version = "2023-07-01-preview"
    by_rest = azure.json("rest", "--url", f"{health}?api-version={version}")
    shown = azure.json("resource", "show", "--ids", health, "--api-version", version)
    for found in (by_rest, shown):
        assert found["properties"]["availabilityState"] == "Available"


def test_azures_sdk(house: House, azure: Clients) -> None:
    """azure-mgmt-network and azure-mgmt-compute read the same shapes."""
    told = Talks(house, azure)("recovery")
    assert told["through"] == ["Reachable", 5, 0]
    assert told["latencies"] == sorted(told["latencies"]) and told["latencies"][0] >= 1
    assert told["hops"] == [["Source", CARD], ["VnetLocal", GATEWAY]] and told["linked"]
    assert told["refused"] == ["Unreachable", "Outbound", "Error", "refused"]
    assert told["diagnosed"].lower().endswith("deny")
    assert told["flow"][0].lower().endswith("deny")
    assert told["flow"][1] == "defaultSecurityRules/DenyAllInBound"
    assert told["hop"].lower().endswith("internet")
    assert (told["routes"], told["card"]) == (6, True)
    assert told["icmp"] == "ConnectivityProtocolUnsupported"
    assert told["running"] == "PowerState/running"
    in_guest(azure, "true")


def test_the_lines_of_the_document(azure: Clients) -> None:
    """Each az line of the table, in its order; the names of the example are those of this house."""
    text = (ROOT / "docs" / "howto" / "rdp-recovery.md").read_text()
    table = text.partition("## From the PowerShell lines to ours")[2].partition("\n## ")[0]
    rows = "\n".join(line for line in table.splitlines() if line.startswith("|"))
    lines = re.findall(r"`(az [^`]+)`", rows)
    assert len(lines) >= 14
    names = {"RG": "demo", "VM": "demo", "NSG": "walls", "NIC": "card", "USER": "bob", "PASSWORD": PASSWORD}
    names |= {"ADDRESS": "10.9.1.9", "PUBLIC": "door", "VM_ID": azure.json("vm", "show", *DEMO)["id"]}
    for line in lines:
        words = [
            re.sub(r"\b(?:" + "|".join(names) + r")\b", lambda found: names[found[0]], word)
            for word in shlex.split(line)[1:]
        ]
        said = azure.az(*words, expect=None)
        if "VMAccessAgent" in line:
            # It is Windows' own: told, and nothing is pretended.
            assert said.code == 1 and "VMAccessForLinux" in said.err, said
        else:
            assert said.code == 0, said
    rule = azure.json("network", "nsg", "rule", "list", *GROUP, "--nsg-name", "walls")[0]
    assert (rule["name"], rule["priority"], rule["access"]) == ("default-allow-rdp", 1000, "Allow")
    # The last of them gave the interface another address, which is another card at the start after it.
    card = azure.json("network", "nic", "show", *GROUP, "--name", "card")
    azure.json("vm", "stop", *DEMO, "--skip-shutdown")
    refused = azure.refused(
        *(*WATCHER, "test-connectivity", *GROUP, "--source-resource", "demo"),
        *("--dest-address", GATEWAY, "--dest-port", "80"),
    )
    assert "(OperationNotAllowed)" in refused
    azure.json("vm", "start", *DEMO)
    said = in_guest(
        azure, "for i in $(seq 30); do ip addr show eth0 | grep -q 10.9.1.9 && break; sleep 1; done; ip addr"
    )
    assert "10.9.1.9/24" in said
    assert card["macAddress"].replace("-", ":").lower() in said
    addresses = azure.json("vm", "list-ip-addresses", *DEMO)[0]["virtualMachine"]["network"]
    assert addresses["publicIpAddresses"][0]["ipAddress"].startswith("127.9.8.")
    assert json.dumps(addresses["privateIpAddresses"]) == '["10.9.1.9"]'
    azure.json("vm", "stop", *DEMO, "--skip-shutdown")
    asked = (*WATCHER, "test-connectivity", *GROUP, "--source-resource", "demo", "--dest-address", GATEWAY)
    assert "(OperationNotAllowed)" in azure.refused(*asked, "--dest-port", "80")
