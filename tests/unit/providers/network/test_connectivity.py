"""A connectivity check: asked of the guest, else of its host, beside rules, routes and the far end."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from outofband.core.errors import Fault
from outofband.wire.machine import Power
from outofband.wire.network.reach import Reached, Try
from outofband.wire.remote import Protocol, Report, Where, Word
from outofband.wire.script import Ending, ScriptReport
from tests.support.cloud import Cloud, Host, vm_id
from tests.support.networks import RDP, WATCHER, Networks, code

pytestmark = pytest.mark.anyio
WHERE = WATCHER + "/connectivityCheck"
NSG, NIC = "networkSecurityGroups", "networkInterfaces"


def says(host: Host, *lines: str) -> None:
    """What the script in the guest prints."""
    out = "".join(f"outofband.reach/1 {line}\n" for line in lines)
    report = ScriptReport(running=False, started="", ending=Ending.EXITED, status=0, out=out)
    host.data["vm.run"] = msgspec.to_builtins(report)


@pytest.fixture
async def wired(net: Networks, cloud: Cloud, host: Host) -> Host:
    """Two VMs in one network; `door` has a public address and a group that lets 3389 in."""
    await net.put(NSG, "near")
    await net.put(NSG, "far", securityRules=[{"name": "desk", "properties": RDP}])
    await net.network(s="10.0.0.0/24")
    mine = await net.interface("n", nsg=net.id(NSG, "near"))
    public = await net.put("publicIPAddresses", "p", publicIPAllocationMethod="Static")
    theirs = await net.interface("d", nsg=net.id(NSG, "far"), publicIPAddress={"id": public["id"]})
    for name, nic in (("demo", mine), ("door", theirs)):
        await cloud.owner.create_vm(name, networkProfile={"networkInterfaces": [{"id": nic["id"]}]})
    says(host, "address 198.51.100.9", *["through 1500"] * 5)
    return host


def asked(**destination: Any) -> dict[str, Any]:
    return {"source": {"resourceId": vm_id("demo")}, "destination": destination}


def issues(answer: dict[str, Any]) -> list[tuple[str, str, str]]:
    return [
        (issue["origin"], issue["severity"], issue["type"])
        for hop in answer["hops"]
        for issue in hop["issues"]
    ]


def context(answer: dict[str, Any], kind: str) -> dict[str, str]:
    found = [each for hop in answer["hops"] for each in hop["issues"] if each["type"] == kind]
    return {each["key"]: each["value"] for each in found[0]["context"]}


@pytest.fixture
async def six(net: Networks, cloud: Cloud, wired: Host) -> None:
    """A VM whose interface has no IPv4 address, and one that has one behind an IPv6 one."""
    await net.put(
        "virtualNetworks",
        "w",
        addressSpace={"addressPrefixes": ["10.1.0.0/24", "fd00:1::/64"]},
        subnets=[{"name": "s", "properties": {"addressPrefixes": ["10.1.0.0/24", "fd00:1::/64"]}}],
    )
    subnet = {"id": net.id("virtualNetworks/subnets", "w", "s")}
    for name in ("six", "both"):
        version = {"privateIPAddressVersion": "IPv6"}
        parts = [{"name": "v6", "properties": {"subnet": subnet, "primary": True, **version}}]
        if name == "both":
            parts.append({"name": "v4", "properties": {"subnet": subnet, "primary": False}})
        nic = await net.put("networkInterfaces", name, ipConfigurations=parts)
        await cloud.owner.create_vm(name, networkProfile={"networkInterfaces": [{"id": nic["id"]}]})


@pytest.mark.usefixtures("six")
async def test_a_vm_with_ipv6_alone_is_refused_by_name(net: Networks, cloud: Cloud) -> None:
    there = {"destination": {"address": "198.51.100.9", "port": 443}}
    answer = await net.ask("POST", WHERE, {"source": {"resourceId": vm_id("six")}, **there})
    assert code(answer) == (409, "ConnectivityNeedsIPv4") and "'six'" in answer.text
    answer = await net.ask("POST", WHERE, asked(resourceId=vm_id("six"), port=443))
    assert code(answer) == (409, "ConnectivityNeedsIPv4")


@pytest.mark.usefixtures("six")
async def test_of_a_vm_with_both_its_ipv4_address_counts(net: Networks) -> None:
    there = {"destination": {"address": "198.51.100.9", "port": 443}}
    answer = await net.result(WHERE, {"source": {"resourceId": vm_id("both")}, **there})
    assert answer["connectionStatus"] == "Reachable"
    first = answer["hops"][0]
    assert (first["address"], first["resourceId"].rpartition("/")[2]) == ("10.1.0.4", "v4")


async def test_a_port_elsewhere_is_tried_in_the_guest(net: Networks, wired: Host) -> None:
    answer = await net.result(WHERE, asked(address="198.51.100.9", port=443))
    assert (answer["connectionStatus"], answer["probesSent"], answer["probesFailed"]) == ("Reachable", 5, 0)
    assert answer["avgLatencyInMs"] == 2
    first, last = answer["hops"]
    assert (first["type"], first["address"]) == ("Source", "10.0.0.4")
    assert first["resourceId"] == net.id(NIC, "n") + "/ipConfigurations/ipconfig1"
    assert (last["type"], last["address"], issues(answer)) == ("Internet", "198.51.100.9", [])
    assert answer["outofband"] == {"from": "guest"}


async def test_what_is_not_enforced_is_told_beside_what_came_through(net: Networks, wired: Host) -> None:
    away = RDP | {"direction": "Outbound", "access": "Deny", "destinationPortRange": "443"}
    await net.put(f"{NSG}/securityRules", "near", "shut", **away)
    route = {"addressPrefix": "198.51.100.0/24", "nextHopType": "None"}
    table = await net.put("routeTables", "t", routes=[{"name": "hole", "properties": route}])
    await net.put(
        "virtualNetworks/subnets", "v", "s", addressPrefix="10.0.0.0/24", routeTable={"id": table["id"]}
    )
    answer = await net.result(WHERE, asked(address="198.51.100.9", port=443))
    assert answer["connectionStatus"] == "Reachable"
    assert issues(answer) == [
        ("Outbound", "Warning", "NetworkSecurityRule"),
        ("Outbound", "Warning", "UserDefinedRoute"),
    ]
    assert context(answer, "NetworkSecurityRule")["RuleName"] == "securityRules/shut"
    assert context(answer, "UserDefinedRoute")["RouteType"] == "User"
    through = {
        "addressPrefix": "0.0.0.0/0",
        "nextHopType": "VirtualAppliance",
        "nextHopIpAddress": "10.0.0.9",
    }
    await net.put("routeTables", "t", routes=[{"name": "out", "properties": through}])
    hops = (await net.result(WHERE, asked(address="198.51.100.9", port=80)))["hops"]
    assert [(each["type"], each["address"]) for each in hops][1:] == [
        ("VirtualAppliance", "10.0.0.9"),
        ("Internet", "198.51.100.9"),
    ]


async def test_names_and_uris(net: Networks, wired: Host) -> None:
    answer = await net.result(WHERE, asked(address="https://web.example/path"))
    assert answer["hops"][-1]["address"] == "198.51.100.9"
    says(wired, "name")
    answer = await net.result(WHERE, asked(address="web.example", port=80))
    assert (answer["connectionStatus"], answer["probesSent"]) == ("Unreachable", 0)
    assert issues(answer) == [("Local", "Error", "DnsResolution")]
    assert answer["hops"][-1]["address"] == "web.example"


async def test_without_a_guests_agent_its_host_tries(net: Networks, wired: Host) -> None:
    wired.refuse["vm.run"] = Fault("GuestAgentAbsent", vm="demo", detail="")
    tried = Reached(address="198.51.100.9", tries=(Try(ms=3.0), Try(ms=5.0)))
    wired.data["vm.reach"] = msgspec.to_builtins(tried)
    answer = await net.result(WHERE, asked(address="198.51.100.9", port=443))
    assert (answer["connectionStatus"], answer["avgLatencyInMs"]) == ("Reachable", 4)
    assert issues(answer) == [("Local", "Warning", "AgentStopped")]
    assert "h1" in context(answer, "AgentStopped")["ProbedFrom"]
    assert answer["outofband"] == {"from": "host", "why": "GuestAgentAbsent"}
    wired.refuse["vm.reach"] = Fault("ActionNotSupported", driver="qemu", verb="vm.reach")
    answer = await net.result(WHERE, asked(address="198.51.100.9", port=443))
    assert (answer["connectionStatus"], answer["probesSent"]) == ("Unknown", 0)


async def test_a_vm_by_its_private_address_is_not_reached_whatever_answers(
    net: Networks, wired: Host
) -> None:
    says(wired, "address 10.0.0.5", *["through 900"] * 5)
    for destination in ({"resourceId": vm_id("door"), "port": 22}, {"address": "10.0.0.5", "port": 22}):
        answer = await net.result(WHERE, asked(**destination))
        assert (answer["connectionStatus"], answer["probesFailed"]) == ("Unreachable", 5)
        last = answer["hops"][-1]
        assert (last["type"], last["address"]) == ("VnetLocal", "10.0.0.5")
        assert last["resourceId"] == net.id(NIC, "d") + "/ipConfigurations/ipconfig1"
        # Its rules would let it in: VMs of one network may.
        assert issues(answer) == [("Local", "Error", "Platform")]


async def test_a_vm_by_its_public_address(net: Networks, cloud: Cloud, wired: Host) -> None:
    door = (await net.get(net.id("publicIPAddresses", "p")))["properties"]["ipAddress"]
    says(wired, f"address {door}", *["failed 3000000"] * 5)

    async def found(port: int) -> dict[str, Any]:
        answer: dict[str, Any] = await net.result(WHERE, asked(address=door, port=port))
        assert answer["connectionStatus"] == "Unreachable"
        return answer

    denied = await found(22)
    assert issues(denied) == [("Inbound", "Error", "NetworkSecurityRule")]
    assert context(denied, "NetworkSecurityRule")["RuleName"] == "defaultSecurityRules/DenyAllInBound"

    def sees(problem: str) -> None:
        words = Word(code=problem, title="", message="", cause="", remedy=[])
        seen = Report(
            where=Where.HOST,
            protocol=Protocol.RDP,
            host="door",
            port=3389,
            works=not problem,
            began="",
            seconds=1.0,
            problem=words if problem else None,
        )
        wired.data["vm.probe"] = msgspec.to_builtins(seen)

    for problem, issue in (
        ("RdpSilent", ("Inbound", "Error", "GuestFirewall")),
        ("", ("Local", "Error", "Platform")),
        ("RdpCut", ("Local", "Error", "Unknown")),
        # It answers, whatever else is wrong with it.
        ("RdpNoCertificate", ("Local", "Error", "Platform")),
    ):
        sees(problem)
        assert issues(await found(3389)) == [issue], problem
    uid = (await cloud.owner.get(vm_id("door"))).json()["properties"]["vmId"]
    wired.power[uid] = Power.STOPPED
    await wired.report()
    answer = await found(3389)
    assert context(answer, "Platform")["Reason"] == "The VM is stopped."


async def test_what_cannot_be_asked_is_refused_at_once(net: Networks, cloud: Cloud, wired: Host) -> None:
    good = asked(address="198.51.100.9", port=443)
    await cloud.owner.create_vm("bare")
    for question, refusal in (
        (asked(), "InvalidParameter"),
        (asked(address="198.51.100.9"), "InvalidParameter"),
        (asked(address="198.51.100.9", port=0), "InvalidParameter"),
        (asked(address="::1", port=80), "InvalidParameter"),
        (asked(address="a b", port=80), "InvalidParameter"),
        (asked(address="$(reboot)", port=80), "InvalidParameter"),
        (asked(address="http://[bad", port=80), "InvalidParameter"),
        (good | {"protocol": "Icmp"}, "ConnectivityProtocolUnsupported"),
        (good | {"protocol": "Gopher"}, "InvalidParameter"),
        (good | {"preferredIPVersion": "IPv6"}, "InvalidParameter"),
        (good | {"source": {"resourceId": vm_id("nope")}}, "InvalidResourceReference"),
        (good | {"source": {"resourceId": vm_id("bare")}}, "NetworkInterfaceNotUsable"),
        (asked(resourceId=vm_id("nope"), port=80), "InvalidResourceReference"),
    ):
        assert code(await net.ask("POST", WHERE, question)) == (400, refusal), question
    uid = (await cloud.owner.get(vm_id("demo"))).json()["properties"]["vmId"]
    wired.power[uid] = Power.STOPPED
    await wired.report()
    assert code(await net.ask("POST", WHERE, good)) == (409, "OperationNotAllowed")
