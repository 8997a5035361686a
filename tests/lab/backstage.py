"""What the ports of a small guest lead to: it carries their bytes to this computer, where a server answers.

So the whole way is real, from a person's computer through rules, host and guest, and at its end can be any
server that is to be had here.
"""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable

Talk = Callable[[socket.socket], None]
"""Answers one connection, until it returns."""


class Backstage:
    """One door, of the loopback interface unless said otherwise. Made in the network in which it is to be."""

    def __init__(self, address: str = "127.0.0.1", port: int = 0) -> None:
        self._listening = socket.create_server((address, port))
        self.taken = 0
        """Connections that came so far."""
        self.port = int(self._listening.getsockname()[1])
        self.target: int | Talk | None = None
        """A server's port, or what answers by itself; None: each connection is ended at once."""
        threading.Thread(target=self._serve, name="backstage", daemon=True).start()

    def close(self) -> None:
        # A thread that waits in accept keeps the port otherwise.
        with contextlib.suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()

    def _serve(self) -> None:
        while True:
            try:
                one, _ = self._listening.accept()
            except OSError:
                return
            self.taken += 1
            threading.Thread(target=self._answer, args=(one, self.target), daemon=True).start()

    def _answer(self, one: socket.socket, target: int | Talk | None) -> None:
        with one, contextlib.suppress(OSError):
            if isinstance(target, int):
                with socket.create_connection(("127.0.0.1", target), 10.0) as other:
                    back = threading.Thread(target=_pump, args=(other, one), daemon=True)
                    back.start()
                    _pump(one, other)
                    back.join()
            elif target is not None:
                target(one)


def _pump(source: socket.socket, sink: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while piece := source.recv(65536):
            sink.sendall(piece)
    with contextlib.suppress(OSError):
        sink.shutdown(socket.SHUT_WR)
