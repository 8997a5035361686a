"""What stands behind a door: a process that sends without end, takes without end, or gives back what it gets.

The first byte of a connection says which: `S`, `R` or `E`.
"""

from __future__ import annotations

import contextlib
import socket
import threading

PIECE = bytes(256 * 1024)


def serve(listening: socket.socket) -> None:
    """Runs until its process is ended."""
    while True:
        one, _ = listening.accept()
        one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        threading.Thread(target=_talk, args=(one,), daemon=True).start()


def _talk(one: socket.socket) -> None:
    with one, contextlib.suppress(OSError):
        kind = one.recv(1)
        while kind == b"S":
            one.sendall(PIECE)
        while piece := one.recv(65536):
            if kind == b"E":
                one.sendall(piece)
