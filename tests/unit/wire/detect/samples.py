# ruff: noqa: E501  (lines of guests are as long as they are)
"""Texts of broken guests, each with the findings that it must give, and those that must stay silent."""

from __future__ import annotations

from tests.unit.wire.detect.console import BOOT, LOGIN, lines

EMERGENCY = (
    BOOT,
    "\x1b[K[\x1b[0;31m*\x1b[0;1;31m*\x1b[0m] Job dev-disk-by\\x2duuid-deadbeef\\x2\u2026tart running (1min 27s / 1min 30s)\r",
    "\x1b[K[\x1b[0;1;31m TIME \x1b[0m] Timed out waiting for device \x1b[0;1;39m\u2026dbeef-0000-0000-0000-000000000000\x1b[0m.\r\n",
    "[\x1b[0;1;38:5:185mDEPEND\x1b[0m] Dependency failed for \x1b[0;1;39msrv-data.mount\x1b[0m - /srv/data.\r\n",
    "[\x1b[0;1;38:5:185mDEPEND\x1b[0m] Dependency failed for \x1b[0;1;39mloca\u2026s.target\x1b[0m - Local File Systems.\r\n",
    "[  \x1b[0;32mOK\x1b[0m  ] Reached target \x1b[0;1;39memergency.target\x1b[0m - Emergency Mode.\r\n",
    lines(
        'You are in emergency mode. After logging in, type "journalctl -xb" to view',
        'system logs, "systemctl reboot" to reboot, "systemctl default" or "exit"',
        "to boot into default mode.",
        "Give root password for maintenance",
    ),
    "(or press Control-D to continue): ",
)
INITRAMFS = (
    BOOT,
    lines(
        "Loading, please wait...",
        "Begin: Running /scripts/local-block ... done.",
        "Begin: Running /scripts/local-block ... done.",
        "Gave up waiting for root file system device.  Common problems:",
        " - Boot args (cat /proc/cmdline)",
        "   - Check rootdelay= (did the system wait long enough?)",
        " - Missing modules (cat /proc/modules; ls /dev)",
        "ALERT!  UUID=deadbeef-0000-0000-0000-000000000000 does not exist.  Dropping to a shell!",
        "",
        "BusyBox v1.35.0 (Debian 1:1.35.0-4) built-in shell (ash)",
        "Enter 'help' for a list of built-in commands.",
        "",
    ),
    "(initramfs) ",
)
DRACUT = (
    BOOT,
    lines(
        "[  186.612345] dracut-initqueue[321]: Warning: dracut-initqueue: timeout, still waiting for following initqueue hooks:",
        "[  187.112345] dracut-initqueue[321]: Warning: Could not boot.",
        "[  187.212345] dracut-initqueue[321]: Warning: /dev/disk/by-uuid/deadbeef does not exist",
        "         Starting Dracut Emergency Shell...",
        "Warning: /dev/disk/by-uuid/deadbeef does not exist",
        "",
        'Generating "/run/initramfs/rdsosreport.txt"',
        "",
        "Entering emergency mode. Exit the shell to continue.",
        'Type "journalctl" to view system logs.',
        'You might want to save "/run/initramfs/rdsosreport.txt" to a USB stick or /boot',
        "after mounting them and attach it to a bug report.",
        "",
    ),
    "dracut:/# ",
)
PANIC = (
    BOOT,
    lines(
        '[    1.901234] VFS: Cannot open root device "vda" or unknown-block(0,0): error -6',
        '[    1.902234] Please append a correct "root=" boot option; here are the available partitions:',
        "[    1.903234] Kernel panic - not syncing: VFS: Unable to mount root fs on unknown-block(0,0)",
        "[    1.904234] CPU: 0 PID: 1 Comm: swapper/0 Not tainted 6.1.0-56-cloud-amd64 #1  Debian 6.1.153-1",
        "[    1.999234] ---[ end Kernel panic - not syncing: VFS: Unable to mount root fs on unknown-block(0,0) ]---",
    ),
)
OOPS = (
    BOOT,
    LOGIN,
    lines(
        "[   99.000001] BUG: kernel NULL pointer dereference, address: 0000000000000000",
        "[   99.000002] #PF: supervisor write access in kernel mode",
        "[   99.000003] Oops: 0002 [#1] PREEMPT SMP NOPTI",
        "[   99.000004] CPU: 0 PID: 400 Comm: bash Not tainted 6.1.0 #1",
        "[   99.000005] RIP: 0010:sysrq_handle_crash+0x16/0x20",
        "[   99.000006] Call Trace:",
        "[   99.000007] ---[ end trace 0000000000000000 ]---",
    ),
)
OOM = (
    BOOT,
    LOGIN,
    lines(
        "[  120.500001] stress invoked oom-killer: gfp_mask=0x140cca(GFP_HIGHUSER_MOVABLE|__GFP_COMP), order=0, oom_score_adj=0",
        "[  120.600001] Out of memory: Killed process 412 (stress) total-vm:900000kB, anon-rss:300000kB, UID:0",
    ),
)
GRUB_RESCUE = (
    lines("SeaBIOS (version 1.16.2-debian-1.16.2-1)", "Booting from Hard Disk..."),
    "GRUB loading.\r\nWelcome to GRUB!\r\n\r\nerror: no such p\x1b[06;16H\x1b[06;17Hartition.\r\ngrub rescue> ",
)
GRUB_PROMPT = (
    lines(
        "SeaBIOS (version 1.16.2-debian-1.16.2-1)",
        "Booting from Hard Disk...",
        "GRUB loading.",
        "Welcome to GRUB!",
    ),
    "                             GNU GRUB  version 2.06-13+deb12u2\r\n\r\n"
    "   Minimal BASH-like line editing is supported. For the first word, TAB\r\n   lists possible command completions.\r\n\r\n\r\ngrub> ",
)
GRUB_FILE = (
    lines(
        "Welcome to GRUB!",
        "  Booting `Debian GNU/Linux'",
        "",
        "error: file `/boot/vmlinuz-6.1.0-56' not found.",
        "error: you need to load the kernel first.",
        "",
    ),
    "Press any key to continue...",
)
NO_DISK = (
    lines(
        "SeaBIOS (version 1.16.2-debian-1.16.2-1)",
        "Booting from Hard Disk...",
        "Boot failed: could not read the boot disk",
        "",
        "No bootable device.",
    ),
)
UEFI = (
    lines(
        "UEFI firmware (version  built at 00:00:00 on Jan  1 1980)",
        'BdsDxe: failed to load Boot0001 "UEFI QEMU HARDDISK QM00001 " from PciRoot(0x0)/Pci(0x1F,0x2)/Sata(0x0,0xFFFF,0x0): Not Found',
        "BdsDxe: No bootable option or device was found.",
        "BdsDxe: Press any key to enter the Boot Manager Menu.",
    ),
)
FULL = (
    BOOT,
    lines(
        "[    5.100001] systemd[1]: Failed to write /etc/machine-id: No space left on device",
        "[    6.100001] systemd-journald[178]: Failed to open system journal: No space left on device",
        "[FAILED] Failed to start systemd-lo\u2026rvice - User Login Management.",
    ),
    LOGIN,
)
READ_ONLY = (
    BOOT,
    LOGIN,
    lines(
        "[   50.000001] EXT4-fs error (device vda1): ext4_find_entry:1455: inode #2: comm ls: reading directory lblock 0",
        "[   50.000002] Aborting journal on device vda1-8.",
        "[   50.000003] EXT4-fs (vda1): Remounting filesystem read-only",
    ),
)
FSCK = (
    BOOT,
    lines(
        "/dev/vda1 contains a file system with errors, check forced.",
        "Pass 1: Checking inodes, blocks, and sizes",
    ),
    "Inode 12, i_blocks is 8, should be 0.  Fix<y>? ",
)
FSCK_MANUAL = (
    BOOT,
    lines(
        "/dev/vda1: Inode 12 has an invalid extent",
        "/dev/vda1: UNEXPECTED INCONSISTENCY; RUN fsck MANUALLY.",
        "\t(i.e., without -a or -p options)",
        "fsck exited with status code 4",
        "The root filesystem on /dev/vda1 requires a manual fsck",
    ),
    "(initramfs) ",
)
CLOUD = (
    BOOT,
    lines(
        "[   12.100001] cloud-init[512]: Cloud-init v. 22.4.2 running 'modules:final' at Fri, 21 Nov 2025 10:00:00 +0000. Up 12.0 seconds.",
        "[   13.100001] cloud-init[512]: 2025-11-21 10:00:01,000 - cc_scripts_user.py[WARNING]: Failed to run module scripts-user (scripts in /var/lib/cloud/instance/scripts)",
        "[   13.200001] cloud-init[512]: 2025-11-21 10:00:01,100 - util.py[WARNING]: Running module scripts-user (<module 'cloudinit.config.cc_scripts_user' from '/usr/lib/python3/dist-packages/cloudinit/config/cc_scripts_user.py'>) failed",
        "[\x1b[0;1;31mFAILED\x1b[0m] Failed to start \x1b[0;1;39mcloud-final.service\x1b[0m - Execute cloud user/final scripts.",
    ),
)
STOP = (
    lines(
        "A problem has been detected and Windows has been shut down to prevent damage",
        "to your computer.",
        "",
        "INACCESSIBLE_BOOT_DEVICE",
        "",
        "*** STOP: 0x0000007B (0xFFFFF880009A97E8,0xFFFFFFFFC0000034,0x0000000000000000,0x0000000000000000)",
    ),
)
SAC = (
    '\r\nComputer is booting, SAC started and initialized.\r\n\r\nUse the "ch -?" command for information about using channels.\r\n'
    'Use the "?" command for general help.\r\n\r\n\r\nSAC>',
)
KDB = (
    BOOT,
    LOGIN,
    lines(
        "",
        "[  200.000001] sysrq: DEBUG",
        "Entering kdb (current=0xffff88, pid 0) on processor 0 due to Keyboard Entry",
    ),
    "[0]kdb> ",
)
KD = (
    b"\r\n",
    b"iiii\x06\x00\x00\x00\x00\x08\x80\x80\x00\x00\x00\x00",
    b"0000\x03\x00\x20\x01\x00\x00\x80\x80",
)

