"""A service of the guest that does not serve: stopped, masked, at another port, with an ended certificate."""

from __future__ import annotations

from outofband.wire.remote import Protocol
from tests.lab.fault import Act, Fault
from tests.lab.lab import Lab


def guest(script: str) -> Act:
    def act(lab: Lab) -> None:
        lab.in_guest(script)

    return act


def stopped(protocol: Protocol, unit: str) -> Fault:
    return Fault(
        name=f"{unit} stopped",
        protocol=protocol,
        inject=guest(f"systemctl stop {unit}"),
        causes=frozenset({"GuestServiceStopped"}),
    )


def masked(protocol: Protocol, unit: str) -> Fault:
    return Fault(
        name=f"{unit} masked",
        protocol=protocol,
        inject=guest(f"systemctl mask --now {unit}"),
        causes=frozenset({"GuestServiceMasked"}),
    )


FAULTS = [
    stopped(Protocol.SSH, "ssh"),
    stopped(Protocol.RDP, "xrdp"),
    masked(Protocol.SSH, "ssh"),
    masked(Protocol.RDP, "xrdp"),
    Fault(
        name="ssh at another port",
        protocol=Protocol.SSH,
        inject=guest("sed -i 's/^#*Port .*/Port 2022/' /etc/ssh/sshd_config; systemctl restart ssh"),
        causes=frozenset({"GuestPortChanged"}),
    ),
    Fault(
        name="xrdp at another port",
        inject=guest("sed -i '0,/^port=/s/^port=.*/port=3390/' /etc/xrdp/xrdp.ini; systemctl restart xrdp"),
        causes=frozenset({"GuestPortChanged"}),
    ),
]
