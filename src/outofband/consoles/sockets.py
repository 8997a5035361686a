"""The two kinds of sockets of the listener: a viewer's and an agent's stream.

Once joined, each copies its frames to the other inside picows' callback: no task, no queue, no JSON. The kind
byte is looked at, so that neither side can speak for the other. When one is full the other is not read.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Callable
from typing import Protocol

from picows import WSCloseCode, WSFrame, WSListener, WSMsgType, WSTransport

from outofband.consoles.limits import Limits
from outofband.core import clock
from outofband.core.errors import ProtocolError
from outofband.wire import stream
from outofband.wire.console import MAX_OPEN
from outofband.wire.grant import Mode
from outofband.wire.stream import Kind

_OFFSET = struct.Struct(">Q")
_HEAD = 9
"""Kind and one offset: what a DATA frame has before its payload."""
_BYTES_ACKED = struct.Struct("=120xQ")
"""`tcpi_bytes_acked` in Linux's struct tcp_info."""
_PING_ON_WIRE = 128
"""More than a ping takes with its TLS record."""
_BINARY, _TEXT = WSMsgType.BINARY, WSMsgType.TEXT
_DATA, _GAP, _NOTICE, _CLOSE, _ACK = Kind.DATA, Kind.GAP, Kind.NOTICE, Kind.CLOSE, Kind.ACK
_INPUT, _CONTROL, _PASTE = Kind.INPUT, Kind.CONTROL, Kind.PASTE


class Gate(Protocol):
    """Whom a socket tells. Nothing here may wait."""

    def viewer_opened(self, viewer: ViewerSocket, text: str) -> None: ...
    def viewer_wishes(self, viewer: ViewerSocket, control: stream.Control) -> None: ...
    def stream_opened(self, stream: StreamSocket, text: str) -> None: ...
    def stream_closes(self, stream: StreamSocket, close: stream.Close) -> None: ...
    def seat_changed(self, stream: StreamSocket, mode: Mode) -> None: ...
    def noticed(self, carrier: StreamSocket, notice: stream.Notice) -> None: ...
    def violated(self, socket: ConsoleSocket, detail: str) -> None: ...
    def gone(self, socket: ConsoleSocket) -> None: ...


