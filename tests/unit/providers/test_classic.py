"""Classic VMs over HTTP: views of VMs, their endpoints, what is done through them, and who may."""

from __future__ import annotations

from typing import Any

import pytest

from outofband.access import roles
from outofband.access.machine_roles import CLASSIC_VIRTUAL_MACHINE_CONTRIBUTOR
from outofband.providers.compute.extension_scripts import VM_ACCESS
from outofband.providers.network import hosting
from outofband.providers.network.endpoints import endpoints_of
from outofband.providers.network.house import House
from outofband.wire.network.plan import Endpoint
from tests.support.cloud import GROUP_ID, SCOPE, Cloud, Host, Person, vm_id
from tests.support.networks import Networks
from tests.unit.providers.test_run_commands import code, report

pytestmark = pytest.mark.anyio
V = "2017-04-01"
CLASSIC = f"{GROUP_ID}/providers/Microsoft.ClassicCompute/virtualMachines"
OLD = f"{CLASSIC}/old"
SECRET = "kelp-otter-42"
WINDOWS = {"osProfile": {"windowsConfiguration": {}}}
RDP = {"endpointName": "Remote Desktop", "privatePort": 3389, "publicPort": 50000}
SHOWN_RDP = RDP | {"protocol": "tcp", "enableDirectServerReturn": False}


def body(vm: str = "demo", endpoints: list[dict[str, Any]] | None = None, **more: Any) -> dict[str, Any]:
    properties: dict[str, Any] = {"outofband": {"virtualMachine": {"id": vm_id(vm)}}, **more}
    if endpoints is not None:
        properties["networkProfile"] = {"inputEndpoints": endpoints}
    return {"properties": properties}


async def view(cloud: Cloud, where: str = OLD, **more: Any) -> dict[str, Any]:
    answer = await cloud.owner.ask("PUT", where, body(**more), version=V)
    assert answer.status_code in (200, 201), answer.text
    found: dict[str, Any] = answer.json()
    return found


async def do(person: Person, name: str, given: Any = None, where: str = OLD) -> dict[str, Any]:
    return await person.follow(await person.ask("POST", f"{where}/{name}", given, version=V))


async def read(person: Person, where: str = OLD) -> dict[str, Any]:
    answer = await person.get(where, version=V)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def test_it_shows_the_vm_and_what_only_the_classic_model_knows(cloud: Cloud, host: Host) -> None:
    await cloud.owner.create_vm("demo", **WINDOWS)
    made = await view(cloud)
    assert made == await read(cloud.owner)
    assert (made["type"], made["name"]) == ("Microsoft.ClassicCompute/virtualMachines", "old")
    properties = made["properties"]
    assert properties["domainName"]["name"] == "old"
    assert properties["networkProfile"]["inputEndpoints"] == [SHOWN_RDP | {"publicPort": 3389}]
    assert properties["storageProfile"]["operatingSystemDisk"]["operatingSystem"] == "Windows"
    assert properties["instanceView"]["status"] == "ReadyRole"
    assert properties["instanceView"]["powerState"] == "Started"
    assert properties["debugProfile"] == {"bootDiagnosticsEnabled": True}
    assert properties["outofband"]["virtualMachine"]["id"] == vm_id("demo")
    for place in (SCOPE, GROUP_ID):
        answer = await cloud.owner.get(
            f"{place}/providers/Microsoft.ClassicCompute/virtualMachines", version=V
        )
        assert answer.json()["value"] == [made]


async def test_a_linux_vm_gets_the_endpoint_of_ssh(cloud: Cloud, host: Host) -> None:
    await cloud.owner.create_vm("demo")
    (endpoint,) = (await view(cloud))["properties"]["networkProfile"]["inputEndpoints"]
    assert (endpoint["endpointName"], endpoint["privatePort"], endpoint["publicPort"]) == ("SSH", 22, 22)


