"""Listening sockets and who holds a port that is taken."""

from __future__ import annotations

import os
import socket

import pytest

from outofband.core.errors import Fault
from outofband.net import ports


def test_a_free_port_is_listened_on_at_once() -> None:
    with ports.listen("The test", "127.0.0.1", 0) as taken:
        number = taken.getsockname()[1]
        with socket.create_connection(("127.0.0.1", number), timeout=2):
            pass


def test_a_taken_port_says_who_holds_it() -> None:
    with ports.listen("The test", "127.0.0.1", 0) as taken:
        number = taken.getsockname()[1]
        with pytest.raises(Fault) as refused:
            ports.listen("The second", "127.0.0.1", number)
    assert refused.value.code == "PortInUse"
    fields = refused.value.fields
    assert (fields["what"], fields["address"], fields["port"]) == ("The second", "127.0.0.1", number)
    assert f"process {os.getpid()})" in fields["who"]


def test_ipv6_where_there_is_one() -> None:
    if not socket.has_ipv6:
        pytest.skip("no IPv6")
    try:
        taken = ports.listen("The test", "::1", 0)
    except Fault as fault:
        assert fault.code == "AddressUnusable"
        pytest.skip("no IPv6 loopback")
    with taken:
        assert taken.family is socket.AF_INET6


@pytest.mark.parametrize("address", ["192.0.2.1", "no.such.host.invalid"])
def test_an_address_of_somebody_else_is_refused(address: str) -> None:
    with pytest.raises(Fault) as refused:
        ports.listen("The test", address, 0)
    assert refused.value.code == "AddressUnusable"


def test_nobody_holds_a_free_port() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        assert ports.holder(probe.getsockname()[1]) == ""
