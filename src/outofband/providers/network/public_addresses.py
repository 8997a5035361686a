"""Microsoft.Network/publicIPAddresses: from the pool that the settings name, or without an address."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, ClassVar

import msgspec

from outofband.core.errors import Fault
from outofband.providers.network import addresses
from outofband.providers.network.addresses import PUBLIC
from outofband.providers.network.family import Family, Form, Seen
from outofband.providers.network.house import PUBLIC_ADDRESSES
from outofband.providers.network.references import Named
from outofband.providers.network.words import choose
from outofband.resources.declaration import Draft, ResourceType
from outofband.resources.exchange import Call
from outofband.store.network import Holding, Link
from outofband.store.resources import Resource
from outofband.store.tx import Tx

SKUS = ("Basic", "Standard")
LABEL = re.compile(r"^[a-z][a-z0-9-]{1,61}[a-z0-9]$")
_METHODS = ("Dynamic", "Static")
_VERSIONS = ("IPv4", "IPv6")
_NO_POOL = (
    "No address was given: this installation declares no pool of public addresses for this version"
    " (setting public_addresses)."
)
_DYNAMIC = "An address is given when an IP configuration uses this, and taken back afterwards."
_NOT_ROUTED = (
    "The address is reserved here. A VM is reached at it when its host offers it; that the host has it is the"
    " network's own business."
)


class PublicDns(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    domain_name_label: str | None = None
    reverse_fqdn: str | None = None


class PublicAddressProperties(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    public_ip_allocation_method: str | None = msgspec.field(default=None, name="publicIPAllocationMethod")
    public_ip_address_version: str | None = msgspec.field(default=None, name="publicIPAddressVersion")
    idle_timeout_in_minutes: int | None = None
    dns_settings: PublicDns | None = None
    public_ip_prefix: Named | None = msgspec.field(default=None, name="publicIPPrefix")
    ip_tags: list[dict[str, Any]] | None = None


class Sku(msgspec.Struct, frozen=True, kw_only=True):
    name: str = SKUS[0]
    tier: str = "Regional"


class PublicAddresses(Family):
    type_name = PUBLIC_ADDRESSES
    about = "a public address"
    many = "public addresses"
    in_use = "PublicIPAddressCannotBeDeleted"
    properties = PublicAddressProperties
    example: ClassVar[dict[str, Any]] = {
        "sku": {"name": "Standard"},
        "properties": {"publicIPAllocationMethod": "Static"},
    }

    def types(self) -> list[ResourceType]:
        return [self.declare()]

    def form(self, draft: Draft, kept: Resource | None) -> Form:
        given: PublicAddressProperties = draft.properties
        for feature, wanted in (
            ("A public IP prefix", given.public_ip_prefix),
            ("An IP tag", given.ip_tags),
        ):
            if wanted:
                raise Fault("NetworkFeatureUnsupported", feature=feature, resource="the public address")
        sku = _sku(draft, kept)
        default = _METHODS[1] if sku.name == "Standard" else _METHODS[0]
        method = choose(_METHODS, given.public_ip_allocation_method, "publicIPAllocationMethod", default)
        version = choose(_VERSIONS, given.public_ip_address_version, "publicIPAddressVersion", _VERSIONS[0])
        if sku.name == "Standard" and method == "Dynamic":
            detail = "a public address of SKU Standard is Static"
            raise Fault("InvalidParameter", target="publicIPAllocationMethod", detail=detail)
        if kept is not None and version != kept.properties["publicIPAddressVersion"]:
            raise Fault("PropertyChangeNotAllowed", property="publicIPAddressVersion")
        minutes = 4 if given.idle_timeout_in_minutes is None else given.idle_timeout_in_minutes
        if not 4 <= minutes <= 30:
            raise Fault("InvalidParameter", target="idleTimeoutInMinutes", detail="4 to 30")
        properties: dict[str, Any] = {
            "publicIPAllocationMethod": method,
            "publicIPAddressVersion": version,
            "idleTimeoutInMinutes": minutes,
        }
        if given.dns_settings is not None and given.dns_settings.domain_name_label:
            label = check_label(given.dns_settings.domain_name_label)
            properties["dnsSettings"] = {"domainNameLabel": label}
            if given.dns_settings.reverse_fqdn:
                properties["dnsSettings"]["reverseFqdn"] = given.dns_settings.reverse_fqdn
        envelope: dict[str, Any] = {"sku": {"name": sku.name, "tier": sku.tier}}
        zones = draft.raw.get("zones") or (kept.envelope.get("zones") if kept else None)
        if zones is not None:
            if not isinstance(zones, list) or not all(isinstance(each, str) for each in zones):
                raise Fault("InvalidParameter", target="zones", detail="a list of texts")
            envelope["zones"] = zones
        return Form(properties=properties, envelope=envelope)

    async def settle(
        self, call: Call, tx: Tx, properties: dict[str, Any], links: Sequence[Link], kept: Resource | None
    ) -> None:
        rid = kept.id if kept is not None else str(call.rid)
        space = dns_space(call.principal.tenant)
        await self.store.network.release(tx, rid.lower(), spaces=[space])
        label = properties.get("dnsSettings", {}).get("domainNameLabel")
        if label is not None:
            holding = Holding(space=space, address=label, owner_key=rid.lower(), owner_id=rid)
            if not await self.store.network.hold(tx, holding):
                raise Fault("DnsRecordInUse", label=label)
        users = await self.store.network.to(tx, [rid.lower()])
        if properties["publicIPAllocationMethod"] == "Static" or users:
            await addresses.ensure_public(self.house, tx, rid, properties["publicIPAddressVersion"])
        else:
            await self.store.network.release(tx, rid.lower(), spaces=[PUBLIC])

    async def seen(self, tx: Tx, rows: Sequence[Resource], machines: dict[str, str] | None = None) -> Seen:
        found = await super().seen(tx, rows)
        holdings = {row.key: await self.store.network.held(tx, row.key) for row in rows}
        return Seen(links=found.links, holdings=holdings)

    def render(self, row: Resource, seen: Seen) -> dict[str, Any]:
        properties = {**row.properties, "ipTags": []}
        if links := seen.links.get(row.key):
            properties["ipConfiguration"] = {"id": links[0].part_id}
        held = next((each for each in seen.holdings.get(row.key, ()) if each.space == PUBLIC), None)
        if held is not None:
            properties["ipAddress"] = str(addresses.read(held.address))
            said = _NOT_ROUTED
        else:
            waiting = row.properties["publicIPAllocationMethod"] == "Dynamic" and not links
            said = _DYNAMIC if waiting and self._has_pool(row) else _NO_POOL
        return properties | {"outofband": {"statement": said}}

    def _has_pool(self, row: Resource) -> bool:
        version = row.properties["publicIPAddressVersion"]
        return any(f"IPv{block.version}" == version for block in self.house.pool)


def dns_space(tenant: str) -> str:
    """Where the DNS labels of a tenant are unique. Other tenants' are not told of: there is no DNS zone that
    would show them.
    """
    return f"dns/{tenant}".lower()


def check_label(label: str) -> str:
    """Raises Fault InvalidDomainNameLabel."""
    if not LABEL.fullmatch(label):
        raise Fault("InvalidDomainNameLabel", label=label[:80], pattern=LABEL.pattern)
    return label


def _sku(draft: Draft, kept: Resource | None) -> Sku:
    given = draft.raw.get("sku")
    if given is None and kept is not None:
        given = kept.envelope["sku"]
    try:
        sku = msgspec.convert(given or {}, Sku)
    except msgspec.ValidationError as error:
        raise Fault("InvalidRequestContent", detail=f"sku: {error}") from error
    return Sku(
        name=choose(SKUS, sku.name, "sku.name"),
        tier=choose(("Regional", "Global"), sku.tier, "sku.tier"),
    )