SAMPLES: dict[str, tuple[tuple[str | bytes, ...], set[str]]] = {
    "emergency": (EMERGENCY, {"EmergencyMode"}),
    "initramfs": (INITRAMFS, {"InitramfsShell"}),
    "dracut": (DRACUT, {"InitramfsShell"}),
    "panic": (PANIC, {"KernelPanic"}),
    "oops": (OOPS, {"KernelOops"}),
    "out-of-memory": (OOM, {"OutOfMemory"}),
    "grub-rescue": (GRUB_RESCUE, {"GrubRescue"}),
    "grub-prompt": (GRUB_PROMPT, {"GrubPrompt"}),
    "grub-file": (GRUB_FILE, {"GrubFileMissing"}),
    "no-disk": (NO_DISK, {"NoBootableDevice"}),
    "uefi": (UEFI, {"UefiBootFailed"}),
    "disk-full": (FULL, {"DiskFull"}),
    "read-only": (READ_ONLY, {"RootReadOnly"}),
    "fsck": (FSCK, {"FsckQuestion"}),
    "fsck-manual": (FSCK_MANUAL, {"FsckQuestion", "InitramfsShell"}),
    "cloud-init": (CLOUD, {"CloudInitFailed"}),
    "stop": (STOP, {"WindowsStopCode"}),
    "sac": (SAC, {"SacPrompt"}),
    "kdb": (KDB, {"KernelDebuggerOnPort"}),
    "kd": (KD, {"KernelDebuggerOnPort"}),
}