class ConsoleSocket(WSListener):
    """What both kinds have in common: the first message, the end, keepalive and back-pressure."""

    def __init__(
        self, gate: Gate, session: str, limits: Limits, forget: Callable[[ConsoleSocket], None]
    ) -> None:
        self.session = session
        self.address = ""
        self.seen_from: Callable[[str], str] | None = None
        """From who is connected to who speaks, behind a proxy that is trusted."""
        self.peer: ConsoleSocket | None = None
        """Where frames go; None while there is nobody on the other side."""
        self.opened = False
        self.early: str | None = None
        """The first message, where it came with the request for the socket."""
        self.congested = False
        self.gone = asyncio.Event()
        self.left = False
        """The peer said goodbye with code 1000 before the socket ended."""
        self._gate = gate
        self._limits = limits
        self._forget = forget
        self._transport: WSTransport | None = None
        self._held = False
        self._frames = 0
        self._frames_seen = 0
        self._acked = 0
        self._quiet_since = self.connected_at = clock.monotonic()
        self._pinged_at = self.connected_at

    @property
    def is_over(self) -> bool:
        """Nothing sent now would arrive."""
        transport = self._transport
        return transport is None or transport.is_disconnected or transport.is_close_frame_sent

    def send(self, frame: bytes | memoryview) -> None:
        if self._transport is not None:
            self._transport.send(_BINARY, frame)

    def finish(self, code: WSCloseCode = WSCloseCode.OK) -> None:
        """Say goodbye; the socket is cut when the peer answered, or after a while."""
        self.join(None)
        transport = self._transport
        if transport is None or transport.is_disconnected or transport.is_close_frame_sent:
            return
        # Closing with unread bytes in the kernel would reset the connection, and the peer could lose the
        # frames sent just before: its own CLOSE is waited for.
        transport.send_close(code)
        asyncio.get_running_loop().call_later(self._limits.linger_seconds, self.cut)

    def tell_and_finish(self, close: stream.Close) -> None:
        self.join(None)
        self.send(stream.encode(close))
        self.finish()

    def refuse(self) -> None:
        """Send away somebody who has no business here."""
        self.finish(WSCloseCode.POLICY_VIOLATION)

    def cut(self) -> None:
        """Give the socket up without a word."""
        if self._transport is not None and not self._transport.is_disconnected:
            self._transport.disconnect(graceful=False)

    def join(self, peer: ConsoleSocket | None) -> None:
        """Copy to `peer` from now on; with None, to nobody."""
        before, self.peer = self.peer, peer
        if before is not None and before is not peer and before.peer is self:
            before.join(None)
        if peer is not None and peer.peer is not self:
            peer.join(self)
        self._balance()

    def pulse(self, now: float) -> None:
        """Called every few seconds: asks the quiet whether they are there, gives up the dead."""
        if self._transport is None:
            if now - self.connected_at >= self._limits.open_seconds:
                self._forget(self)  # its WebSocket handshake failed after it was routed
            return
        if self._transport.is_disconnected:
            return
        if not self.opened:
            if now - self.connected_at >= self._limits.open_seconds:
                self.finish(WSCloseCode.POLICY_VIOLATION)
            return
        if self._frames != self._frames_seen or self._held:
            # What is not read cannot be heard: a socket held for the other's sake is not dead for that.
            self._frames_seen = self._frames
            self._quiet_since = now
        elif self._takes_bytes():
            self._quiet_since = now
        if now - self._quiet_since >= self._limits.dead_seconds:
            self.cut()
        elif now - self._pinged_at >= self._limits.keepalive_seconds and not self.congested:
            self._pinged_at = now
            self._transport.send_ping()

    def _takes_bytes(self) -> bool:
        """Whether the peer took some of what waits for it since this was asked last: slow is not dead.

        Its kernel confirms our pings even while the peer itself hangs, so as little as that does not count.
        """
        assert self._transport is not None
        raw = self._transport.underlying_transport.get_extra_info("socket")
        try:
            info = raw.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _BYTES_ACKED.size)
            acked = int(_BYTES_ACKED.unpack(info)[0])
        except (OSError, AttributeError, struct.error):
            return False
        before, self._acked = self._acked, acked
        return acked - before > _PING_ON_WIRE

    def _balance(self) -> None:
        """Read this socket unless the other one is full."""
        hold = self.peer is not None and self.peer.congested
        if hold is self._held or self._transport is None or self._transport.is_disconnected:
            return
        self._held = hold
        if hold:
            self._transport.underlying_transport.pause_reading()
        else:
            self._quiet_since = clock.monotonic()
            self._transport.underlying_transport.resume_reading()

    # picows' side

    def on_ws_connected(self, transport: WSTransport) -> None:
        self._transport = transport
        inner = transport.underlying_transport
        inner.set_write_buffer_limits(self._limits.write_high, self._limits.write_low)
        peer = inner.get_extra_info("peername")
        self.address = str(peer[0]) if peer else ""
        if self.seen_from is not None:
            self.address = self.seen_from(self.address)
        if self.early is not None:
            self.opened = True
            first, self.early = self.early, None
            self._first(first)

    def pause_writing(self) -> None:
        self.congested = True
        if self.peer is not None:
            self.peer._balance()

    def resume_writing(self) -> None:
        self.congested = False
        if self.peer is not None:
            self.peer._balance()

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        self.join(None)
        self.gone.set()
        self._forget(self)
        self._gate.gone(self)

    def _uncommon(self, transport: WSTransport, frame: WSFrame) -> None:
        """Everything that is no whole binary message between two joined sockets."""
        kind = frame.msg_type
        if kind == WSMsgType.CLOSE:
            self.left = frame.get_close_code() == WSCloseCode.OK
            self.join(None)
            transport.send_close(WSCloseCode.OK)
            transport.disconnect()
        elif kind == WSMsgType.PONG or transport.is_close_frame_sent:
            return
        elif kind == _TEXT and frame.fin and not self.opened and frame.payload_size <= MAX_OPEN:
            self.opened = True
            try:
                text = frame.get_payload_as_utf8_text()
            except UnicodeDecodeError:
                self._gate.violated(self, "the first message is not text")
            else:
                self._first(text)
        elif kind != _BINARY or not frame.fin or not self.opened:
            self._gate.violated(self, "expected whole binary messages after one first text message")

    def _first(self, text: str) -> None:
        raise NotImplementedError


