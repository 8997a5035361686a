"""Service tags: names in a rule that stand for addresses.

Azure has hundreds; those that name its own services mean nothing on other premises and are refused. The three
that its default rules are made of are here, with `*`.

https://learn.microsoft.com/azure/virtual-network/service-tags-overview
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping

import msgspec

from outofband.wire.network.prefixes import Address, Block, block, blocks, collapse, without

ANY = "*"
VIRTUAL_NETWORK = "VirtualNetwork"
LOAD_BALANCER = "AzureLoadBalancer"
INTERNET = "Internet"
TAGS = (VIRTUAL_NETWORK, LOAD_BALANCER, INTERNET)

PLATFORM = blocks("168.63.129.16/32")
"""The address by which a VM reaches its platform; load balancer probes come from it."""
_EVERYTHING = blocks("0.0.0.0/0", "::/0")
_NOT_INTERNET = blocks(
    "0.0.0.0/8",
    "10.0.0.0/8",
    "100.64.0.0/10",
    "127.0.0.0/8",
    "169.254.0.0/16",
    "172.16.0.0/12",
    "192.168.0.0/16",
    "224.0.0.0/3",
)
_GLOBAL_SIX = blocks("2000::/3")
_SPELLED = {each.lower(): each for each in TAGS}


class Surroundings(msgspec.Struct, frozen=True, kw_only=True):
    """Where a flow is looked at: the address space of its virtual network, and who is in which
    application security group (by lower-cased id).
    """

    space: tuple[Block, ...] = ()
    groups: Mapping[str, frozenset[Address]] = {}


def spelled(text: str) -> str | None:
    """A tag in Azure's spelling, whatever the case; None when it is none that is known here."""
    return _SPELLED.get(text.lower())


def expand(text: str, around: Surroundings) -> tuple[Block, ...]:
    """The addresses of a prefix or tag of a rule; none for a text that is neither."""
    if text == ANY:
        return _EVERYTHING
    tag = spelled(text)
    if tag is None:
        found = block(text)
        return (found,) if found is not None else ()
    if tag == LOAD_BALANCER:
        return PLATFORM
    if tag == VIRTUAL_NETWORK:
        return tuple(collapse([*around.space, *PLATFORM]))
    return internet(around.space)


@functools.lru_cache(maxsize=256)
def internet(space: Iterable[Block]) -> tuple[Block, ...]:
    """What is public and not in `space` (a tuple): a network may use public addresses inside."""
    (four, _), (six,) = _EVERYTHING, _GLOBAL_SIX
    taken = [*_NOT_INTERNET, *PLATFORM, *space]
    return (*without(four, taken), *without(six, space))
