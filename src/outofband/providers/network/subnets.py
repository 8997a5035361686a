"""A subnet as Azure's clients write it and as its network's row keeps it."""

from __future__ import annotations

from typing import Any

import msgspec

from outofband.core.errors import Fault
from outofband.providers.network.house import ROUTE_TABLES, SECURITY_GROUPS
from outofband.providers.network.references import Named, Reference, named
from outofband.wire.network.prefixes import Block, blocks
from outofband.wire.network.routes import checked_block

MAX_PREFIXES = 100
LONGEST = {4: 29, 6: 64}
"""The smallest subnet, as the length of its prefix."""
_NAMES = (("networkSecurityGroup", SECURITY_GROUPS), ("routeTable", ROUTE_TABLES))
_ABSENT = {
    "nat_gateway": "A NAT gateway",
    "service_endpoints": "A service endpoint",
    "service_endpoint_policies": "A service endpoint policy",
    "delegations": "A delegation",
    "ip_allocations": "An IP allocation",
}


class SubnetProperties(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What is not here is for Azure to fill in and is not looked at."""

    address_prefix: str | None = None
    address_prefixes: list[str] | None = None
    network_security_group: Named | None = None
    route_table: Named | None = None
    nat_gateway: Named | None = None
    service_endpoints: list[dict[str, Any]] | None = None
    service_endpoint_policies: list[dict[str, Any]] | None = None
    delegations: list[dict[str, Any]] | None = None
    ip_allocations: list[dict[str, Any]] | None = None
    private_endpoint_network_policies: str | None = None
    private_link_service_network_policies: str | None = None
    default_outbound_access: bool | None = None


class SubnetForm(msgspec.Struct, frozen=True, kw_only=True):
    properties: SubnetProperties
    name: str | None = None


def stored(name: str, given: SubnetProperties) -> dict[str, Any]:
    """A checked subnet. Raises Fault InvalidAddressPrefixFormat, InvalidCIDRNotation, InvalidParameter or
    NetworkFeatureUnsupported.
    """
    for field, feature in _ABSENT.items():
        if getattr(given, field):
            raise Fault("NetworkFeatureUnsupported", feature=feature, resource=f"subnet '{name}'")
    if given.address_prefix and given.address_prefixes and given.address_prefixes != [given.address_prefix]:
        raise Fault("InvalidParameter", target="addressPrefix", detail="not beside addressPrefixes")
    texts = given.address_prefixes or ([given.address_prefix] if given.address_prefix else [])
    if not texts:
        raise Fault("InvalidParameter", target="addressPrefix", detail=f"subnet '{name}' needs one")
    if len(texts) > MAX_PREFIXES:
        raise Fault("InvalidParameter", target="addressPrefixes", detail=f"{MAX_PREFIXES} at most")
    for text in texts:
        found = checked_block(text, f"subnet '{name}'")
        if found.prefixlen > LONGEST[found.version]:
            longest = LONGEST[found.version]
            raise Fault("InvalidParameter", target="addressPrefix", detail=f"/{longest} is the smallest")
    kept: dict[str, Any] = {
        "privateEndpointNetworkPolicies": given.private_endpoint_network_policies or "Disabled",
        "privateLinkServiceNetworkPolicies": given.private_link_service_network_policies or "Enabled",
    }
    if given.address_prefixes:
        kept["addressPrefixes"] = texts
    else:
        kept["addressPrefix"] = texts[0]
    if given.default_outbound_access is not None:
        kept["defaultOutboundAccess"] = given.default_outbound_access
    for field, reference in (
        ("networkSecurityGroup", named(given.network_security_group)),
        ("routeTable", named(given.route_table)),
    ):
        if reference is not None:
            kept[field] = reference
    return {"name": name, "properties": kept}


def blocks_of(kept: dict[str, Any]) -> tuple[Block, ...]:
    """The address blocks of a stored subnet's properties."""
    return blocks(*(kept.get("addressPrefixes") or (kept["addressPrefix"],)))


def names_of(part: str, kept: dict[str, Any]) -> list[Reference]:
    """What a subnet names."""
    return [
        Reference(part=part, slot=kept[field], path=f"properties.{field}", type=kind)
        for field, kind in _NAMES
        if field in kept
    ]
