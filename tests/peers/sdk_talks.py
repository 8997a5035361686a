"""Runs in the environment .az: conversations of Azure's Python SDKs, each by its name, told as JSON.

Where, who and what for comes as JSON on standard input, so that no secret is in an argument.
"""

from __future__ import annotations

import json
import socket
import sys
import uuid
from collections.abc import Callable
from typing import Any

from azure.core.exceptions import HttpResponseError
from azure.identity import ClientSecretCredential

GROUP, VM = "demo", "demo"


class Place:
    """A control plane, and somebody who is signed in there."""

    def __init__(self, arm: str, tenant: str, client: str, secret: str, subscription: str) -> None:
        self.arm, self.subscription = arm, subscription
        self.credential = ClientSecretCredential(
            tenant, client, secret, authority=arm, disable_instance_discovery=True
        )

    def client(self, kind: Any, *words: str) -> Any:
        """A management client of the subscription, or of the `words` that it takes instead."""
        scopes = [f"{self.arm}/.default"]
        given = words or (self.subscription,)
        return kind(self.credential, *given, base_url=self.arm, credential_scopes=scopes)


def code(deed: Callable[[], object]) -> str:
    """The code of the error that a call is to end with."""
    try:
        deed()
    except HttpResponseError as error:
        # What is wrong with a tenant is told when the library looks for it; it reads no number there.
        if number := str(error.message).partition("AADSTS")[2].partition(":")[0]:
            return number
        # The storage clients keep it elsewhere than the management clients.
        kept = error.error.code if error.error else getattr(error, "error_code", type(error).__name__)
        return str(getattr(kept, "value", kept))
    return "nothing"


def compute(place: Place) -> dict[str, Any]:
    from azure.mgmt.compute import ComputeManagementClient

    machines = place.client(ComputeManagementClient).virtual_machines
    machine = machines.get(GROUP, VM, expand="instanceView")
    machines.begin_power_off(GROUP, VM, skip_shutdown=True).result()
    stopped = machines.instance_view(GROUP, VM).statuses[-1].code
    machines.begin_start(GROUP, VM).result()
    changed = machines.begin_update(GROUP, VM, {"tags": {"by": "sdk"}}).result()
    whole = machines.get(GROUP, VM)
    whole.tags = {}
    written = machines.begin_create_or_update(GROUP, VM, whole).result()
    return {
        "ids": [each.id for each in machines.list_all()],
        "vmId": machine.vm_id,
        "running": machine.instance_view.statuses[-1].code,
        "stopped": stopped,
        "tags": [changed.tags, written.tags],
        "same": written.vm_id == machine.vm_id,
        "sizes": len(list(place.client(ComputeManagementClient).virtual_machine_sizes.list("local"))),
        "missing": code(lambda: machines.get(GROUP, "nope")),
    }


def serial_console(place: Place) -> dict[str, Any]:
    from azure.mgmt.serialconsole import MicrosoftSerialConsoleClient

    client = place.client(MicrosoftSerialConsoleClient)
    where = (GROUP, "Microsoft.Compute", "virtualMachines", VM)
    before = client.get_console_status("default").properties.disabled
    off = client.disable_console("default").properties.disabled
    refused = code(lambda: client.serial_ports.connect(*where, "0"))
    on = client.enable_console("default").properties.disabled
    opened = client.serial_ports.connect(*where, "0").connection_string
    made = client.serial_ports.create(*where, "0", {"properties": {"state": "enabled"}})
    return {
        "switch": [before, off, on],
        "refused": refused,
        "opened": opened,
        "ports": [each.name for each in client.serial_ports.list(*where).value],
        "everywhere": len(client.serial_ports.list_by_subscriptions().value),
        "state": str(made.state),
        "operations": len(client.list_operations().value),
    }


def boot_diagnostics(place: Place) -> dict[str, Any]:
    from azure.mgmt.compute import ComputeManagementClient
    from azure.storage.blob import BlobClient

    machines = place.client(ComputeManagementClient).virtual_machines
    found = machines.retrieve_boot_diagnostics_data(GROUP, VM, sas_uri_expiration_time_in_minutes=5)
    where = found.serial_console_log_blob_uri
    # In pieces, while the guest may print: each but the first names the entity tag of the first.
    pieces = BlobClient.from_blob_url(where, max_single_get_size=5000, max_chunk_get_size=3000)
    read = pieces.download_blob().readall()
    whole = BlobClient.from_blob_url(where)
    part = whole.download_blob(offset=100, length=50).readall()
    shot = BlobClient.from_blob_url(found.console_screenshot_blob_uri)
    return {
        "log": read.decode("latin-1"),
        "part": part.decode("latin-1"),
        "size": whole.get_blob_properties().size,
        "picture": shot.download_blob().readall()[:8].hex(),
        "taken": shot.get_blob_properties().metadata["taken"],
        "listed": code(lambda: whole.delete_blob()),
        "other": code(lambda: BlobClient.from_blob_url(where.replace("log?", "log2?")).download_blob()),
    }


