"""Addresses and address blocks: read strictly, compared exactly, subtracted from each other."""

from __future__ import annotations

import functools
from collections.abc import Iterable
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    collapse_addresses,
    ip_address,
    ip_network,
)

Address = IPv4Address | IPv6Address
Block = IPv4Network | IPv6Network

MAX_TEXT = 64
"""Characters of a written prefix; more is none."""


def address(text: str) -> Address | None:
    """None when `text` is no address, and for a zone (`fe80::1%eth0`), which means nothing elsewhere."""
    if len(text) > MAX_TEXT or "%" in text:
        return None
    try:
        return ip_address(text)
    except ValueError:
        return None


def block(text: str) -> Block | None:
    """`10.0.0.0/8`, `10.0.0.4` or IPv6; bits past the length do not count. None when it is neither."""
    _, slash, length = text.partition("/")
    # The standard library takes a netmask after the slash too; Azure takes a length only.
    if len(text) > MAX_TEXT or "%" in text or (slash and not (length.isascii() and length.isdecimal())):
        return None
    try:
        return ip_network(text, strict=False)
    except ValueError:
        return None


def is_aligned(text: str) -> bool:
    """Whether a written block names its first address, as `10.0.0.0/24` does and `10.0.0.1/24` does not."""
    found = block(text)
    return found is not None and address(text.partition("/")[0]) == found.network_address


def covers(outer: Block, inner: Block) -> bool:
    if isinstance(outer, IPv4Network):
        return isinstance(inner, IPv4Network) and inner.subnet_of(outer)
    return isinstance(inner, IPv6Network) and inner.subnet_of(outer)


def overlaps(one: Block, other: Block) -> bool:
    """Two blocks share an address only when one lies within the other."""
    return covers(one, other) or covers(other, one)


def holds(blocks: Iterable[Block], one: Address) -> bool:
    return any(one in each for each in blocks)


def without(whole: Block, taken: Iterable[Block]) -> list[Block]:
    """The blocks that make up `whole` less all of `taken`, in order."""
    left: list[Block] = [whole]
    for gone in taken:
        left = [piece for each in left for piece in _less(each, gone)]
    return collapse(left)


def collapse(blocks: Iterable[Block]) -> list[Block]:
    """The fewest blocks with the same addresses, IPv4 first, each kind in order."""
    given = list(blocks)
    four = collapse_addresses(each for each in given if isinstance(each, IPv4Network))
    six = collapse_addresses(each for each in given if isinstance(each, IPv6Network))
    return [*four, *six]


def _less(whole: Block, gone: Block) -> list[Block]:
    if covers(gone, whole):
        return []
    if not covers(whole, gone):
        return [whole]
    if isinstance(whole, IPv4Network):
        assert isinstance(gone, IPv4Network)
        return list(whole.address_exclude(gone))
    assert isinstance(gone, IPv6Network)
    return list(whole.address_exclude(gone))


@functools.cache
def blocks(*texts: str) -> tuple[Block, ...]:
    """Blocks written in the program itself."""
    return tuple(ip_network(text) for text in texts)
