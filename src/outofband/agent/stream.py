"""One console on its way out: the WebSocket the agent dials back to the gateway, joined to a port.

`Stream` is the port's viewer: frames of the port go out, input comes in, and when the socket is full the port
is told to hold this viewer's cursor. It decides nothing about rights; `streams.Streams` opens and ends it.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from collections.abc import Callable
from typing import Protocol

import msgspec
import structlog
from picows import WSCloseCode, WSFrame, WSListener, WSMsgType, WSTransport

from outofband.core.errors import Fault, ProtocolError
from outofband.wire import stream
from outofband.wire.grant import Grant
from outofband.wire.link import StreamHello

QUIET_SECONDS = 15.0
"""A peer that said nothing for this long is asked whether it is there."""
DEAD_SECONDS = 45.0
STALLED_SECONDS = 600.0
"""A gateway may stop reading because its viewer does, and then sees no ping; its kernel still confirms what
it gets. Such a stream is kept for longer, and given up at last: the gateway opens a new one when it wants it.
"""
LINGER_SECONDS = 5.0
"""What a peer gets to read the last frames before the socket is cut."""
WRITE_HIGH, WRITE_LOW = 64 * 1024, 16 * 1024
"""Bytes of output waiting in this process for one stream's socket."""
KERNEL_BUFFER = 128 * 1024
"""Send buffer in the kernel: what is in there is ahead of every notice and of the answer to a key."""
_LAST_ACK = struct.Struct("=56xI")
"""`tcpi_last_ack_recv` in Linux's struct tcp_info: milliseconds since the peer's kernel last spoke."""

log = structlog.get_logger(__name__)


class Attachment(Protocol):
    """A viewer's place at a port (agent/ports)."""

    def receive(self, frame: bytes) -> None: ...
    def resume(self) -> None: ...
    def detach(self, dropped: bool) -> None: ...
    def renew(self, grant: Grant) -> None: ...