def network(place: Place) -> dict[str, Any]:
    from azure.mgmt.network import NetworkManagementClient

    client = place.client(NetworkManagementClient)
    group = client.network_security_groups.begin_create_or_update(
        GROUP, "sdk-walls", {"location": "local"}
    ).result()
    wanted = {
        "properties": {
            "priority": 300,
            "direction": "Inbound",
            "access": "Allow",
            "protocol": "Tcp",
            "sourceAddressPrefix": "*",
            "sourcePortRange": "*",
            "destinationAddressPrefix": "*",
            "destinationPortRange": "3389",
        }
    }
    rules = client.security_rules
    rule = rules.begin_create_or_update(GROUP, "sdk-walls", "rdp", wanted).result()
    subnets = [{"name": "desks", "properties": {"addressPrefix": "10.7.1.0/24"}}]
    space = {"addressSpace": {"addressPrefixes": ["10.7.0.0/16"]}, "subnets": subnets}
    net = client.virtual_networks.begin_create_or_update(
        GROUP, "sdk-net", {"location": "local", "properties": space}
    ).result()
    configuration = {"name": "one", "properties": {"subnet": {"id": net.subnets[0].id}}}
    card = client.network_interfaces.begin_create_or_update(
        GROUP,
        "sdk-card",
        {
            "location": "local",
            "properties": {
                "ipConfigurations": [configuration],
                "networkSecurityGroup": {"id": group.id},
            },
        },
    ).result()
    effective = client.network_interfaces.begin_list_effective_network_security_groups(
        GROUP, "sdk-card"
    ).result()
    told = {
        "rule": [rule.name, rule.priority, str(rule.access)],
        "defaults": len(group.default_security_rules),
        "address": card.ip_configurations[0].private_ip_address,
        "effective": len(effective.value),
        "listed": [each.name for each in client.network_security_groups.list(GROUP)],
    }
    client.network_interfaces.begin_delete(GROUP, "sdk-card").result()
    client.virtual_networks.begin_delete(GROUP, "sdk-net").result()
    client.network_security_groups.begin_delete(GROUP, "sdk-walls").result()
    return told | {"left": [each.name for each in client.network_security_groups.list(GROUP)]}


def recovery(place: Place) -> dict[str, Any]:
    """Of a VM with an interface `card`, a group `walls` at it, and an open port of the host's own."""
    from azure.mgmt.compute import ComputeManagementClient
    from azure.mgmt.network import NetworkManagementClient

    client, compute = place.client(NetworkManagementClient), place.client(ComputeManagementClient)
    where = ("NetworkWatcherRG", "NetworkWatcher_local")
    watchers, vm = client.network_watchers, compute.virtual_machines.get(GROUP, VM).id
    open_, shut = socket.create_server(("127.0.0.1", 0)), socket.socket()
    shut.bind(("127.0.0.1", 0))

    def tried(port: int) -> Any:
        question = {"source": {"resourceId": vm}, "destination": {"address": "10.9.1.1", "port": port}}
        return watchers.begin_check_connectivity(*where, question).result()

    through, refused = tried(open_.getsockname()[1]), tried(shut.getsockname()[1])
    open_.close()
    shut.close()
    profile = {"direction": "Inbound", "protocol": "TCP", "source": "198.51.100.7"}
    asked = [profile | {"destination": "*", "destinationPort": "3389"}]
    diagnosed = watchers.begin_get_network_configuration_diagnostic(
        *where, {"targetResourceId": vm, "profiles": asked}
    ).result()
    card = client.network_interfaces.get(GROUP, "card").ip_configurations[0].private_ip_address
    flow = {"targetResourceId": vm, "direction": "Inbound", "protocol": "TCP", "localPort": "22"}
    ends = {"localIPAddress": card, "remoteIPAddress": "198.51.100.7", "remotePort": "60000"}
    verdict = watchers.begin_verify_ip_flow(*where, flow | ends).result()
    hop = {"targetResourceId": vm, "sourceIPAddress": card, "destinationIPAddress": "8.8.8.8"}
    routes = client.network_interfaces.begin_get_effective_route_table(GROUP, "card").result()
    ran = compute.virtual_machines.begin_run_command(GROUP, VM, {"commandId": "ifconfig"}).result()
    compute.virtual_machines.begin_restart(GROUP, VM).result()
    compute.virtual_machines.begin_redeploy(GROUP, VM).result()
    issue = refused.hops[-1].issues[0]
    return {
        "through": [through.connection_status, through.probes_sent, through.probes_failed],
        "latencies": [through.min_latency_in_ms, through.avg_latency_in_ms, through.max_latency_in_ms],
        "hops": [[hop.type, hop.address] for hop in through.hops],
        "linked": through.hops[0].next_hop_ids == [through.hops[1].id],
        "refused": [refused.connection_status, issue.origin, issue.severity, issue.context[0]["value"]],
        "diagnosed": str(diagnosed.results[0].network_security_group_result.security_rule_access_result),
        "flow": [str(verdict.access), verdict.rule_name],
        "hop": str(watchers.begin_get_next_hop(*where, hop).result().next_hop_type),
        "routes": len(routes.value),
        "card": card in ran.value[0].message,
        "icmp": code(
            lambda: watchers.begin_check_connectivity(
                *where,
                {
                    "source": {"resourceId": vm},
                    "destination": {"address": "10.9.1.1", "port": 80},
                    "protocol": "Icmp",
                },
            ).result()
        ),
        "running": compute.virtual_machines.instance_view(GROUP, VM).statuses[-1].code,
    }


