"""A disk that boots the demo guest through GRUB on the serial port, with a menu that waits.

Needs grub-mkimage, GRUB's images for BIOS (packages grub-common and grub-pc-bin) and mke2fs; no root, no loop
device. `build()` takes tenths of a second, so nothing is kept.
"""

from __future__ import annotations

import shutil
import struct
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from guests.build import Guest
from guests.packages import GuestError, run_tool

IMAGES: Final = Path("/usr/lib/grub/i386-pc")
MODULES: Final = (
    "biosdisk", "part_msdos", "ext2", "normal", "linux", "serial", "terminal", "terminfo", "test", "echo",
    "ls", "cat", "configfile", "sleep", "reboot", "halt", "minicmd", "search", "loadenv", "gzio",
)  # fmt: skip
DISK_MIB: Final = 64
TOOL_TIMEOUT_S: Final = 120
ENTRIES: Final = ("Demo guest", "Single user shell", "A kernel that is not there")
"""Of the menu, in order."""

_SECTOR: Final = 512
_FIRST_SECTOR: Final = 2048
"""Of the partition; GRUB's core lies in the gap before it."""
_PARTITION_TABLE: Final = 446
_LINUX_TYPE: Final = 0x83
_FOLDER: Final = "/boot"

# The serial port only: the firmware has the text screen on the same port, shows it a second time and takes
# some of the keys.
CONFIG: Final = """\
serial --unit=0 --speed=115200
terminal_input serial
terminal_output serial
set timeout={timeout}
set default=0

menuentry "{entries[0]}" {{
    linux {folder}/vmlinuz {cmdline}
    initrd {folder}/initrd.img
}}
menuentry "{entries[1]}" {{
    linux {folder}/vmlinuz {cmdline} rdinit=/bin/sh
    initrd {folder}/initrd.img
}}
menuentry "{entries[2]}" {{
    linux {folder}/vmlinuz-gone {cmdline}
    initrd {folder}/initrd.img
}}
"""


def build(
    out: Path,
    guest: Guest,
    *,
    timeout_s: int = -1,
    config: str | None = None,
    files: Mapping[str, bytes] | None = None,
) -> Path:
    """Make the disk `out` (raw, 64 MiB with holes) anew; `out` itself.

    `timeout_s` is how long the menu waits before it boots its first entry, -1 for ever. `config` replaces the
    whole of grub.cfg; an empty one leaves GRUB at its prompt. `files` lie beside grub.cfg. Raises GuestError,
    which names the remedy.
    """
    if not (IMAGES / "kernel.img").exists() or not shutil.which("grub-mkimage"):
        raise GuestError("GRUB for BIOS is not on this machine.", "Install grub-common and grub-pc-bin.")
    if config is None:
        config = CONFIG.format(timeout=timeout_s, entries=ENTRIES, folder=_FOLDER, cmdline=guest.cmdline)
    with tempfile.TemporaryDirectory(dir=out.parent, prefix=".grub-") as folder:
        scratch = Path(folder)
        core = scratch / "core.img"
        prefix = f"(hd0,msdos1){_FOLDER}/grub"
        make = ["grub-mkimage", "-O", "i386-pc", "-d", str(IMAGES), "-p", prefix, "-o", str(core), *MODULES]
        run_tool(make, timeout_s=TOOL_TIMEOUT_S)
        boot = scratch / "root" / _FOLDER.strip("/")
        (boot / "grub").mkdir(parents=True)
        (boot / "grub" / "grub.cfg").write_text(config)
        for name, content in (files or {}).items():
            (boot / "grub" / name).write_bytes(content)
        shutil.copyfile(guest.kernel, boot / "vmlinuz")
        shutil.copyfile(guest.initrd, boot / "initrd.img")
        part = scratch / "part.img"
        sectors = DISK_MIB * 2**20 // _SECTOR - _FIRST_SECTOR
        with part.open("wb") as made:
            made.truncate(sectors * _SECTOR)
        mke2fs = shutil.which("mke2fs") or "/usr/sbin/mke2fs"
        run_tool(
            [mke2fs, "-q", "-t", "ext2", "-d", str(scratch / "root"), str(part)], timeout_s=TOOL_TIMEOUT_S
        )
        whole = scratch / "disk.img"
        _join(whole, core.read_bytes(), part, sectors)
        whole.replace(out)
    return out


def _join(whole: Path, core: bytes, part: Path, sectors: int) -> None:
    """Boot sector with its partition table, GRUB's core in the gap behind it, the partition."""
    if len(core) > (_FIRST_SECTOR - 1) * _SECTOR:
        raise GuestError(f"GRUB's core is too large for the gap: {len(core)} bytes.", "Leave modules out.")
    boot = bytearray((IMAGES / "boot.img").read_bytes())
    # Code for floppy disks lies where the table goes. An entry: bootable, no CHS, type, first, sectors.
    boot[_PARTITION_TABLE:] = bytes(_SECTOR - _PARTITION_TABLE)
    entry = struct.pack(
        "<B3sB3sII", 0x80, b"\xfe\xff\xff", _LINUX_TYPE, b"\xfe\xff\xff", _FIRST_SECTOR, sectors
    )
    boot[_PARTITION_TABLE : _PARTITION_TABLE + len(entry)] = entry
    boot[_SECTOR - 2 :] = b"\x55\xaa"
    with whole.open("wb") as disk, part.open("rb") as partition:
        disk.write(boot)
        disk.write(core)
        disk.seek(_FIRST_SECTOR * _SECTOR)
        # Block by block, for the holes to stay holes.
        while block := partition.read(2**16):
            if block.count(0) == len(block):
                disk.seek(len(block), 1)
            else:
                disk.write(block)
        disk.truncate((_FIRST_SECTOR + sectors) * _SECTOR)