class Stream(WSListener):
    """The socket of one session. `gone` is called once, when the socket is closed for whatever reason."""

    def __init__(
        self, grant: Grant, *, renewed: Callable[[str, Grant], Grant], gone: Callable[[Stream], None]
    ) -> None:
        self.grant = grant
        self._renewed = renewed
        self._gone = gone
        self._transport: WSTransport | None = None
        self._attachment: Attachment | None = None
        self._abandoned = False
        self._congested = False
        self._heard = False
        self._quiet = 0.0

    @property
    def is_open(self) -> bool:
        transport = self._transport
        return not (transport is None or transport.is_disconnected or transport.is_close_frame_sent)

    def start(self, token: str, attach: Callable[[Stream, Grant], Attachment]) -> None:
        """Say who this is and take the place at the port: the first frames follow at once."""
        assert self._transport is not None
        inner = self._transport.underlying_transport
        inner.set_write_buffer_limits(WRITE_HIGH, WRITE_LOW)
        inner.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, KERNEL_BUFFER)
        hello = msgspec.json.encode(StreamHello(self.grant.session, token))
        self._transport.send(WSMsgType.TEXT, hello)
        try:
            attachment = attach(self, self.grant)
        except Fault as fault:
            self.close(stream.Close(fault.code, fault.fields))
            return
        if not self.is_open:
            return  # the port said no in its own words
        self._attachment = attachment

    # The port's side (agent/ports Viewer).

    def send(self, frame: bytes) -> bool:
        """False: the frame is on its way, but wait for `resume` before the next one."""
        if self._transport is None:
            return False
        self._transport.send(WSMsgType.BINARY, frame)
        return not self._congested

    def close(self, close: stream.Close) -> None:
        """Tell why the session ends, then end the socket. The port has forgotten this viewer already."""
        self._attachment = None
        if self._transport is not None and self.is_open:
            self._transport.send(WSMsgType.BINARY, stream.encode(close))
            self._finish(WSCloseCode.OK)

    # The owner's side.

    def end(self, close: stream.Close) -> None:
        """End the session from this host's side or the control plane's."""
        self._detach(dropped=False)
        self.close(close)

    def leave(self) -> None:
        """The agent stops: the session may go on when it is back."""
        self._detach(dropped=True)
        self._finish(WSCloseCode.GOING_AWAY)

    def cut(self) -> None:
        """Give the socket up without a word, also one that is not open yet; the session may come back."""
        self._abandoned = True
        self._detach(dropped=True)
        if self._transport is not None:
            self._transport.disconnect(graceful=False)

    def pulse(self, passed: float) -> None:
        """Call every few seconds with the seconds since the last call: asks the quiet, gives up the dead."""
        if self._transport is None or self._transport.is_disconnected:
            return
        if self._heard:
            self._heard, self._quiet = False, 0.0
            return
        self._quiet += passed
        if self._quiet < QUIET_SECONDS:
            return
        if self._quiet >= STALLED_SECONDS or (self._quiet >= DEAD_SECONDS and not self._confirmed()):
            log.warning("stream.dead", session=self.grant.session, quiet=self._quiet)
            self.cut()
        else:
            self._transport.send_ping()

    def _confirmed(self) -> bool:
        """Whether the other end's kernel (or the proxy's) still confirms what is sent to it."""
        assert self._transport is not None
        raw = self._transport.underlying_transport.get_extra_info("socket")
        with contextlib.suppress(OSError, AttributeError):
            info = raw.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _LAST_ACK.size)
            return bool(_LAST_ACK.unpack(info)[0] < DEAD_SECONDS * 1000)
        return False

    # The socket's side (picows).

    def on_ws_connected(self, transport: WSTransport) -> None:
        self._transport = transport
        if self._abandoned:
            transport.disconnect(graceful=False)

    def pause_writing(self) -> None:
        self._congested = True

    def resume_writing(self) -> None:
        self._congested = False
        if self._attachment is not None:
            self._attachment.resume()

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        self._heard = True
        kind = frame.msg_type
        if kind == WSMsgType.BINARY and frame.fin:
            self._take(frame.get_payload_as_bytes())
        elif kind == WSMsgType.PING:
            transport.send_pong(frame.get_payload_as_bytes())
        elif kind == WSMsgType.CLOSE:
            self._detach(dropped=frame.get_close_code() != WSCloseCode.OK)
            self._finish(WSCloseCode.OK)
            transport.disconnect()
        elif kind != WSMsgType.PONG:
            self._break(ProtocolError(f"expected whole binary messages, got {kind}"))

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        self._detach(dropped=True)
        self._gone(self)

    def _take(self, frame: bytes) -> None:
        if self._attachment is None:
            return
        try:
            if frame[:1] == _CONTROL and self._is_renewal(frame):
                return
            self._attachment.receive(frame)
        except ProtocolError as error:
            self._break(error)
        except Fault as fault:
            self.end(stream.Close(fault.code, fault.fields))
        except Exception:
            log.exception("stream.defect", session=self.grant.session)
            self.end(stream.Close("InternalError"))

    def _is_renewal(self, frame: bytes) -> bool:
        control = stream.decode(frame)
        if not isinstance(control, stream.Control) or control.verb != "renew":
            return False
        try:
            self.grant = self._renewed(str(control.fields.get("grant", "")), self.grant)
        except Fault as fault:
            # What was granted before still stands until its own end.
            log.warning("stream.renewal_refused", session=self.grant.session, code=fault.code)
            return True
        if self._attachment is not None:
            self._attachment.renew(self.grant)
        return True

    def _break(self, error: ProtocolError) -> None:
        log.warning("stream.protocol", session=self.grant.session, detail=str(error))
        self._detach(dropped=True)
        self._finish(WSCloseCode.PROTOCOL_ERROR)

    def _detach(self, *, dropped: bool) -> None:
        attachment, self._attachment = self._attachment, None
        if attachment is not None:
            attachment.detach(dropped)

    def _finish(self, code: WSCloseCode) -> None:
        transport = self._transport
        if transport is None or not self.is_open:
            return
        # The peer answers with its own CLOSE, and only then the socket is closed: closing it with typed bytes
        # still unread would reset the connection, and the peer could lose the frames sent just before.
        transport.send_close(code)
        asyncio.get_running_loop().call_later(LINGER_SECONDS, _cut_if_open, transport)


_CONTROL = bytes([stream.Kind.CONTROL])


def _cut_if_open(transport: WSTransport) -> None:
    if not transport.is_disconnected:
        transport.disconnect(graceful=False)
