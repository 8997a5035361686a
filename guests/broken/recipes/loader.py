"""Firmware that finds nothing to boot, and GRUB that does not get further."""

from __future__ import annotations

import shutil
import struct
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from guests import grub
from guests.broken.disks import blank
from guests.broken.lab import Lab
from guests.broken.machine import Machine
from guests.broken.registry import Shows, recipe
from guests.packages import run_tool

NO_DEVICE = Shows("NoBootableDevice", rb"No bootable device\.")
RESCUE = Shows("GrubRescue", rb"grub rescue>")
PROMPT = Shows("GrubPrompt", rb"grub>")
GONE = Shows("GrubFileMissing", rb"error: file [`'][^\r\n]+' not found\.", {})
UEFI = Shows(
    "UefiBootFailed", rb"BdsDxe: (failed to (load|start)[^\r\n]+|No bootable option or device was found\.)"
)
UEFI_ALSO = Shows(
    "NoBootableDevice", rb"BdsDxe: No bootable option or device was found", maybe=True, open=True
)
RESCUE_TOO = Shows("GrubRescue", rb"grub rescue>", maybe=True, open=True)


# --- SeaBIOS


def _bios(lab: Lab, *arguments: str, chip_set: str | None = None) -> None:
    with lab.machine(*arguments, chip_set=chip_set, memory_mib=64) as machine:
        machine.expect(rb"No bootable device\.")
        machine.run_for(3.0)


@recipe("bios-empty-disk", "NoBootableDevice", NO_DEVICE)
def empty_disk(lab: Lab) -> None:
    """A disk with nothing on it."""
    _bios(lab, "-drive", f"file={blank(lab.scratch / 'disk')},format=raw,if=virtio")


@recipe("bios-no-disk", "NoBootableDevice", NO_DEVICE)
def no_disk(lab: Lab) -> None:
    """No disk at all."""
    _bios(lab)


@recipe("bios-empty-cd", "NoBootableDevice", NO_DEVICE)
def empty_cd(lab: Lab) -> None:
    """A disc that no machine can start from, and an empty disk."""
    disc = blank(lab.scratch / "disc", 2)
    _bios(
        lab,
        "-cdrom",
        str(disc),
        "-drive",
        f"file={blank(lab.scratch / 'disk')},format=raw",
        "-boot",
        "order=dc",
    )


@recipe("bios-wiped-sector", "NoBootableDevice", NO_DEVICE)
def wiped_sector(lab: Lab) -> None:
    """A disk with a file system and no boot sector, and a second one like it."""
    first, second = blank(lab.scratch / "a", 16), blank(lab.scratch / "b", 16)
    run_tool(["/usr/sbin/mke2fs", "-q", "-F", "-t", "ext4", str(first)], timeout_s=60)
    drives = [word for path in (first, second) for word in ("-drive", f"file={path},format=raw,if=virtio")]
    _bios(lab, *drives)


@recipe("bios-floppy", "NoBootableDevice", NO_DEVICE)
def floppy(lab: Lab) -> None:
    """An empty diskette comes first, then an empty disk."""
    diskette = lab.scratch / "floppy"
    diskette.write_bytes(bytes(1474560))
    _bios(
        lab, "-drive", f"file={diskette},format=raw,if=floppy", "-drive",
        f"file={blank(lab.scratch / 'disk')},format=raw,if=ide", "-boot", "order=ac", chip_set="pc",
    )  # fmt: skip


@recipe("bios-network", "NoBootableDevice", NO_DEVICE)
def network(lab: Lab) -> None:
    """The network is asked after the disk, and nobody there answers."""
    _bios(
        lab, "-netdev", "user,id=n0,restrict=on", "-device", "virtio-net-pci,netdev=n0", "-drive",
        f"file={blank(lab.scratch / 'disk')},format=raw,if=virtio", "-boot", "order=cn",
    )  # fmt: skip


# --- UEFI


