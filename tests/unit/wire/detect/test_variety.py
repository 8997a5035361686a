# ruff: noqa: E501  (lines of guests are as long as they are)
"""The same failures in the words of other kernels, distributions, firmware and decades."""

from __future__ import annotations

import pytest

from tests.unit.wire.detect.console import BOOT, LOGIN, Console, lines

OLD_OOPS = (
    BOOT,
    lines(
        "[   12.000001] BUG: unable to handle kernel NULL pointer dereference at           (null)",
        "[   12.000002] IP: [<ffffffff8142c2b6>] sysrq_handle_crash+0x16/0x20",
        "[   12.000003] PGD 3aa5a067 PUD 3aa59067 PMD 0",
        "[   12.000004] Oops: 0002 [#1] SMP",
        "[   12.000005] RIP: 0010:[<ffffffff8142c2b6>]  [<ffffffff8142c2b6>] sysrq_handle_crash+0x16/0x20",
    ),
)
ARM_OOPS = (
    BOOT,
    lines(
        "[   12.000001] Unable to handle kernel NULL pointer dereference at virtual address 0000000000000000",
        "[   12.000002] Mem abort info:",
        "[   12.000003] Internal error: Oops: 0000000096000045 [#1] SMP",
        "[   12.000004] pc : sysrq_handle_crash+0x20/0x28",
    ),
)
NEW_OOPS = (
    BOOT,
    lines(
        "[    5.0] Oops: general protection fault, probably for non-canonical address 0xdead: 0000 [#1] PREEMPT SMP PTI",
        "[    5.1] RIP: 0010:ext4_find_entry+0x1/0x2",
    ),
)
BUG_AT = (
    BOOT,
    lines(
        "[    5.000000][    T1] kernel BUG at fs/ext4/inode.c:2600!",
        "[    5.000001][    T1] invalid opcode: 0000 [#1] SMP NOPTI",
        "[    5.000002][    T1] RIP: 0010:ext4_writepages+0x10a/0x1",
    ),
)