async def test_the_missing_endpoint_is_added(cloud: Cloud, host: Host) -> None:
    await cloud.owner.create_vm("demo", **WINDOWS)
    made = await view(cloud, endpoints=[])
    assert made["properties"]["networkProfile"]["inputEndpoints"] == []
    change = {"properties": {"networkProfile": {"inputEndpoints": [RDP]}}}
    stale = await cloud.owner.ask("PATCH", OLD, change, version=V, headers={"If-Match": '"other"'})
    assert (stale.status_code, code(stale)) == (412, "PreconditionFailed")
    answer = await cloud.owner.ask("PATCH", OLD, change, version=V, headers={"If-Match": made["etag"]})
    assert answer.status_code == 200, answer.text
    assert answer.json()["properties"]["networkProfile"]["inputEndpoints"] == [SHOWN_RDP]
    # A PUT that says nothing of endpoints, or of the VM, leaves them.
    again = await cloud.owner.ask("PUT", OLD, {"tags": {"a": "b"}}, version=V)
    assert again.json()["properties"]["networkProfile"]["inputEndpoints"] == [SHOWN_RDP]
    assert again.json()["tags"] == {"a": "b"}


@pytest.mark.parametrize(
    "wrong",
    [
        [RDP | {"protocol": "udp"}],
        [RDP | {"enableDirectServerReturn": True}],
        [RDP | {"privatePort": 0}],
        [RDP | {"publicPort": 65536}],
        [RDP | {"endpointName": ""}],
        [RDP | {"endpointName": "a\nb"}],
        [RDP, RDP | {"endpointName": "REMOTE DESKTOP", "publicPort": 50001}],
        [RDP | {"endpointName": f"e{n}", "publicPort": 50000 + n} for n in range(65)],
    ],
)
async def test_endpoints_that_are_none(cloud: Cloud, host: Host, wrong: list[dict[str, Any]]) -> None:
    await cloud.owner.create_vm("demo")
    answer = await cloud.owner.ask("PUT", OLD, body(endpoints=wrong), version=V)
    assert (answer.status_code, code(answer)) == (400, "InvalidParameter")


async def test_a_cloud_service_has_each_public_port_once(cloud: Cloud, host: Host) -> None:
    await cloud.owner.create_vm("demo")
    await cloud.owner.create_vm("second")
    twice = await cloud.owner.ask(
        "PUT", OLD, body(endpoints=[RDP, RDP | {"endpointName": "other"}]), version=V
    )
    assert (twice.status_code, code(twice)) == (409, "ClassicEndpointTaken")
    await view(cloud, endpoints=[RDP], domainName={"name": "service"})
    other = f"{CLASSIC}/other"
    given = body("second", endpoints=[RDP], domainName={"name": "SERVICE"})
    taken = await cloud.owner.ask("PUT", other, given, version=V)
    assert (taken.status_code, code(taken)) == (409, "ClassicEndpointTaken")
    assert (await cloud.owner.ask("PUT", other, body("second", endpoints=[RDP]), version=V)).is_success
    services = f"{GROUP_ID}/providers/Microsoft.ClassicCompute/domainNames"
    found = (await cloud.owner.get(services, version=V)).json()["value"]
    assert [each["name"] for each in found] == ["other", "service"]
    one = await read(cloud.owner, f"{services}/Service")
    assert one["properties"]["virtualMachines"] == [{"id": OLD}]
    assert one["properties"]["inputEndpoints"] == [{"virtualMachine": "old", **SHOWN_RDP}]
    assert (await cloud.owner.get(f"{services}/none", version=V)).status_code == 404


async def test_power_goes_to_the_vm_behind(cloud: Cloud, host: Host) -> None:
    await cloud.owner.create_vm("demo")
    await view(cloud)
    assert (await do(cloud.owner, "restart"))["status"] == "Succeeded"
    assert host.performed[-1] == "vm.restart"
    assert (await do(cloud.owner, "shutdown"))["status"] == "Succeeded"
    shown = (await read(cloud.owner))["properties"]["instanceView"]
    assert (shown["status"], shown["powerState"]) == ("StoppedDeallocated", "Stopped")
    health = f"{OLD}/providers/Microsoft.ResourceHealth/availabilityStatuses/current"
    found = await read(cloud.owner, health)
    assert found["id"] == health
    assert found["properties"]["availabilityState"] == "Unavailable"
    assert found["properties"]["reasonType"] == "Customer Initiated"
    assert (await do(cloud.owner, "start"))["status"] == "Succeeded"
    assert (await read(cloud.owner, health))["properties"]["availabilityState"] == "Available"


