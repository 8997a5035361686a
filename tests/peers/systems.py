"""Another Linux system for a jail: Debian with what distributions look after networks and firewalls by.

One root has them all; a test takes away what its system would not have. Made once, kept with the guests.
"""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from pathlib import Path
from typing import Final

from guests.bootstrap import bootstrap
from guests.debian.recipe import SUITE
from guests.folder import locked
from tests.peers.guest import cache_folder

PROGRAMS: Final = (
    "systemd", "systemd-sysv", "dbus", "procps", "iproute2", "openssl", "openssh-server", "xrdp",
    "busybox-static",
    # Firewalls.
    "nftables", "iptables", "ufw", "firewalld",
    # Who looks after cards, and who answers them.
    "network-manager", "netplan.io", "ifupdown", "isc-dhcp-client", "dhcpcd5", "udhcpc", "dnsmasq-base",
)  # fmt: skip
OPENRC: Final = ("openrc", "procps", "iproute2", "openssl", "openssh-server", "xrdp", "busybox-static")


def system(programs: tuple[str, ...] = PROGRAMS) -> Path:
    """The root folder of such a system. Nothing may write to it."""
    name = hashlib.sha256("\n".join((SUITE, *programs)).encode()).hexdigest()[:16]
    folder = cache_folder() / "systems"
    folder.mkdir(parents=True, exist_ok=True)
    with locked(folder):
        root = folder / name
        if not root.exists():
            with tempfile.TemporaryDirectory(dir=folder) as scratch:
                made = Path(scratch, "root")
                bootstrap(programs, SUITE, str(made), scratch=Path(scratch), options=("--format=directory",))
                shutil.move(made, root)
    return root


SHELLS: Final = ("dash", "bash", "/bb/sh")
"""What runs a step. The last one is busybox, with its own make of every program that it has."""
BUSYBOX = """\
mkdir /bb
/bin/busybox --install -s /bb
"""
NEIGHBOUR = """\
# A computer at the other end of eth0's cable, in a network of its own. It has 10.9.0.1, and 10.9.0.4 to give.
mac=52:54:00:00:00:05
unshare -n sleep 300 &
far=$!
until [ "$(readlink /proc/$far/ns/net)" != "$(readlink /proc/self/ns/net)" ]; do sleep 0.05; done
ip link add eth0 address $mac type veth peer name far
ip link set far netns $far
there() { nsenter -t $far -n "$@"; }
there ip addr add 10.9.0.1/24 dev far
there ip addr add 10.8.0.1/24 dev far
there ip link set far up
serve() {
    there dnsmasq --conf-file=/dev/null --port=0 -i far --dhcp-range=10.9.0.4,10.9.0.4,1h --leasefile-ro \\
        --dhcp-host=$mac,10.9.0.4 --dhcp-ignore-clid --dhcp-authoritative --no-ping -u root \\
        -x /run/serves "$@"
    until [ -s /run/serves ]; do sleep 0.05; done
}
# What the neighbour sees at a port here. Drops are silent, so what is behind one is waited for no longer.
sees() {
    there timeout "${patience:-5}" bash -c "exec 3<>/dev/tcp/10.9.0.4/$1 && echo open" 2>/dev/null ||
        echo closed
}
"""
