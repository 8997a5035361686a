"""The guest's disk: full, or not to be written to."""

from __future__ import annotations

from outofband.wire.remote import Protocol
from tests.lab.fault import Answers, Fault, guest

FULL = """
rm -f /etc/ssh/ssh_host_*
cat /dev/zero >/var/filler 2>/dev/null
cat /dev/zero >/var/more 2>/dev/null
systemctl restart ssh
"""
READ_ONLY = """
sync
echo u >/proc/sysrq-trigger
sleep 3
# By its own means its end waits up to a minute and a half for what it cannot write.
systemctl kill -s KILL xrdp xrdp-sesman
systemctl stop xrdp xrdp-sesman
systemctl start xrdp
"""
# What cannot be written to keeps services down.
FOLLOWS = {"GuestServiceStopped", "GuestServiceFailed", "GuestFileNotWritten"}

FAULTS = [
    # A copy of a machine makes its own keys at its first start, and there is no room for them.
    Fault(
        name="disk full",
        protocol=Protocol.SSH,
        inject=guest(FULL),
        causes=frozenset({"GuestDiskFull", "DiskFull"}),
        beside=frozenset({"GuestHostKeysMissing", *FOLLOWS}),
        mendable=False,
        answers=Answers(yes=False),
    ),
    # The kernel does this to a file system with errors; what starts then cannot write what it has to.
    Fault(
        name="root read-only",
        inject=guest(READ_ONLY),
        causes=frozenset({"GuestReadOnly", "RootReadOnly"}),
        beside=frozenset(FOLLOWS),
    ),
]
