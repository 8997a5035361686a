"""Headers that every answer of the port has, whichever door gave it; what a door says itself is left."""

from __future__ import annotations

import ipaddress
import re
from functools import lru_cache

from starlette.types import ASGIApp, Message, Receive, Scope, Send

ALWAYS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'; base-uri 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
}
HSTS = "max-age=31536000"
_ALWAYS = [(name.lower().encode(), value.encode()) for name, value in ALWAYS.items()]
_HSTS = (b"strict-transport-security", HSTS.encode())
_PORT = re.compile(r":\d{0,5}$")


class DefaultHeaders:
    """An ASGI application around the whole edge."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def dressed(message: Message) -> None:
            if message["type"] == "http.response.start":
                given = message.get("headers", ())
                names = {name.lower() for name, _ in given}
                more = [each for each in _ALWAYS if each[0] not in names]
                host = next((value for name, value in scope["headers"] if name == b"host"), b"")
                if not is_local(host.decode("latin-1")) and _HSTS[0] not in names:
                    more.append(_HSTS)
                message["headers"] = [*given, *more]
            await send(message)

        await self._app(scope, receive, dressed)


@lru_cache(maxsize=256)
def is_local(host: str) -> bool:
    """Whether a Host header names this very machine: a browser must stay free to use plain HTTP there."""
    name = _PORT.sub("", host.strip()).strip("[]").lower().rstrip(".")
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False
