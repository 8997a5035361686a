"""Rescues where the way to the VM is at fault: its host's port, what is between, a classic endpoint, no
public address.
"""

from __future__ import annotations

import msgspec
import pytest

from outofband.core import clock
from outofband.wire.remote import Protocol, Report, Where
from tests.support.cloud import GROUP_ID, Cloud, Host, vm_id
from tests.support.rescues import RDP_PORT, Lab, cloud, codes, host, impatient, open_rule, step

__all__ = ["cloud", "host", "impatient"]

pytestmark = pytest.mark.anyio
OLD = f"{GROUP_ID}/providers/Microsoft.ClassicCompute/virtualMachines/old"
PUBLIC = 50123
TAKEN = "another program of the host has this port"


@pytest.fixture
def lab(cloud: Cloud, host: Host) -> Lab:
    return Lab(cloud, host)


def guest(lab: Lab, **forwarder: object) -> None:
    """The guest answers its host, which says this of its own listening."""
    seen = Report(
        where=Where.HOST,
        protocol=Protocol.RDP,
        host="web1",
        port=RDP_PORT,
        works=True,
        began=clock.iso(),
        seconds=0.1,
        evidence={"forwarder": forwarder},
    )
    lab.host.data["vm.probe"] = msgspec.to_builtins(seen)


async def test_another_program_at_the_hosts_port_is_no_proof(lab: Lab) -> None:
    desktop = await lab.make(open_rule())
    place = f"{desktop.address}:{RDP_PORT}"
    guest(lab, listening=[], problems={place: TAKEN})
    await desktop.open()
    told = await lab.rescue()
    assert desktop.asked > 0 and not told["probe"]["works"], "what answers there is not the VM"
    assert told["outcome"] == "unresolved"
    [held] = [each for each in told["findings"] if each["code"] == "RescueHostPortTaken"]
    assert held["step"] == 0 and TAKEN in held["message"] and place in held["message"]
    assert "RescueWayBlocked" not in codes(told, 2)
    # As soon as the host has the port, the same answer is the VM's.
    guest(lab, listening=[place], problems={})
    assert (await lab.rescue("again"))["outcome"] == "proven"
    await desktop.close()


async def test_what_is_between_is_named_when_nothing_else_is_left(lab: Lab) -> None:
    desktop = await lab.make(open_rule())
    guest(lab, listening=[f"{desktop.address}:{RDP_PORT}"], problems={})
    told = await lab.rescue()
    assert codes(told, 2) == ["RescueRulesAllow", "RescueWayBlocked"]
    assert told["probe"]["last"]["controlPlane"]["problem"]["code"] == "PortClosed"
    assert await lab.actions() == []


async def test_a_classic_vm_is_looked_at_where_its_endpoint_is(lab: Lab, cloud: Cloud) -> None:
    desktop = await lab.make(open_rule())
    guest(lab, listening=[f"{desktop.address}:{PUBLIC}"], problems={})

    async def endpoints(*listed: dict[str, object]) -> None:
        properties = {
            "outofband": {"virtualMachine": {"id": vm_id("web1")}},
            "networkProfile": {"inputEndpoints": list(listed)},
        }
        answer = await cloud.owner.ask("PUT", OLD, {"properties": properties}, version="2017-04-01")
        assert answer.status_code in (200, 201), answer.text

    await endpoints({"endpointName": "SSH", "privatePort": 22, "publicPort": 50022})
    await desktop.open()
    told = await lab.rescue()
    await desktop.close()
    assert told["outcome"] == "unresolved" and desktop.asked == 0, "nobody comes that way"
    assert "RescueNoEndpoint" in codes(told, 2)
    assert [each["code"] for each in told["findings"] if each["step"] == 0] == ["RescueNoEndpoint"]
    await endpoints({"endpointName": "RDP", "privatePort": RDP_PORT, "publicPort": PUBLIC})
    desktop.port = PUBLIC
    await desktop.open()
    told = await lab.rescue("again")
    await desktop.close()
    assert (told["outcome"], told["port"]) == ("proven", PUBLIC)