def redeploy_one(place: Place) -> dict[str, Any]:
    from azure.mgmt.compute import ComputeManagementClient

    instances = place.client(ComputeManagementClient).virtual_machine_scale_set_vms
    instances.begin_redeploy(GROUP, "twins", "1").result()
    view = instances.get_instance_view(GROUP, "twins", "1")
    return {"power": view.statuses[-1].code}


def redeploy_all(place: Place) -> dict[str, Any]:
    from azure.mgmt.compute import ComputeManagementClient

    compute = place.client(ComputeManagementClient)
    compute.virtual_machine_scale_sets.begin_redeploy(GROUP, "twins").result()
    views = [
        compute.virtual_machine_scale_set_vms.get_instance_view(GROUP, "twins", each) for each in ("0", "1")
    ]
    return {"power": [view.statuses[-1].code for view in views]}


def storage(place: Place) -> dict[str, Any]:
    from azure.mgmt.storage import StorageManagementClient

    accounts = place.client(StorageManagementClient).storage_accounts
    wanted = {"location": "local", "kind": "StorageV2", "sku": {"name": "Standard_LRS"}}
    made = accounts.begin_create(GROUP, "oobsdk1", wanted).result()
    keys = accounts.list_keys(GROUP, "oobsdk1").keys_property
    renewed = accounts.regenerate_key(GROUP, "oobsdk1", {"keyName": "key2"}).keys_property
    told = {
        "state": str(made.provisioning_state),
        "blob": made.primary_endpoints.blob,
        "keys": [each.key_name for each in keys],
        "renewed": [old.value == new.value for old, new in zip(keys, renewed, strict=True)],
        "taken": accounts.check_name_availability({"name": "oobsdk1"}).name_available,
        "listed": [each.name for each in accounts.list()],
    }
    accounts.delete(GROUP, "oobsdk1")
    return told | {"left": [each.name for each in accounts.list()]}


def blobs(place: Place) -> dict[str, Any]:
    from azure.mgmt.storage import StorageManagementClient
    from azure.storage.blob import BlobServiceClient

    accounts = place.client(StorageManagementClient).storage_accounts
    wanted = {"location": "local", "kind": "StorageV2", "sku": {"name": "Standard_LRS"}}
    made = accounts.begin_create(GROUP, "labstore1", wanted).result()
    key = accounts.list_keys(GROUP, made.name).keys_property[0].value

    def service(secret: str) -> Any:
        credential = {"account_name": made.name, "account_key": secret}
        return BlobServiceClient(made.primary_endpoints.blob, credential=credential)

    box = service(key).create_container("logs")
    box.upload_blob("serial.log", b"panic\n" * 100, metadata={"vm": "demo"})
    blob = box.get_blob_client("serial.log")
    return {
        "size": blob.get_blob_properties().size,
        "part": blob.download_blob(offset=6, length=5).readall().decode(),
        "names": [each.name for each in box.list_blobs()],
        "again": code(lambda: service(key).create_container("logs")),
        "wrong": code(lambda: list(service("eHh4").list_containers())),
    }


