"""Debian's initial root file system that does not get to the real one."""

from __future__ import annotations

from guests.broken.disks import Ext4
from guests.broken.lab import PASSWORD, Lab
from guests.broken.registry import Shows, recipe

SHELL = Shows("InitramfsShell", rb"\(initramfs\)")
PROMPT = rb"\(initramfs\) $"
FSCK = Shows("FsckQuestion", rb"UNEXPECTED INCONSISTENCY; RUN fsck MANUALLY\.")
ASKED = Shows("FsckQuestion", rb"[^\r\n]*<y>\?")


def _shell(
    lab: Lab, append: str, root: str, *arguments: str, disk: Ext4 | None = None, typed: bytes = b""
) -> None:
    with lab.debian(disk, append, *arguments, root=root) as machine:
        machine.expect(PROMPT)
        machine.run_for(2.0)
        if typed:
            machine.send(typed + b"\r", pace_s=0.02)
            machine.expect(PROMPT)
            machine.run_for(1.0)


@recipe("initramfs-uuid", "InitramfsShell", SHELL)
def unknown_uuid(lab: Lab) -> None:
    """The root is named by a UUID that no disk has."""
    _shell(lab, "rootdelay=3", "root=UUID=7e0f9f7a-93a1-4d4c-8d0f-3f0f8a4b1c77", typed=b"cat /proc/cmdline")


@recipe("initramfs-device", "InitramfsShell", SHELL)
def unknown_device(lab: Lab) -> None:
    """The root is named by a device that is not there."""
    _shell(lab, "rootdelay=2", "root=/dev/sdb9")


@recipe("initramfs-label", "InitramfsShell", SHELL)
def unknown_label(lab: Lab) -> None:
    """The root is named by a label that no file system has."""
    _shell(lab, "rootdelay=4", "root=LABEL=cloudimg-rootfs", typed=b"ls /dev/vd*")


@recipe("initramfs-no-driver", "InitramfsShell", SHELL)
def no_driver(lab: Lab) -> None:
    """The disk moved to a controller whose driver is not in the initial root file system."""
    disk = lab.disk()
    with lab.debian(
        None, "rootdelay=3", "-drive", f"file={disk.path},format=raw,if=none,id=d0",
        "-device", "nvme,drive=d0,serial=oob1", root="root=/dev/nvme0n1",
    ) as machine:  # fmt: skip
        machine.expect(PROMPT)
        machine.run_for(1.0)
        machine.send(b"cat /proc/modules\r", pace_s=0.02)
        machine.expect(PROMPT)


@recipe("initramfs-asked-for", "InitramfsShell", SHELL)
def asked_for(lab: Lab) -> None:
    """A shell asked for on the kernel's command line."""
    _shell(lab, "break=premount", "root=/dev/vda")


@recipe("initramfs-no-init", "InitramfsShell", SHELL)
def no_init(lab: Lab) -> None:
    """A root file system without an init."""
    disk = Ext4.made(lab.scratch / "data.img", 64)
    disk.write("/etc/hostname", "data\n")
    _shell(lab, "", "root=/dev/vda", disk=disk)


@recipe("initramfs-no-file-system", "InitramfsShell", SHELL)
def no_file_system(lab: Lab) -> None:
    """The root's first blocks were overwritten."""
    disk = lab.disk()
    with disk.path.open("r+b") as image:
        image.write(bytes(2**20))
    _shell(lab, "", "root=/dev/vda", disk=disk)


@recipe("initramfs-wrong-type", "InitramfsShell", SHELL)
def wrong_type(lab: Lab) -> None:
    """The kernel's command line names a file system of another type."""
    _shell(lab, "rootfstype=xfs", "root=/dev/vda", disk=Ext4.made(lab.scratch / "data.img", 32))


# --- fsck that does not dare to go on

EMERGENCY = Shows("EmergencyMode", rb"Reached target [^\r\n]*emergency\.target|You are in emergency mode\.")
MAINTENANCE = rb"press Control-D to continue\): "