TOLD: dict[str, tuple[tuple[str, ...], str, dict[str, str]]] = {
    "oops of 3.10": (OLD_OOPS, "KernelOops", {"symbol": "sysrq_handle_crash"}),
    "oops of arm64": (ARM_OOPS, "KernelOops", {"symbol": "sysrq_handle_crash"}),
    "oops of 6.9": (NEW_OOPS, "KernelOops", {"symbol": "ext4_find_entry"}),
    "BUG with a caller": (BUG_AT, "KernelOops", {"symbol": "ext4_writepages"}),
    "out of memory of 4.x": (
        (
            BOOT,
            lines(
                "[   50.000001] Out of memory: Kill process 911 (java) score 900 or sacrifice child",
                "[   50.000002] Killed process 911 (java) total-vm:1kB",
            ),
        ),
        "OutOfMemory",
        {"process": "java", "pid": "911"},
    ),
    "a control group's memory": (
        (BOOT, "[   50.000001] Memory cgroup out of memory: Killed process 77 (node) total-vm:1kB\r\n"),
        "OutOfMemory",
        {"process": "node"},
    ),
    "emergency mode of systemd 219": (
        (
            BOOT,
            lines(
                "[ TIME ] Timed out waiting for device dev-sdb1.device.",
                "[DEPEND] Dependency failed for /data.",
                "[DEPEND] Dependency failed for Local File Systems.",
                'Welcome to emergency mode! After logging in, type "journalctl -xb" to view',
                "Give root password for maintenance",
            ),
        ),
        "EmergencyMode",
        {"unit": "data.mount"},
    ),
    "emergency mode without a password": (
        (
            BOOT,
            lines(
                "[FAILED] Failed to mount mnt-x.mount - /mnt/x.",
                "You are in emergency mode. After logging in, type",
                "Press Enter for maintenance",
            ),
        ),
        "EmergencyMode",
        {"unit": "mnt-x.mount"},
    ),
    "a failed check": (
        (
            BOOT,
            lines(
                "[FAILED] Failed to start systemd-fsck@dev-vdb1.service - File System Check on /dev/vdb1.",
                "[DEPEND] Dependency failed for srv.mount - /srv.",
                "Give root password for maintenance",
            ),
        ),
        "EmergencyMode",
        {"unit": "systemd-fsck@dev-vdb1.service"},
    ),
    "mountall of upstart": (
        (
            BOOT,
            lines(
                "The disk drive for /data is not ready yet or not present.",
                "Continue to wait, or Press S to skip mounting or M for manual recovery",
            ),
        ),
        "EmergencyMode",
        {"unit": "/data"},
    ),
    "casper": (
        (
            BOOT,
            lines("(initramfs) Unable to find a medium containing a live file system"),
        ),
        "InitramfsShell",
        {},
    ),
    "mkinitcpio": (
        (
            BOOT,
            lines(
                "ERROR: device 'UUID=abcd' not found. Skipping fsck.",
                ":: mounting 'UUID=abcd' on real root",
                "You are now being dropped into an emergency shell.",
            ),
        ),
        "InitramfsShell",
        {"reason": "ERROR: device 'UUID=abcd' not found. Skipping fsck."},
    ),
    "Alpine": (
        (
            BOOT,
            lines(
                "Mounting boot media failed.",
                "initramfs emergency recovery shell launched. Type 'exit' to continue boot",
            ),
        ),
        "InitramfsShell",
        {},
    ),
    "fsck of sysvinit": (
        (
            BOOT,
            lines("/dev/sda1: UNEXPECTED INCONSISTENCY; RUN fsck MANUALLY."),
        ),
        "FsckQuestion",
        {"device": "/dev/sda1"},
    ),
    "an old e2fsck asks": ((BOOT, "Deleted inode 99 has zero dtime.  Fix (y/n)? "), "FsckQuestion", {}),
    "GRUB 2.12": (
        (
            "GRUB loading...\r\nWelcome to GRUB!\r\n\r\n",
            lines("error: ../../grub-core/kern/fs.c:121:unknown filesystem."),
            "grub rescue> ",
        ),
        "GrubRescue",
        {"reason": "unknown filesystem"},
    ),
    "a missing file in GRUB 2.12": (
        (
            "Welcome to GRUB!\r\n",
            lines("error: ../../grub-core/fs/fshelp.c:257:file `/vmlinuz-6.8' not found."),
        ),
        "GrubFileMissing",
        {"file": "/vmlinuz-6.8"},
    ),
    "GRUB legacy": (
        ("    GNU GRUB  version 0.97  (640K lower / 3072K upper memory)\r\n", "grub> "),
        "GrubPrompt",
        {},
    ),
    "GRUB legacy's file": (
        ("GNU GRUB  version 0.97\r\n", lines("Error 15: File not found")),
        "GrubFileMissing",
        {},
    ),
    "iPXE": (
        (
            lines(
                "iPXE 1.21.1 -- Open Source Network Boot Firmware",
                "Nothing to boot: No such file or directory (https://ipxe.org/2d03e13b)",
            ),
        ),
        "NoBootableDevice",
        {},
    ),
    "VirtualBox": ((lines("FATAL: No bootable medium found! System halted."),), "NoBootableDevice", {}),
    "a firmware's shell": (
        (
            lines(
                'BdsDxe: failed to load Boot0001 "UEFI QEMU HARDDISK" from PciRoot(0x0): Not Found',
                "UEFI Interactive Shell v2.2",
            ),
            "Shell> ",
        ),
        "UefiBootFailed",
        {"option": 'Boot0001 "UEFI QEMU HARDDISK"'},
    ),
    "XFS": (
        (
            BOOT,
            LOGIN,
            lines(
                "[   50.000001] XFS (vda2): Corruption of in-memory data detected.  Shutting down filesystem"
            ),
        ),
        "RootReadOnly",
        {"device": "vda2"},
    ),
    "XFS of 6.x": (
        (
            BOOT,
            LOGIN,
            lines(
                "[   50.000001] XFS (dm-0): log I/O error -5",
                "[   50.000002] XFS (dm-0): Filesystem has been shut down due to log error (0x2).",
            ),
        ),
        "RootReadOnly",
        {"device": "dm-0"},
    ),
    "Btrfs": (
        (BOOT, LOGIN, lines("[   50.000001] BTRFS info (device vda2: state EA): forced readonly")),
        "RootReadOnly",
        {"device": "vda2"},
    ),
    "a root that cannot be remounted": (
        (
            BOOT,
            lines(
                "[FAILED] Failed to start systemd-remount-fs.service - Remount Root and Kernel File Systems."
            ),
        ),
        "RootReadOnly",
        {},
    ),
    "cloud-init's unit": (
        (BOOT, lines("[FAILED] Failed to start Initial cloud-init job (metadata service crawler).")),
        "CloudInitFailed",
        {"stage": "init"},
    ),
    "cloud-init's traceback": (
        (
            BOOT,
            lines(
                "[   12.1] cloud-init[512]: Cloud-init v. 24.1 running 'init' at Fri, 21 Nov 2025",
                "[   13.1] cloud-init[512]: Traceback (most recent call last):",
            ),
        ),
        "CloudInitFailed",
        {"stage": "init"},
    ),
    "cloud-init's log": (
        (
            BOOT,
            lines("2025-11-21 10:00:01,100 - cc_runcmd.py[WARNING]: Failed to run module runcmd (scripts)"),
        ),
        "CloudInitFailed",
        {},
    ),
    "Windows of today": (
        (lines("Stop code: CRITICAL_PROCESS_DIED (0xEF)"),),
        "WindowsStopCode",
        {"name": "CRITICAL_PROCESS_DIED"},
    ),
    "the boot manager": (
        (
            lines(
                "Windows Boot Manager",
                "Windows failed to start. A recent hardware or software change might be the",
                "    File: \\Boot\\BCD",
                "    Status: 0xc000000f",
            ),
        ),
        "WindowsStopCode",
        {"stop": "0xc000000f"},
    ),
    "SAC after a stop": (("!SAC>",), "SacPrompt", {"prompt": "!SAC>"}),
    "kgdb waits": (
        (BOOT, lines("[    1.5] KGDB: Waiting for connection from remote gdb...")),
        "KernelDebuggerOnPort",
        {"kind": "kgdb"},
    ),
}


