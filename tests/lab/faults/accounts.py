"""Somebody who is let in by the network and not by the account."""

from __future__ import annotations

from outofband.wire.remote import Protocol
from tests.lab.fault import Answers, Fault, guest, nothing
from tests.lab.lab import PASSWORD, USER

OWNER = Answers(user=USER, password=PASSWORD)

FAULTS = [
    Fault(
        name="account locked",
        protocol=Protocol.SSH,
        inject=guest(f"usermod -L {USER}"),
        causes=frozenset({"GuestAccountLocked"}),
        answers=OWNER,
    ),
    Fault(
        name="account ended",
        protocol=Protocol.SSH,
        inject=guest(f"chage -E 1 {USER}"),
        causes=frozenset({"GuestAccountExpired"}),
        answers=OWNER,
    ),
    Fault(
        name="password ended",
        protocol=Protocol.SSH,
        inject=guest(f"chage -d 2020-01-01 -M 30 -I 0 {USER}"),
        causes=frozenset({"GuestPasswordExpired"}),
        answers=OWNER,
    ),
    Fault(
        name="wrong password",
        protocol=Protocol.SSH,
        inject=nothing,
        causes=frozenset({"SshWrongCredentials"}),
        answers=Answers(user=USER, password="plover-sedge-19"),
    ),
]
