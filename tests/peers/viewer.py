"""A console's viewer as the portal is one: REST for a ticket, then the binary protocol on the listener."""

from __future__ import annotations

import ssl
import threading
import time
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any

from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from outofband.client.http import SERIAL_VERSION
from outofband.client.opening import open_client
from outofband.client.transport import trusting
from outofband.core.paths import StateDir
from outofband.wire.console import ClientSession, Ended, Output
from outofband.wire.grant import Mode
from tests.peers.house import House

WAIT_S = 150.0
ATTEMPTS = 3
PORT = "providers/Microsoft.SerialConsole/serialPorts/0"


def ticket_for(house: House, name: str = "demo") -> dict[str, Any]:
    """What `connect` answers: `url`, `ticket`, `session`."""
    with open_client(StateDir(house.root)) as client:
        opened = client.post(f"{client.vm(name)}/{PORT}/connect", version=SERIAL_VERSION)
    found: dict[str, Any] = opened["outofband"]
    return found


def _connected(url: str, **about: Any) -> ClientConnection:
    """A connection that ended before it was a WebSocket is made again, as the portal does: a machine that
    stands still for seconds runs out the listener's time for a handshake. Nothing was said on it by then.
    """
    for _ in range(ATTEMPTS):
        try:
            return connect(url, **about)
        except (ConnectionClosed, ssl.SSLError, ConnectionResetError):
            time.sleep(1)
    return connect(url, **about)


class Viewer:
    """One viewer of VM `name` over one socket. `shown` is the guest's output, `ended` how it was sent away.
    It comes from the address `source`, with `headers` of its own.
    """

    def __init__(
        self,
        house: House,
        *,
        name: str = "demo",
        client: str = "portal",
        mode: Mode = Mode.WRITE,
        opened: dict[str, Any] | None = None,
        headers: dict[str, str] | None = None,
        source: str = "127.0.0.1",
    ) -> None:
        opened = opened or ticket_for(house, name)
        self._session = ClientSession(mode=mode, replay=0, client=client)
        self._stack = ExitStack()
        self._socket = self._stack.enter_context(
            _connected(
                opened["url"],
                ssl=trusting(Path(house.profile()["caFile"])),
                additional_headers=headers,
                compression=None,
                source_address=(source, 0),
                open_timeout=WAIT_S,
            )
        )
        self._socket.send(self._session.open(opened["ticket"]))
        self.shown = b""
        self.ended: Ended | None = None
        self._lock = threading.Lock()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def __enter__(self) -> Viewer:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()
        self._reader.join(WAIT_S)

    def _read(self) -> None:
        try:
            for message in self._socket:
                assert isinstance(message, bytes)
                with self._lock:
                    for event in self._session.receive(message, time.monotonic()):
                        if isinstance(event, Output):
                            self.shown += event.payload
                        elif isinstance(event, Ended):
                            self.ended = event
        except ConnectionClosed:
            return

    def type(self, keys: bytes) -> None:
        end = time.monotonic() + WAIT_S
        while keys:
            with self._lock:
                keys = keys[self._session.type(keys) :]
                frames = self._session.outgoing()
            for frame in frames:
                self._socket.send(frame)
            assert time.monotonic() < end, (keys, self.ended)
            if keys:
                time.sleep(0.02)

    def expect(self, text: bytes) -> None:
        """Wait until `text` is shown."""
        end = time.monotonic() + WAIT_S
        while text not in self.shown:
            assert time.monotonic() < end, (text, self.shown[-2000:], self.ended)
            time.sleep(0.02)

    def sent_away(self) -> Ended:
        end = time.monotonic() + WAIT_S
        while self.ended is None:
            assert time.monotonic() < end, self.shown[-2000:]
            time.sleep(0.02)
        return self.ended
