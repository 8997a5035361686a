"""Two connections with one behind the other: what one receives goes out of the other, unread.

A side that cannot send makes the other stop reading, so a flow holds no more than two full buffers. A side
that ends its sending is told to the other as just that; a side that breaks is a reset on the other.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from collections.abc import Callable
from typing import cast

KEEPALIVE_IDLE_SECONDS = 60
KEEPALIVE_EVERY_SECONDS = 15
KEEPALIVE_PROBES = 4
"""After two minutes without a sign of life somebody from outside is gone, and no longer takes up a place."""
UNACKNOWLEDGED_MS = 120_000
HELD_BYTES = 256 * 1024
"""Waiting to go out of one side before the other is no longer read: what the loop reads at once."""
_RESET = struct.pack("ii", 1, 0)


class Side(asyncio.Protocol):
    """One of the two. Until it is joined with the other hardly anything is read, and kept. `arrived` is
    called when it is connected, `lost` when it is over.
    """

    def __init__(self, arrived: Callable[[Side], None] | None = None) -> None:
        self._arrived = arrived
        self.lost: Callable[[], None] | None = None
        self.transport: asyncio.Transport | None = None
        self.other: Side | None = None
        self._early = bytearray()
        self._ended = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # Not asked for: uvloop's are of another class.
        self.transport = cast(asyncio.Transport, transport)
        self.transport.set_write_buffer_limits(high=HELD_BYTES)
        self.transport.pause_reading()
        if self._arrived is not None:
            self._arrived(self)

    def join(self, other: Side) -> None:
        """Carry between this side and the other from now on."""
        self.other, other.other = other, self
        for side in (self, other):
            if side.transport is None or side.transport.is_closing():
                return side._broken()
        for side in (self, other):
            side._catch_up()
        # After what both have said: where both have ended, the first end closes both.
        for side in (self, other):
            if side._ended:
                side._pass_end()

    def _catch_up(self) -> None:
        assert self.transport is not None
        early, self._early = bytes(self._early), bytearray()
        if not self._ended:
            # Before it is passed on, which may well be a reason to pause.
            self.transport.resume_reading()
        if early:
            self.data_received(early)

    def data_received(self, data: bytes) -> None:
        other = self._living()
        if other is not None:
            other.write(data)
        elif self.other is None and self.transport is not None:
            # uvloop reads once more after it was paused in `connection_made`.
            self._early += data
            self.transport.pause_reading()

    def eof_received(self) -> bool:
        """Whether this side may still be written to."""
        self._ended = True
        return self.other is None or self._pass_end()

    def _pass_end(self) -> bool:
        other = self._living()
        if other is None or self.other is None:
            return False
        if not self.other._ended:
            with contextlib.suppress(OSError, RuntimeError):
                other.write_eof()
            return True
        # Both have said all they had: what is held goes out, then both are closed.
        other.close()
        if self.transport is not None:
            self.transport.close()
        return False

    def pause_writing(self) -> None:
        other = self._living()
        if other is not None:
            other.pause_reading()

    def resume_writing(self) -> None:
        other = self._living()
        if other is not None and self.other is not None and not self.other._ended:
            other.resume_reading()

    def connection_lost(self, error: Exception | None) -> None:
        if self.other is not None and not (self._ended and self.other._ended):
            self._broken()
        if self.lost is not None:
            self.lost()

    def _broken(self) -> None:
        for side in (self, self.other):
            if side is not None:
                side.reset()

    def reset(self) -> None:
        """End it at once, whatever it still holds; a peer that had not ended it gets a reset."""
        if self.transport is None:
            return
        connected = self.transport.get_extra_info("socket")
        if connected is not None:
            # uvloop's says ValueError once it is closed.
            with contextlib.suppress(OSError, ValueError):
                connected.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        self.transport.abort()

    def _living(self) -> asyncio.Transport | None:
        other = self.other.transport if self.other is not None else None
        return other if other is not None and not other.is_closing() else None


def watch_over(transport: asyncio.BaseTransport) -> None:
    """Have the kernel find out when the peer of a connection is gone without a word."""
    connected = transport.get_extra_info("socket")
    if connected is None:
        return
    with contextlib.suppress(OSError, ValueError):
        connected.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for option, value in (
            (socket.TCP_KEEPIDLE, KEEPALIVE_IDLE_SECONDS),
            (socket.TCP_KEEPINTVL, KEEPALIVE_EVERY_SECONDS),
            (socket.TCP_KEEPCNT, KEEPALIVE_PROBES),
            (socket.TCP_USER_TIMEOUT, UNACKNOWLEDGED_MS),
        ):
            connected.setsockopt(socket.IPPROTO_TCP, option, value)
