"""The guest's card, seen from inside: down, or with an address that is not its own."""

from __future__ import annotations

from outofband.wire.remote import Protocol
from tests.lab.fault import Answers, Fault, soon

FILE = "/etc/network/interfaces.d/eth0"
STATIC = "auto eth0\\niface eth0 inet static\\naddress 10.9.1.77/24\\ngateway 10.9.1.1\\n"

FAULTS = [
    Fault(
        name="card down in the guest",
        inject=soon("ip link set eth0 down"),
        causes=frozenset({"GuestCardDown"}),
    ),
    Fault(
        name="wrong fixed address in the guest",
        protocol=Protocol.SSH,
        inject=soon(f'ifdown eth0; printf "{STATIC}" >{FILE}; ifup eth0'),
        causes=frozenset({"GuestAddressWrong"}),
        mendable=False,
        answers=Answers(yes=False),
    ),
]
