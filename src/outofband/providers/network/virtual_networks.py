"""Microsoft.Network/virtualNetworks with their subnets."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any, ClassVar

import msgspec

from outofband.core.errors import Fault
from outofband.core.ids import ResourceId
from outofband.providers.network import addresses, subnets
from outofband.providers.network.family import MAX_NAMED, Family, Form, Seen
from outofband.providers.network.house import NETWORKS
from outofband.providers.network.parts import Parts, check_name, shown
from outofband.providers.network.references import Reference
from outofband.providers.network.subnets import SubnetForm, SubnetProperties, blocks_of, names_of
from outofband.resources.declaration import Draft, Item, Option, ResourceType, View
from outofband.resources.exchange import Call
from outofband.resources.lookup import DELETING
from outofband.store.network import Link
from outofband.store.resources import Resource
from outofband.store.tx import Tx
from outofband.wire.network import prefixes
from outofband.wire.network.prefixes import Block, blocks
from outofband.wire.network.routes import checked_block

SUBNETS = "subnets"
MAX_SUBNETS = 3000
MAX_PREFIXES = 1000
"""Of an address space."""
_OFFERED = 5
"""Free addresses that are named when one is asked for that is taken."""
_NETWORK = {"addressSpace": {"addressPrefixes": ["10.0.0.0/16"]}}
_SUBNET = {"addressPrefix": "10.0.1.0/24"}


class AddressSpace(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    address_prefixes: list[str] | None = None


class DhcpOptions(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    dns_servers: list[str] | None = None


class VirtualNetworkProperties(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    address_space: AddressSpace | None = None
    dhcp_options: DhcpOptions | None = None
    subnets: list[SubnetForm] | None = None
    flow_timeout_in_minutes: int | None = None
    virtual_network_peerings: list[dict[str, Any]] | None = None
    enable_ddos_protection: bool | None = None
    enable_vm_protection: bool | None = None
    encryption: dict[str, Any] | None = None


class VirtualNetworks(Family):
    type_name = NETWORKS
    about = "a virtual network"
    many = "virtual networks"
    in_use = "InUseSubnetCannotBeDeleted"
    properties = VirtualNetworkProperties
    example: ClassVar[dict[str, Any]] = {"properties": _NETWORK}

    def types(self) -> list[ResourceType]:
        own = Parts(
            self,
            SUBNETS,
            about="a subnet",
            many="subnets",
            form=subnets.stored,
            properties=SubnetProperties,
            example={"properties": _SUBNET},
        )
        available = View(
            render=self._availability, about="Tell whether a private address of a virtual network is free"
        )
        options = (Option(name="ipAddress", about="The address that `CheckIPAddressAvailability` is about"),)
        return [
            self.declare(views={"CheckIPAddressAvailability": available}, options=options),
            own.declare(),
        ]

    def form(self, draft: Draft, kept: Resource | None) -> Form:
        given: VirtualNetworkProperties = draft.properties
        _refuse_absent(given)
        texts = (given.address_space.address_prefixes if given.address_space else None) or []
        if not texts:
            raise Fault("InvalidParameter", target="addressSpace.addressPrefixes", detail="one is needed")
        if len(texts) > MAX_PREFIXES:
            detail = f"{MAX_PREFIXES} at most"
            raise Fault("InvalidParameter", target="addressSpace.addressPrefixes", detail=detail)
        dns = (given.dhcp_options.dns_servers if given.dhcp_options else None) or []
        if bad := next((each for each in dns if prefixes.address(each) is None), None):
            raise Fault(
                "InvalidParameter", target="dhcpOptions.dnsServers", detail=f"'{bad[:64]}' is no address"
            )
        properties: dict[str, Any] = {
            "addressSpace": {"addressPrefixes": texts},
            "dhcpOptions": {"dnsServers": dns},
        }
        if given.flow_timeout_in_minutes is not None:
            properties["flowTimeoutInMinutes"] = given.flow_timeout_in_minutes
        if given.subnets is None and kept is not None:
            # Azure's rule: who does not speak of the subnets leaves them as they are.
            properties[SUBNETS] = kept.properties[SUBNETS]
        else:
            properties[SUBNETS] = [
                subnets.stored(check_name(each.name, "subnets.name"), each.properties)
                for each in given.subnets or ()
            ]
        return Form(properties=properties)

    def references(self, rid: ResourceId, properties: dict[str, Any]) -> Sequence[Reference]:
        return [
            reference
            for part in properties[SUBNETS]
            for reference in names_of(f"{rid}/{SUBNETS}/{part['name']}", part["properties"])
        ]

    async def settle(
        self, call: Call, tx: Tx, properties: dict[str, Any], links: Sequence[Link], kept: Resource | None
    ) -> None:
        _check_space(call.rid.name, properties)
        _check_subnets(call.rid.name, properties)
        if kept is not None:
            await self._check_used(tx, kept, properties)

    async def _check_used(self, tx: Tx, kept: Resource, properties: dict[str, Any]) -> None:
        """A subnet that somebody is in stays, and keeps the addresses that are given out."""
        left = {part["name"].lower(): part for part in properties[SUBNETS]}
        for part in kept.properties[SUBNETS]:
            rid = f"{kept.id}/{SUBNETS}/{part['name']}"
            now = left.get(part["name"].lower())
            if now is None:
                await self._refuse_used_subnet(tx, kept, rid)
                continue
            before, after = blocks_of(part["properties"]), blocks_of(now["properties"])
            if before == after:
                continue
            for label in await self.store.network.taken(tx, rid.lower()):
                one = addresses.read(label)
                if not any(one in block and not addresses.is_reserved(one, block) for block in after):
                    lost = next((block for block in before if one in block), before[0])
                    raise Fault("InUsePrefixCannotBeDeleted", prefix=str(lost), subnet=part["name"])

    async def refuse_used_part(self, tx: Tx, row: Resource, rid: ResourceId) -> None:
        await self._refuse_used_subnet(tx, row, str(rid))

    async def _refuse_used_subnet(self, tx: Tx, row: Resource, rid: str) -> None:
        users = [
            link.part_id
            for link in await self.store.network.to(tx, [row.key])
            if link.target_key == rid.lower()
        ]
        if users:
            raise Fault(self.in_use, name=rid, users=", ".join(users[:MAX_NAMED]))

    async def forget(self, tx: Tx, rid: ResourceId) -> None:
        await super().forget(tx, rid)
        await self.store.network.unlink_all(tx, rid.key)

    def render(self, row: Resource, seen: Seen) -> dict[str, Any]:
        links = seen.links.get(row.key, ())
        properties: dict[str, Any] = {
            name: value for name, value in row.properties.items() if name != SUBNETS
        }
        properties[SUBNETS] = [self._subnet(row, part, links) for part in row.properties[SUBNETS]]
        return properties | {"virtualNetworkPeerings": [], "enableDdosProtection": False}

    def _subnet(self, row: Resource, part: dict[str, Any], links: list[Link] | tuple[()]) -> dict[str, Any]:
        properties = {**part["properties"], "delegations": []}
        key = f"{row.key}/{SUBNETS}/{part['name'].lower()}"
        if inside := [{"id": link.part_id} for link in links if link.target_key == key]:
            properties["ipConfigurations"] = inside
        return shown(row, f"{self.type_name}/{SUBNETS}", part, properties)

    async def _availability(self, call: Call, tx: Tx, item: Item) -> dict[str, Any]:
        wanted = prefixes.address(call.request.parameter("ipAddress") or "")
        if wanted is None:
            raise Fault("InvalidParameter", target="ipAddress", detail="an address is needed")
        row: Resource = item.row
        for part in row.properties[SUBNETS]:
            for block in blocks_of(part["properties"]):
                if wanted not in block:
                    continue
                space = f"{row.key}/{SUBNETS}/{part['name'].lower()}"
                taken = set(await self.store.network.taken(tx, space))
                free = addresses.label(wanted) not in taken and not addresses.is_reserved(wanted, block)
                offered = itertools.islice(addresses.free_in(block, taken), 0 if free else _OFFERED)
                return {"available": free, "availableIPAddresses": [str(each) for each in offered]}
        raise Fault("PrivateIPAddressNotInAnySubnet", address=str(wanted), network=row.name)


def space_of(row: Resource) -> tuple[Block, ...]:
    """The address space of a virtual network."""
    return blocks(*row.properties["addressSpace"]["addressPrefixes"])


def _check_space(network: str, properties: dict[str, Any]) -> None:
    found = [
        checked_block(text, f"virtual network '{network}'")
        for text in properties["addressSpace"]["addressPrefixes"]
    ]
    if (two := prefixes.first_overlap(found)) is not None:
        one, other = (str(found[at]) for at in two)
        raise Fault("NetcfgInvalidVirtualNetworkAddressSpace", one=one, other=other, network=network)


def _check_subnets(network: str, properties: dict[str, Any]) -> None:
    space = blocks(*properties["addressSpace"]["addressPrefixes"])
    alive = [part for part in properties[SUBNETS] if part.get("state") != DELETING]
    if len(alive) > MAX_SUBNETS:
        raise Fault("InvalidParameter", target="subnets", detail=f"{MAX_SUBNETS} at most")
    names: set[str] = set()
    used: list[tuple[Block, str]] = []
    for part in alive:
        name = part["name"]
        if name.lower() in names:
            raise Fault("InvalidParameter", target="subnets", detail=f"'{name}' is there twice")
        names.add(name.lower())
        own = blocks_of(part["properties"])
        if (outside := prefixes.first_outside(space, own)) is not None:
            raise Fault("NetcfgSubnetRangeOutsideVnet", subnet=name, prefix=str(outside), network=network)
        used += [(block, name) for block in own]
    if (two := prefixes.first_overlap([block for block, _ in used])) is not None:
        one, other = (used[at][1] for at in two)
        raise Fault("NetcfgSubnetRangesOverlap", subnet=other, other=one, network=network)


def _refuse_absent(given: VirtualNetworkProperties) -> None:
    absent = {
        "A peering of virtual networks": bool(given.virtual_network_peerings),
        "DDoS protection": bool(given.enable_ddos_protection),
        "VM protection": bool(given.enable_vm_protection),
        "Encryption of a virtual network": bool((given.encryption or {}).get("enabled")),
    }
    for feature, wanted in absent.items():
        if wanted:
            raise Fault("NetworkFeatureUnsupported", feature=feature, resource="the virtual network")
