"""What people print on healthy consoles although it reads like a disaster: documents, old logs, tickets.

All of it is about failures that are over, or that happened to somebody else. A detector that cannot tell a guest that
panics from a guest that prints the word is of no use to who keeps his notes on it.
"""

from __future__ import annotations

import random
from typing import Final

HANDBOOK: Final = """\
Emergency handbook, chapter 3: when a machine does not come up
===============================================================

3.1 The kernel panics
    The last line on the console begins with "Kernel panic - not syncing:". Note what follows it. "VFS: Unable to
    mount root fs" means that the kernel found no root file system: wrong root=, or the initramfs is missing.
    "Attempted to kill init!" means that the first program ended. A panic is not an oops: after an oops
    ("BUG: kernel NULL pointer dereference", "Oops: 0002") the machine goes on, though not for long as a rule.

3.2 The prompt reads (initramfs)
    The root file system was not found ("ALERT! UUID=... does not exist. Dropping to a shell!"). Type `blkid`,
    compare with `cat /proc/cmdline`, mount by hand, type `exit`.

3.3 "You are in emergency mode"
    systemd could not mount what /etc/fstab asks for. "Give root password for maintenance" wants root's password; then
    `systemctl --failed` and `journalctl -xb`. Add nofail to what is not needed for the start.

3.4 grub rescue>
    GRUB lost its files: `ls`, `set prefix=(hd0,msdos1)/boot/grub`, `insmod normal`, `normal`. At a plain grub> prompt
    type `configfile /boot/grub/grub.cfg`.

3.5 fsck asks
    "UNEXPECTED INCONSISTENCY; RUN fsck MANUALLY" comes with a prompt. Answer y, or start with `fsck -y`.

3.6 Out of memory, out of room
    "Out of memory: Killed process" names who was killed, which is not always who was to blame. "No space left on
    device" comes from df -h, or df -i when inodes ran out. "Remounting filesystem read-only" is the kernel
    protecting you from a broken disk.
"""

NOTES: Final = """\
# What we learnt on the night of the outage

- 02:11 pager: web03 does not answer. Console shows `Kernel panic - not syncing: Fatal exception in interrupt`.
- 02:14 reset over the console. Hung at "No bootable device." because the boot order was lost.
- 02:30 second try: `error: file '/boot/vmlinuz-5.10.0-28-amd64' not found.`, then `grub>`; booted by hand.
- 02:41 it is up. The Windows host beside it showed `*** STOP: 0x0000007B` and then only `SAC>`.
- Root cause: the storage controller. db02 said "EXT4-fs (sda1): Remounting filesystem read-only" an hour before.
- To do: alarm on "I/O error", on "BdsDxe: failed to load Boot0001", on cloud-init errors ("Failed to run module
  scripts-user"). Ask why nobody was told that the OOM killer ("Out of memory: Killed process 2211 (java)") had run.
"""


def old_kernel_log(draw: random.Random, lines: int = 60) -> str:
    """A rotated kern.log: the ordinary, and in the midst of it what happened days ago."""
    host = draw.choice(["web01", "db02", "tgt01", "mail", "build-7"])
    day, second = draw.randrange(2, 27), draw.randrange(0, 40000)
    uptime = draw.uniform(900, 90000)
    ordinary = [
        "EXT4-fs (sda1): mounted filesystem with ordered data mode. Quota mode: none.",
        'audit: type=1400 audit(1699.112:31): apparmor="STATUS" operation="profile_load" profile="unconfined" name="lsb_release"',
        "IPv6: ADDRCONF(NETDEV_CHANGE): eth0: link becomes ready",
        "nf_conntrack: default automatic helper assignment has been turned off",
        "perf: interrupt took too long (2512 > 2500), lowering kernel.perf_event_max_sample_rate to 79500",
        "TCP: request_sock_TCP: Possible SYN flooding on port 443. Sending cookies.",
        "device veth41aa2c1 entered promiscuous mode",
    ]
    past = [
        [
            "BUG: kernel NULL pointer dereference, address: 0000000000000048",
            "#PF: supervisor read access in kernel mode",
            "Oops: 0000 [#1] PREEMPT SMP NOPTI",
            "CPU: 1 PID: 2211 Comm: kworker/1:2 Not tainted 6.1.0-18-amd64 #1",
            "Call Trace:",
            " process_one_work+0x1c7/0x380",
            "---[ end trace 0000000000000000 ]---",
        ],
        [
            "java invoked oom-killer: gfp_mask=0xcc0(GFP_KERNEL), order=0, oom_score_adj=0",
            "Out of memory: Killed process 2211 (java) total-vm:4816204kB, anon-rss:1930312kB, file-rss:0kB",
        ],
        [
            "blk_update_request: I/O error, dev sda, sector 2099200 op 0x1:(WRITE) flags 0x800",
            "Aborting journal on device sda1-8.",
            "EXT4-fs (sda1): Remounting filesystem read-only",
        ],
        [
            "Kernel panic - not syncing: Fatal exception in interrupt",
            "Kernel Offset: 0x12000000 from 0xffffffff81000000",
            "---[ end Kernel panic - not syncing: Fatal exception in interrupt ]---",
        ],
    ]
    out: list[str] = []
    events = draw.sample(past, 3)
    while len(out) < lines:
        block = [draw.choice(ordinary)]
        if events and len(out) > lines // 4 * (4 - len(events)):
            block = events.pop()
        for text in block:
            stamp = f"Nov {day:2} {second // 3600:02}:{second // 60 % 60:02}:{second % 60:02}"
            out.append(f"{stamp} {host} kernel: [{uptime:12.6f}] {text}")
        step = draw.uniform(0.5, 300)
        second, uptime = int(second + step) % 86400, uptime + step
    return "\n".join(out) + "\n"


PANIC_MAIL: Final = """\
From: somebody@example.org
Subject: [bug] panic with 6.1.85 on boot

Hello, since the update my box dies on every second boot. From the serial console:

> [    2.110233] VFS: Cannot open root device "sda1" or unknown-block(0,0): error -6
> [    2.118840] Please append a correct "root=" boot option; here are the available partitions:
> [    2.125511] Kernel panic - not syncing: VFS: Unable to mount root fs on unknown-block(0,0)
> [    2.131201] CPU: 0 PID: 1 Comm: swapper/0 Not tainted 6.1.85 #1
> [    2.144417] ---[ end Kernel panic - not syncing: VFS: Unable to mount root fs on unknown-block(0,0) ]---

Is that the same as #881? It ends at (initramfs) with the older initrd.
"""
