"""az on VMs, scale sets and their instances: made, shown, powered, changed, deleted."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tests.peers.az import Clients
from tests.peers.house import House

GROUP = ("--resource-group", "demo")
DEMO = (*GROUP, "--name", "demo")
VERSION = "api-version=2024-11-01"
PLACES = "/subscriptions/{subscriptionId}/resourceGroups/demo/providers/Microsoft.Compute"


def put(azure: Clients, path: str, body: dict[str, Any]) -> Any:
    """`az rest`, for `az vm create` sends a template where Azure composes a VM of many resources."""
    file = azure.root / "body.json"
    file.write_text(json.dumps(body))
    url = f"{PLACES}/{path}?{VERSION}"
    return azure.json("rest", "--method", "put", "--url", url, "--body", f"@{file}")


def power(azure: Clients, *where: str) -> str:
    query = "instanceView.statuses[?starts_with(code, 'PowerState/')].displayStatus | [0]"
    shown: str = azure.json("vm", "get-instance-view", *(where or DEMO), "--query", query)
    return shown


@pytest.fixture(autouse=True)
def running(azure: Clients) -> None:
    if power(azure) != "VM running":
        azure.json("vm", "start", *DEMO)


def test_a_vm_is_listed_and_shown(house: House, azure: Clients) -> None:
    (listed,) = azure.json("vm", "list")
    assert [each["id"] for each in azure.json("vm", "list", *GROUP)] == [listed["id"]]
    shown = azure.json("vm", "show", *DEMO)
    assert shown["id"] == listed["id"]
    assert shown["vmId"] == listed["vmId"]
    detailed = azure.json("vm", "show", *DEMO, "--show-details")
    assert (detailed["powerState"], detailed["location"]) == ("VM running", "local")
    view = azure.json("vm", "get-instance-view", *DEMO)["instanceView"]
    assert [status["code"] for status in view["statuses"]] == [
        "ProvisioningState/succeeded",
        "PowerState/running",
    ]
    assert view["bootDiagnostics"] == {}
    missing = azure.refused("vm", "show", *GROUP, "--name", "nope", code=3)
    assert missing.startswith(
        "(ResourceNotFound) The Resource 'Microsoft.Compute/virtualMachines/nope' under resource group "
        "'demo' was not found."
    )


def test_power_goes_off_and_on(azure: Clients) -> None:
    azure.json("vm", "stop", *DEMO, "--skip-shutdown")
    assert power(azure) == "VM stopped"
    azure.json("vm", "start", *DEMO)
    assert power(azure) == "VM running"
    azure.json("vm", "deallocate", *DEMO)
    assert power(azure) == "VM deallocated"
    azure.json("vm", "start", *DEMO)
    ended = azure.json("vm", "restart", *DEMO, "--force")
    assert ended is None or ended["status"] == "Succeeded"
    assert power(azure) == "VM running"


def test_the_guest_is_asked_to_stop_and_to_restart(azure: Clients) -> None:
    ended = azure.json("vm", "restart", *DEMO)
    assert ended["status"] == "Succeeded", "az prints the operation itself"
    azure.json("vm", "stop", *DEMO)
    assert power(azure) == "VM stopped"


def test_reapply_and_redeploy(azure: Clients) -> None:
    azure.json("vm", "reapply", *DEMO)
    azure.json("vm", "redeploy", *DEMO)
    assert power(azure) == "VM running"


def test_boot_diagnostics_are_a_whole_put(azure: Clients) -> None:
    azure.json("vm", "boot-diagnostics", "disable", *DEMO)
    shown = azure.json("vm", "show", *DEMO)
    assert shown["diagnosticsProfile"]["bootDiagnostics"]["enabled"] is False
    azure.json("vm", "boot-diagnostics", "enable", *DEMO)
    again = azure.json("vm", "show", *DEMO)
    assert again["diagnosticsProfile"]["bootDiagnostics"]["enabled"] is True
    assert again["vmId"] == shown["vmId"], "a PUT of what was read changes nothing else"
    assert again["storageProfile"] == shown["storageProfile"]


def test_tags_by_update(azure: Clients) -> None:
    assert azure.json("vm", "update", *DEMO, "--set", 'tags={"floor":"3"}')["tags"] == {"floor": "3"}
    assert azure.json("vm", "list", "--query", "[?tags.floor=='3'].name") == ["demo"]
    azure.json("vm", "update", *DEMO, "--set", "tags={}")


def test_life_of_another_vm(azure: Clients) -> None:
    body = {
        "location": "local",
        "properties": {
            "hardwareProfile": {"vmSize": "Standard_B1ls"},
            "storageProfile": {"imageReference": {"publisher": "outofband", "offer": "demo"}},
            "osProfile": {"computerName": "spot", "adminUsername": "ops", "adminPassword": "kelp-otter-42"},
            "priority": "Spot",
            "evictionPolicy": "Deallocate",
        },
    }
    put(azure, "virtualMachines/spot", body)
    spot = (*GROUP, "--name", "spot")
    azure.json("vm", "wait", *spot, "--created", "--timeout", "60")
    shown = azure.json("vm", "show", *spot)
    assert (shown["priority"], shown["hardwareProfile"]["vmSize"]) == ("Spot", "Standard_B1ls")
    assert "adminPassword" not in shown["osProfile"]
    assert sorted(vm["name"] for vm in azure.json("vm", "list")) == ["demo", "spot"]
    azure.json("vm", "simulate-eviction", *spot)
    azure.json(
        *("vm", "wait", *spot, "--timeout", "60", "--interval", "1", "--custom"),
        "instanceView.statuses[?code=='PowerState/deallocated']",
    )
    azure.json("vm", "delete", *spot, "--yes")
    assert [vm["name"] for vm in azure.json("vm", "list")] == ["demo"]
    refused = azure.refused("vm", "simulate-eviction", *DEMO)
    assert refused.startswith("(OperationNotAllowed)")


def test_sizes_and_images_are_offered(azure: Clients) -> None:
    sizes = {size["name"]: size for size in azure.json("vm", "list-sizes", "--location", "local")}
    assert sizes["Standard_B1s"]["memoryInMB"] == 1024
    assert "Standard_B1s" in [each["name"] for each in azure.json("vm", "list-skus", "--location", "local")]
    assert "cores" in [
        each["name"]["value"] for each in azure.json("vm", "list-usage", "--location", "local")
    ]


def test_a_scale_set_and_its_instances(azure: Clients) -> None:
    profile = {
        "osProfile": {"computerNamePrefix": "web"},
        "storageProfile": {"imageReference": {"publisher": "outofband", "offer": "demo"}},
    }
    properties = {"upgradePolicy": {"mode": "Manual"}, "virtualMachineProfile": profile}
    sku = {"name": "Standard_B1ls", "tier": "Standard", "capacity": 1}
    put(azure, "virtualMachineScaleSets/web", {"location": "local", "sku": sku, "properties": properties})
    web = (*GROUP, "--name", "web")
    azure.json("vmss", "wait", *web, "--created", "--interval", "1", "--timeout", "60")
    assert [each["name"] for each in azure.json("vmss", "list")] == ["web"]
    assert [each["instanceId"] for each in azure.json("vmss", "list-instances", *web)] == ["0"]
    view = azure.json("vmss", "get-instance-view", *web, "--instance-id", "0")
    assert view["statuses"][1]["code"] == "PowerState/running"
    azure.json("vmss", "stop", *web, "--instance-ids", "0", "--skip-shutdown")
    view = azure.json("vmss", "get-instance-view", *web, "--instance-id", "0")
    assert view["statuses"][1]["code"] == "PowerState/stopped"
    azure.json("vmss", "start", *web, "--instance-ids", "0")
    azure.json("vmss", "delete", *web)
    assert azure.json("vmss", "list") == []


def test_a_connected_machine_is_made_tagged_and_deleted(azure: Clients) -> None:
    kind = ("--resource-type", "Microsoft.HybridCompute/machines")
    raw = Ed25519PrivateKey.generate().public_key().public_bytes_raw()
    key = base64.urlsafe_b64encode(raw).decode().rstrip("=")
    properties = {"clientPublicKey": key, "osType": "linux"}
    whole = {"location": "local", "identity": {"type": "SystemAssigned"}, "properties": properties}
    file = azure.root / "machine.json"
    file.write_text(json.dumps(whole))
    srv = (*GROUP, *kind, "--name", "srv-1")
    made = azure.json("resource", "create", *srv, "--is-full-object", "--properties", f"@{file}")
    assert made["properties"]["status"] == "AwaitingConnection"
    azure.az("resource", "tag", *srv, "--tags", "rack=b7")
    azure.az("resource", "tag", *srv, "--tags", "owner=ann", "--is-incremental")
    shown = azure.json("resource", "show", *srv)
    assert (shown["tags"], shown["identity"]) == ({"rack": "b7", "owner": "ann"}, made["identity"])
    listed = azure.json("resource", "list", *GROUP, *kind)
    assert {each["name"]: each["tags"] for each in listed}["srv-1"] == shown["tags"]
    assert len(listed) == 2, "the host of this house is one too"
    azure.az("resource", "delete", *srv)
    azure.refused("resource", "show", *srv, code=3)
