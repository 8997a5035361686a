"""Step route: whether this host has a way to any of the addresses, asked of the kernel."""

from __future__ import annotations

import errno
import fcntl
import os
import socket
import struct

from outofband.core.errors import ProtocolError
from outofband.wire import route
from outofband.wire.check import Evidence, Name, Step, failed, ok

MAX_DEVICES = 16
_SIOCGIFFLAGS, _IFF_UP, _IFF_RUNNING = 0x8913, 0x1, 0x40
ANSWER_SECONDS = 1.0
"""The kernel answers at once; whatever else is there does not hold anybody up."""


def find(addresses: list[str], *, proxy: str = "") -> tuple[Step, list[str]]:
    """The step, and the addresses that there is a way to. `proxy`: these are the addresses of that proxy."""
    routes = {address: _route(address) for address in addresses}
    good = [address for address, found in routes.items() if not found.error]
    evidence: Evidence = {"interfaces": _interfaces(), "addresses": addresses}
    if proxy:
        evidence["proxy"] = proxy
    if good:
        found = routes[good[0]]
        evidence |= {"address": good[0], "device": _device(found.device), "gateway": found.gateway}
        evidence["source"] = found.source
        return ok(Name.ROUTE, **evidence), good
    address = addresses[0]
    error = routes[address].error
    evidence |= {"address": address, "errno": error, "error": os.strerror(error)}
    evidence["detail"] = f"{errno.errorcode.get(error, str(error))} ({os.strerror(error)})"
    if proxy:
        return failed(Name.ROUTE, "ProxyUnreachable", evidence), []
    other = _default_family()
    mine = {6 if ":" in each else 4 for each in addresses}
    if other and other not in mine:
        evidence["has"], evidence["lacks"] = f"IPv{other}", f"IPv{mine.pop()}"
        return failed(Name.ROUTE, "AddressFamilyUnreachable", evidence), []
    return failed(Name.ROUTE, "NetworkUnreachable", evidence), []


def _route(address: str) -> route.Route:
    """What the kernel would do with a packet; where it cannot be asked, what a socket says."""
    try:
        with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, 0) as asking:
            asking.settimeout(ANSWER_SECONDS)
            asking.send(route.request(address))
            found = route.read(asking.recv(route.MAX_ANSWER))
    except (OSError, ProtocolError, ValueError):
        return _by_socket(address)
    if found.kind in ("blackhole", "unreachable", "prohibit"):
        return route.Route(error=errno.ENETUNREACH, kind=found.kind)
    return found


def _by_socket(address: str) -> route.Route:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        # Nothing is sent: a datagram socket that connects only picks its route.
        with socket.socket(family, socket.SOCK_DGRAM) as asking:
            asking.connect((address, 9))
            return route.Route(source=str(asking.getsockname()[0]))
    except OSError as error:
        return route.Route(error=error.errno or errno.ENETUNREACH)


def _default_family() -> int:
    """4 or 6 when this host has a way to the rest of the world in exactly that family, else 0."""
    # Addresses for documentation: nobody has them, and only a default route leads there.
    four = not _route("192.0.2.1").error
    six = not _route("2001:db8::1").error
    return 4 if four and not six else 6 if six and not four else 0


def _device(index: int) -> str:
    try:
        return socket.if_indextoname(index) if index else ""
    except OSError:
        return ""


def _interfaces() -> list[str]:
    """Every interface but the loopback, with what it says of itself: `eth0 up`."""
    try:
        names = sorted(name for _, name in socket.if_nameindex() if name != "lo")
    except OSError:
        return []
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
        return [f"{name} {_state(asking, name)}" for name in names[:MAX_DEVICES]]


def _state(asking: socket.socket, name: str) -> str:
    """netdevice(7): up needs both the administrator's word and a carrier."""
    try:
        answer = fcntl.ioctl(asking, _SIOCGIFFLAGS, struct.pack("16sH14x", name.encode()[:15], 0))
    except OSError:
        return "unknown"
    (flags,) = struct.unpack_from("H", answer, 16)
    return "down" if not flags & _IFF_UP else "up" if flags & _IFF_RUNNING else "no carrier"
