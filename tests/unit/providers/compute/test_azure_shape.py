"""VMs as Azure's own clients write them: no word of ours in the body, everything read back but secrets."""

from __future__ import annotations

from typing import Any

import pytest

from outofband.access import roles
from outofband.core import clock
from outofband.core.ids import parse_id
from outofband.providers.compute import guests
from tests.support.cloud import GROUP_ID, SCOPE, SUBSCRIPTION, VM_TYPE, Cloud, Host, vm_id
from tests.support.wait import until

pytestmark = pytest.mark.anyio
NIC = f"{GROUP_ID}/providers/Microsoft.Network/networkInterfaces/nic1"
IMAGE = {"publisher": "outofband", "offer": "demo", "sku": "default", "version": "latest"}


def body(**more: Any) -> dict[str, Any]:
    """As azure-mgmt-compute serialises it."""
    return {
        "location": "local",
        "tags": {"team": "x"},
        "zones": ["1"],
        "identity": {"type": "SystemAssigned", "principalId": "not for a client to say"},
        "properties": {
            "hardwareProfile": {"vmSize": "Standard_B1s"},
            "storageProfile": {
                "imageReference": IMAGE,
                "osDisk": {"createOption": "FromImage", "name": "os", "osType": "Linux"},
            },
            "osProfile": {
                "computerName": "web",
                "adminUsername": "ops",
                "adminPassword": "hunter2",
                "customData": "aHVudGVyMg==",
                "linuxConfiguration": {"disablePasswordAuthentication": False},
                "windowsConfiguration": {"additionalUnattendContent": [{"content": "hunter2"}]},
            },
            "diagnosticsProfile": {"bootDiagnostics": {"enabled": True}},
            "securityProfile": {"securityType": "Standard"},
            "priority": "Spot",
            "evictionPolicy": "Deallocate",
            "userData": "aHVudGVyMg==",
            **more,
        },
    }


def code(answer: Any) -> str:
    return str(answer.json()["error"]["code"])


async def put_nic(cloud: Cloud) -> None:
    async with cloud.store.write() as tx:
        await cloud.store.resources.put(tx, parse_id(NIC), now=clock.now(), by="test")


async def made(cloud: Cloud, name: str = "web", **more: Any) -> dict[str, Any]:
    state = await cloud.owner.follow(await cloud.owner.ask("PUT", vm_id(name), body(**more)))
    assert state["status"] == "Succeeded", state
    found: dict[str, Any] = (await cloud.owner.get(vm_id(name), **{"$expand": "instanceView"})).json()
    return found


async def test_all_is_read_back_but_what_is_write_only(cloud: Cloud, host: Host) -> None:
    await put_nic(cloud)
    network = {"networkInterfaces": [{"id": NIC, "properties": {"primary": True}}]}
    vm = await made(cloud, networkProfile=network)
    properties = vm["properties"]
    assert vm["zones"] == ["1"]
    assert vm["identity"] == {"type": "SystemAssigned"}
    assert properties["hardwareProfile"] == {"vmSize": "Standard_B1s"}
    assert properties["storageProfile"]["imageReference"] == IMAGE
    assert properties["osProfile"]["adminUsername"] == "ops"
    assert properties["securityProfile"] == {"securityType": "Standard"}
    assert (properties["priority"], properties["evictionPolicy"]) == ("Spot", "Deallocate")
    assert properties["networkProfile"] == network
    assert properties["instanceView"]["computerName"] == "web"
    for text in (str(vm), (await cloud.owner.get(f"{SCOPE}/{VM_TYPE}")).text):
        assert "hunter2" not in text
        assert "aHVudGVyMg" not in text
    created = host.peer.commands[0].args
    assert (created["image"], created["cpus"], created["memory_mib"]) == ("demo", 1, 1024)
    async with cloud.store.read() as tx:
        row = await cloud.store.resources.get(tx, vm_id("web"))
    assert row is not None
    assert "hunter2" not in str(row.properties), "not even the store keeps what nobody can read"


@pytest.mark.parametrize(
    ("storage", "system", "told"),
    [
        ({"imageReference": IMAGE}, {}, {"osType": "Linux", "createOption": "FromImage"}),
        ({"imageReference": IMAGE}, {"windowsConfiguration": {}}, {"osType": "Windows"}),
        ({"imageReference": {"offer": "WindowsServer"}}, {}, {"osType": "Windows"}),
        ({"imageReference": IMAGE, "osDisk": {"osType": "Windows", "name": "c"}}, {}, {"name": "c"}),
        (None, None, {"osType": "Linux", "createOption": "Attach"}),
    ],
)
def test_the_operating_system_is_always_named(storage: Any, system: Any, told: dict[str, Any]) -> None:
    disk = guests.with_system(storage, system)["osDisk"]
    assert disk | told == disk