@pytest.mark.parametrize("name", TOLD)
def test_other_words_for_the_same(name: str) -> None:
    printed, code, fields = TOLD[name]
    console = Console()
    console.prints(*printed)
    console.waits(4)
    assert set(console.heard) == {code}
    assert fields.items() <= console.fields(code).items()


SILENT = {
    "a program of a user": "[   50.0] traps: prog[123] general protection fault ip:1 sp:2 error:0 in libc.so\r\n",
    "a warning": "[   50.0] WARNING: CPU: 0 PID: 1 at kernel/x.c:1 f+0x1/0x2\r\n",
    "a slow host": "[   50.0] watchdog: BUG: soft lockup - CPU#0 stuck for 22s! [sh:1]\r\n",
    "inotify": "[   50.0] systemd[1]: Failed to add inotify watch: No space left on device\r\n",
    "a unit that failed": "[FAILED] Failed to start nginx.service - A high performance web server.\r\n",
    "at shutdown": "[   90.0] EXT4-fs (vda1): re-mounted 1234 ro. Quota mode: none.\r\n",
    "a fallback": "[   12.1] cloud-init[5]: 2025-11-21 10:00:00,1 - cc_final_message.py[WARNING]: Used fallback datasource\r\n",
    "deprecation": "[   12.1] cloud-init[5]: 2025-11-21 10:00:00,1 - schema.py[DEPRECATED]: Deprecated cloud-config provided\r\n",
    "answered by itself": "Inode 12, i_blocks is 8, should be 0.  Fix? yes\r\n",
    "a sentence": "If the kernel says Kernel panic - not syncing, read docs about (initramfs) and grub rescue>\r\n",
    "last login": "Last login: Fri Nov 21 10:00:00 UTC 2025 on ttyS0\r\n",
}


@pytest.mark.parametrize("name", SILENT)
def test_what_is_no_failure(name: str) -> None:
    console = Console()
    console.prints(BOOT, SILENT[name], LOGIN, "\r\n", SILENT[name])
    console.waits(300)
    assert console.heard == {}
