"""A unix stream socket to a serial port, and what is typed on it. Never waits for the port."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Callable
from pathlib import Path

from outofband.agent.ports.keys import Keys

SCRATCH_BYTES = 256 * 1024

scratch = bytearray(SCRATCH_BYTES)
"""One receive buffer for every port of the process; its content is only valid until the next read."""
scratch_view = memoryview(scratch)


def connect_unix(path: Path) -> socket.socket:
    """A connected non-blocking socket. Works for paths longer than sun_path's 107 bytes. Raises OSError."""
    directory = os.open(path.parent, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        sock.setblocking(False)
        sock.connect(f"/proc/self/fd/{directory}/{path.name}")
    except BaseException:
        sock.close()
        raise
    finally:
        os.close(directory)
    return sock


class Line:
    """The connection of one port, or its absence.

    `on_readable` is called while there is something to read and the line is watched. `on_lost` is called when
    the other side is found gone, and must call `close`.
    """

    __slots__ = ("_loop", "_on_readable", "keys", "sock")

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        *,
        on_readable: Callable[[], None],
        on_lost: Callable[[], None],
        on_taken: Callable[[], None],
    ) -> None:
        self._loop = loop
        self._on_readable = on_readable
        self.keys = Keys(loop, on_taken, on_lost)
        self.sock: socket.socket | None = None

    def open(self, path: Path) -> None:
        """Connect, unwatched. Raises OSError; `sock` may be None again if the other side hung up at once."""
        self.sock = connect_unix(path)
        self.keys.attach(self.sock.fileno())

    def watch(self, on: bool) -> None:
        if self.sock is not None:
            if on:
                self._loop.add_reader(self.sock.fileno(), self._on_readable)
            else:
                self._loop.remove_reader(self.sock.fileno())

    def close(self) -> None:
        """Hang up. What is still pending stays for the next connection."""
        if self.sock is None:
            return
        sock, self.sock = self.sock, None
        self._loop.remove_reader(sock.fileno())
        self.keys.detach()
        sock.close()