def _root_check(lab: Lab, disk: Ext4, typed: bytes = b"") -> None:
    """The root does not pass the check of the initial root file system; `typed` in the shell that follows."""
    with lab.debian(disk, initrd=lab.checking_initrd()) as machine:
        machine.expect(PROMPT)
        machine.run_for(2.0)
        if typed:
            machine.send(typed + b"\r", pace_s=0.02)
            machine.expect(rb"<y>\? ")
            machine.run_for(3.0)


@recipe("fsck-root-shared-blocks", "FsckQuestion", FSCK, SHELL)
def shared_blocks(lab: Lab) -> None:
    """Two files of the root lie in the same blocks: the check wants somebody to decide."""
    disk = lab.disk()
    disk.share_blocks()
    _root_check(lab, disk)


@recipe("fsck-root-by-hand", "FsckQuestion", FSCK, SHELL)
def by_hand(lab: Lab) -> None:
    """The same with more files, and somebody who starts the check by hand."""
    disk = lab.disk()
    disk.share_blocks(3)
    _root_check(lab, disk, b"fsck.ext4 -f /dev/vda")


@recipe("fsck-lost-folder", "FsckQuestion", FSCK, SHELL)
def lost_folder(lab: Lab) -> None:
    """A folder of the root was overwritten, files lie in the same blocks; the check will not repair it by itself."""
    disk = lab.disk()
    for name in ("one", "two", "three"):
        disk.write(f"/srv/lost/{name}", name)
    disk.do("clri /srv/lost")
    disk.share_blocks()
    _root_check(lab, disk)


@recipe("fsck-questions", "FsckQuestion", ASKED)
def questions(lab: Lab) -> None:
    """Somebody checks a data disk from a shell that was started in init's place, and does not answer."""
    disk, data = lab.disk(), Ext4.made(lab.scratch / "data.img", 32)
    data.share_blocks(2)
    with lab.debian(disk, "init=/bin/bash", *second(data)) as machine:
        machine.expect(rb"root@\S+# ")
        machine.quiet(2.0, timeout_s=20.0)
        machine.send(b"/sbin/e2fsck -f /dev/vdb\r", pace_s=0.02)
        machine.expect(rb"<y>\? ")
        machine.run_for(3.0)


def second(data: Ext4) -> tuple[str, str]:
    """QEMU's words for another disk."""
    return "-drive", f"file={data.path},format=raw,if=virtio"


@recipe("fsck-second-disk", "FsckQuestion", FSCK, EMERGENCY)
def second_disk(lab: Lab) -> None:
    """A data disk in /etc/fstab has files that lie in the same blocks, and somebody looks what the check says."""
    disk, data = lab.disk(), Ext4.made(lab.scratch / "data.img", 32, "-L", "data")
    data.share_blocks(2)
    disk.write("/etc/fstab", "/dev/vda / ext4 errors=remount-ro 0 1\n/dev/vdb /srv ext4 defaults 0 2\n")
    with lab.debian(disk, "", *second(data)) as machine:
        machine.expect(MAINTENANCE)
        machine.quiet(3.0, timeout_s=30.0)
        machine.send(PASSWORD.encode() + b"\r", pace_s=0.05)
        machine.expect(rb"root@tgt01:~# ")
        machine.send(b"fsck -a /dev/vdb\r", pace_s=0.02)
        machine.expect(rb"MANUALLY")
        machine.expect(rb"root@tgt01:~# ")
        machine.run_for(1.0)


@recipe("fsck-repairs", "FsckQuestion", ASKED, EMERGENCY)
def repairs(lab: Lab) -> None:
    """Somebody in emergency mode checks the data disk and is asked."""
    disk, data = lab.disk(), Ext4.made(lab.scratch / "data.img", 32, "-L", "data")
    data.share_blocks(1)
    with lab.debian(disk, "systemd.unit=emergency.target", *second(data)) as machine:
        machine.expect(MAINTENANCE)
        machine.quiet(2.0, timeout_s=30.0)
        machine.send(PASSWORD.encode() + b"\r", pace_s=0.05)
        machine.expect(rb"root@tgt01:~# ")
        machine.send(b"fsck.ext4 -f /dev/vdb\r", pace_s=0.02)
        machine.expect(rb"<y>\? ")
        machine.run_for(3.0)
