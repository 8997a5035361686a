"""UDP from outside to a real guest and back, by its rules."""

from __future__ import annotations

import socket
import time

import pytest

from tests.lab.lab import NAME, Lab
from tests.peers.house import until

pytestmark = [pytest.mark.soak, pytest.mark.timeout(1800)]
PORT = 4242
SERVER = (
    "use IO::Socket::INET; my $s = IO::Socket::INET->new(LocalPort => 4242, Proto => q(udp));"
    " while (defined $s->recv(my $d, 65535)) { $s->send(qq(guest $d)) }"
)


def answered(lab: Lab, text: bytes, seconds: float = 2.0) -> bytes | None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
        one.settimeout(seconds)
        one.sendto(text, (lab.address, PORT))
        try:
            return one.recv(2000)
        except OSError:
            return None


def test_udp_reaches_a_guest_where_a_rule_lets_it(lab: Lab) -> None:
    lab.heal()
    lab.in_guest(f"setsid perl -e '{SERVER}' >/dev/null 2>&1 </dev/null & sleep 1; ss -lun | grep {PORT}")
    assert answered(lab, b"x", 1.0) is None
    rule = {
        "priority": 700,
        "direction": "Inbound",
        "access": "Allow",
        "protocol": "Udp",
        "sourceAddressPrefix": "*",
        "sourcePortRange": "*",
        "destinationAddressPrefix": "*",
        "destinationPortRange": str(PORT),
    }
    path = "networkSecurityGroups/walls/securityRules/talk"
    lab.net.put(path, rule)
    until(f"{NAME} answers by UDP", lambda: answered(lab, b"hello") == b"guest hello", 30)
    # Two senders at once, and each gets its own.
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as two,
    ):
        for each, text in ((one, b"one"), (two, b"two")):
            each.settimeout(10)
            each.sendto(text, (lab.address, PORT))
        assert (one.recv(99), two.recv(99)) == (b"guest one", b"guest two")
        lab.net.put(path, rule | {"access": "Deny"})
        end = time.monotonic() + 30
        one.settimeout(0.5)
        while time.monotonic() < end:
            one.sendto(b"still", (lab.address, PORT))
            try:
                one.recv(99)
            except TimeoutError:
                return
        raise AssertionError("a flow that is denied goes on")
