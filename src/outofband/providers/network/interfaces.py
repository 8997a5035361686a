"""Microsoft.Network/networkInterfaces: addresses from subnets for a VM, with the groups they are in."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from typing import Any, ClassVar

import msgspec

from outofband.core.errors import Fault
from outofband.core.ids import ResourceId
from outofband.providers.network import addresses
from outofband.providers.network.attachments import machines_of
from outofband.providers.network.configurations import (
    ConfigurationForm,
    check_together,
    names_of,
    stored,
    wanted_address,
)
from outofband.providers.network.family import Family, Form, Seen
from outofband.providers.network.hosting import MAC, new_mac
from outofband.providers.network.house import CONFIGURATIONS, INTERFACES, SECURITY_GROUPS
from outofband.providers.network.parts import Parts, shown
from outofband.providers.network.references import Named, Reference, key_of, named
from outofband.providers.network.subnets import blocks_of
from outofband.resources.declaration import Draft, ResourceType
from outofband.resources.exchange import Call
from outofband.store.network import Holding, Link
from outofband.store.resources import Resource
from outofband.store.tx import Tx
from outofband.wire.network.prefixes import Address, Block

PARTS = "ipConfigurations"
_GROUP = "networkSecurityGroup"


class DnsSettings(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    dns_servers: list[str] | None = None
    internal_dns_name_label: str | None = None


class InterfaceProperties(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    ip_configurations: list[ConfigurationForm] | None = None
    network_security_group: Named | None = None
    dns_settings: DnsSettings | None = None
    enable_accelerated_networking: bool | None = None
    enable_ip_forwarding: bool | None = msgspec.field(default=None, name="enableIPForwarding")
    disable_tcp_state_tracking: bool | None = None


class Interfaces(Family):
    type_name = INTERFACES
    about = "a network interface"
    many = "network interfaces"
    in_use = "NicInUse"
    properties = InterfaceProperties
    example: ClassVar[dict[str, Any]] = {
        "properties": {PARTS: [{"name": "ipconfig1", "properties": {"subnet": {"id": "ID of a subnet"}}}]}
    }

    def types(self, **more: Any) -> list[ResourceType]:
        own = Parts(self, PARTS, about="an IP configuration of a network interface", many="IP configurations")
        return [self.declare(**more), own.declare()]

    def form(self, draft: Draft, kept: Resource | None) -> Form:
        given: InterfaceProperties = draft.properties
        before = {part["name"].lower(): part for part in (kept.properties[PARTS] if kept else ())}
        parts = [stored(each, before) for each in given.ip_configurations or ()]
        check_together(parts)
        dns = given.dns_settings or DnsSettings()
        properties: dict[str, Any] = {
            PARTS: parts,
            "dnsSettings": {"dnsServers": dns.dns_servers or []},
            "enableAcceleratedNetworking": bool(given.enable_accelerated_networking),
            "enableIPForwarding": bool(given.enable_ip_forwarding),
            "disableTcpStateTracking": bool(given.disable_tcp_state_tracking),
        }
        if dns.internal_dns_name_label:
            properties["dnsSettings"]["internalDnsNameLabel"] = dns.internal_dns_name_label
        if (group := named(given.network_security_group)) is not None:
            properties[_GROUP] = group
        return Form(properties=properties)

    def references(self, rid: ResourceId, properties: dict[str, Any]) -> Sequence[Reference]:
        found = [
            reference
            for part in properties[PARTS]
            for reference in names_of(f"{rid}/{PARTS}/{part['name']}", part["properties"])
        ]
        if _GROUP in properties:
            slot = properties[_GROUP]
            found.append(
                Reference(part=str(rid), slot=slot, path=f"properties.{_GROUP}", type=SECURITY_GROUPS)
            )
        return found

    async def settle(
        self, call: Call, tx: Tx, properties: dict[str, Any], links: Sequence[Link], kept: Resource | None
    ) -> None:
        networks = {link.target_row for link in links if "/subnets/" in link.target_key}
        if len(networks) > 1:
            raise Fault(
                "InvalidParameter", target=PARTS, detail="all of one interface are in one virtual network"
            )
        await self._public(call, tx, properties, links, kept)
        network = await self.store.resources.get(tx, networks.pop())
        assert network is not None
        await self._private(call, tx, properties, network)
        _give_mac(properties, kept)

    async def _private(self, call: Call, tx: Tx, properties: dict[str, Any], network: Resource) -> None:
        """Give every configuration its address: those that are wanted first, then the lowest free ones."""
        prefixes = {
            f"{network.key}/subnets/{part['name'].lower()}": blocks_of(part["properties"])
            for part in network.properties["subnets"]
        }
        owner = call.rid.key
        mine = await self.store.network.held(tx, owner)
        await self.store.network.release(tx, owner, spaces=[each.space for each in mine])
        parts = properties[PARTS]
        for part in sorted(parts, key=lambda each: wanted_address(each["properties"]) is None):
            kept = part["properties"]
            subnet = key_of(kept["subnet"]) or ""
            blocks = [each for each in prefixes[subnet] if each.version == _version(kept)]
            if not blocks:
                version = kept["privateIPAddressVersion"]
                raise Fault("InvalidParameter", target="subnet", detail=f"it has no {version} prefix")
            name = f"{call.rid}/{PARTS}/{part['name']}"
            one = await self._address(tx, part, subnet, blocks)
            holding = Holding(space=subnet, address=addresses.label(one), owner_key=owner, owner_id=name)
            if not await self.store.network.hold(tx, holding):
                user = await self.store.network.holder(tx, subnet, holding.address)
                whose = user.owner_id if user is not None else ""
                raise Fault("PrivateIPAddressInUse", configuration=name, address=str(one), user=whose)
            kept["privateIPAddress"] = str(one)

    async def _address(self, tx: Tx, part: dict[str, Any], subnet: str, blocks: Sequence[Block]) -> Address:
        kept = part["properties"]
        one = wanted_address(kept)
        inside = next((block for block in blocks if one is not None and one in block), None)
        static = kept["privateIPAllocationMethod"] == "Static"
        if one is not None and inside is not None and not addresses.is_reserved(one, inside):
            return one
        if static and one is not None:
            code = "PrivateIPAddressNotInSubnet" if inside is None else "PrivateIPAddressInReservedRange"
            raise Fault(code, address=str(one), prefix=str(inside or blocks[0]))
        # A dynamic one that moved to another subnet gets another address.
        found = await addresses.lowest_free(self.store.network, tx, subnet, blocks, reserved=True)
        if found is None:
            prefix = ", ".join(map(str, blocks))
            raise Fault("SubnetIsFull", subnet=subnet.rpartition("/")[2], prefix=prefix, count=1)
        return found

    async def _public(
        self, call: Call, tx: Tx, properties: dict[str, Any], links: Sequence[Link], kept: Resource | None
    ) -> None:
        """A public address belongs to one configuration; a dynamic one comes and goes with it."""
        wanted = {link.target_key: link for link in links if "/publicipaddresses/" in link.target_key}
        used = _public_keys(properties)
        for key in used:
            others = [
                link for link in await self.store.network.to(tx, [key]) if link.holder_key != call.rid.key
            ]
            if others or used.count(key) > 1:
                user = others[0].part_id if others else str(call.rid)
                part = wanted[key].part_id
                raise Fault("PublicIPAddressInUse", resource=part, address=key, user=user)
        before = set(_public_keys(kept.properties)) if kept is not None else set()
        for key in wanted.keys() | before:
            await addresses.follow_use(self.house, tx, key, used=key in wanted)

    async def users(self, tx: Tx, row: Resource) -> Sequence[str]:
        machines = await machines_of(self.store, tx, row.subscription_id, row.name)
        return [machines[row.key]] if row.key in machines else []

    async def forget(self, tx: Tx, rid: ResourceId) -> None:
        public = [
            link.target_key
            for link in await self.store.network.of(tx, rid.key)
            if "/publicipaddresses/" in link.target_key
        ]
        await super().forget(tx, rid)
        for key in public:
            await addresses.follow_use(self.house, tx, key, used=False)

    async def machines(self, tx: Tx, subscription: str) -> dict[str, str]:
        return await machines_of(self.store, tx, subscription)

    async def seen(self, tx: Tx, rows: Sequence[Resource], machines: dict[str, str] | None = None) -> Seen:
        if machines is None:
            name = rows[0].name if len(rows) == 1 else None
            machines = await machines_of(self.store, tx, rows[0].subscription_id, name)
        return Seen(machines=machines)

    def body(self, row: Resource) -> dict[str, Any]:
        return {"kind": "Regular"}

    def render(self, row: Resource, seen: Seen) -> dict[str, Any]:
        properties: dict[str, Any] = {name: value for name, value in row.properties.items() if name != PARTS}
        properties[PARTS] = [
            shown(row, CONFIGURATIONS, part, part["properties"]) for part in row.properties[PARTS]
        ]
        properties["dnsSettings"] = {**row.properties["dnsSettings"], "appliedDnsServers": []}
        properties |= {"nicType": "Standard", "hostedWorkloads": [], "tapConfigurations": []}
        machine = seen.machines.get(row.key)
        if machine is not None:
            properties |= {"virtualMachine": {"id": machine}, "primary": True}
        return properties


def _give_mac(properties: dict[str, Any], kept: Resource | None) -> None:
    """A card keeps its address as long as it keeps that of its primary configuration: who takes another gets
    a card that its guest has never seen, and begins anew with it.
    """
    old = kept.properties if kept is not None else {}
    same = MAC in old and _primary_address(old) == _primary_address(properties)
    properties[MAC] = old[MAC] if same else new_mac(secrets.token_bytes(3))


def _primary_address(properties: dict[str, Any]) -> str:
    return str(
        next(
            part["properties"]["privateIPAddress"]
            for part in properties[PARTS]
            if part["properties"]["primary"]
        )
    )


def _public_keys(properties: dict[str, Any]) -> list[str]:
    """The public addresses that the configurations name."""
    named_ones = (key_of(part["properties"].get("publicIPAddress")) for part in properties[PARTS])
    return [key for key in named_ones if key is not None]


def _version(kept: dict[str, Any]) -> int:
    return 6 if kept["privateIPAddressVersion"] == "IPv6" else 4
