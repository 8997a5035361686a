"""Addresses given out: private ones from subnets, public ones from the pool. The store keeps them unique."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from ipaddress import ip_address

from outofband.core.errors import Fault
from outofband.providers.network.house import House
from outofband.store.network import Holding, Network
from outofband.store.tx import Tx
from outofband.wire.network.prefixes import Address, Block

PUBLIC = "public"
"""The space of public addresses, one for the whole installation."""
RESERVED_HEAD = 4
"""The first addresses of a subnet are the network's own: itself, the gateway, two for names; so in Azure."""


def label(one: Address) -> str:
    """An address as the store keeps it, so that texts and numbers have one order."""
    return f"{one.version}{int(one):032x}"


def read(kept: str) -> Address:
    """The address of a `label`."""
    number = int(kept[1:], 16)
    # Without the length the first 2^32 of IPv6 would be taken for IPv4.
    return ip_address(number.to_bytes(4 if kept[0] == "4" else 16, "big"))


def is_reserved(one: Address, block: Block) -> bool:
    """Whether a subnet of this prefix keeps the address for itself."""
    return int(one) < int(block.network_address) + RESERVED_HEAD or one == block.broadcast_address


def size(block: Block) -> int:
    """How many addresses a subnet can give out."""
    return max(0, block.num_addresses - RESERVED_HEAD - 1)


async def lowest_free(
    network: Network, tx: Tx, space: str, blocks: Sequence[Block], *, reserved: bool
) -> Address | None:
    """The lowest address of the blocks that nobody has; None when all are taken.

    `reserved`: leave out what a subnet keeps for itself.
    """
    taken = set(await network.taken(tx, space))
    return next((one for block in blocks for one in free_in(block, taken, reserved=reserved)), None)


def free_in(block: Block, taken: set[str], *, reserved: bool = True) -> Iterator[Address]:
    """Addresses of a block that are not in `taken`, lowest first, without what a subnet keeps for itself."""
    first, last = int(block.network_address), int(block.broadcast_address)
    if reserved:
        first, last = first + RESERVED_HEAD, last - 1
    # Nobody walks far: the first free one comes after as many steps as addresses are taken.
    for number in range(first, last + 1):
        one = ip_address(number.to_bytes(block.max_prefixlen // 8, "big"))
        if label(one) not in taken:
            yield one


async def take_public(
    network: Network, tx: Tx, pool: Iterable[Block], owner: str, version: int
) -> Address | None:
    """Hold a free public address of the pool for a resource; None when there is none left."""
    blocks = [block for block in pool if block.version == version]
    found = await lowest_free(network, tx, PUBLIC, blocks, reserved=False)
    if found is None:
        return None
    holding = Holding(space=PUBLIC, address=label(found), owner_key=owner.lower(), owner_id=owner)
    return found if await network.hold(tx, holding) else None


async def renew_dynamic(house: House, tx: Tx, keys: Iterable[str]) -> list[tuple[str, str]]:
    """Give back the addresses of these public addresses (lower-cased ids) as far as they are dynamic, and
    take others; which they were and which they are now. Where no other is free it keeps the one it has.
    """
    changed = []
    for key in keys:
        row = await house.store.resources.get(tx, key)
        if row is None or row.properties.get("publicIPAllocationMethod") != "Dynamic":
            continue
        old = next((each for each in await house.store.network.held(tx, key) if each.space == PUBLIC), None)
        if old is None:
            continue
        number = int(row.properties["publicIPAddressVersion"].removeprefix("IPv"))
        blocks = [block for block in house.pool if block.version == number]
        # Taken before the old one is given back, so it is another one.
        new = await lowest_free(house.store.network, tx, PUBLIC, blocks, reserved=False)
        if new is None:
            continue
        await house.store.network.release(tx, key, spaces=[PUBLIC])
        await house.store.network.hold(
            tx, Holding(space=PUBLIC, address=label(new), owner_key=key, owner_id=row.id)
        )
        changed.append((str(read(old.address)), str(new)))
    return changed


async def follow_use(house: House, tx: Tx, key: str, *, used: bool) -> None:
    """A dynamic public address gets an address when it is used, and gives it back afterwards.

    Raises Fault PublicIPAddressPoolExhausted.
    """
    row = await house.store.resources.get(tx, key)
    if row is None or row.properties["publicIPAllocationMethod"] != "Dynamic":
        return
    if not used:
        await house.store.network.release(tx, row.key, spaces=[PUBLIC])
        return
    await ensure_public(house, tx, row.id, row.properties["publicIPAddressVersion"])


async def ensure_public(house: House, tx: Tx, rid: str, version: str) -> None:
    """See that a public address has an address, as long as there is a pool for its version.

    Raises Fault PublicIPAddressPoolExhausted.
    """
    number = int(version.removeprefix("IPv"))
    if not any(block.version == number for block in house.pool):
        return
    if any(each.space == PUBLIC for each in await house.store.network.held(tx, rid.lower())):
        return
    if await take_public(house.store.network, tx, house.pool, rid, number) is None:
        raise Fault("PublicIPAddressPoolExhausted", version=number)