class ViewerSocket(ConsoleSocket):
    """A person's side."""

    returns = True
    """Who lost this socket may go on with the session over another one."""

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        self._frames += 1
        if frame.msg_type != _BINARY or not frame.fin or not self.opened:
            self._uncommon(transport, frame)
            return
        view = frame.get_payload_as_memoryview()
        kind = view[0] if frame.payload_size else 0
        if kind == _CONTROL:
            if not self._may_wish(frame.get_payload_as_bytes()):
                return
        elif kind not in (_INPUT, _PASTE):
            if not transport.is_close_frame_sent:
                self._gate.violated(self, f"a viewer may not send frames of kind 0x{kind:02x}")
            return
        # Without a stream keys go nowhere: the viewer sends again what the next `attached` says is not taken.
        peer = self.peer
        if peer is not None:
            peer.send(view)

    def _may_wish(self, frame: bytes) -> bool:
        try:
            control = stream.decode(frame)
        except ProtocolError as error:
            self._gate.violated(self, str(error))
            return False
        if isinstance(control, stream.Control) and control.verb == stream.PASTE:
            return True
        if not isinstance(control, stream.Control) or control.verb not in stream.WISHES:
            self._gate.violated(self, f"a viewer may ask for {', '.join(sorted(stream.WISHES))} only")
            return False
        self._gate.viewer_wishes(self, control)
        return True

    def _first(self, text: str) -> None:
        self._gate.viewer_opened(self, text)


class StreamSocket(ConsoleSocket):
    """An agent's side. Counts what went through, so that a new stream can go on at the next byte."""

    def __init__(
        self, gate: Gate, session: str, limits: Limits, forget: Callable[[ConsoleSocket], None]
    ) -> None:
        super().__init__(gate, session, limits, forget)
        self.next_offset: int | None = None
        """First byte of output the viewer lacks; None before anything was said of offsets."""
        self.attached = False
        """The agent has said `attached`."""
        self.shown = 0
        """Bytes of output that went through."""
        self.taken = 0
        """Typed bytes of the session that the port has taken, in all its streams."""

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        self._frames += 1
        peer = self.peer
        if peer is None or frame.msg_type != _BINARY or not frame.fin:
            self._uncommon(transport, frame)
            return
        view, size = frame.get_payload_as_memoryview(), frame.payload_size
        kind = view[0] if size else 0
        if kind == _DATA and size >= _HEAD:
            self.next_offset = _OFFSET.unpack_from(view, 1)[0] + size - _HEAD
            self.shown += size - _HEAD
        elif kind == _ACK and size == _HEAD:
            self.taken = _OFFSET.unpack_from(view, 1)[0]
        elif kind != _ACK and not self._passes(kind, frame.get_payload_as_bytes()):
            return
        peer.send(view)

    def _passes(self, kind: int, frame: bytes) -> bool:
        """Look at the rarer kinds; False when the viewer does not get this frame (from here)."""
        if not stream.sent_by_agent(kind):
            self._gate.violated(self, f"an agent may not send frames of kind 0x{kind:02x}")
            return False
        try:
            read = stream.decode(frame)
            match read:
                case stream.Gap(_, end, _):
                    self.next_offset = max(self.next_offset or 0, end)
                case stream.Notice("attached", fields):
                    self.attached = True
                    if self.next_offset is None:
                        self.next_offset = int(fields["offset"])
                    self.taken = int(fields.get("input") or 0)
                case stream.Notice("writer", fields):
                    self._gate.seat_changed(self, Mode(fields["mode"]))
                case stream.Close():
                    self._gate.stream_closes(self, read)
                    return False
            if isinstance(read, stream.Notice):
                self._gate.noticed(self, read)
        except (ProtocolError, KeyError, TypeError, ValueError) as error:
            self._gate.violated(self, str(error))
            return False
        return True

    def _first(self, text: str) -> None:
        self._gate.stream_opened(self, text)
