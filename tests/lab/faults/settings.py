"""Settings that are legal to whoever wrote them, and let nobody in."""

from __future__ import annotations

from outofband.wire.remote import Protocol
from tests.lab.fault import Fault, guest
from tests.lab.faults.accounts import OWNER
from tests.lab.lab import USER

VERSIONS = "sed -i 's/^ssl_protocols=.*/ssl_protocols=TLSv9/' /etc/xrdp/xrdp.ini; systemctl restart xrdp"

FAULTS = [
    Fault(
        name="xrdp without a version of TLS",
        inject=guest(VERSIONS),
        causes=frozenset({"GuestConfigurationBroken"}),
    ),
    # sshd takes it, and begins nothing with it but its change.
    Fault(
        name="password to be changed",
        protocol=Protocol.SSH,
        inject=guest(f"chage -d 0 {USER}"),
        causes=frozenset({"GuestPasswordExpired"}),
        answers=OWNER,
    ),
]
