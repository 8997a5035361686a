"""Where recipes find guests to break: kernels, the demo guest, Debian, firmware; built once into one folder.

A recipe belongs to one part of the corpus. The parts differ in everything that can differ without changing
what goes wrong: kernel, chip set, processors, memory, how much is said at boot. What a recipe gets is drawn
with its name as the seed, so that it gets the same again.
"""

from __future__ import annotations

import random
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from guests import build as demo
from guests import packages, recipe
from guests.archive import Archive
from guests.broken.disks import Ext4
from guests.broken.machine import Machine, running
from guests.broken.recording import Recording
from guests.debian import build as debian
from guests.debian import recipe as debian_recipe

KNOWN: Final = "known"
HELD_OUT: Final = "held_out"
PARTS: Final = (KNOWN, HELD_OUT)
PASSWORD: Final = "kelp-otter-42"  # noqa: S105 - of guests that live for a minute

NEWER_KERNEL: Final = "linux-image-6.12-cloud-amd64"
PLAIN_KERNEL: Final = "linux-image-amd64"
KERNELS: Final = {
    KNOWN: (recipe.KERNEL_META,),
    HELD_OUT: (NEWER_KERNEL, PLAIN_KERNEL),
}
"""Meta packages the bare kernel of a part is taken from."""
CHIP_SETS: Final = {KNOWN: ("pc",), HELD_OUT: ("q35", "q35", "pc")}
WORDS: Final = {
    KNOWN: ("", "", "loglevel=7", "quiet"),
    HELD_OUT: ("", "quiet", "printk.time=0", "loglevel=6", "debug"),
}
"""For the kernel's command line."""
INIT_WORDS: Final = {
    KNOWN: ("", "systemd.log_color=no", ""),
    HELD_OUT: ("", "systemd.status_unit_format=name", "systemd.log_color=no systemd.show_status=1"),
}
DEBIAN_PACKAGES: Final = {
    KNOWN: (*debian_recipe.PACKAGES, "cloud-init"),
    HELD_OUT: tuple(
        NEWER_KERNEL if name == recipe.KERNEL_META else name
        for name in (*debian_recipe.PACKAGES, "cloud-init")
    ),
}
PROCESSOR: Final = "qemu64"
"""Emulated: what a newer one can do costs time in each program that makes use of it, and modules at boot."""
QUICK: Final = "mitigations=off"
"""For the same reason."""
KEY_MAKERS: Final = ("ssh", "xrdp", "xrdp-sesman")
"""Which costs an emulated processor half a minute."""
CHECKERS: Final = {
    "util-linux": ("sbin/fsck", "usr/sbin/fsck"),
    "e2fsprogs": ("sbin/e2fsck", "usr/sbin/fsck.ext4"),
    "logsave": ("sbin/logsave", "usr/sbin/logsave"),
}
"""By package: where it is, and where it goes."""
CHECKER_LIBRARIES: Final = {
    "libext2fs2": ("libext2fs.so.2", "libe2p.so.2"),
    "libcom-err2": ("libcom_err.so.2",),
    "libmount1": ("libmount.so.1",),
    "libblkid1": ("libblkid.so.1",),
    "libuuid1": ("libuuid.so.1",),
    "libselinux1": ("libselinux.so.1",),
    "libpcre2-8-0": ("libpcre2-8.so.0",),
}
OVMF: Final = "ovmf"
OVMF_FILES: Final = ("usr/share/OVMF/OVMF_CODE.fd", "usr/share/OVMF/OVMF_VARS.fd")


def checking_initrd(house: Path, initrd: Path, made: Path) -> Path:
    """Make `made`: an initial root file system of Debian's with what checks the root before it is mounted.

    `house` keeps the packages that this takes.
    """
    folder = house / "fsck"
    if not (folder / "versions").exists():
        fetched = packages.fetch([*CHECKERS, *CHECKER_LIBRARIES], folder)
        (folder / "versions").write_text("".join(f"{each.name} {each.file}\n" for each in fetched))
    files = dict(line.split() for line in (folder / "versions").read_text().splitlines())
    archive = Archive()
    for package, (source, target) in CHECKERS.items():
        content = packages.read_members(folder / files[package], [source])[source]
        archive.file(target, content, 0o755)
    for package, names in CHECKER_LIBRARIES.items():
        for name, content in packages.read_libraries(folder / files[package], names).items():
            archive.file(f"usr/lib/x86_64-linux-gnu/{name}", content, 0o755)
    content = initrd.read_bytes()
    made.write_bytes(content + bytes(-len(content) % 4) + archive.to_bytes())
    return made


