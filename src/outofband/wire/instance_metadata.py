"""What a machine's agent tells local programs of the machine: the instance metadata of Azure's himds.

    GET /metadata/instance?api-version=2021-02-01            {"compute": {...}, "network": {}}
    GET /metadata/instance/compute?api-version=2021-02-01    the value of `compute`

with `Metadata: true`. Nothing in it is secret, so every user of the host may ask; the checks against browsers
and proxies are those of `managed_identity`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from outofband.wire.managed_identity import Refusal, from_this_host, parameters

PATH = "/metadata/instance"
COMPUTE = f"{PATH}/compute"
VERSIONS = ("2021-02-01", "2020-06-01", "2019-11-01")


class Machine(msgspec.Struct, frozen=True, kw_only=True):
    """What is told; empty while the server is not connected. `sku` is the system's own name of itself."""

    cloud: str = ""
    location: str = ""
    name: str = ""
    subscription: str = ""
    group: str = ""
    resource: str = ""
    vm_id: str = ""
    sku: str = ""
    offer: str = ""
    version: str = ""
    tags: Mapping[str, str] = {}


def is_asked(target: str) -> bool:
    path = target.partition("?")[0].rstrip("/")
    return path == PATH or path.startswith(f"{PATH}/")


def answer(
    method: str, target: str, fields: Sequence[tuple[str, str]], machine: Machine
) -> tuple[int, dict[str, Any]]:
    """Status and body. `target` as in the request's first line, names of `fields` in lower case."""
    path, _, query = target.partition("?")
    path = path.rstrip("/")
    if path not in (PATH, COMPUTE):
        return 404, {"error": "Not found"}
    asked = from_this_host(method, fields) or parameters(query)
    if isinstance(asked, Refusal):
        return asked.status, {"error": f"Bad request. {asked.description}"}
    if dict(fields).get("metadata", "").lower() != "true":
        return 400, {"error": "Bad request. Required metadata header not specified"}
    version = asked.get("api-version", "")
    if version not in VERSIONS:
        why = "is not supported" if version else "was not specified in the request"
        return 400, {"error": f"Bad request. api-version {why}.", "newest-versions": list(VERSIONS)}
    found = compute(machine)
    return 200, found if path == COMPUTE else {"compute": found, "network": {}}


def compute(machine: Machine) -> dict[str, Any]:
    """With every key that himds has; what a server has not is empty."""
    tags = [{"name": name, "value": value} for name, value in machine.tags.items()]
    return {
        "azEnvironment": machine.cloud,
        "customData": "",
        "isHostCompatibilityLayerVm": "",
        "location": machine.location,
        "name": machine.name,
        "offer": machine.offer,
        "osType": "Linux",
        "placementGroupId": "",
        "plan": {"name": "", "product": "", "publisher": ""},
        "platformFaultDomain": "",
        "platformUpdateDomain": "",
        "provider": "Microsoft.HybridCompute",
        "publicKeys": [],
        "publisher": "",
        "resourceGroupName": machine.group,
        "resourceId": machine.resource,
        "securityProfile": {"secureBootEnabled": "", "virtualTpmEnabled": ""},
        "sku": machine.sku,
        "storageProfile": {},
        "subscriptionId": machine.subscription,
        "tags": ";".join(f"{name}:{value}" for name, value in machine.tags.items()),
        "tagsList": tags,
        "version": machine.version,
        "vmId": machine.vm_id,
        "vmScaleSetName": "",
        "vmSize": "",
        "zone": "",
    }
