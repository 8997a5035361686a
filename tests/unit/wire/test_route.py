"""Routes as the kernel of this machine tells them, and as no kernel would."""

from __future__ import annotations

import errno
import socket
import struct

import pytest

from outofband.core.errors import ProtocolError
from outofband.wire import route


def asked(address: str) -> route.Route:
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0) as kernel:
        kernel.settimeout(5)
        kernel.send(route.request(address))
        return route.read(kernel.recv(route.MAX_ANSWER))


def test_the_way_to_this_host_itself() -> None:
    found = asked("127.0.0.1")
    assert (found.error, found.kind, found.source, found.gateway) == (0, "local", "127.0.0.1", "")
    assert socket.if_indextoname(found.device) == "lo"


def test_no_way() -> None:
    message = struct.pack("=IHHIIi", 36, 2, 0, 1, 0, -errno.ENETUNREACH) + bytes(16)
    assert route.read(message) == route.Route(error=errno.ENETUNREACH)


@pytest.mark.parametrize("text", [b"", bytes(16), struct.pack("=IHHII", 99, 24, 0, 1, 0), bytes(11)])
def test_what_is_no_answer(text: bytes) -> None:
    with pytest.raises(ProtocolError):
        route.read(text)


def test_what_is_no_address() -> None:
    with pytest.raises(ValueError):
        route.request("login.example")
