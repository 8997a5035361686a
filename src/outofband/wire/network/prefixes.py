"""Addresses and address blocks: read strictly, compared exactly, subtracted from each other."""

from __future__ import annotations

import functools
import itertools
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    collapse_addresses,
    ip_address,
    ip_network,
    summarize_address_range,
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


def first_overlap(found: Sequence[Block]) -> tuple[int, int] | None:
    """The places of two blocks that share an address; None when no two do."""
    # Blocks only ever nest, so sorted by their start an overlap shows between neighbours.
    order = sorted(range(len(found)), key=lambda at: (*_start(found[at]), found[at].prefixlen))
    near = itertools.pairwise(order)
    return next(((one, other) for one, other in near if overlaps(found[one], found[other])), None)


def first_outside(space: Sequence[Block], found: Iterable[Block]) -> Block | None:
    """A block that lies in none of `space`, of which no two overlap; None when all do."""
    ordered = sorted(space, key=_start)
    starts = [_start(each) for each in ordered]
    for each in found:
        at = bisect_right(starts, _start(each)) - 1
        if at < 0 or not covers(ordered[at], each):
            return each
    return None


def holds(blocks: Iterable[Block], one: Address) -> bool:
    return any(one in each for each in blocks)


def without(whole: Block, taken: Iterable[Block]) -> list[Block]:
    """The blocks that make up `whole` less all of `taken`, in order."""
    left: list[Block] = []
    first, last = _ends(whole)
    for start, end in sorted(_ends(each) for each in taken if overlaps(whole, each)):
        left += _between(whole, first, start - 1)
        first = max(first, end + 1)
    return left + _between(whole, first, last)


def collapse(blocks: Iterable[Block]) -> list[Block]:
    """The fewest blocks with the same addresses, IPv4 first, each kind in order."""
    given = list(blocks)
    four = collapse_addresses(each for each in given if isinstance(each, IPv4Network))
    six = collapse_addresses(each for each in given if isinstance(each, IPv6Network))
    return [*four, *six]


def _start(one: Block) -> tuple[int, int]:
    return one.version, int(one.network_address)


def _ends(one: Block) -> tuple[int, int]:
    return int(one.network_address), int(one.broadcast_address)


def _between(whole: Block, first: int, last: int) -> list[Block]:
    """The fewest blocks with these addresses, of the kind of `whole`; none when `last` comes before."""
    if first > last:
        return []
    if isinstance(whole, IPv4Network):
        return list(summarize_address_range(IPv4Address(first), IPv4Address(last)))
    return list(summarize_address_range(IPv6Address(first), IPv6Address(last)))


@functools.lru_cache(maxsize=1024)
def blocks(*texts: str) -> tuple[Block, ...]:
    """Blocks written in the program itself, or checked before. The last ones are remembered, not all: people
    write them too.
    """
    return tuple(ip_network(text) for text in texts)
