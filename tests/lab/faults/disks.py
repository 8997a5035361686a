"""The guest's disk: full, or not to be written to."""

from __future__ import annotations

from tests.lab.fault import Answers, Fault, guest

FULL = """
cp /etc/xrdp/xrdp.ini /run/
cat /dev/zero >/var/filler 2>/dev/null
cat /dev/zero >/var/more 2>/dev/null
cat /run/xrdp.ini >/etc/xrdp/xrdp.ini
systemctl restart xrdp
"""
READ_ONLY = """
sync
echo u >/proc/sysrq-trigger
sleep 3
systemctl stop xrdp xrdp-sesman
systemctl start xrdp
"""

FAULTS = [
    # Somebody changed the configuration when there was no room left for it: then there is none.
    Fault(
        name="disk full",
        inject=guest(FULL),
        causes=frozenset({"GuestDiskFull", "DiskFull"}),
        mendable=False,
        answers=Answers(yes=False),
    ),
    # The kernel does this to a file system with errors; what starts then cannot write what it has to.
    Fault(
        name="root read-only",
        inject=guest(READ_ONLY),
        causes=frozenset({"GuestReadOnly", "RootReadOnly"}),
    ),
]
