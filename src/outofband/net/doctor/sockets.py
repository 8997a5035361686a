"""Step tcp: a connection to the first address that takes one; all of them are tried at the same time."""

from __future__ import annotations

import asyncio
import errno
import socket

from outofband.wire.check import Evidence, Name, Step, failed, ok

SECONDS = 5.0
MAX_ADDRESSES = 6
_WORDS = {
    errno.ECONNREFUSED: "refused",
    errno.ECONNRESET: "reset",
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
    tried = await asyncio.gather(*(_try(address, port) for address in chosen))
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
