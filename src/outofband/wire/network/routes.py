"""The next hop of an address: the longest prefix wins, and of equal ones the user's own.

https://learn.microsoft.com/azure/virtual-network/virtual-networks-udr-overview
"""

from __future__ import annotations

import enum
from collections.abc import Iterable, Sequence

import msgspec

from outofband.core.errors import Fault
from outofband.wire.network.prefixes import Address, Block, address, block, blocks, covers, is_aligned

MAX_ROUTES = 400
_DEFAULT = blocks("0.0.0.0/0", "::/0")
_RESERVED = blocks("10.0.0.0/8", "100.64.0.0/10", "172.16.0.0/12", "192.168.0.0/16")
"""Private space: leads nowhere, unless the network has it."""


class Hop(enum.StrEnum):
    GATEWAY = "VirtualNetworkGateway"
    VNET = "VnetLocal"
    INTERNET = "Internet"
    APPLIANCE = "VirtualAppliance"
    NONE = "None"


class Origin(enum.StrEnum):
    DEFAULT = "Default"
    USER = "User"


class Route(msgspec.Struct, frozen=True, kw_only=True):
    name: str = ""
    prefix: Block
    hop: Hop
    address: Address | None = None
    """Of an appliance."""
    origin: Origin = Origin.DEFAULT
    table: str | None = None
    """Id of the route table of a user's route."""
    active: bool = True


def user_route(name: str, prefix: str, hop: str, next_address: str | None, table: str = "") -> Route:
    """A route as a person writes it. Raises Fault InvalidAddressPrefixFormat, InvalidCIDRNotation,
    RouteNextHopIpAddressInvalid or InvalidParameter.
    """
    found = checked_block(prefix, f"route '{name}'")
    kind = next((each for each in Hop if each.lower() == hop.lower()), None)
    if kind is None:
        words = ", ".join(Hop)
        raise Fault("InvalidParameter", target="nextHopType", detail=f"'{hop[:40]}' is none of {words}")
    given = address(next_address) if next_address else None
    if (kind is Hop.APPLIANCE) != (given is not None) or (next_address and given is None):
        raise Fault(
            "RouteNextHopIpAddressInvalid", route=name, hop=kind.value, address=(next_address or "")[:64]
        )
    return Route(name=name, prefix=found, hop=kind, address=given, origin=Origin.USER, table=table or None)


def checked_block(text: str, owner: str) -> Block:
    """A block of a network or route. Raises Fault InvalidAddressPrefixFormat or InvalidCIDRNotation."""
    found = block(text)
    if found is None or "/" not in text:
        raise Fault("InvalidAddressPrefixFormat", prefix=text[:80], owner=owner)
    if not is_aligned(text):
        raise Fault("InvalidCIDRNotation", prefix=text, owner=owner, right=str(found))
    return found


def check_together(routes: Iterable[Route]) -> None:
    """Raises Fault RouteConflict for two of one prefix, InvalidParameter for two of one name or too many."""
    names: set[str] = set()
    seen: dict[Block, str] = {}
    for route in routes:
        if route.name.lower() in names:
            raise Fault("InvalidParameter", target="routes", detail=f"'{route.name}' is there twice")
        names.add(route.name.lower())
        if (other := seen.setdefault(route.prefix, route.name)) != route.name:
            raise Fault("RouteConflict", route=route.name, other=other, prefix=str(route.prefix))
    if len(names) > MAX_ROUTES:
        raise Fault("InvalidParameter", target="routes", detail=f"{MAX_ROUTES} at most")


def system_routes(space: Iterable[Block]) -> list[Route]:
    """What a subnet has by itself in a network of this address space."""
    own = list(space)
    kinds = {each.version for each in own} or {4}
    found = [Route(prefix=each, hop=Hop.VNET) for each in own]
    found += [Route(prefix=each, hop=Hop.INTERNET) for each in _DEFAULT if each.version in kinds]
    # A network that has the whole of a reserved block, or more, gives it a way; one that has a part leaves
    # the rest leading nowhere.
    found += [
        Route(prefix=each, hop=Hop.NONE)
        for each in _RESERVED
        if 4 in kinds and not any(covers(mine, each) for mine in own)
    ]
    return found


def table_of(space: Iterable[Block], user: Sequence[Route]) -> list[Route]:
    """All routes of a subnet; a system route that a user's route of the same prefix replaces is inactive."""
    taken = {route.prefix for route in user}
    own = [msgspec.structs.replace(route, active=route.prefix not in taken) for route in system_routes(space)]
    return [*own, *user]


def next_hop(table: Iterable[Route], target: Address) -> Route | None:
    """The route that an address takes; None when there is none, which drops it."""
    usable = (route for route in table if route.active and target in route.prefix)
    return max(usable, key=lambda route: (route.prefix.prefixlen, route.origin is Origin.USER), default=None)
