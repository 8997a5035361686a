"""uvicorn's WebSockets, for the ASGI port: pings where a person sits at the other end.

The control link has heartbeats of its own. A client of Azure's has none, and its library answers pings: who
neither answers one nor takes what was sent before it for DEAD_SECONDS is gone, and keeps nobody from the
keyboard any more.
"""

from __future__ import annotations

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from outofband.consoles.sessions import TEXT_PATH
from outofband.wire.azure_console import MAX_MESSAGE

PING_SECONDS = 15.0
DEAD_SECONDS = 30.0
"""After a ping; with it, as long as the console listener waits."""
_CONSOLES = TEXT_PATH.partition("{")[0]


class EdgeSockets(WebSocketsSansIOProtocol):
    """One connection."""

    def start_keepalive(self) -> None:
        if self.scope["path"].startswith(_CONSOLES):
            self.ping_interval = PING_SECONDS
            # Nothing as long as the control link's is even gathered; up to here it is refused with words.
            self.conn.max_message_size = 2 * MAX_MESSAGE
        super().start_keepalive()
