"""Who speaks, when a proxy that we trust speaks for somebody: `Forwarded` (RFC 7239) and `X-Forwarded-For`.

Anybody can send these fields. They count only from an address that the settings name, and are read from the
end: each proxy adds whom it heard. The first one that is no proxy of ours is the client; what stands before
it is that client's own tale.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Sequence

MAX_HOPS = 32
"""Entries looked at, from the end."""
Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Address = ipaddress.IPv4Address | ipaddress.IPv6Address


def network(text: str) -> Network:
    """`10.0.0.0/8`, `192.0.2.1`, `2001:db8::/32`. Raises ValueError."""
    return ipaddress.ip_network(text.strip(), strict=True)


class Proxies:
    """`trusted` are addresses and blocks. Raises ValueError for one that is neither."""

    def __init__(self, trusted: Iterable[str]) -> None:
        self._trusted: Sequence[Network] = tuple(map(network, trusted))

    def __bool__(self) -> bool:
        return bool(self._trusted)

    def client(self, peer: str, forwarded: Sequence[str], forwarded_for: Sequence[str]) -> str:
        """The client's address. `peer` is who is connected, the others are the fields' values in order."""
        if not self._trusts(_address(peer)):
            return peer
        hops = _forwarded(",".join(forwarded)) if forwarded else ",".join(forwarded_for).split(",")
        found = peer
        for hop in reversed(hops[-MAX_HOPS:]):
            address = _address(hop)
            if address is None:
                # `unknown`, a word, or nothing: nobody says who was before the last one we know.
                return found
            found = str(address)
            if not self._trusts(address):
                return found
        return found

    def _trusts(self, address: Address | None) -> bool:
        return address is not None and any(
            address.version == each.version and address in each for each in self._trusted
        )


def _address(text: str) -> Address | None:
    """Of `192.0.2.1`, `192.0.2.1:4711`, `[2001:db8::1]:4711`; None of anything else."""
    text = text.strip().strip('"')
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        found = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    mapped = getattr(found, "ipv4_mapped", None)
    return mapped if mapped is not None else found


def _forwarded(text: str) -> list[str]:
    """The `for=` of each element of a Forwarded field; "" of one that has none."""
    found = []
    for element in _split(text, ","):
        pairs = (pair.partition("=") for pair in _split(element, ";"))
        named = (value for name, _, value in pairs if name.strip().lower() == "for")
        found.append(next(named, "").strip())
    return found


def _split(text: str, at: str) -> list[str]:
    """Split at a character that stands outside of quotes."""
    found, quoted, begin = [], False, 0
    for place, letter in enumerate(text):
        if letter == '"':
            quoted = not quoted
        elif letter == at and not quoted:
            found.append(text[begin:place])
            begin = place + 1
    return [*found, text[begin:]]