async def test_remote_access_is_reset_by_the_extension_of_the_vm(cloud: Cloud, host: Host) -> None:
    host.data["vm.run"] = report(out="done\n")
    await cloud.owner.create_vm("demo")
    await view(cloud)
    assert (await do(cloud.owner, "resetRemoteAccess"))["status"] == "Succeeded"
    sent = host.peer.commands[-1].args
    assert sent["script"] == VM_ACCESS
    assert [(each["name"], each["value"]) for each in sent["protected"]["parameters"]] == [
        ("reset_ssh", "true")
    ]
    shown = (await cloud.owner.get(f"{vm_id('demo')}/extensions/enablevmaccess")).json()["properties"]
    assert (shown["type"], shown["provisioningState"]) == ("VMAccessForLinux", "Succeeded")
    given = {"userName": "bob", "password": SECRET}
    state = await do(cloud.owner, "resetRemoteAccess", given)
    assert state["status"] == "Succeeded"
    names = {each["name"] for each in host.peer.commands[-1].args["protected"]["parameters"]}
    assert names == {"reset_ssh", "username", "password"}
    async with cloud.store.read() as tx:
        operation = await cloud.store.operations.get(tx, state["name"])
        activity = (await cloud.store.activity.page(tx)).items
    assert SECRET not in f"{operation} {activity} {state}"


async def test_an_extension_that_is_there_is_used_again(cloud: Cloud, host: Host) -> None:
    host.data["vm.run"] = report(out="done\n")
    await cloud.owner.create_vm("demo")
    await view(cloud)
    kind = {"publisher": "Microsoft.OSTCExtensions", "type": "VMAccessForLinux", "typeHandlerVersion": "1.4"}
    mine = f"{vm_id('demo')}/extensions/myVMAccessExtension"
    assert (await cloud.owner.ask("PUT", mine, {"properties": {**kind, "settings": {}}})).is_success
    assert (await do(cloud.owner, "resetRemoteAccess"))["status"] == "Succeeded"
    listed = (await cloud.owner.get(f"{vm_id('demo')}/extensions")).json()["value"]
    assert [each["name"] for each in listed] == ["myVMAccessExtension"]
    for half in ({"userName": "admin"}, {"password": SECRET}):
        answer = await cloud.owner.ask("POST", f"{OLD}/resetRemoteAccess", half, version=V)
        assert (answer.status_code, code(answer)) == (400, "InvalidParameter")


async def test_windows_gets_the_extension_that_is_its_own(cloud: Cloud, host: Host) -> None:
    host.data["vm.run"] = report(out="done\n")
    await cloud.owner.create_vm("demo", **WINDOWS)
    await view(cloud)
    await do(cloud.owner, "resetRemoteAccess", {"userName": "admin", "password": SECRET})
    answer = await cloud.owner.get(f"{vm_id('demo')}/extensions/enablevmaccess")
    shown = answer.json()["properties"]
    assert (shown["publisher"], shown["type"]) == ("Microsoft.Compute", "VMAccessAgent")
    assert shown["settings"] == {"UserName": "admin"}
    assert SECRET not in answer.text


async def test_who_fails_in_the_guest_fails(cloud: Cloud, host: Host) -> None:
    host.data["vm.run"] = report(status=1, err="no sshd\n")
    await cloud.owner.create_vm("demo")
    await view(cloud)
    state = await do(cloud.owner, "resetRemoteAccess")
    assert (state["status"], state["error"]["code"]) == ("Failed", "VMExtensionProvisioningError")
    shown = (await cloud.owner.get(f"{vm_id('demo')}/extensions/enablevmaccess")).json()["properties"]
    assert shown["provisioningState"] == "Failed"


