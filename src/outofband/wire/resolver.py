"""How this host looks names up: resolv.conf(5), hosts(5), and the names that are tried for one."""

from __future__ import annotations

import ipaddress

import msgspec

MAX_SERVERS = 3
"""As many as the C library reads."""
MAX_SEARCH = 6
LOCAL = "127.0.0.1"


class Resolver(msgspec.Struct, frozen=True, kw_only=True):
    """Where there is no name server in the file, the one of this host itself is asked."""

    servers: tuple[str, ...] = (LOCAL,)
    search: tuple[str, ...] = ()
    ndots: int = 1


def resolv_conf(text: str) -> Resolver:
    """What counts of a resolv.conf; what cannot be read in it counts for nothing, as for the C library."""
    servers: list[str] = []
    search: tuple[str, ...] = ()
    ndots = 1
    for line in text.splitlines():
        words = line.split()
        if not words or words[0][0] in "#;":
            continue
        match words[0], words[1:]:
            case "nameserver", [server, *_] if _is_address(server):
                servers.append(server)
            case (("search" | "domain"), names):
                search = tuple(name.rstrip(".") for name in names if name.rstrip("."))[:MAX_SEARCH]
            case "options", options:
                for option in options:
                    key, _, value = option.partition(":")
                    if key == "ndots" and value.isascii() and value.isdigit():
                        ndots = min(int(value[:3]), 15)
    return Resolver(servers=tuple(servers[:MAX_SERVERS]) or (LOCAL,), search=search, ndots=ndots)


def candidates(host: str, resolver: Resolver) -> list[str]:
    """The names that are asked for, in order, when a program wants `host`."""
    if host.endswith("."):
        return [host.rstrip(".")]
    longer = [f"{host}.{suffix}" for suffix in resolver.search]
    return [host, *longer] if host.count(".") >= resolver.ndots else [*longer, host]


def hosts_entries(text: str, host: str) -> list[str]:
    """Addresses that a hosts file has for a name."""
    wanted = host.rstrip(".").lower()
    found: list[str] = []
    for line in text.splitlines():
        address, *names = line.partition("#")[0].split() or [""]
        if wanted in (name.lower() for name in names) and _is_address(address):
            found.append(address)
    return found


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return False
    return True
