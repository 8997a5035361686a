"""A classic VM as it is written, as it is stored and as it is shown."""

from __future__ import annotations

import re
from typing import Any

import msgspec

from outofband.core.errors import Fault
from outofband.core.ids import parse_id
from outofband.fleet.fleet import Fleet
from outofband.providers.compute import instance_view
from outofband.providers.compute import shape as vm
from outofband.providers.network.endpoints import CLASSIC, SHOWN, Machine, machine_of
from outofband.store.resources import Resource
from outofband.wire.network.plan import MAX_PORTS

NAMESPACE = "Microsoft.ClassicCompute"
TYPE = CLASSIC
DOMAINS = f"{NAMESPACE}/domainNames"
_MAX_NAME = 80
_SERVICE = re.compile(r"[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?")
# Azure's words for the state of a role instance, and for its power, by ours.
_STATES = {
    "running": ("ReadyRole", "Started"),
    "starting": ("StartingVM", "Starting"),
    "stopping": ("StoppingVM", "Stopping"),
    "stopped": ("StoppedVM", "Stopped"),
    instance_view.DEALLOCATED: ("StoppedDeallocated", "Stopped"),
}
_UNKNOWN = ("RoleStateUnknown", "Unknown")


class Endpoint(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A port of the cloud service that leads to a port of the VM."""

    endpoint_name: str
    private_port: int
    public_port: int
    protocol: str = "tcp"
    enable_direct_server_return: bool = False


class NetworkProfile(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    input_endpoints: list[Endpoint] = []


class Named(msgspec.Struct, frozen=True, kw_only=True):
    id: str | None = None
    name: str | None = None


class Own(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    virtual_machine: Named | None = None


class ClassicProperties(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """The part of a PUT or PATCH body that is looked into."""

    domain_name: Named | None = None
    network_profile: NetworkProfile | None = None
    outofband: Own | None = None


def checked(endpoints: list[Endpoint]) -> list[dict[str, Any]]:
    """Endpoints as they are stored. Raises Fault InvalidParameter or ClassicEndpointTaken."""
    if len(endpoints) > MAX_PORTS:
        raise _wrong(f"{MAX_PORTS} at most")
    names: set[str] = set()
    ports: set[int] = set()
    for each in endpoints:
        name = each.endpoint_name
        if not 0 < len(name) <= _MAX_NAME or not name.isprintable() or name.lower() in names:
            raise _wrong(f"each has a name of its own, of 1 to {_MAX_NAME} characters")
        if each.protocol.lower() != "tcp":
            raise _wrong("its protocol is tcp: hosts carry no other to a VM")
        if each.enable_direct_server_return:
            raise _wrong("there is no direct server return")
        if not 0 < each.private_port < 65536 or not 0 < each.public_port < 65536:
            raise _wrong("a port is a number from 1 to 65535")
        if each.public_port in ports:
            raise Fault("ClassicEndpointTaken", port=each.public_port, name=name)
        names.add(name.lower())
        ports.add(each.public_port)
    plain: list[dict[str, Any]] = msgspec.to_builtins(endpoints)
    return [each | {"protocol": "tcp"} for each in plain]


def domain(given: Named, kept: str) -> str:
    """The cloud service that a body names, by its id or its name, else the one `kept`. Its name is a name of
    the domain name system and part of ids. Raises Fault InvalidParameter.
    """
    text = (given.id.rstrip("/").rpartition("/")[2] if given.id else given.name) or kept
    if text != kept and not _SERVICE.fullmatch(text):
        detail = "letters, digits and hyphens, at most 63, none of those hyphens at an end"
        raise Fault("InvalidParameter", target="properties.domainName", detail=detail)
    return text


def usual(machine: Resource) -> list[Endpoint]:
    """What a VM gets of which nobody says what it has: the way in for its operating system."""
    name, port = ("Remote Desktop", 3389) if vm.is_windows(machine) else ("SSH", 22)
    return [Endpoint(endpoint_name=name, private_port=port, public_port=port)]


def stored(machine: Resource, domain: str, endpoints: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "machine": msgspec.to_builtins(Machine(id=machine.id, uid=machine.uid)),
        "domain": domain,
        SHOWN: endpoints,
    }


def domain_of(row: Resource) -> str:
    return str(row.properties["domain"])


def domain_id(row: Resource) -> str:
    rid = parse_id(row.id)
    return str(msgspec.structs.replace(rid, chain=(("domainNames", domain_of(row)),)))


def shown(fleet: Fleet, row: Resource, machine: Resource | None, public: list[str]) -> dict[str, Any]:
    """Properties as a client sees them. `machine` is None when the VM that it was a view of is gone."""
    named = machine_of(row)
    properties: dict[str, Any] = {
        "provisioningState": row.provisioning_state,
        "domainName": {"id": domain_id(row), "name": domain_of(row), "type": DOMAINS},
        "networkProfile": {"inputEndpoints": row.properties[SHOWN]},
        "outofband": {"virtualMachine": {"id": named.id if machine is None else machine.id}},
    }
    status, power = _UNKNOWN
    view: dict[str, Any] = {"publicIpAddresses": public}
    if machine is not None:
        status, power = _STATES.get(instance_view.power(fleet, machine), _UNKNOWN)
        known = vm.shown(machine)
        view["computerName"] = known["osProfile"].get("computerName") or machine.name
        properties["hardwareProfile"] = {
            "size": known["hardwareProfile"].get("vmSize"),
            "deploymentName": domain_of(row),
        }
        system = "Windows" if vm.is_windows(machine) else "Linux"
        properties["storageProfile"] = {"operatingSystemDisk": {"operatingSystem": system}}
        properties["debugProfile"] = {"bootDiagnosticsEnabled": vm.boot_diagnostics_on(machine)}
    properties["instanceView"] = {"status": status, "powerState": power, **view}
    return properties


def _wrong(detail: str) -> Fault:
    return Fault("InvalidParameter", target="properties.networkProfile.inputEndpoints", detail=detail)
