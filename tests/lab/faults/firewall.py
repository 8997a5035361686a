"""The guest's own firewall keeps out who comes."""

from __future__ import annotations

from outofband.wire.remote import PORTS, Protocol
from tests.lab.fault import Fault, guest

CHAIN = """
nft add table inet walls
nft add chain inet walls in '{ type filter hook input priority 0; policy %s; }'
"""

# What a rescue puts before the owner's rules goes when these are loaded anew, and it says so.
TEMPORARY = frozenset({"GuestFirewallTemporary"})


def drops(protocol: Protocol) -> Fault:
    port = PORTS[protocol]
    return Fault(
        name=f"nftables drops {port}",
        protocol=protocol,
        inject=guest(f"{CHAIN % 'accept'} nft add rule inet walls in tcp dport {port} drop"),
        causes=frozenset({"GuestFirewallDenies"}),
        beside=TEMPORARY,
    )


FAULTS = [
    drops(Protocol.SSH),
    drops(Protocol.RDP),
    Fault(
        name="nftables lets only SSH in",
        inject=guest(
            f"{CHAIN % 'accept'} nft add rule inet walls in ct state established,related accept\n"
            "nft add rule inet walls in iif lo accept; nft add rule inet walls in udp sport 67 accept\n"
            "nft add rule inet walls in tcp dport 22 accept; nft add rule inet walls in reject"
        ),
        causes=frozenset({"GuestFirewallDenies"}),
        beside=TEMPORARY,
    ),
]