async def test_a_vm_without_an_address_is_offered_one_which_can_be_taken_back(lab: Lab) -> None:
    desktop = await lab.make(open_rule(), public=False)
    lab.guest(True)
    told = await lab.rescue()
    assert (told["question"]["step"], told["question"]["deed"]) == (4, "assignAddress"), told
    assert [each["name"] for each in told["question"]["asks"]] == ["public"]
    assert codes(told, 4) == ["RescueGuestAnswers", "RescueNoPublicAddress"]
    await desktop.open()
    told = await lab.answer(4, True)
    await desktop.close()
    assert (told["outcome"], told["provenFrom"]) == ("proven", "controlPlane"), told
    assert told["address"] == desktop.address
    [made] = step(told, 4)["deed"]["effects"]
    assert (await lab.net.get(made))["sku"]["name"] == "Standard"

    state = await lab.cloud.owner.follow(await lab.ask("POST", "r/undo"))
    assert state["status"] == "Succeeded", state
    nic = await lab.net.get(lab.net.id("networkInterfaces", "nic"))
    assert "publicIPAddress" not in nic["properties"]["ipConfigurations"][0]["properties"]
    assert (await lab.net.ask("GET", made)).status_code == 404


async def test_an_address_that_somebody_gave_it_since_is_not_taken_back(lab: Lab) -> None:
    desktop = await lab.make(open_rule(), public=False)
    lab.guest(True)
    await lab.rescue()
    await desktop.open()
    told = await lab.answer(4, True)
    await desktop.close()
    [made] = step(told, 4)["deed"]["effects"]
    public = {"sku": {"name": "Standard"}, "publicIPAllocationMethod": "Static"}
    theirs = {"id": (await lab.net.put("publicIPAddresses", "theirs", **public))["id"]}
    await lab.net.interface("nic", nsg=lab.group, publicIPAddress=theirs)
    state = await lab.cloud.owner.follow(await lab.ask("POST", "r/undo"))
    assert state["status"] == "Succeeded", state
    nic = await lab.net.get(lab.net.id("networkInterfaces", "nic"))
    assert nic["properties"]["ipConfigurations"][0]["properties"]["publicIPAddress"]["id"] == theirs["id"]
    assert (await lab.net.ask("GET", made)).status_code == 404


async def test_an_address_that_cannot_be_given_leaves_nothing_behind(lab: Lab) -> None:
    await lab.make(open_rule(), public=False)
    lab.guest(True)
    await lab.rescue()
    lock = f"{lab.net.id('networkInterfaces', 'nic')}/providers/Microsoft.Authorization/locks/l"
    body = {"properties": {"level": "ReadOnly"}}
    assert (await lab.cloud.owner.ask("PUT", lock, body, version="2020-05-01")).is_success
    told = await lab.answer(4, True)
    assert step(told, 4)["deed"]["problem"]["code"] == "ScopeLocked"
    listed = await lab.net.get(f"{GROUP_ID}/providers/Microsoft.Network/publicIPAddresses")
    assert listed["value"] == []


async def test_who_comes_by_a_private_way_proves_it_by_a_look_of_their_own(lab: Lab) -> None:
    await lab.make(open_rule(), public=False)
    lab.guest(True)
    await lab.rescue()
    told = await lab.answer(4, False)
    assert (told["outcome"], told["provenFrom"]) == ("unresolved", None)
    seen = told["probe"]["before"]["host"] | {"where": "client", "host": "10.0.1.4"}
    barred = seen | {"works": False}
    assert (await lab.ask("POST", "r/tell", {"named": barred})).status_code == 204
    assert (await lab.read())["outcome"] == "unresolved"
    assert (await lab.ask("POST", "r/tell", {"named": seen})).status_code == 204
    told = await lab.read()
    assert (told["outcome"], told["provenFrom"]) == ("proven", "client")
    assert told["summary"] == "The VM answers you by a private way, which the control plane has not."
    assert told["summary"] in (await lab.ask("GET", "r/report")).json()["html"]
