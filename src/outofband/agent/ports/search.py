"""Watching a port's output for a text: how an action finds out what the guest showed."""

from __future__ import annotations

from typing import Protocol

from outofband.agent.ports.spool import Spool
from outofband.core import clock

LINE_BYTES = 512
"""Longest line that is reported."""
_CHUNK_BYTES = 64 * 1024
_LINE_END_SECONDS = 0.3


class Waker(Protocol):
    spool: Spool

    async def growth(self, timeout: float) -> bool:
        """Wait until the log may have grown; False when the time is over or the port was closed."""
        ...


async def wait_for(port: Waker, pattern: bytes, since: int, timeout: float) -> bytes | None:
    """The line in which `pattern` first appears from offset `since` on; None after `timeout` seconds."""
    spool = port.spool
    deadline = clock.monotonic() + timeout
    text = b""
    position = since
    while True:
        position = max(position, spool.start)
        while chunk := spool.read(position, _CHUNK_BYTES):
            position += len(chunk)
            text += chunk
            if (at := text.find(pattern)) >= 0:
                text += await _rest_of_line(port, text[at:], position)
                return _line(text, at)
            text = text[-(LINE_BYTES + len(pattern)) :]
        if not await port.growth(deadline - clock.monotonic()):
            return None


async def _rest_of_line(port: Waker, found: bytes, position: int) -> bytes:
    """A guest prints a line bit by bit: wait a moment for its end."""
    deadline = clock.monotonic() + _LINE_END_SECONDS
    more = b""
    while b"\n" not in found + more and len(more) < LINE_BYTES:
        more += port.spool.read(max(position + len(more), port.spool.start), LINE_BYTES)
        if b"\n" in more or not await port.growth(deadline - clock.monotonic()):
            break
    return more


def _line(text: bytes, at: int) -> bytes:
    first = max(text.rfind(b"\n", 0, at) + 1, at - LINE_BYTES // 2)
    last = text.find(b"\n", at)
    return text[first : last if last >= 0 else len(text)][:LINE_BYTES].strip(b"\r")