async def test_what_azure_would_refuse_is_refused(cloud: Cloud, host: Host) -> None:
    stranger = NIC.replace(SUBSCRIPTION, "33333333-3333-4333-8333-333333333333")
    wrong: list[tuple[dict[str, Any], str]] = [
        ({"hardwareProfile": {"vmSize": "Standard_Nope"}}, "InvalidParameter"),
        ({"hardwareProfile": {"vmSize": "qemu-0cpu-64mib"}}, "InvalidParameter"),
        ({"storageProfile": {"imageReference": {"offer": "nope"}}}, "ImageNotFound"),
        ({"storageProfile": {}}, "InvalidParameter"),
        ({"networkProfile": {"networkInterfaces": [{"id": NIC}]}}, "ResourceNotFound"),
        ({"networkProfile": {"networkInterfaces": [{"id": stranger}]}}, "InvalidParameter"),
        ({"networkProfile": {"networkInterfaces": [{"id": vm_id("x")}]}}, "InvalidParameter"),
        ({"networkProfile": {"networkInterfaces": "x"}}, "InvalidParameter"),
        ({"priority": "High"}, "InvalidParameter"),
        ({"osProfile": "x"}, "InvalidRequestContent"),
        ({"diagnosticsProfile": {"bootDiagnostics": {"enabled": "yes"}}}, "InvalidParameter"),
    ]
    for change, wanted in wrong:
        answer = await cloud.owner.ask("PUT", vm_id("web"), body(**change))
        assert code(answer) == wanted, change
    for member, value in (
        ("zones", "1"),
        ("zones", ["1"] * 4),
        ("identity", "x"),
        ("identity", {"type": "Y"}),
    ):
        answer = await cloud.owner.ask("PUT", vm_id("web"), body() | {member: value})
        assert code(answer) == "InvalidParameter", member
    large = await cloud.owner.ask("PUT", vm_id("web"), body(hardwareProfile={"vmSize": "Standard_B8ms"}))
    assert (large.status_code, code(large)) == (409, "AllocationFailed")
    assert host.peer.commands == []


async def test_an_interface_is_joined_only_with_the_right_to(cloud: Cloud, host: Host) -> None:
    await put_nic(cloud)
    network = {"networkInterfaces": [{"id": NIC}]}
    narrow = await cloud.person("narrow", roles.OWNER, vm_id("web"))
    refused = await narrow.ask("PUT", vm_id("web"), body(networkProfile=network))
    assert (refused.status_code, code(refused)) == (403, "AuthorizationFailed")
    assert "Microsoft.Network/networkInterfaces/join/action" in refused.json()["error"]["message"]


async def test_an_interface_belongs_to_one_vm(cloud: Cloud, host: Host) -> None:
    await put_nic(cloud)
    network = {"networkInterfaces": [{"id": NIC}]}
    twice = {"networkInterfaces": [{"id": NIC}, {"id": NIC.lower()}]}
    refused = await cloud.owner.ask("PUT", vm_id("web"), body(networkProfile=twice))
    assert (refused.status_code, code(refused)) == (400, "InvalidParameter")
    await made(cloud, networkProfile=network)
    refused = await cloud.owner.ask(
        "PUT", vm_id("other"), body(networkProfile={"networkInterfaces": [{"id": NIC.upper()}]})
    )
    assert (refused.status_code, code(refused)) == (400, "NicInUse"), refused.text
    assert vm_id("web") in refused.json()["error"]["message"]
    assert (await cloud.owner.get(vm_id("other"))).status_code == 404
    again = await cloud.owner.ask("PUT", vm_id("web"), body(networkProfile=network))
    assert again.status_code == 200, again.text
    await cloud.owner.follow(await cloud.owner.ask("DELETE", vm_id("web")))
    await made(cloud, "other", networkProfile=network)
    patched = await cloud.owner.ask("PATCH", vm_id("other"), {"properties": {"networkProfile": network}})
    assert patched.status_code == 200, patched.text


