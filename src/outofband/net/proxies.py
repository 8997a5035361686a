"""Which proxy a connection goes through: the one that was configured, else the environment's."""

from __future__ import annotations

import ipaddress
import os
import re
import urllib.request
from collections.abc import Iterable
from urllib.parse import urlsplit

import msgspec

_SCHEMES = {
    "https": ("https", "all"),
    "http": ("http", "all"),
    "wss": ("wss", "https", "all"),
    "ws": ("ws", "http", "all"),
}
NONE, LOOPBACK, BYPASS, SETTING = "none", "loopback", "proxy.bypass", "proxy.url"
"""Who may have decided, beside a variable of the environment."""
SERVICES = ("AAD", "ARM", "AMA", "Arc", "ArcData")
"""Azure's words for what a proxy may be gone past: the authority for tokens, Resource Manager, two that are
not here, and what agents connect to.
"""
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")


class _Own:
    """What was set for this process."""

    url = ""
    bypass: tuple[str, ...] = ()


class Choice(msgspec.Struct, frozen=True):
    """`url` is None to connect directly. `source` says who decided so: the setting `proxy.url` or
    `proxy.bypass`, a variable of the environment by its name, `loopback` for this host itself, or `none`.
    """

    url: str | None
    source: str

    @property
    def shown(self) -> str | None:
        """The URL without user and password."""
        if self.url is None:
            return None
        return redacted(self.url)

    def __repr__(self) -> str:
        return f"Choice({self.shown!r}, {self.source!r})"


def configure(url: str, bypass: Iterable[str] = ()) -> None:
    """Set the proxy of this process, as `choose` takes it; empty: the environment's."""
    _Own.url, _Own.bypass = url, tuple(bypass)


def proxy_for(url: str) -> str | None:
    """URL of the proxy for `url` (https, http, wss or ws), or None to connect directly.

    The one that was set for this process, else what HTTPS_PROXY, HTTP_PROXY, ALL_PROXY and NO_PROXY say, in
    either case. This host itself is never reached through a proxy, whether NO_PROXY says so or not.
    """
    return current(url).url


def current(url: str) -> Choice:
    """The same, and who decided."""
    return choose(url, _Own.url, _Own.bypass)


def choose(url: str, configured: str = "", bypass: Iterable[str] = ()) -> Choice:
    """The setting `proxy.url` (`configured`) before the environment, and who decided.

    `bypass` are some of SERVICES, and hosts (`example.org` with all below it), reached directly although
    `proxy.url` is set.
    """
    parts = urlsplit(url)
    host = parts.hostname or ""
    if _is_loopback(host):
        return Choice(None, LOOPBACK)
    if configured:
        past = list(bypass)
        if service(url) in past or any(
            host == each or host.endswith(f".{each}") for each in (name.lower().lstrip("*.") for name in past)
        ):
            return Choice(None, BYPASS)
        return Choice(_whole(configured), SETTING)
    if urllib.request.proxy_bypass(f"{host}:{parts.port}" if parts.port else host):
        return Choice(
            None, next((name for name in ("no_proxy", "NO_PROXY") if os.environ.get(name)), "no_proxy")
        )
    known = urllib.request.getproxies()
    for scheme in _SCHEMES.get(parts.scheme, ()):
        if found := known.get(scheme):
            names = (f"{scheme}_proxy", f"{scheme}_proxy".upper())
            return Choice(_whole(found), next((name for name in names if os.environ.get(name)), names[0]))
    return Choice(None, NONE)


def service(url: str) -> str:
    """Which of SERVICES an address of a control plane belongs to: one host has them all, the path tells."""
    parts = urlsplit(url)
    if parts.scheme in ("wss", "ws") or parts.path.startswith(("/fleet/", "/blob/")):
        return "Arc"
    if "/oauth2/" in parts.path:
        return "AAD"
    return "ARM"


def redacted(url: str) -> str:
    """A proxy's address without the user and the password in it, for people and logs.

    All up to the last `@` goes: what is no address, for want of a scheme or for a `/` or `#` in the password,
    is shown too, to whoever typed it.
    """
    scheme = found[0] if (found := _SCHEME.match(url)) else ""
    return scheme + url[len(scheme) :].rpartition("@")[2]


def _whole(found: str) -> str:
    return found if "://" in found else f"http://{found}"


def _is_loopback(host: str) -> bool:
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