HEALTHY: dict[str, tuple[str | bytes, ...]] = {
    "boot": (
        lines(
            "SeaBIOS (version 1.16.2-debian-1.16.2-1)",
            "Boot failed: Could not read from CDROM (code 0003)",
            "Booting from Hard Disk...",
        ),
        lines(
            "Welcome to GRUB!",
            "error: no such device: root.",
            "error: file `/boot/grub/fonts/unicode.pf2' not found.",
        ),
        BOOT,
        lines(
            "[    0.000000] Command line: BOOT_IMAGE=/vmlinuz root=/dev/vda1 ro console=ttyS0 panic=10",
            "[    1.500000] VFS: Mounted root (ext4 filesystem) readonly on device 254:1.",
            "[    2.000000] EXT4-fs (vda1): re-mounted. Opts: errors=remount-ro. Quota mode: none.",
            "Welcome to \x1b[1mDebian GNU/Linux 12 (bookworm)\x1b[0m!",
            "[  \x1b[0;32mOK\x1b[0m  ] Stopped target \x1b[0;1;39memergency.target\x1b[0m - Emergency Mode.",
            "[FAILED] Failed to start apt-daily.service - Daily apt download activities.",
            "[    9.000000] cloud-init[400]: 2025-11-21 10:00:00,000 - cc_final_message.py[WARNING]: Used fallback datasource",
            "[  OK  ] Reached target multi-user.target - Multi-User System.",
        ),
        LOGIN,
    ),
    "uefi": (
        lines(
            'BdsDxe: failed to load Boot0001 "UEFI QEMU DVD-ROM QM00003 " from PciRoot(0x0)/Pci(0x1F,0x2)/Sata(0x1,0xFFFF,0x0): Not Found',
            'BdsDxe: loading Boot0002 "UEFI Misc Device" from PciRoot(0x0)/Pci(0x2,0x0)',
            'BdsDxe: starting Boot0002 "UEFI Misc Device" from PciRoot(0x0)/Pci(0x2,0x0)',
        ),
        BOOT,
        LOGIN,
    ),
    "quoted": (
        BOOT,
        "[  300.000001] audit: type=1400\r\n",
        LOGIN,
        "root\r\nPassword: \r\nLast login: Fri Nov 21 10:00:00 UTC 2025 on ttyS0\r\nroot@tgt01:~# ",
        "dmesg\r\n",
        BOOT,
        lines(
            "[    1.903234] Kernel panic - not syncing: yesterday's",
            "[    9.000001] Out of memory: Killed process 9 (old) total-vm:1kB",
        ),
        "root@tgt01:~# cat old-boot.log\r\n",
        lines(
            "Kernel panic - not syncing: Attempted to kill init!",
            "You are in emergency mode. After logging in",
            "(initramfs) ",
            "grub rescue> ",
            "*** STOP: 0x0000007B (0x0)",
            "No bootable device.",
        ),
        "root@tgt01:~# grep panic /var/log/kern.log\r\n",
        lines(
            "Nov 21 10:00:00 tgt01 kernel: [    1.90] Kernel panic - not syncing: VFS",
            "[Fri Nov 21 10:00:00 2025] Kernel panic - not syncing: VFS",
        ),
        "root@tgt01:~# echo '(initramfs) '; echo Out of memory: Killed process 1 (x)\r\n",
        lines("(initramfs) ", "Out of memory: Killed process 1 (x)"),
        "root@tgt01:~# journalctl -b -1 -p err\r\n",
        lines("Nov 21 10:00:00 tgt01 systemd[1]: Failed to write /etc/machine-id: No space left on device"),
        "root@tgt01:~# ",
    ),
}