async def test_another_size_is_another_start(cloud: Cloud, host: Host) -> None:
    """`az vm resize` sends the whole VM with another size; the SDK a PATCH with the size alone."""
    vm = await made(cloud)
    vm["properties"]["hardwareProfile"] = {"vmSize": "Standard_B1ms"}
    answer = await cloud.owner.ask("PUT", vm_id("web"), vm)
    assert (answer.status_code, answer.json()["properties"]["provisioningState"]) == (200, "Updating")
    assert (await cloud.owner.follow(answer))["status"] == "Succeeded"
    assert host.performed == ["vm.create", "vm.start", "vm.create", "vm.stop", "vm.start"]
    assert host.peer.commands[2].args["memory_mib"] == 2048
    await cloud.owner.follow(await cloud.owner.ask("POST", f"{vm_id('web')}/deallocate"))
    host.performed.clear()
    change = {"properties": {"hardwareProfile": {"vmSize": "Standard_B1s"}}}
    answer = await cloud.owner.ask("PATCH", vm_id("web"), change)
    assert answer.status_code == 200
    assert (await cloud.owner.follow(answer))["status"] == "Succeeded"
    assert host.performed == ["vm.create"], "what does not run is not started for it"
    found = (await cloud.owner.get(vm_id("web"))).json()["properties"]
    assert found["hardwareProfile"]["vmSize"] == "Standard_B1s"
    assert found["outofband"]["memoryMiB"] == 1024
    other = {"properties": {"storageProfile": {"imageReference": {"offer": "other"}}}}
    refused = await cloud.owner.ask("PATCH", vm_id("web"), other)
    assert (refused.status_code, code(refused)) == (409, "PropertyChangeNotAllowed")


async def test_a_patch_changes_what_it_names(cloud: Cloud, host: Host) -> None:
    await made(cloud)
    change = {"properties": {"osProfile": {"allowExtensionOperations": False, "adminPassword": "hunter2"}}}
    answer = await cloud.owner.ask("PATCH", vm_id("web"), change)
    assert answer.status_code == 200
    assert "azure-asyncoperation" not in answer.headers
    system = answer.json()["properties"]["osProfile"]
    assert (system["adminUsername"], system["allowExtensionOperations"]) == ("ops", False)
    assert "hunter2" not in answer.text
    assert answer.json()["tags"] == {"team": "x"}
    assert answer.json()["zones"] == ["1"]


async def test_an_eviction_answers_204_and_follows_the_policy(cloud: Cloud, host: Host) -> None:
    await made(cloud)
    answer = await cloud.owner.ask("POST", f"{vm_id('web')}/simulateEviction")
    assert (answer.status_code, answer.content) == (204, b"")

    async def deallocated() -> bool:
        found = (await cloud.owner.get(f"{vm_id('web')}/instanceView")).json()
        return bool(found["statuses"][1]["code"] == "PowerState/deallocated")

    while not await deallocated():
        await until(lambda: host.performed[-1] == "vm.stop")
    await made(cloud, "short", evictionPolicy="Delete")
    assert (await cloud.owner.ask("POST", f"{vm_id('short')}/simulateEviction")).status_code == 204
    await until(lambda: host.performed[-1] == "vm.delete")
    await made(cloud, "steady", priority="Regular", evictionPolicy=None)
    refused = await cloud.owner.ask("POST", f"{vm_id('steady')}/simulateEviction")
    assert (refused.status_code, code(refused)) == (409, "OperationNotAllowed")


@pytest.mark.parametrize(
    ("verb", "done"),
    [("reapply", ["vm.create"]), ("redeploy", ["vm.stop", "vm.create", "vm.start"])],
)
async def test_reapply_and_redeploy(cloud: Cloud, host: Host, verb: str, done: list[str]) -> None:
    await made(cloud)
    host.performed.clear()
    answer = await cloud.owner.ask("POST", f"{vm_id('web')}/{verb}")
    assert answer.status_code == 202
    state = await cloud.owner.follow(answer)
    assert state["status"] == "Succeeded"
    assert state["properties"]["output"]["observed"].startswith(f"{done[-1]} was seen")
    assert host.performed == done


async def test_what_is_not_offered_says_why(cloud: Cloud, host: Host) -> None:
    await made(cloud)
    for verb in ("generalize", "capture", "reimage", "performMaintenance", "assessPatches", "installPatches"):
        refused = await cloud.owner.ask("POST", f"{vm_id('web')}/{verb}", {})
        assert (refused.status_code, code(refused)) == (409, "ActionNotOffered"), verb
        assert len(refused.json()["error"]["message"]) > 60


async def test_a_forced_delete_is_a_delete(cloud: Cloud, host: Host) -> None:
    await made(cloud)
    assert code(await cloud.owner.ask("DELETE", vm_id("web"), forceDeletion="maybe")) == "InvalidParameter"
    answer = await cloud.owner.ask("DELETE", vm_id("web"), forceDeletion="true")
    assert answer.status_code == 202
    assert (await cloud.owner.follow(answer))["status"] == "Succeeded"