@contextmanager
def uefi(lab: Lab, *arguments: str, memory_mib: int = 256) -> Iterator[Machine]:
    """A machine with UEFI firmware."""
    code, variables = lab.firmware()
    with lab.machine(
        "-drive", f"if=pflash,format=raw,readonly=on,file={code}",
        "-drive", f"if=pflash,format=raw,file={variables}",
        *arguments, memory_mib=memory_mib, chip_set="q35", screen=True,
    ) as machine:  # fmt: skip
        yield machine


def _uefi_fails(lab: Lab, *arguments: str) -> None:
    with uefi(lab, *arguments) as machine:
        machine.expect(rb"BdsDxe: (failed to|No bootable)|Shell> $")
        machine.quiet(6.0, timeout_s=90.0)


@recipe("uefi-empty-disk", "UefiBootFailed", UEFI, UEFI_ALSO)
def uefi_empty(lab: Lab) -> None:
    """An empty disk."""
    disk = blank(lab.scratch / "disk")
    _uefi_fails(
        lab,
        "-drive",
        f"file={disk},format=raw,if=none,id=d0",
        "-device",
        "virtio-blk-pci,drive=d0,bootindex=1",
    )


@recipe("uefi-no-system", "UefiBootFailed", UEFI, UEFI_ALSO)
def uefi_no_system(lab: Lab) -> None:
    """A disk whose file system the firmware does not know, on a SATA port."""
    disk = blank(lab.scratch / "disk", 16)
    run_tool(["/usr/sbin/mke2fs", "-q", "-F", "-t", "ext4", str(disk)], timeout_s=60)
    _uefi_fails(
        lab, "-drive", f"file={disk},format=raw,if=none,id=d0", "-device", "ide-hd,drive=d0,bootindex=1"
    )


@recipe("uefi-empty-cd", "UefiBootFailed", UEFI, UEFI_ALSO)
def uefi_cd(lab: Lab) -> None:
    """A disc that is not made for starting, and an NVMe disk with nothing on it."""
    disc, disk = blank(lab.scratch / "disc", 2), blank(lab.scratch / "disk")
    _uefi_fails(
        lab, "-cdrom", str(disc), "-drive", f"file={disk},format=raw,if=none,id=d0",
        "-device", "nvme,drive=d0,serial=oob1,bootindex=2",
    )  # fmt: skip


@recipe("uefi-scsi", "UefiBootFailed", UEFI, UEFI_ALSO)
def uefi_scsi(lab: Lab) -> None:
    """An empty disk behind a SCSI controller."""
    disk = blank(lab.scratch / "disk")
    _uefi_fails(
        lab, "-device", "virtio-scsi-pci,id=s0", "-drive", f"file={disk},format=raw,if=none,id=d0",
        "-device", "scsi-hd,drive=d0,bus=s0.0,bootindex=1",
    )  # fmt: skip


# --- GRUB


def _rescue_disk(lab: Lab, prefix: str, modules: Sequence[str], early: str = "") -> Path:
    """A disk whose GRUB looks for its files at `prefix`; `early` is what it does before that."""
    core, out = lab.scratch / "core.img", lab.scratch / "grub.img"
    words = ["grub-mkimage", "-O", "i386-pc", "-d", str(grub.IMAGES), "-p", prefix, "-o", str(core)]
    if early:
        script = lab.scratch / "early.cfg"
        script.write_text(early)
        words += ["-c", str(script)]
    run_tool([*words, *modules], timeout_s=grub.TOOL_TIMEOUT_S)
    boot = bytearray((grub.IMAGES / "boot.img").read_bytes())
    boot[446:512] = bytes(66)
    boot[446:462] = struct.pack("<B3sB3sII", 0x80, b"\xfe\xff\xff", 0x83, b"\xfe\xff\xff", 2048, 14336)
    boot[510:512] = b"\x55\xaa"
    part = blank(lab.scratch / "part", 7)
    with tempfile.TemporaryDirectory(dir=lab.scratch) as folder:
        files = Path(folder) / "boot" / "grub"
        files.mkdir(parents=True)
        (files / "grub.cfg").write_text("menuentry 'Debian GNU/Linux' { linux /vmlinuz root=/dev/vda1 ro }\n")
        mke2fs = shutil.which("mke2fs") or "/usr/sbin/mke2fs"
        run_tool([mke2fs, "-q", "-F", "-t", "ext2", "-d", folder, str(part)], timeout_s=60)
    data = bytearray(8 * 2**20)
    data[: len(boot)] = boot
    image = core.read_bytes()
    data[512 : 512 + len(image)] = image
    data[2048 * 512 : 2048 * 512 + part.stat().st_size] = part.read_bytes()
    out.write_bytes(data)
    return out


