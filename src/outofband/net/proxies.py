"""Which proxy a connection goes through: the environment's, as every other program on the host reads it."""

from __future__ import annotations

import ipaddress
import urllib.request
from urllib.parse import urlsplit

_SCHEMES = {
    "https": ("https", "all"),
    "http": ("http", "all"),
    "wss": ("wss", "https", "all"),
    "ws": ("ws", "http", "all"),
}


def proxy_for(url: str) -> str | None:
    """URL of the proxy for `url` (https, http, wss or ws), or None to connect directly.

    Reads HTTPS_PROXY, HTTP_PROXY, ALL_PROXY and NO_PROXY, in either case. This host itself is never reached
    through a proxy, whether NO_PROXY says so or not.
    """
    parts = urlsplit(url)
    host = parts.hostname or ""
    if _is_loopback(host) or urllib.request.proxy_bypass(f"{host}:{parts.port}" if parts.port else host):
        return None
    known = urllib.request.getproxies()
    found = next((known[scheme] for scheme in _SCHEMES.get(parts.scheme, ()) if known.get(scheme)), None)
    if found is None or "://" in found:
        return found
    return f"http://{found}"


def _is_loopback(host: str) -> bool:
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