async def test_lists_of_states_and_of_one_scale_set(cloud: Cloud, host: Host) -> None:
    await made(cloud)
    await made(cloud, "other", virtualMachineScaleSet={"id": f"{GROUP_ID}/x"})
    listed = (await cloud.owner.get(f"{SCOPE}/{VM_TYPE}", statusOnly="true")).json()["value"]
    assert [sorted(each["properties"]) for each in listed] == [
        ["instanceView", "provisioningState", "vmId"]
    ] * 2
    wanted = f"'virtualMachineScaleSet/id' eq '{GROUP_ID.upper()}/X'"
    found = (await cloud.owner.get(f"{GROUP_ID}/{VM_TYPE}", **{"$filter": wanted})).json()["value"]
    assert [each["name"] for each in found] == ["other"]
    refused = await cloud.owner.get(f"{GROUP_ID}/{VM_TYPE}", **{"$filter": "name eq 'x'"})
    assert code(refused) == "InvalidParameter"


async def test_what_hosts_offer(cloud: Cloud, host: Host) -> None:
    await made(cloud)
    places = f"{SCOPE}/providers/Microsoft.Compute"
    for path in (f"{places}/locations/local/vmSizes", f"{vm_id('web')}/vmSizes"):
        listed = {each["name"]: each for each in (await cloud.owner.get(path)).json()["value"]}
        assert listed["Standard_B1s"]["memoryInMB"] == 1024
        assert listed["Standard_B2s"]["numberOfCores"] == 2
        assert "Standard_B8ms" not in listed, "no host is as large as that"
    skus = {each["name"]: each for each in (await cloud.owner.get(f"{places}/skus")).json()["value"]}
    assert skus["Standard_B1s"]["restrictions"] == []
    assert skus["Standard_B8ms"]["restrictions"][0]["reasonCode"] == "NotAvailableForSubscription"
    usages = (await cloud.owner.get(f"{places}/locations/local/usages")).json()["value"]
    assert {each["name"]["value"]: each["currentValue"] for each in usages} == {
        "cores": 1,
        "virtualMachines": 1,
        "virtualMachineScaleSets": 0,
    }


async def test_images_are_plain_arrays(cloud: Cloud, host: Host) -> None:
    at = f"{SCOPE}/providers/Microsoft.Compute/locations/local/publishers"
    offers = f"{at}/outofband/artifacttypes/vmimage/offers"
    names = []
    for path in (at, offers, f"{offers}/demo/skus", f"{offers}/demo/skus/default/versions"):
        listed = (await cloud.owner.get(path)).json()
        assert isinstance(listed, list)
        names += [each["name"] for each in listed]
        assert listed[0]["location"] == "local"
    assert names == ["outofband", "demo", "default", "1.0.0"]
    one = (await cloud.owner.get(f"{offers}/demo/skus/default/versions/1.0.0")).json()
    assert one["id"].endswith("/skus/default/versions/1.0.0")
    assert (await cloud.owner.get(f"{offers}/nope/skus")).status_code == 404


async def test_without_a_host_nothing_is_offered(cloud: Cloud) -> None:
    places = f"{SCOPE}/providers/Microsoft.Compute/locations/local"
    assert (await cloud.owner.get(f"{places}/vmSizes")).json() == {"value": []}
    assert (await cloud.owner.get(f"{places}/publishers")).json() == []


async def test_placement_spreads_and_can_be_told(cloud: Cloud, host: Host) -> None:
    async with cloud.host("h2"):
        answers = [await cloud.owner.ask("PUT", vm_id(f"vm{number}"), body()) for number in range(4)]
        hosts = [answer.json()["properties"]["host"]["id"].rpartition("/")[2] for answer in answers]
        assert sorted(hosts) == ["h1", "h1", "h2", "h2"], "also while none of them is reported yet"
        for answer in answers:
            assert (await cloud.owner.follow(answer))["status"] == "Succeeded"
        told = body() | {"tags": {"outofband-host": "H2"}}
        answer = await cloud.owner.ask("PUT", vm_id("told"), told)
        assert answer.json()["properties"]["host"]["id"].endswith("/machines/h2")
        unknown = body() | {"tags": {"outofband-host": "h3"}}
        assert code(await cloud.owner.ask("PUT", vm_id("x"), unknown)) == "InvalidParameter"
        await cloud.owner.follow(answer)
        moved = {"tags": {"outofband-host": "h1"}}
        refused = await cloud.owner.ask("PATCH", vm_id("told"), moved)
        assert (refused.status_code, code(refused)) == (409, "PropertyChangeNotAllowed")
