"""Where a request may go that a stranger named: not inside, whatever the address looks like."""

from __future__ import annotations

import asyncio
import socket
import threading
from typing import Any

import pytest

from outofband.net import destinations, lookup
from outofband.net.destinations import allowed_address, may_be_asked
from outofband.net.fetch import FetchFailed
from outofband.net.forwarded import network
from tests.support.wait import until

pytestmark = pytest.mark.anyio
INSIDE = [
    "127.0.0.1",
    "0.0.0.0",
    "10.1.2.3",
    "172.16.0.1",
    "192.168.1.1",
    "100.64.0.1",
    "169.254.169.254",
    "224.0.0.1",
    "255.255.255.255",
    "::1",
    "::",
    "fe80::1",
    "fd00::1",
    "ff0e::1",
    "::ffff:127.0.0.1",
    "::ffff:169.254.169.254",
    "64:ff9b::7f00:1",
    "64:ff9b::a00:1",
    "2002:7f00:1::",
    "fec0::1",
    "::7f00:1",
    "::ffff:0:7f00:1",
    "64:ff9b:1::a00:1",
]


@pytest.mark.parametrize("text", INSIDE)
def test_what_is_inside(text: str) -> None:
    assert not may_be_asked(text, ())


@pytest.mark.parametrize("text", ["1.1.1.1", "2606:4700:4700::1111", "64:ff9b::101:101"])
def test_what_is_public(text: str) -> None:
    assert may_be_asked(text, ())


def test_what_the_operator_allows() -> None:
    allowed = [network("10.1.0.0/16"), network("fd00::/8")]
    assert may_be_asked("10.1.2.3", allowed) and may_be_asked("fd00::1", allowed)
    assert may_be_asked("::ffff:10.1.2.3", allowed)
    assert not may_be_asked("10.2.0.1", allowed)


async def test_names() -> None:
    with pytest.raises(FetchFailed, match="webhook_networks"):
        await allowed_address("localhost", 443, ())
    assert await allowed_address("127.0.0.1", 443, [network("127.0.0.0/8")]) == "127.0.0.1"
    with pytest.raises(FetchFailed, match="unknown"):
        await allowed_address("no-such-name.invalid", 443, ())
    with pytest.raises(FetchFailed, match="webhook_networks"):
        await allowed_address("0x7f.1", 443, ())


async def test_silent_name_servers_hold_up_nobody_else(monkeypatch: pytest.MonkeyPatch) -> None:
    silent, plain = threading.Event(), socket.getaddrinfo

    def slow(host: str, *args: Any, **more: Any) -> Any:
        if host.endswith(".slow.example"):
            silent.wait(60)
            raise socket.gaierror("nobody answered")
        return plain(host, *args, **more)

    monkeypatch.setattr(socket, "getaddrinfo", slow)
    monkeypatch.setattr(destinations, "LOOK_UP_SECONDS", 0.2)
    names = [f"{number}.slow.example" for number in range(lookup.MAX_LOOK_UPS)]
    try:
        asked = [allowed_address(name, 443, ()) for name in names]
        for refused in await asyncio.gather(*asked, return_exceptions=True):
            assert isinstance(refused, FetchFailed)
        with pytest.raises(FetchFailed, match="too many"):
            await allowed_address("1.1.1.1", 443, ())
        # The loop's own threads are free for everybody else.
        assert await asyncio.get_running_loop().getaddrinfo("127.0.0.1", 443)
    finally:
        silent.set()

    async def again() -> bool:
        try:
            return await allowed_address("1.1.1.1", 443, ()) == "1.1.1.1"
        except FetchFailed:
            return False

    await until(again)