def hybrid(place: Place) -> dict[str, Any]:
    import base64

    from azure.mgmt.hybridcompute import HybridComputeManagementClient
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    machines = place.client(HybridComputeManagementClient).machines
    (found,) = machines.list_by_subscription()
    shown = machines.get(GROUP, found.name)
    raw = Ed25519PrivateKey.generate().public_key().public_bytes_raw()
    key = base64.urlsafe_b64encode(raw).decode().rstrip("=")
    properties = {"clientPublicKey": key, "vmId": str(uuid.uuid4()), "osType": "linux"}
    whole = {"location": "local", "identity": {"type": "SystemAssigned"}, "properties": properties}
    made = machines.create_or_update(GROUP, "sdk-1", whole)
    place_of_it = {"locationData": {"name": "HQ", "city": "Ghent"}}
    machines.update(GROUP, "sdk-1", {"tags": {"by": "sdk"}, "properties": place_of_it})
    changed = machines.get(GROUP, "sdk-1", expand="instanceView")
    wrong = {**whole, "properties": {**properties, "clientPublicKey": "MIIB"}}
    told = {
        "name": found.name,
        "status": shown.properties["status"],
        "agent": shown.properties.agent_version,
        "cores": shown.properties.hardware_profile.processors[0].number_of_cores,
        "group": [each.name for each in machines.list_by_resource_group(GROUP)],
        "made": [made.properties["status"], made.identity.principal_id == changed.identity.principal_id],
        "changed": [changed.tags, changed.properties.location_data.city, changed.properties.vm_id],
        "vm_id": properties["vmId"],
        "wrong": code(lambda: machines.create_or_update(GROUP, "sdk-2", wrong)),
        "taken": code(lambda: machines.create_or_update(GROUP, found.name, whole)),
    }
    machines.begin_delete(GROUP, "sdk-1").result()
    machines.begin_delete(GROUP, "sdk-1").result()
    return told | {"missing": code(lambda: machines.get(GROUP, "sdk-1"))}


def authorization(place: Place) -> dict[str, Any]:
    from azure.mgmt.authorization import AuthorizationManagementClient

    client = place.client(AuthorizationManagementClient)
    scope = f"/subscriptions/{place.subscription}"
    (role,) = client.role_definitions.list(scope, filter="roleName eq 'Reader'")
    given = list(client.role_assignments.list_for_scope(scope))
    wanted = {"roleDefinitionId": role.id, "principalId": given[0].principal_id}
    wanted["principalType"] = given[0].principal_type
    make = client.role_assignments.create
    name = str(uuid.uuid4())
    made = make(scope, name, {"properties": wanted})
    twice = code(lambda: make(scope, str(uuid.uuid4()), {"properties": wanted}))
    listed = [each.name for each in client.role_assignments.list_for_subscription()]
    client.role_assignments.delete(scope, name)
    return {
        "role": role.name,
        "made": made.name == name and name in listed,
        "twice": twice,
        "left": name in [each.name for each in client.role_assignments.list_for_subscription()],
        "permissions": len(list(client.permissions.list_for_resource_group(GROUP))),
    }


def resources(place: Place) -> dict[str, Any]:
    from azure.mgmt.resource import ManagementLockClient, ResourceManagementClient, SubscriptionClient

    client = place.client(ResourceManagementClient)
    subscriptions = SubscriptionClient(
        place.credential, base_url=place.arm, credential_scopes=[f"{place.arm}/.default"]
    )
    group = client.resource_groups.create_or_update("sdk", {"location": "local", "tags": {"a": "b"}})
    locks = place.client(ManagementLockClient).management_locks
    locks.create_or_update_at_resource_group_level("sdk", "keep", {"level": "CanNotDelete"})
    held = code(lambda: client.resource_groups.begin_delete("sdk").result())
    locks.delete_at_resource_group_level("sdk", "keep")
    provider = client.providers.get("Microsoft.Compute")
    told = {
        "subscriptions": [each.subscription_id for each in subscriptions.subscriptions.list()],
        "tenants": len(list(subscriptions.tenants.list())),
        "places": [each.name for each in subscriptions.subscriptions.list_locations(place.subscription)],
        "tags": group.tags,
        "held": held,
        "provider": provider.registration_state,
        "exists": client.resource_groups.check_existence("sdk"),
        "machines": [
            each.name
            for each in client.resources.list(filter="resourceType eq 'Microsoft.Compute/virtualMachines'")
        ],
    }
    client.resource_groups.begin_delete("sdk").result()
    return told | {"left": client.resource_groups.check_existence("sdk")}


TALKS = {
    each.__name__: each
    for each in (
        compute,
        boot_diagnostics,
        serial_console,
        network,
        recovery,
        redeploy_one,
        redeploy_all,
        storage,
        blobs,
        hybrid,
        authorization,
        resources,
    )
}


def refusals(given: dict[str, str]) -> dict[str, Any]:
    """A wrong secret, an application that there is not, a tenant that there is not."""

    def asked(**wrong: str) -> str:
        place = Place(**(given | wrong))
        return code(lambda: place.credential.get_token(f"{place.arm}/.default"))

    nobody = str(uuid.uuid4())
    return {"secret": asked(secret="wrong"), "client": asked(client=nobody), "tenant": asked(tenant=nobody)}


if __name__ == "__main__":
    about = json.load(sys.stdin)
    name = sys.argv[1]
    json.dump(refusals(about) if name == "refusals" else TALKS[name](Place(**about)), sys.stdout)
