"""uvicorn's HTTP/1.1 protocol, with a short way for plain GETs.

h11 takes every byte of both directions through its state machine, which costs about as much as all that
Resource Manager does for a GET. A request that `wire.http_head` knows in full, on a connection where nothing
else is under way, goes past it; h11 then has not seen the exchange and is where it was, between two requests.
Everything else is h11's as before (ADR 20).
"""

from __future__ import annotations

import asyncio
from typing import Any
from urllib.parse import unquote

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol, RequestResponseCycle

from outofband.wire import http_head

_BODILESS = frozenset((204, 304))
_NOTHING = (b"", False)
HEAD_SECONDS = 30.0
"""How long a client may take from its connection, or the first byte of a request, to the end of its head."""


class EdgeProtocol(H11Protocol):
    """One connection."""

    _later = b""
    """What came while a request was answered on the short way."""
    _head_due: asyncio.TimerHandle | None = None
    """uvicorn limits the time between requests only: who sends half a head would stay for ever."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._await_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self._have_head()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        self._take(data)
        if self.conn.their_state is h11.IDLE and self.conn.trailing_data != _NOTHING:
            self._await_head()
        else:
            self._have_head()

    def _await_head(self) -> None:
        """Not later for each byte that comes."""
        if self._head_due is None and not self.transport.is_closing():
            self._head_due = self.loop.call_later(HEAD_SECONDS, self.transport.close)

    def _have_head(self) -> None:
        if self._head_due is not None:
            self._head_due.cancel()
            self._head_due = None

    def _take(self, data: bytes) -> None:
        if isinstance(self.cycle, PlainCycle) and not self.cycle.response_complete:
            self._later += data
            self.flow.pause_reading()
            return
        idle = self.conn.their_state is h11.IDLE and self.conn.our_state is h11.IDLE
        if idle and self.conn.trailing_data == _NOTHING and (head := http_head.read(data)) is not None:
            self._unset_keepalive_if_required()
            self._answer(head)
        else:
            super().data_received(data)

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self._later and not self.transport.is_closing():
            data, self._later = self._later, b""
            self.data_received(data)

    def _answer(self, head: http_head.Head) -> None:
        self.headers = head.fields
        self.scope = {
            "type": "http",
            "asgi": {"version": self.asgi_version, "spec_version": "2.3"},
            "http_version": "1.1",
            "server": self.server,
            "client": self.client,
            "scheme": self.scheme or "http",
            "method": "GET",
            "root_path": "",
            "path": unquote(head.target.decode("ascii")),
            "raw_path": head.target,
            "query_string": head.query,
            "headers": self.headers,
            "state": self.app_state.copy(),
        }
        cycle = PlainCycle(
            scope=self.scope,
            conn=self.conn,
            transport=self.transport,
            flow=self.flow,
            logger=self.logger,
            access_logger=self.access_logger,
            access_log=False,
            default_headers=self.server_state.default_headers,
            message_event=asyncio.Event(),
            on_response=self.on_response_complete,
        )
        self.cycle = cycle
        task = self.loop.create_task(cycle.run_asgi(self.app))
        task.add_done_callback(self.tasks.discard)
        self.tasks.add(task)


class PlainCycle(RequestResponseCycle):
    """One exchange past h11: a request without a body, an answer of a known length or in chunks."""

    def __init__(self, **parts: Any) -> None:
        super().__init__(**parts)
        self.more_body = False
        self.message_event.set()
        self._head = b""
        self._flush: asyncio.Handle | None = None
        self._left: int | None = None
        """Bytes of the body that are still to come; None: in chunks."""

    async def send(self, message: Any) -> None:
        if self.flow.write_paused and not self.disconnected:
            await self.flow.drain()
        if self.disconnected:
            return
        wanted = "http.response.body" if self.response_started else "http.response.start"
        if message["type"] != wanted or self.response_complete:
            raise RuntimeError(f"expected {wanted}, got {message['type']}")
        if not self.response_started:
            self._begin(message["status"], message.get("headers", ()))
        else:
            self._go_on(message.get("body", b""), more=message.get("more_body", False))

    def _begin(self, status: int, headers: Any) -> None:
        fields = [*self.default_headers, *headers]
        self._left = 0 if status in _BODILESS else None
        for name, value in headers:
            if name == b"content-length" and status not in _BODILESS:
                self._left = int(value)
            elif name == b"connection" and value.lower() == b"close":
                self.keep_alive = False
        if self._left is None:
            fields.append((b"transfer-encoding", b"chunked"))
        self._head = http_head.written(status, fields)
        self.response_started = True
        # Head and body leave in one piece when the body follows at once; longer the head does not wait.
        self._flush = asyncio.get_running_loop().call_soon(self._write, b"")

    def _go_on(self, body: bytes, *, more: bool) -> None:
        if self._left is not None:
            if len(body) > self._left or (not more and len(body) < self._left):
                raise RuntimeError("a body of another length than its head said")
            self._left -= len(body)
        else:
            body = (b"%x\r\n%b\r\n" % (len(body), body) if body else b"") + (b"" if more else b"0\r\n\r\n")
        self._write(body)
        if more:
            return
        self.response_complete = True
        self.message_event.set()
        if not self.keep_alive:
            self.transport.close()
        self.on_response()

    def _write(self, body: bytes) -> None:
        if self._flush is not None:
            self._flush.cancel()
            self._flush = None
        if self._head or body:
            self.transport.write(self._head + body)
        self._head = b""
