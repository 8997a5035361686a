"""Headers that every answer of the port has, whichever door gave it; what a door says itself is left."""

from __future__ import annotations

import ipaddress
import re

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

ALWAYS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'; base-uri 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
}
HSTS = "max-age=31536000"
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
                headers = MutableHeaders(scope=message)
                for name, value in ALWAYS.items():
                    headers.setdefault(name, value)
                if not is_local(Headers(scope=scope).get("host", "")):
                    headers["Strict-Transport-Security"] = HSTS
            await send(message)

        await self._app(scope, receive, dressed)


def is_local(host: str) -> bool:
    """Whether a Host header names this very machine: a browser must stay free to use plain HTTP there."""
    name = _PORT.sub("", host.strip()).strip("[]").lower().rstrip(".")
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False
