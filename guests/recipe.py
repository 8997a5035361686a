"""What the demo guest consists of: Debian's cloud kernel, a static busybox, QEMU's guest agent with the
libraries it needs, and the files in `demo/`.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from guests.archive import Archive

HERE: Final = Path(__file__).resolve().parent
OVERLAY: Final = HERE / "demo"

KERNEL_META: Final = "linux-image-cloud-amd64"
KERNEL_PATTERN: Final = r"linux-image-[0-9][a-z0-9.+-]*-cloud-amd64"
BUSYBOX: Final = "busybox-static"
BUSYBOX_PATH: Final = "bin/busybox"
AGENT: Final = "qemu-guest-agent"
AGENT_PATH: Final = "usr/sbin/qemu-ga"
LIBRARIES: Final = {
    "libc6": ("ld-linux-x86-64.so.2", "libc.so.6", "libm.so.6"),
    "libglib2.0-0": ("libglib-2.0.so.0", "libgmodule-2.0.so.0"),
    "libnuma1": ("libnuma.so.1",),
    "libpcre2-8-0": ("libpcre2-8.so.0",),
    "libudev1": ("libudev.so.1",),
    "liburing2": ("liburing.so.2",),
}
"""What the agent is linked to, by package."""
PACKAGES: Final = (BUSYBOX, AGENT, *LIBRARIES)
"""Besides the kernel."""

USERNAME: Final = "demo"
# The last console= gets init's output, so ttyS0 is named last; tty0 makes a screenshot worth taking.
CMDLINE: Final = "console=tty0 console=ttyS0,115200"

_USER_ID: Final = 1000
# button and evdev carry the power button; pvpanic tells the host of a panic where the host offers the device.
_MODULES: Final = (
    "kernel/drivers/acpi/button.ko",
    "kernel/drivers/input/evdev.ko",
    "kernel/drivers/misc/pvpanic/pvpanic.ko",
    "kernel/drivers/misc/pvpanic/pvpanic-mmio.ko",
    # The port of the guest agent, in the order in which they are loaded.
    "kernel/drivers/virtio/virtio_ring.ko",
    "kernel/drivers/virtio/virtio.ko",
    "kernel/drivers/virtio/virtio_pci_modern_dev.ko",
    "kernel/drivers/virtio/virtio_pci_legacy_dev.ko",
    "kernel/drivers/virtio/virtio_pci.ko",
    "kernel/drivers/char/virtio_console.ko",
    # A card, where the guest is given one.
    "kernel/net/core/failover.ko",
    "kernel/drivers/net/net_failover.ko",
    "kernel/drivers/net/virtio_net.ko",
)
_LIBRARY_FOLDER: Final = "lib/x86_64-linux-gnu"
_LOADER: Final = "ld-linux-x86-64.so.2"


@dataclass(frozen=True)
class KernelFiles:
    """Where a kernel package keeps what the guest needs, as paths relative to the root."""

    image: str
    modules: tuple[str, ...]

    @classmethod
    def of_package(cls, name: str) -> KernelFiles:
        """The paths in the package `linux-image-RELEASE`."""
        release = name.removeprefix("linux-image-")
        return cls(f"boot/vmlinuz-{release}", tuple(f"lib/modules/{release}/{path}" for path in _MODULES))


def fingerprint() -> str:
    """SHA-256 over everything in this folder that decides the guest's content."""
    digest = hashlib.sha256()
    sources = [HERE / "archive.py", HERE / "recipe.py", *sorted(p for p in OVERLAY.rglob("*") if p.is_file())]
    for source in sources:
        content = source.read_bytes()
        digest.update(f"{source.relative_to(HERE)} {source.stat().st_mode & 0o100} {len(content)}\n".encode())
        digest.update(content)
    return digest.hexdigest()


def initramfs(
    *,
    busybox: bytes,
    agent: bytes,
    libraries: dict[str, bytes],
    modules: dict[str, bytes],
    password_hash: str,
) -> bytes:
    """The guest's root file system as an uncompressed archive; `libraries` and `modules` map file names to
    their content.

    It is left uncompressed because QEMU places 8 MB faster than an emulated CPU unpacks them.
    """
    root = Archive()
    root.directory(".")
    for path in ("dev", "proc", "run", "sbin", "sys", "usr/sbin", "var/log", "var/run"):
        root.directory(path)
    root.directory("tmp", 0o1777)
    root.directory("root", 0o700)
    root.directory(f"home/{USERNAME}", 0o755, owner=_USER_ID)
    # init's first step happens before /dev is mounted and needs somewhere to print.
    root.character_device("dev/console", 5, 1)

    # Set-uid for `su`: busybox gives the privilege up itself in every command that is not meant to have it.
    root.file(BUSYBOX_PATH, busybox, 0o4755)
    root.symlink("bin/sh", "busybox")
    root.symlink("init", BUSYBOX_PATH)
    root.file(AGENT_PATH, agent, 0o755)
    for name, content in libraries.items():
        root.file(f"{_LIBRARY_FOLDER}/{name}", content, 0o755)
    root.symlink(f"lib64/{_LOADER}", f"/{_LIBRARY_FOLDER}/{_LOADER}")
    for name, content in modules.items():
        root.file(f"lib/modules/{name}", content)

    root.tree(OVERLAY)
    accounts = {"root": ("0:0", "/root"), USERNAME: (f"{_USER_ID}:{_USER_ID}", f"/home/{USERNAME}")}
    passwd = "".join(f"{name}:x:{ids}::{home}:/bin/sh\n" for name, (ids, home) in accounts.items())
    root.file("etc/passwd", passwd.encode())
    root.file("etc/group", f"root:x:0:\ntty:x:5:\n{USERNAME}:x:{_USER_ID}:\n".encode())
    root.file("etc/shadow", "".join(f"{name}:{password_hash}:0::::::\n" for name in accounts).encode(), 0o600)
    return root.to_bytes()
