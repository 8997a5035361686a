"""What a VM's host is told of its network: its card, and the plan by which it is reached.

Both are worked out of what is stored, each time: nothing of them is kept here. A VM has the card of its
primary interface's primary IPv4 configuration; hosts give no second one.
"""

from __future__ import annotations

from typing import Any

from outofband.core.errors import Fault
from outofband.providers.network import evaluation
from outofband.providers.network.addresses import PUBLIC, read
from outofband.providers.network.attachments import interfaces_of
from outofband.providers.network.endpoints import endpoints_of
from outofband.providers.network.house import House
from outofband.providers.network.references import key_of
from outofband.providers.network.subnets import blocks_of
from outofband.store.network import Attachment
from outofband.store.resources import Resource
from outofband.store.store import Store
from outofband.store.tx import Tx
from outofband.wire.network import prefixes
from outofband.wire.network.plan import MAX_ADDRESSES, Nic, Plan, ports_of, stage
from outofband.wire.network.rules import Protocol

MAC = "macAddress"
CLOSED = Plan(ports=(), shut=True)
"""Nobody is let in, and nothing listens."""
_OCTETS = "00-0D-3A"
"""Azure's own manufacturer number, by which guests recognise their platform."""


async def card(store: Store, tx: Tx, machine: Resource) -> Nic | None:
    """The VM's card; None when it has no interface, or one that no host can give."""
    interface = await interface_of(store, tx, machine)
    if interface is None or MAC not in interface.properties:
        return None
    part = primary(interface)
    subnet = await _subnet(store, tx, part)
    block = next((each for each in blocks_of(subnet) if each.version == 4), None) if subnet else None
    if block is None:
        return None
    mac = str(interface.properties[MAC]).replace("-", ":").lower()
    nic = Nic(mac=mac, address=part["privateIPAddress"], network=str(block))
    return nic if nic.problem() is None else None


async def public_keys(store: Store, tx: Tx, machine: Resource) -> list[str]:
    """The lower-cased ids of the public addresses of a VM's primary interface."""
    interface = await interface_of(store, tx, machine)
    parts = interface.properties["ipConfigurations"] if interface is not None else []
    return [key for part in parts if (key := key_of(part["properties"].get("publicIPAddress"))) is not None]


async def static_addresses(store: Store, tx: Tx, machine: Resource) -> list[str]:
    """The public addresses that go with a VM wherever it runs."""
    found = []
    for key in await public_keys(store, tx, machine):
        row = await store.resources.get(tx, key)
        if row is not None and row.properties.get("publicIPAllocationMethod") == "Static":
            held = await store.network.held(tx, key)
            found += [str(read(each.address)) for each in held if each.space == PUBLIC]
    return found


async def plan(house: House, tx: Tx, machine: Resource, offered: list[str]) -> Plan | None:
    """How the VM is reached at a host that offers these blocks of public addresses; None without a card."""
    interface = await interface_of(house.store, tx, machine)
    if interface is None:
        return None
    try:
        found = await evaluation.load(house, tx, interface)
    except Fault:
        # Its network is being taken apart: until it is whole again nobody gets in.
        return CLOSED
    public = await public_of(house.store, tx, interface)
    blocks = [block for text in offered if (block := prefixes.block(text)) is not None]
    # Rules are about the private address that a public one leads to; a second one of the card is none of it.
    own = _reached(interface) or list(found.subnets)
    subnet = found.subnet_of(own[0])
    groups = [each for each in (subnet.group, found.group) if each is not None]
    stages = tuple(stage(each, own, found.around) for each in groups)
    datagrams = tuple(stage(each, own, found.around, Protocol.UDP) for each in groups)
    endpoints = await endpoints_of(house.store, tx, machine)
    return Plan(
        public=tuple(each for each in public if _is_offered(each, blocks))[:MAX_ADDRESSES],
        ports=ports_of(stages) if endpoints is None else (),
        stages=stages,
        shut=bool(found.closed),
        endpoints=endpoints or (),
        udp_ports=ports_of(datagrams, ()) if endpoints is None else (),
        udp_stages=datagrams,
    )


async def public_addresses(store: Store, tx: Tx, machine: Resource) -> list[str]:
    """Those of the VM's primary interface, whether or not its host offers them."""
    interface = await interface_of(store, tx, machine)
    return await public_of(store, tx, interface) if interface is not None else []


def new_mac(random: bytes) -> str:
    """An address for a card as Azure writes it, of three random bytes."""
    return "-".join([_OCTETS, *(f"{each:02X}" for each in random[:3])])


async def interface_of(store: Store, tx: Tx, machine: Resource) -> Resource | None:
    """The VM's primary network interface."""
    keys = interfaces_of(Attachment(id=machine.id, properties=machine.properties))
    return await store.resources.get(tx, keys[0]) if keys else None


def primary(interface: Resource) -> dict[str, Any]:
    """The configuration whose address is the card's."""
    parts = [each["properties"] for each in interface.properties["ipConfigurations"]]
    four = [each for each in parts if each["privateIPAddressVersion"] == "IPv4"] or parts
    return next((each for each in four if each["primary"]), four[0])


def address_of(interface: Resource) -> prefixes.Address:
    """Its card's private address; an IPv6 one only where it has no other."""
    found = prefixes.address(primary(interface)["privateIPAddress"])
    assert found is not None
    return found


async def _subnet(store: Store, tx: Tx, part: dict[str, Any]) -> dict[str, Any] | None:
    network, _, name = (key_of(part["subnet"]) or "").partition("/subnets/")
    row = await store.resources.get(tx, network)
    found = [each for each in row.properties["subnets"] if each["name"].lower() == name] if row else []
    return found[0]["properties"] if found else None


def _reached(interface: Resource) -> list[prefixes.Address]:
    """The private addresses that a public one leads to."""
    parts = [each["properties"] for each in interface.properties["ipConfigurations"]]
    texts = [each["privateIPAddress"] for each in parts if key_of(each.get("publicIPAddress")) is not None]
    return [address for text in texts if (address := prefixes.address(text)) is not None]


async def public_of(store: Store, tx: Tx, interface: Resource) -> list[str]:
    """The public addresses of an interface."""
    found = []
    for part in interface.properties["ipConfigurations"]:
        if (key := key_of(part["properties"].get("publicIPAddress"))) is not None:
            found += [
                str(read(each.address)) for each in await store.network.held(tx, key) if each.space == PUBLIC
            ]
    return found


def _is_offered(text: str, blocks: list[prefixes.Block]) -> bool:
    address = prefixes.address(text)
    return address is not None and prefixes.holds(blocks, address)