async def test_the_log_is_the_vms(cloud: Cloud, host: Host) -> None:
    await cloud.owner.create_vm("demo")
    await view(cloud)
    answer = await cloud.owner.ask("POST", f"{OLD}/retrieveBootDiagnosticsData", version=V)
    assert answer.status_code == 200, answer.text
    assert "serialConsoleLogBlobUri" in answer.json()


async def test_the_serial_console_refuses_it(cloud: Cloud, host: Host) -> None:
    await cloud.owner.create_vm("demo")
    await view(cloud)
    port = f"{OLD}/providers/Microsoft.SerialConsole/serialPorts/0"
    for method, path in (("GET", port), ("POST", f"{port}/connect")):
        refused = await cloud.owner.ask(method, path, version="2018-05-01")
        assert (refused.status_code, code(refused)) == (400, "ClassicDeploymentModel")


async def test_a_classic_contributor_uses_it_and_makes_none(cloud: Cloud, host: Host) -> None:
    """Whoever makes one gives away what can be done through it, so it takes the rights on the VM itself."""
    await cloud.owner.create_vm("demo")
    await view(cloud, endpoints=[])
    person = await cloud.person("classic", CLASSIC_VIRTUAL_MACHINE_CONTRIBUTOR)
    assert (await person.get(vm_id("demo"))).status_code == 403
    assert (await do(person, "restart"))["status"] == "Succeeded"
    change = {"properties": {"networkProfile": {"inputEndpoints": [RDP]}}}
    assert (await person.ask("PATCH", OLD, change, version=V)).status_code == 200
    await cloud.owner.create_vm("second")
    for vm in ("second", "none"):
        refused = await person.ask("PUT", f"{CLASSIC}/mine", body(vm), version=V)
        assert (refused.status_code, code(refused)) == (403, "LinkedAuthorizationFailed")
    moved = await person.ask("PUT", OLD, body("second"), version=V)
    assert code(moved) == "LinkedAuthorizationFailed"
    reader = await cloud.person("reader", roles.READER)
    assert await read(reader) == await read(person)
    for name in ("restart", "resetRemoteAccess", "retrieveBootDiagnosticsData"):
        assert (await reader.ask("POST", f"{OLD}/{name}", version=V)).status_code == 403


async def test_locks_of_the_vm_hold(cloud: Cloud, host: Host) -> None:
    await cloud.owner.create_vm("demo")
    await view(cloud)
    lock = f"{vm_id('demo')}/providers/Microsoft.Authorization/locks/still"
    given = {"properties": {"level": "ReadOnly"}}
    assert (await cloud.owner.ask("PUT", lock, given, version="2020-05-01")).is_success
    for name in ("restart", "shutdown", "resetRemoteAccess"):
        answer = await cloud.owner.ask("POST", f"{OLD}/{name}", version=V)
        assert (answer.status_code, code(answer)) == (409, "ScopeLocked"), name
    for method, given in (("PUT", body(endpoints=[])), ("PATCH", {"tags": {"a": "b"}}), ("DELETE", None)):
        answer = await cloud.owner.ask(method, OLD, given, version=V)
        assert (answer.status_code, code(answer)) == (409, "ScopeLocked"), method


async def test_a_vm_of_the_same_name_is_another_one(cloud: Cloud, host: Host) -> None:
    await cloud.owner.create_vm("demo")
    await view(cloud)
    second = await cloud.owner.ask("PUT", f"{CLASSIC}/second", body(), version=V)
    assert (second.status_code, code(second)) == (409, "ClassicMachineTaken")
    await cloud.owner.follow(await cloud.owner.ask("DELETE", vm_id("demo")))
    await cloud.owner.create_vm("demo")
    shown = (await read(cloud.owner))["properties"]
    assert shown["instanceView"]["status"] == "RoleStateUnknown"
    answer = await cloud.owner.ask("POST", f"{OLD}/restart", version=V)
    assert (answer.status_code, code(answer)) == (409, "ClassicMachineGone")
    async with cloud.store.read() as tx:
        machine = await cloud.store.resources.require(tx, vm_id("demo"))
        assert await endpoints_of(cloud.store, tx, machine) is None
    assert (await cloud.owner.ask("PUT", f"{CLASSIC}/second", body(), version=V)).status_code == 201
    assert (await cloud.owner.ask("DELETE", OLD, version=V)).status_code == 200
    assert (await cloud.owner.get(OLD, version=V)).status_code == 404
    assert (await cloud.owner.get(vm_id("demo"))).status_code == 200


