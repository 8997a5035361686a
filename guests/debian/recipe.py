"""What the Debian guest consists of: its packages, the files laid over them, and how it is put together."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Final

HERE: Final = Path(__file__).resolve().parent
OVERLAY: Final = HERE / "files"
CUSTOMIZE: Final = HERE / "customize.sh"

SUITE: Final = "bookworm"
PACKAGES: Final = (
    "systemd", "systemd-sysv", "udev", "dbus", "kmod", "login", "passwd", "sudo", "procps",
    "iproute2", "ifupdown", "isc-dhcp-client", "nftables", "ca-certificates", "curl",
    "openssh-server", "xrdp", "qemu-guest-agent", "initramfs-tools", "linux-image-cloud-amd64",
)  # fmt: skip
"""xrdp without Xvnc or xorgxrdp: it answers the first stage of RDP, and there is no desktop behind it."""

USERNAME: Final = "operator1"
# The last console= gets init's output, so ttyS0 is named last; tty0 makes a screenshot worth taking.
# Its card is eth0, wherever on the bus it is.
CMDLINE: Final = "root=/dev/vda rw net.ifnames=0 console=tty0 console=ttyS0,115200"
DISK_SIZE: Final = "1G"
"""Of the root file system; the file has holes and takes about half of it."""


def fingerprint(packages: Sequence[str] = PACKAGES) -> str:
    """SHA-256 over everything that decides the guest's content but the packages' versions."""
    digest = hashlib.sha256()
    if tuple(packages) != PACKAGES:
        digest.update(" ".join(packages).encode())
    sources = [Path(__file__), CUSTOMIZE, *sorted(path for path in OVERLAY.rglob("*") if path.is_file())]
    for source in sources:
        content = source.read_bytes()
        digest.update(f"{source.relative_to(HERE)} {source.stat().st_mode & 0o100} {len(content)}\n".encode())
        digest.update(content)
    return digest.hexdigest()