def _rescue(lab: Lab, prefix: str, modules: Sequence[str], early: str = "", typed: bytes = b"") -> None:
    disk = _rescue_disk(lab, prefix, modules, early)
    with lab.machine("-drive", f"file={disk},format=raw,if=virtio", memory_mib=64) as machine:
        machine.expect(rb"grub rescue> $")
        machine.run_for(2.0)
        if typed:
            machine.send(typed + b"\r", pace_s=0.1)
            machine.run_for(3.0)


PLAIN = ("biosdisk", "part_msdos", "ext2")


@recipe("grub-rescue-partition", "GrubRescue", RESCUE)
def rescue_partition(lab: Lab) -> None:
    """The partition that GRUB's files were on was renumbered."""
    _rescue(lab, "(hd0,msdos5)/boot/grub", PLAIN)


@recipe("grub-rescue-disk", "GrubRescue", RESCUE)
def rescue_disk(lab: Lab) -> None:
    """The disk with GRUB's files is gone."""
    _rescue(lab, "(hd2,msdos1)/grub", PLAIN, typed=b"ls")


@recipe("grub-rescue-file-system", "GrubRescue", RESCUE)
def rescue_file_system(lab: Lab) -> None:
    """GRUB has no driver for the file system that its files are on."""
    _rescue(lab, "(hd0,msdos1)/boot/grub", ("biosdisk", "part_msdos"), typed=b"ls (hd0,msdos1)/")


@recipe(
    "grub-rescue-no-module", "GrubRescue", RESCUE, Shows("GrubFileMissing", GONE.text, maybe=True, open=True)
)
def rescue_module(lab: Lab) -> None:
    """The file system is there and GRUB's modules are not."""
    _rescue(lab, "(hd0,msdos1)/boot/grub", PLAIN)


@recipe("grub-rescue-uuid", "GrubRescue", RESCUE)
def rescue_uuid(lab: Lab) -> None:
    """The file system that GRUB looks for was made anew and has another UUID."""
    early = "search.fs_uuid 8be4df61-93ca-11d2-aa0d-00e098032b8c root\nset prefix=($root)/boot/grub\n"
    _rescue(lab, "(hd0,msdos3)/boot/grub", (*PLAIN, "search_fs_uuid"), early, typed=b"set")


@recipe("grub-rescue-symbol", "GrubRescue", RESCUE)
def rescue_empty_prefix(lab: Lab) -> None:
    """GRUB without a place to look at."""
    _rescue(lab, "(hd0)/boot/grub", PLAIN)


def _menu(lab: Lab, config: str) -> Path:
    return grub.build(lab.scratch / "grub.img", lab.demo_guest(), config=config)


@contextmanager
def _grub(lab: Lab, config: str, *arguments: str) -> Iterator[Machine]:
    disk = _menu(lab, config)
    with lab.machine("-drive", f"file={disk},format=raw,if=virtio", *arguments, memory_mib=256) as machine:
        yield machine


SERIAL = "serial --unit=0 --speed=115200\nterminal_input serial\nterminal_output serial\n"


def entry(
    title: str, kernel: str = "/boot/vmlinuz", initrd: str = "/boot/initrd.img", words: str = ""
) -> str:
    """An entry of GRUB's menu."""
    return (
        f'menuentry "{title}" {{\n    echo "Loading Linux ..."\n    linux {kernel} root=/dev/vda1 ro '
        f'console=tty0 console=ttyS0,115200 {words}\n    echo "Loading initial ramdisk ..."\n'
        f"    initrd {initrd}\n}}\n"
    )


