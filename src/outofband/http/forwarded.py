"""The client's address behind a proxy that the settings trust, for every door (net/forwarded.py)."""

from __future__ import annotations

from starlette.types import ASGIApp, Receive, Scope, Send

from outofband.net.forwarded import Proxies


class Forwarded:
    """Puts the client in the place of the proxy before anybody looks."""

    def __init__(self, proxies: Proxies, inner: ASGIApp) -> None:
        self._proxies, self._inner = proxies, inner

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] in ("http", "websocket") and scope.get("client"):
            peer, _ = scope["client"]
            client = self._proxies.client(
                peer, _values(scope, b"forwarded"), _values(scope, b"x-forwarded-for")
            )
            if client != peer:
                scope["client"] = (client, 0)
        await self._inner(scope, receive, send)


def _values(scope: Scope, name: bytes) -> list[str]:
    return [value.decode("latin-1") for field, value in scope["headers"] if field.lower() == name]
