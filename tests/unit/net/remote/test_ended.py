"""A look at a server that ends the connection at once, in each of its ways: told, not raised."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Iterator

import pytest

from outofband.net.remote.look import look
from outofband.wire.remote import Protocol

pytestmark = pytest.mark.anyio
RESET = struct.pack("ii", 1, 0)
"""SO_LINGER that makes a reset of a close."""


@pytest.fixture(params=["reset", "end"])
def door(request: pytest.FixtureRequest) -> Iterator[int]:
    """A port whose connections end as soon as they are there: the host's own, before a guest that refuses."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            while True:
                try:
                    taken, _ = server.accept()
                except OSError:
                    return
                if request.param == "reset":
                    taken.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
                taken.close()

        thread = threading.Thread(target=serve)
        thread.start()
        yield server.getsockname()[1]
        server.shutdown(socket.SHUT_RDWR)
        thread.join()


@pytest.mark.parametrize("protocol", Protocol)
async def test_a_connection_that_ends_at_once_is_told(door: int, protocol: Protocol) -> None:
    # In which of its moments the end meets the look is chance.
    for _ in range(20):
        seen = await look("127.0.0.1", protocol, port=door)
        wanted = {f"{protocol.value.capitalize()}Cut", "ConnectionCut"}
        assert seen.problem is not None and seen.problem.code in wanted, seen
