"""An IP configuration as Azure's clients write it and as its interface's row keeps it."""

from __future__ import annotations

from typing import Any

import msgspec

from outofband.core.errors import Fault
from outofband.providers.network.house import APPLICATION_GROUPS, PUBLIC_ADDRESSES, SUBNETS
from outofband.providers.network.parts import check_name
from outofband.providers.network.references import Named, Reference, key_of, named
from outofband.providers.network.words import choose
from outofband.wire.network import prefixes
from outofband.wire.network.prefixes import Address

MAX_CONFIGURATIONS = 256
METHODS = ("Dynamic", "Static")
VERSIONS = ("IPv4", "IPv6")
_ABSENT = {
    "load_balancer_backend_address_pools": "A load balancer",
    "load_balancer_inbound_nat_rules": "A load balancer",
    "application_gateway_backend_address_pools": "An application gateway",
    "gateway_load_balancer": "A gateway load balancer",
    "virtual_network_taps": "A virtual network tap",
}


class ConfigurationProperties(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    private_ip_address: str | None = msgspec.field(default=None, name="privateIPAddress")
    private_ip_allocation_method: str | None = msgspec.field(default=None, name="privateIPAllocationMethod")
    private_ip_address_version: str | None = msgspec.field(default=None, name="privateIPAddressVersion")
    subnet: Named | None = None
    public_ip_address: Named | None = msgspec.field(default=None, name="publicIPAddress")
    application_security_groups: list[Named] | None = None
    primary: bool | None = None
    load_balancer_backend_address_pools: list[dict[str, Any]] | None = None
    load_balancer_inbound_nat_rules: list[dict[str, Any]] | None = None
    application_gateway_backend_address_pools: list[dict[str, Any]] | None = None
    gateway_load_balancer: Named | None = None
    virtual_network_taps: list[dict[str, Any]] | None = None


class ConfigurationForm(msgspec.Struct, frozen=True, kw_only=True):
    properties: ConfigurationProperties = ConfigurationProperties()
    name: str | None = None


def stored(given: ConfigurationForm, before: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """A checked configuration; `before`: those stored until now, by lower-cased name. A dynamic address,
    which clients send back as they read it, stays what it was.
    """
    name, wanted = check_name(given.name, "ipConfigurations.name"), given.properties
    for field, feature in _ABSENT.items():
        if getattr(wanted, field):
            raise Fault("NetworkFeatureUnsupported", feature=feature, resource=f"configuration '{name}'")
    subnet = named(wanted.subnet)
    if subnet is None:
        raise Fault("InvalidParameter", target="subnet", detail=f"IP configuration '{name}' needs one")
    old = before.get(name.lower(), {}).get("properties", {})
    method = choose(METHODS, wanted.private_ip_allocation_method, "privateIPAllocationMethod", METHODS[0])
    kept: dict[str, Any] = {
        "privateIPAllocationMethod": method,
        "privateIPAddressVersion": choose(
            VERSIONS, wanted.private_ip_address_version, "privateIPAddressVersion", VERSIONS[0]
        ),
        "subnet": subnet,
        "primary": bool(wanted.primary),
    }
    address = wanted.private_ip_address if method == "Static" else None
    if address is None and key_of(old.get("subnet")) == key_of(subnet):
        address = old.get("privateIPAddress")
    if method == "Static" and address is None:
        detail = f"IP configuration '{name}' is static and has none"
        raise Fault("InvalidParameter", target="privateIPAddress", detail=detail)
    if address is not None:
        _check_address(address, kept["privateIPAddressVersion"])
        kept["privateIPAddress"] = address
    if (public := named(wanted.public_ip_address)) is not None:
        kept["publicIPAddress"] = public
    groups = [{"id": each.id} for each in wanted.application_security_groups or () if each.id]
    if groups:
        kept["applicationSecurityGroups"] = groups
    return {"name": name, "properties": kept}


def check_together(parts: list[dict[str, Any]]) -> None:
    """One interface's configurations; makes the first one primary when none is said to be.

    Raises Fault InvalidParameter.
    """
    target = "ipConfigurations"
    if not 0 < len(parts) <= MAX_CONFIGURATIONS:
        raise Fault("InvalidParameter", target=target, detail=f"1 to {MAX_CONFIGURATIONS}")
    names = [part["name"].lower() for part in parts]
    if len(set(names)) < len(names):
        raise Fault("InvalidParameter", target=target, detail="two have the same name")
    primaries = [part for part in parts if part["properties"]["primary"]]
    if len(primaries) > 1:
        raise Fault("InvalidParameter", target=target, detail="only one is primary")
    if not primaries:
        parts[0]["properties"]["primary"] = True


def wanted_address(kept: dict[str, Any]) -> Address | None:
    """The address that a stored configuration has or asks for."""
    text = kept.get("privateIPAddress")
    return prefixes.address(text) if text else None


def names_of(part: str, kept: dict[str, Any]) -> list[Reference]:
    """What a configuration names."""
    found = [Reference(part=part, slot=kept["subnet"], path="properties.subnet", type=SUBNETS)]
    if "publicIPAddress" in kept:
        slot = kept["publicIPAddress"]
        found.append(
            Reference(part=part, slot=slot, path="properties.publicIPAddress", type=PUBLIC_ADDRESSES)
        )
    return found + [
        Reference(
            part=part,
            slot=slot,
            path="properties.applicationSecurityGroups",
            type=APPLICATION_GROUPS,
            join="joinIpConfiguration/action",
        )
        for slot in kept.get("applicationSecurityGroups") or ()
    ]


def _check_address(text: str, version: str) -> None:
    found = prefixes.address(text)
    if found is None or f"IPv{found.version}" != version:
        raise Fault(
            "InvalidParameter", target="privateIPAddress", detail=f"'{text[:64]}' is no {version} address"
        )