@pytest.mark.parametrize("wrong", [None, "x", f"{GROUP_ID}/providers/Microsoft.Compute/disks/d"])
async def test_it_has_to_be_a_view_of_something(cloud: Cloud, wrong: str | None) -> None:
    given = {"properties": {"outofband": {"virtualMachine": {"id": wrong}}}}
    answer = await cloud.owner.ask("PUT", OLD, given, version=V)
    assert answer.status_code == 400
    assert code(answer) in ("InvalidParameter", "LinkedInvalidPropertyId")
    missing = await cloud.owner.ask("PUT", OLD, body("none"), version=V)
    assert code(missing) == "InvalidResourceReference"


async def test_its_host_is_told_the_endpoints(cloud: Cloud, host: Host) -> None:
    """With a classic view a VM is reached at its endpoints alone; without one at the usual ports."""
    net = Networks(cloud.owner)
    await net.network(s="10.0.0.0/24")
    nic = await net.interface("n")
    await cloud.owner.create_vm("demo", networkProfile={"networkInterfaces": [{"id": nic["id"]}]})
    house = House(cloud.store, cloud.authorizer, ())

    async def plan() -> Any:
        async with cloud.store.read() as tx:
            machine = await cloud.store.resources.require(tx, vm_id("demo"))
            found = await hosting.plan(house, tx, machine, [])
            assert found is not None
            return found

    assert (await plan()).doors == {22: 22, 3389: 3389}
    await view(cloud, endpoints=[RDP])
    found = await plan()
    assert (found.ports, found.endpoints, found.doors) == ((), (Endpoint(50000, 3389),), {50000: 3389})
    assert (await cloud.owner.ask("DELETE", OLD, version=V)).status_code == 200
    assert (await plan()).doors == {22: 22, 3389: 3389}


@pytest.mark.parametrize("name", ["a/b", "a b", "-a", "a\nb", "x" * 64, "..", "a?b#c"])
async def test_a_cloud_service_has_a_name_of_the_domain_name_system(
    cloud: Cloud, host: Host, name: str
) -> None:
    """It becomes a part of ids: one with a slash in it kept everybody from the list of services."""
    await cloud.owner.create_vm("demo")
    wrong = await cloud.owner.ask("PUT", OLD, body(domainName={"name": name}), version=V)
    assert (wrong.status_code, code(wrong)) == (400, "InvalidParameter")
    await view(cloud, domainName={"id": f"{GROUP_ID}/providers/Microsoft.ClassicCompute/domainNames/front-1"})
    services = f"{GROUP_ID}/providers/Microsoft.ClassicCompute/domainNames"
    found = await cloud.owner.get(services, version=V)
    assert [each["name"] for each in found.json()["value"]] == ["front-1"]
    patched = await cloud.owner.ask("PATCH", OLD, {"properties": {"domainName": {"name": name}}}, version=V)
    assert (patched.status_code, code(patched)) == (400, "InvalidParameter")


async def test_a_locked_vm_keeps_its_view(cloud: Cloud, host: Host) -> None:
    """Pointed at another VM, the view would leave this one reachable at other ports."""
    await cloud.owner.create_vm("demo")
    await cloud.owner.create_vm("second")
    await view(cloud)
    lock = f"{vm_id('demo')}/providers/Microsoft.Authorization/locks/still"
    given = {"properties": {"level": "ReadOnly"}}
    assert (await cloud.owner.ask("PUT", lock, given, version="2020-05-01")).is_success
    answer = await cloud.owner.ask("PUT", OLD, body("second"), version=V)
    assert (answer.status_code, code(answer)) == (409, "ScopeLocked")
