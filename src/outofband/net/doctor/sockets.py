"""Step tcp: a connection to the first address that takes one; all of them are tried at the same time.

Once one is connected the others are waited for a moment only: an address that nobody answers at is not worth
five seconds when there is a way.
"""

from __future__ import annotations

import asyncio
import errno
import socket
from typing import cast

from outofband.net.tasks import Tasks
from outofband.wire.check import Evidence, Name, Step, failed, ok

SECONDS = 5.0
SETTLE_SECONDS = 0.5
MAX_ADDRESSES = 6
_WORDS = {
    errno.ECONNREFUSED: "refused",
    errno.ECONNRESET: "reset",
    # An ICMP message that names the protocol: nobody but a firewall sends it.
    errno.ENOPROTOOPT: "refused",
    errno.EHOSTUNREACH: "no host",
    errno.ENETUNREACH: "no route",
    errno.EACCES: "forbidden",
    errno.EPERM: "forbidden",
    errno.ETIMEDOUT: "silence",
}
_CAUSES = {
    "refused": "PortClosed",
    "silence": "PortSilent",
    "reset": "ConnectionCut",
    "no host": "HostUnreachable",
    "no route": "NetworkUnreachable",
    "forbidden": "ConnectionForbidden",
}


async def connect(
    host: str, port: int, addresses: list[str], *, proxy: str = ""
) -> tuple[Step, socket.socket | None]:
    """The step, and an open socket that is the caller's to close. `proxy`: it is that proxy's port."""
    chosen = addresses[:MAX_ADDRESSES]
    tried = await _try_all(chosen, port)
    evidence: Evidence = {"host": host, "port": port}
    if proxy:
        evidence["proxy"] = proxy
    taken: socket.socket | None = None
    words: list[str] = []
    for address, found in zip(chosen, tried, strict=True):
        if isinstance(found, str):
            words.append(f"{address} {found}")
        elif taken is None:
            taken = found
            evidence["address"] = address
        else:
            found.close()
    if taken is not None:
        if words:
            evidence["others"] = words
        return ok(Name.TCP, **evidence), taken
    first = str(tried[0])
    evidence |= {"address": chosen[0], "detail": ", ".join(words), "seconds": SECONDS}
    cause = _CAUSES.get(first, "ConnectionCut")
    if proxy:
        cause = "ProxyPortClosed" if first == "refused" else "ProxyUnreachable"
    return failed(Name.TCP, cause, evidence), None


async def _try_all(addresses: list[str], port: int) -> list[socket.socket | str]:
    """What came of each, in their order."""
    tasks = Tasks()
    tried = [tasks.spawn("doctor.tcp", _try(address, port)) for address in addresses]
    try:
        left = set(tried)
        while left and not any(map(_connected, tried)):
            _, left = await asyncio.wait(left, return_when=asyncio.FIRST_COMPLETED)
        if left:
            await asyncio.wait(left, timeout=SETTLE_SECONDS)
        await tasks.close()
    except BaseException:
        await tasks.close()
        for each in filter(_connected, tried):
            cast(socket.socket, each.result()).close()
        raise
    return ["silence" if each.cancelled() else each.result() for each in tried]


def _connected(task: asyncio.Task[socket.socket | str]) -> bool:
    return task.done() and not task.cancelled() and not isinstance(task.result(), str)


async def _try(address: str, port: int) -> socket.socket | str:
    """A socket, or a word for why there is none."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    one = socket.socket(family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
    try:
        async with asyncio.timeout(SECONDS):
            await asyncio.get_running_loop().sock_connect(one, (address, port))
        return one
    except TimeoutError as error:
        one.close()
        return _WORDS.get(error.errno or 0, "silence")
    except OSError as error:
        one.close()
        return _WORDS.get(error.errno or 0, str(error))
    except BaseException:
        one.close()
        raise
