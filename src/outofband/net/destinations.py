"""Where a request may go whose address somebody chose who is not this control plane's operator.

Anything public, and what the operator allows beside it: else the control plane would ask its neighbours, or
itself, in a stranger's name. The address that was looked at is the one that is connected to: a name that
means something else a moment later leads nowhere.
"""

from __future__ import annotations

import asyncio
import ipaddress
from collections.abc import Sequence

from outofband.net.fetch import FetchFailed
from outofband.net.forwarded import Address, Network
from outofband.net.lookup import TooManyLookUps, look_up

LOOK_UP_SECONDS = 5.0
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")


async def allowed_address(host: str, port: int, networks: Sequence[Network]) -> str:
    """An address of `host` to connect to. Raises FetchFailed when there is none, or none that may be."""
    try:
        async with asyncio.timeout(LOOK_UP_SECONDS):
            found = await look_up(host, port)
    except TooManyLookUps as error:
        raise FetchFailed(str(error)) from error
    except (OSError, UnicodeError, TimeoutError) as error:
        raise FetchFailed("its name is unknown") from error
    texts = [address.partition("%")[0] for address in found]
    good = next((text for text in texts if may_be_asked(text, networks)), None)
    if good is None:
        raise FetchFailed("its address is no public one, and not in the setting webhook_networks")
    return good


def may_be_asked(text: str, networks: Sequence[Network]) -> bool:
    address = _inner(ipaddress.ip_address(text))
    if any(address.version == network.version and address in network for network in networks):
        return True
    # Reserved ones lead nowhere, or by a translation of somebody's network inside.
    if isinstance(address, ipaddress.IPv6Address) and (address.is_site_local or address.is_reserved):
        return False
    return address.is_global and not address.is_multicast


def _inner(address: Address) -> Address:
    """The IPv4 address that an IPv6 one leads to, where it does."""
    if isinstance(address, ipaddress.IPv4Address):
        return address
    if address in _NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour or address
