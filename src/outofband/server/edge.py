"""The ASGI port: uvicorn within our own loop and our own signals."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from collections.abc import Iterator
from typing import Any

import uvicorn

from outofband.server.protocol import EdgeProtocol
from outofband.server.sockets import DEAD_SECONDS, EdgeSockets
from outofband.wire.link import MAX_MESSAGE

STOP_SECONDS = 5
KEEP_ALIVE_SECONDS = 65
MAX_HEADERS = 64 * 1024


class Edge(uvicorn.Server):
    """`serve_on` a socket that listens; `leave` makes it end."""

    def __init__(self, app: Any, context: ssl.SSLContext) -> None:
        config = uvicorn.Config(
            app,
            ws=EdgeSockets,
            # The control link has heartbeats of its own; compression costs memory for each connection.
            ws_max_size=MAX_MESSAGE,
            ws_ping_interval=None,
            ws_ping_timeout=DEAD_SECONDS,
            ws_per_message_deflate=False,
            http=EdgeProtocol,
            h11_max_incomplete_event_size=MAX_HEADERS,
            timeout_keep_alive=KEEP_ALIVE_SECONDS,
            timeout_graceful_shutdown=STOP_SECONDS,
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
        )
        config.load()
        # A context of ours, whose certificate changes while this serves.
        config.ssl = context
        self.accepting = asyncio.Event()
        super().__init__(config)

    async def serve_on(self, listening: socket.socket) -> None:
        await self.serve(sockets=[listening])

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.accepting.set()

    async def leave(self) -> None:
        """Accept nothing more, and end when the requests at hand are answered, or STOP_SECONDS are over."""
        self.should_exit = True
        tasks = tuple(self.server_state.tasks)
        if tasks:
            await asyncio.wait(tasks, timeout=STOP_SECONDS)
        # Idle connections are not waited for: a client need not answer the end of TLS on one it does not use.
        self.force_exit = True

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        # Signals are the node's: it has more to stop than this port.
        yield
