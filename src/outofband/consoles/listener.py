"""The console listener: the only picows server, with a TLS port of its own beside the API's (decision D3).

GET /console/v1/<session>/client   a viewer's WebSocket
GET /stream/v1/<session>           an agent's WebSocket
GET /healthz                       200 while it listens
GET /trust                         a page for a browser that is led here to accept this port's certificate
"""

from __future__ import annotations

import asyncio
import logging
import re
import socket
import ssl

import structlog
from picows import (
    WSListener,
    WSUpgradeRequest,
    WSUpgradeResponse,
    WSUpgradeResponseWithListener,
    ws_create_server,
)

from outofband.consoles.limits import Limits
from outofband.consoles.sockets import ConsoleSocket, Gate, StreamSocket, ViewerSocket
from outofband.core import clock
from outofband.core.errors import ProtocolError
from outofband.net.forwarded import Proxies
from outofband.net.tasks import Tasks
from outofband.wire.console import SUBPROTOCOL, offered
from outofband.wire.stream import MAX_FRAME

log = structlog.get_logger(__name__)

BACKLOG = 512
HANDSHAKE_SECONDS = 10.0
"""For TLS, and once more for the HTTP request."""
SHUTDOWN_SECONDS = 5.0
TLS_BUFFER = 2 * (16 * 1024 + 64)
"""Encrypted bytes gathered for one system call, each way: two TLS records. More costs memory: a session
has four of these, and all of them is resident (docs/speed.md)."""
READ_BUFFER = 16 * 1024
"""First size of a socket's read buffer; it grows to what the frames need, MAX_FRAME at most."""
_TRUST = b"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<meta name="color-scheme" content="light dark"><title>Outofband: console address</title></head>
<body>
<h1>This browser now trusts the console's address</h1>
<p>Close this tab and go back to the console: it connects by itself.</p>
</body></html>
"""
_TRUST_HEADERS = {
    "Content-Type": "text/html; charset=utf-8",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'; base-uri 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}
_PATH = re.compile(r"^/(console|stream)/v1/([0-9a-f]{32})(/client)?$")


class Listener:
    """Accepts sockets and looks after them. `start` it on a bound socket, `close` it at the end."""

    def __init__(self, gate: Gate, limits: Limits | None = None, *, proxies: Proxies | None = None) -> None:
        self._gate = gate
        self._proxies = proxies or Proxies(())
        self._limits = limits or Limits()
        self._sockets: set[ConsoleSocket] = set()
        self._server: asyncio.Server | None = None
        self._tasks = Tasks()

    @property
    def is_listening(self) -> bool:
        return self._server is not None and self._server.is_serving()

    async def start(self, listening: socket.socket, context: ssl.SSLContext) -> None:
        """Serve on a bound TCP socket. `context` may be given a newer certificate while this runs."""
        # Inherited by every accepted socket. Small on purpose: what lies in the kernel is ahead of a CLOSE.
        for option in (socket.SO_SNDBUF, socket.SO_RCVBUF):
            listening.setsockopt(socket.SOL_SOCKET, option, self._limits.kernel_buffer)
        self._server = await ws_create_server(
            self._route,
            sock=listening,
            ssl=context,
            backlog=BACKLOG,
            ssl_handshake_timeout=HANDSHAKE_SECONDS,
            ssl_shutdown_timeout=SHUTDOWN_SECONDS,
            ssl_incoming_bio_size=TLS_BUFFER,
            ssl_outgoing_bio_size=TLS_BUFFER,
            websocket_handshake_timeout=HANDSHAKE_SECONDS,
            max_frame_size=MAX_FRAME,
            read_buffer_init_size=READ_BUFFER,
            enable_auto_ping=False,
            enable_auto_pong=True,
            logger_name=logging.getLogger("picows.console"),
        )
        self._tasks.spawn("listener.sweep", self._sweep())

    async def close(self) -> None:
        """Stop accepting, cut what is still open."""
        if self._server is not None:
            self._server.close()
        await self._tasks.close()
        for each in tuple(self._sockets):
            each.cut()

    def _route(self, request: WSUpgradeRequest) -> WSListener | WSUpgradeResponseWithListener | None:
        path = request.path.decode("ascii", "replace")
        if path == "/healthz":
            return WSUpgradeResponseWithListener(WSUpgradeResponse.create_ok_response(b"ok\n"), None)
        if path == "/trust":
            page = WSUpgradeResponse.create_ok_response(_TRUST)
            page.headers.update(_TRUST_HEADERS)
            return WSUpgradeResponseWithListener(page, None)
        found = _PATH.fullmatch(path)
        if found is None or (found[1] == "console") != (found[3] is not None):
            return None
        if not self._has_room():
            log.warning("listener.full", sockets=len(self._sockets))
            return WSUpgradeResponseWithListener(WSUpgradeResponse.create_error_response(503), None)
        # Firefox lists several words there (RFC 9110 section 7.6.1); picows takes the one word only.
        words = [word.strip().lower() for word in request.headers.get("Connection", "").split(",")]
        if "upgrade" in words:
            request.headers["Connection"] = "upgrade"
        kind = ViewerSocket if found[1] == "console" else StreamSocket
        made = kind(self._gate, found[2], self._limits, self._sockets.discard)
        if self._proxies:
            fields = [request.headers.getall(each, []) for each in ("Forwarded", "X-Forwarded-For")]
            made.seen_from = lambda peer: self._proxies.client(peer, *fields)
        if kind is ViewerSocket:
            try:
                made.early = offered(request.headers.getall("Sec-WebSocket-Protocol", []))
            except ProtocolError:
                return WSUpgradeResponseWithListener(WSUpgradeResponse.create_error_response(400), None)
        self._sockets.add(made)
        if made.early is None:
            return made
        chosen = WSUpgradeResponse.create_101_response({"Sec-WebSocket-Protocol": SUBPROTOCOL})
        return WSUpgradeResponseWithListener(chosen, made)

    def _has_room(self) -> bool:
        fresh = sum(1 for each in self._sockets if not each.opened)
        return fresh < self._limits.fresh and len(self._sockets) < self._limits.sockets

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(self._limits.sweep_seconds)
            now = clock.monotonic()
            for each in tuple(self._sockets):
                try:
                    each.pulse(now)
                except Exception:
                    # One socket's trouble must not keep the others from being looked after.
                    log.exception("listener.pulse", session=each.session)
                    each.cut()