@recipe("grub-no-config", "GrubPrompt", PROMPT)
def no_config(lab: Lab) -> None:
    """GRUB's configuration is empty but for its terminal."""
    with _grub(lab, SERIAL) as machine:
        machine.expect(rb"grub> $")
        machine.run_for(2.0)
        machine.send(b"ls\r", pace_s=0.1)
        machine.run_for(2.0)


@recipe("grub-nothing", "GrubPrompt", PROMPT)
def nothing(lab: Lab) -> None:
    """GRUB's configuration is an empty file; the firmware carries its screen to the serial port."""
    with _grub(lab, "") as machine:
        machine.expect(rb"grub> $")
        machine.run_for(3.0)


@recipe("grub-command-line", "GrubPrompt", PROMPT)
def command_line(lab: Lab) -> None:
    """Somebody leaves the menu for the command line and stays there."""
    with _grub(
        lab, SERIAL + "set timeout=30\n" + entry("Debian GNU/Linux") + entry("Memory test")
    ) as machine:
        machine.expect(rb"Debian GNU/Linux")
        machine.run_for(1.0)
        machine.send(b"c")
        machine.expect(rb"grub> $")
        machine.run_for(2.0)
        machine.send(b"ls (hd0,msdos1)/boot\r", pace_s=0.1)
        machine.run_for(2.0)


@recipe("grub-syntax", "GrubPrompt", PROMPT)
def syntax(lab: Lab) -> None:
    """An error in GRUB's configuration leaves no entry."""
    config = SERIAL + "set timeout=5\nmenuentry 'Debian' {\n  linux /boot/vmlinuz\n"
    with _grub(lab, config) as machine:
        machine.expect(rb"grub> $")
        machine.run_for(2.0)


@recipe("grub-kernel-gone", "GrubFileMissing", GONE)
def kernel_gone(lab: Lab) -> None:
    """The kernel of the chosen entry was removed."""
    config = SERIAL + "set timeout=1\n" + entry("Debian GNU/Linux", "/boot/vmlinuz-6.1.0-44-amd64")
    with _grub(lab, config) as machine:
        machine.expect(rb"not found\.")
        machine.run_for(4.0)


@recipe(
    "grub-initrd-gone",
    "GrubFileMissing",
    GONE,
    Shows("KernelPanic", rb"Kernel panic - not syncing: [^\n]+\n", maybe=True),
)
def initrd_gone(lab: Lab) -> None:
    """The kernel is there and its initial root file system is not."""
    words = "panic=0"
    config = (
        SERIAL
        + "set timeout=1\n"
        + entry("Debian GNU/Linux", initrd="/boot/initrd.img-6.1.0-44-amd64", words=words)
    )
    with _grub(lab, config) as machine:
        machine.expect(rb"not found\.")
        machine.run_for(3.0)


@recipe("grub-module-gone", "GrubFileMissing", GONE)
def module_gone(lab: Lab) -> None:
    """An entry needs a module of GRUB that is not installed."""
    config = (
        SERIAL
        + "set timeout=1\nmenuentry 'Debian GNU/Linux' {\n  insmod gzio\n  insmod btrfs\n  set root='hd0,msdos1'\n"
    )
    config += "  linux /@rootfs/boot/vmlinuz-6.1.0-44-amd64 root=UUID=0c6b ro quiet\n}\n"
    with _grub(lab, config) as machine:
        machine.expect(rb"not found\.")
        machine.run_for(4.0)


@recipe("grub-config-names-old", "GrubFileMissing", GONE)
def old_entries(lab: Lab) -> None:
    """Every entry of the menu names a kernel that was removed; somebody tries two of them."""
    config = SERIAL + "set timeout=2\n" + "".join(
        entry(f"Debian GNU/Linux, with Linux 6.1.0-{n}-cloud-amd64", f"/boot/vmlinuz-6.1.0-{n}-cloud-amd64")
        for n in (40, 41)
    )  # fmt: skip
    with _grub(lab, config) as machine:
        machine.expect(rb"Press any key")
        machine.send(b"\r")
        machine.run_for(2.0)
        machine.send(b"\x0e\r", pace_s=0.5)
        machine.expect(rb"Press any key")
        machine.run_for(2.0)
