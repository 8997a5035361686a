"""Tries a TCP port several times, one after the other, and says how long each took. Nothing is sent."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import socket
from ipaddress import ip_address

from outofband.core import clock
from outofband.core.errors import Fault
from outofband.wire.network.reach import NAME_SECONDS, WAIT_SECONDS, ReachArgs, Reached, Trouble, Try

_MEANINGS = {
    errno.ECONNREFUSED: Trouble.REFUSED,
    errno.EHOSTUNREACH: Trouble.NO_ROUTE,
    errno.ENETUNREACH: Trouble.NO_ROUTE,
    errno.ETIMEDOUT: Trouble.SILENT,
}


async def reach(args: ReachArgs) -> Reached:
    """Raises Fault InvalidParameter for an address that is this machine's own affair: the loopback
    interface, its links, all or none.
    """
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(NAME_SECONDS):
            found = await loop.getaddrinfo(
                args.host, args.port, family=socket.AF_INET, type=socket.SOCK_STREAM
            )
    except (OSError, TimeoutError, UnicodeError):
        return Reached(trouble=Trouble.NAME)
    address = str(found[0][4][0])
    one = ip_address(address)
    if one.is_loopback or one.is_link_local or one.is_multicast or one.is_unspecified:
        raise Fault("InvalidParameter", target="host", detail=f"{address} is not asked from a host")
    tries = [await attempt(address, args.port) for _ in range(args.tries)]
    return Reached(address=address, tries=tuple(tries))


async def attempt(address: str, port: int) -> Try:
    """One connection, ended at once. Raises nothing for what is in its way."""
    began = clock.monotonic()
    trouble, words = None, ""
    try:
        async with asyncio.timeout(WAIT_SECONDS):
            _, writer = await asyncio.open_connection(address, port)
        took = clock.monotonic() - began
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()
        return Try(ms=took * 1000)
    except TimeoutError:
        trouble = Trouble.SILENT
    except OSError as error:
        trouble = _MEANINGS.get(error.errno or 0, Trouble.OTHER)
        words = error.strerror or str(error)
    return Try(ms=(clock.monotonic() - began) * 1000, trouble=trouble, words=words[:200])
