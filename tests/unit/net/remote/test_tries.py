"""A port tried from a host: through, refused, silent; and what a host is never asked to try."""

from __future__ import annotations

import asyncio
import socket

import pytest

from outofband.core.errors import Fault
from outofband.net.remote import tries
from outofband.wire.network.reach import ReachArgs, Trouble

pytestmark = pytest.mark.anyio


async def test_a_port_that_listens_and_one_that_does_not() -> None:
    server = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server:
        through = await tries.attempt("127.0.0.1", port)
    assert (through.trouble, through.ms > 0) == (None, True)
    refused = await tries.attempt("127.0.0.1", port)
    assert refused.trouble is Trouble.REFUSED


async def test_a_port_that_says_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tries, "WAIT_SECONDS", 0.3)
    # A full backlog: the kernel answers no SYN more.
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen(0)
        place = listening.getsockname()
        waiting = [socket.socket() for _ in range(4)]
        for each in waiting:
            each.setblocking(False)
            each.connect_ex(place)
        silent = await tries.attempt(*place)
        for each in waiting:
            each.close()
    assert silent.trouble is Trouble.SILENT


@pytest.mark.parametrize("host", ["127.0.0.1", "169.254.169.254", "0.0.0.0", "224.0.0.1", "localhost"])
async def test_a_hosts_own_affairs_are_not_tried(host: str) -> None:
    with pytest.raises(Fault) as caught:
        await tries.reach(ReachArgs(host=host, port=80))
    assert caught.value.code == "InvalidParameter"


async def test_a_name_that_nobody_knows() -> None:
    found = await tries.reach(ReachArgs(host="no-such-host.invalid", port=80))
    assert found.trouble is Trouble.NAME
