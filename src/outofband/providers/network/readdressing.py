"""Another private address for a network interface, and with it another card: a guest that cannot use the one
it has finds one that it has never seen.
"""

from __future__ import annotations

import secrets
from typing import Any

import msgspec

from outofband.core import clock
from outofband.core.errors import Fault
from outofband.core.ids import ResourceId, parse_id
from outofband.providers.network import addresses
from outofband.providers.network.hosting import MAC, new_mac
from outofband.providers.network.references import key_of
from outofband.providers.network.subnets import blocks_of
from outofband.store.network import Holding
from outofband.store.resources import Resource
from outofband.store.store import Store
from outofband.store.tx import Tx
from outofband.wire.network import prefixes
from outofband.wire.network.prefixes import Address, Block

_PARTS = "ipConfigurations"
LEASES = 16
"""From its card's address on QEMU's DHCP lets a guest have any of so many that it asks for, and a guest asks
for the one that it had.
"""


class Seat(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Where an interface is: `address` is its primary configuration's private one, of `method` (Dynamic or
    Static), `mac` its card's as Azure writes it.
    """

    address: str
    method: str
    mac: str


def seat_of(interface: Resource) -> Seat:
    part = _primary(interface.properties)
    return Seat(
        address=part["privateIPAddress"],
        method=part.get("privateIPAllocationMethod", "Dynamic"),
        mac=str(interface.properties.get(MAC, "")),
    )


async def other_seat(store: Store, tx: Tx, interface: Resource, wanted: str = "") -> Seat:
    """A free address of the same subnet and a card of its own: `wanted`, else one far from the old one.

    Raises Fault SubnetIsFull, PrivateIPAddressNotInSubnet, PrivateIPAddressInReservedRange,
    PrivateIPAddressInUse, InvalidParameter, or ResourceNotFound where the subnet is gone.
    """
    old, (subnet, blocks) = seat_of(interface), await _subnet(store, tx, interface)
    mac = new_mac(secrets.token_bytes(3))
    if not wanted:
        found = await _free(store, tx, subnet, blocks, old.address)
        if found is None:
            prefix = ", ".join(map(str, blocks))
            raise Fault("SubnetIsFull", subnet=subnet.rpartition("/")[2], prefix=prefix, count=1)
        return Seat(address=str(found), method=old.method, mac=mac)
    one = prefixes.address(wanted)
    if one is None or str(one) == old.address:
        detail = f"'{wanted[:64]}' is no address, or the one that it has"
        raise Fault("InvalidParameter", target="privateIPAddress", detail=detail)
    inside = next((block for block in blocks if one in block), None)
    if inside is None or addresses.is_reserved(one, inside):
        code = "PrivateIPAddressNotInSubnet" if inside is None else "PrivateIPAddressInReservedRange"
        raise Fault(code, address=str(one), prefix=str(inside or blocks[0]))
    await _check_free(store, tx, interface, subnet, one)
    return Seat(address=str(one), method="Static", mac=mac)


async def reseat(store: Store, tx: Tx, interface: ResourceId, seat: Seat) -> Resource | None:
    """Give the interface this address and card; the row as it is then, None when it is gone. Done again it
    changes nothing. Raises Fault PrivateIPAddressInUse, ResourceNotFound.
    """
    row = await store.resources.get(tx, interface)
    if row is None or seat_of(row) == seat:
        return row
    subnet, _ = await _subnet(store, tx, row)
    new = prefixes.address(seat.address)
    assert new is not None
    await _check_free(store, tx, row, subnet, new)
    kept = await store.network.held(tx, row.key)
    name = f"{row.id}/{_PARTS}/{_primary_name(row.properties)}"
    await store.network.release(tx, row.key)
    for each in kept:
        # One of a public space is none of this interface's; another configuration's stays as it is.
        if each.owner_id.lower() != name.lower() or each.space != subnet:
            await store.network.hold(tx, each)
    holding = Holding(space=subnet, address=addresses.label(new), owner_key=row.key, owner_id=name)
    await store.network.hold(tx, holding)
    changed = {"privateIPAddress": seat.address, "privateIPAllocationMethod": seat.method}
    parts = [
        {**part, "properties": part["properties"] | changed} if part["properties"]["primary"] else part
        for part in row.properties[_PARTS]
    ]
    properties = {**row.properties, _PARTS: parts, MAC: seat.mac}
    return await store.resources.update(tx, interface, now=clock.now(), properties=properties)


async def _free(store: Store, tx: Tx, subnet: str, blocks: list[Block], old: str) -> Address | None:
    """The lowest free address far enough from the old one for a guest to get it, and the old one on the way
    back; else the next one, which a guest gets; else any.
    """
    had = prefixes.address(old)
    assert had is not None
    taken = set(await store.network.taken(tx, subnet))

    def first(least: int, *, below: bool = False) -> Address | None:
        free = (one for block in blocks for one in addresses.free_in(block, taken))
        away = ((one, int(one) - int(had)) for one in free)
        return next((one for one, by in away if by >= least or (below and -by >= least)), None)

    return first(LEASES, below=True) or first(1) or first(1, below=True)


async def _check_free(store: Store, tx: Tx, interface: Resource, subnet: str, one: Address) -> None:
    user = await store.network.holder(tx, subnet, addresses.label(one))
    if user is not None and user.owner_key != interface.key:
        raise Fault("PrivateIPAddressInUse", configuration=interface.id, address=str(one), user=user.owner_id)


async def _subnet(store: Store, tx: Tx, interface: Resource) -> tuple[str, list[Block]]:
    """Key and blocks of the primary configuration's subnet, those of its address's version."""
    part = _primary(interface.properties)
    key = key_of(part["subnet"]) or ""
    network, _, name = key.partition("/subnets/")
    row = await store.resources.get(tx, parse_id(network)) if network else None
    for each in row.properties["subnets"] if row is not None else ():
        if each["name"].lower() == name:
            version = 6 if part["privateIPAddressVersion"] == "IPv6" else 4
            return key, [block for block in blocks_of(each["properties"]) if block.version == version]
    raise Fault("ResourceNotFound", resource=key, group="")


def _primary(properties: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = next(
        part["properties"] for part in properties[_PARTS] if part["properties"]["primary"]
    )
    return found


def _primary_name(properties: dict[str, Any]) -> str:
    return str(next(part["name"] for part in properties[_PARTS] if part["properties"]["primary"]))