@dataclass
class Lab:
    """What one recipe works with. `house` keeps what was built; `scratch` is gone with the recipe."""

    house: Path
    scratch: Path
    part: str
    name: str
    recording: Recording = field(default_factory=Recording)
    said: list[str] = field(default_factory=list)
    """What the guest was made of, for the label."""

    def __post_init__(self) -> None:
        self.draw = random.Random(f"{self.part}/{self.name}")  # noqa: S311 - no secret
        self.chip_set = self.draw.choice(CHIP_SETS[self.part])
        self.words = self.draw.choice(WORDS[self.part])
        self.init_words = self.draw.choice(INIT_WORDS[self.part])
        self.kernel_package = self.draw.choice(KERNELS[self.part])

    # --- what there is to boot

    def kernel(self) -> Path:
        """The kernel of the part, out of its package."""
        folder = self.house / self.kernel_package
        image = folder / "vmlinuz"
        if not image.exists():
            name = packages.dependency(self.kernel_package, r"linux-image-[0-9]\S*-amd64")
            fetched = packages.fetch([name], folder)[0]
            path = recipe.KernelFiles.of_package(name).image
            image.write_bytes(packages.read_members(folder / fetched.file, [path])[path])
            (folder / "release").write_text(name.removeprefix("linux-image-"))
        self.said.append(f"Linux {(folder / 'release').read_text()}")
        return image

    def demo_guest(self) -> demo.Guest:
        """The demo guest's root file system; it goes with any kernel, but its modules do not."""
        return demo.build(self.house / "demo", password=PASSWORD)

    def debian_guest(self) -> debian.DebianGuest:
        """Debian with cloud-init, which is switched off unless a recipe wants it."""
        return debian.build(
            self.house / f"debian-{self.part}", password=PASSWORD, packages=DEBIAN_PACKAGES[self.part]
        )

    def firmware(self) -> tuple[Path, Path]:
        """UEFI firmware, and a copy of its empty variables."""
        folder = self.house / OVMF
        code = folder / "code.fd"
        if not code.exists():
            fetched = packages.fetch([OVMF], folder)[0]
            contents = packages.read_members(folder / fetched.file, OVMF_FILES)
            (folder / "vars.fd").write_bytes(contents[OVMF_FILES[1]])
            code.write_bytes(contents[OVMF_FILES[0]])
        variables = self.scratch / "vars.fd"
        variables.write_bytes((folder / "vars.fd").read_bytes())
        self.said.append("OVMF")
        return code, variables

    def checking_initrd(self) -> Path:
        """Debian's initial root file system with what checks the root before it is mounted."""
        return checking_initrd(self.house, self.debian_guest().initrd, self.scratch / "initrd.img")

    # --- machines

    @contextmanager
    def machine(
        self,
        *arguments: str,
        memory_mib: int = 256,
        cpus: int = 1,
        screen: bool = False,
        debug: bool = False,
        chip_set: str | None = None,
    ) -> Iterator[Machine]:
        """QEMU with the part's chip set. Without a `screen` SeaBIOS prints on the serial port."""
        chip_set = chip_set or self.chip_set
        off = "" if screen else ",graphics=off"
        command = [
            "-machine", f"{chip_set}{off}", "-accel", "tcg", "-cpu", PROCESSOR,
            "-smp", str(cpus), "-m", str(memory_mib), "-nic", "none",
            *(["-vga", "std"] if screen else []),
            *arguments,
        ]  # fmt: skip
        self.said.append(f"{chip_set}, {cpus} CPU, {memory_mib} MiB")
        with running(command, debug=debug) as machine:
            self.recording = machine.recording
            yield machine
            machine.finish()

    @contextmanager
    def demo(
        self,
        append: str = "",
        *arguments: str,
        files: Archive | None = None,
        initrd: Path | None = None,
        memory_mib: int = 256,
        cpus: int = 1,
        debug: bool = False,
        screen: bool = False,
        quiet_ok: bool = True,
    ) -> Iterator[Machine]:
        """The demo guest, with `files` laid over its own. `initrd` replaces its root file system."""
        guest = self.demo_guest()
        if initrd is None:
            initrd = guest.initrd
            if files is not None:
                initrd = self.scratch / "initrd.img"
                initrd.write_bytes(guest.initrd.read_bytes() + files.to_bytes())
        words = self.words if quiet_ok else ""
        line = f"{guest.cmdline} {words} {append}".strip()
        self.said.append(f"demo guest: {line}")
        kernel = ["-kernel", str(self.kernel()), "-initrd", str(initrd), "-append", line]
        with self.machine(
            *kernel, *arguments, memory_mib=memory_mib, cpus=cpus, debug=debug, screen=screen
        ) as machine:
            yield machine

    def disk(self) -> Ext4:
        """A copy of Debian's disk to spoil, without the services that make keys at their first start."""
        disk = Ext4.copied(self.debian_guest().disk, self.scratch / "disk.img")
        disk.do(*(f"rm /etc/systemd/system/multi-user.target.wants/{unit}.service" for unit in KEY_MAKERS))
        return disk

    @contextmanager
    def debian(
        self,
        disk: Ext4 | Path | None,
        append: str = "",
        *arguments: str,
        root: str = "root=/dev/vda",
        rights: str = "ro",
        drive: Sequence[str] | None = None,
        memory_mib: int = 512,
        cloud: bool = False,
        words: str | None = None,
        initrd: Path | None = None,
    ) -> Iterator[Machine]:
        """Debian from `disk`, which is written to. `drive` replaces how QEMU attaches it."""
        guest = self.debian_guest()
        path = disk.path if isinstance(disk, Ext4) else disk
        attached = drive or (["-drive", f"file={path},format=raw,if=virtio,cache=unsafe"] if path else [])
        quiet = self.words if words is None else words
        off = "" if cloud else "cloud-init=disabled"
        ports = "console=tty0 console=ttyS0,115200"
        line = " ".join(f"{root} {rights} {ports} {quiet} {QUICK} {self.init_words} {off} {append}".split())
        self.said.append(f"Debian 12: {line}")
        kernel = ["-kernel", str(guest.kernel), "-initrd", str(initrd or guest.initrd), "-append", line]
        with self.machine(*kernel, *attached, *arguments, memory_mib=memory_mib) as machine:
            yield machine


@contextmanager
def lab(house: Path, part: str, name: str) -> Iterator[Lab]:
    """A lab for one recipe."""
    house.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="oob-broken-", dir=house) as folder:
        yield Lab(house, Path(folder), part, name)


def root_login(machine: Machine, host: str = "tgt01") -> None:
    """From Debian's login prompt to a root shell."""
    machine.expect(rb"login: $")
    machine.send(b"root\r", pace_s=0.02)
    machine.expect(rb"Password: $")
    machine.send(PASSWORD.encode() + b"\r", pace_s=0.02)
    machine.expect(rb"root@" + host.encode() + rb":~# $")
