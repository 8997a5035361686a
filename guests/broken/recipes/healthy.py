"""Guests with nothing wrong: boots of several kinds, services with much to say, and people who print disasters."""

from __future__ import annotations

from guests import grub
from guests.archive import Archive
from guests.broken import texts
from guests.broken.disks import Ext4
from guests.broken.lab import Lab, root_login
from guests.broken.machine import Machine
from guests.broken.recipes.boot import second
from guests.broken.recipes.kernel import shell
from guests.broken.recipes.loader import SERIAL, entry, uefi
from guests.broken.registry import HEALTHY, recipe

LOGIN = rb"login: $"
TGT = rb"root@tgt01:~# $"


def _booted(
    lab: Lab, append: str = "", *arguments: str, disk: Ext4 | None = None, words: str | None = None
) -> None:
    with lab.debian(disk or lab.disk(), append, *arguments, rights="rw", words=words) as machine:
        machine.expect(LOGIN)
        machine.quiet(8.0, timeout_s=60.0)


def _typed(machine: Machine, *lines: bytes) -> None:
    """At Debian's root prompt."""
    for line in lines:
        machine.send(line + b"\r", pace_s=0.01)
        machine.expect(TGT)


@recipe("healthy-demo-boot", HEALTHY)
def demo_boot(lab: Lab) -> None:
    """The demo guest to its prompt."""
    with lab.demo("") as machine:
        machine.expect(LOGIN)
        machine.run_for(8.0)


@recipe("healthy-demo-debug", HEALTHY)
def demo_debug(lab: Lab) -> None:
    """The demo guest with a kernel that says everything."""
    with lab.demo(
        "debug ignore_loglevel initcall_debug earlyprintk=serial", quiet_ok=False, cpus=2
    ) as machine:
        machine.expect(LOGIN)
        machine.run_for(8.0)


@recipe("healthy-handbook", HEALTHY)
def handbook(lab: Lab) -> None:
    """Somebody reads a handbook about machines that do not come up."""
    files = Archive()
    files.file("usr/share/handbook.txt", texts.HANDBOOK.encode())
    files.file("root/notes.md", texts.NOTES.encode())
    with lab.demo("oob.login=root", files=files) as machine:
        shell(
            machine,
            b"cat /usr/share/handbook.txt",
            b"grep -n panic notes.md /usr/share/handbook.txt",
            b"cat notes.md",
        )
        machine.run_for(3.0)


@recipe("healthy-old-log", HEALTHY)
def old_log(lab: Lab) -> None:
    """Somebody looks for a panic of last week in old logs."""
    files = Archive()
    files.file("var/log/kern.log.1", texts.old_kernel_log(lab.draw).encode())
    files.file("var/log/kern.log.2", texts.old_kernel_log(lab.draw, 120).encode())
    with lab.demo("oob.login=root", files=files) as machine:
        shell(
            machine,
            b"grep -i panic /var/log/kern.log.*",
            b"tail -40 /var/log/kern.log.1",
            b"cat /var/log/kern.log.2",
            b"uptime",
        )
        machine.run_for(3.0)


@recipe("healthy-mail", HEALTHY)
def mail(lab: Lab) -> None:
    """Somebody reads a mail with another machine's panic in it."""
    files = Archive()
    files.file("root/mbox", texts.PANIC_MAIL.encode())
    with lab.demo("oob.login=root", files=files) as machine:
        shell(machine, b"cat mbox", b"free", b"cat mbox | head -20", b"dmesg | tail -30")
        machine.run_for(3.0)


@recipe("healthy-sysrq", HEALTHY)
def sysrq(lab: Lab) -> None:
    """Help, tasks, memory and sync asked for with SysRq, and an NMI that is survived."""
    with lab.demo("", quiet_ok=False) as machine:
        machine.expect(LOGIN)
        machine.run_for(5.0)
        for key in "hmstw":
            machine.sysrq(key)
            machine.quiet(2.0, timeout_s=30.0)
        machine.tell("inject-nmi")
        machine.quiet(2.0, timeout_s=10.0)


@recipe("healthy-reboots", HEALTHY)
def reboots(lab: Lab) -> None:
    """Restarted four times by hand, with somebody logged in each time."""
    with lab.demo("") as machine:
        for count in range(1, 5):
            machine.expect(LOGIN)
            machine.send(b"root\r", pace_s=0.02)
            machine.expect(rb"Password: $")
            machine.send(b"kelp-otter-42\r", pace_s=0.02)
            machine.expect(rb"root@demo:~# $")
            machine.send(b"reboot\r", pace_s=0.02)
            machine.resets(count)
        machine.expect(LOGIN)
        machine.run_for(3.0)


@recipe("healthy-grub", HEALTHY)
def through_grub(lab: Lab) -> None:
    """Firmware, GRUB's menu, kernel, prompt."""
    config = (
        SERIAL
        + "set timeout=3\n"
        + entry("Debian GNU/Linux")
        + entry("Debian GNU/Linux, recovery mode", words="single")
    )
    disk = grub.build(lab.scratch / "grub.img", lab.demo_guest(), config=config)
    with lab.machine("-drive", f"file={disk},format=raw,if=virtio", memory_mib=512) as machine:
        machine.expect(LOGIN)
        machine.run_for(5.0)


@recipe("healthy-grub-edited", HEALTHY)
def grub_edited(lab: Lab) -> None:
    """Somebody stops GRUB's menu, goes through its entries, looks at one, boots another."""
    config = (
        SERIAL
        + "set timeout=20\n"
        + "".join(entry(f"Debian GNU/Linux, with Linux 6.1.0-{n}") for n in (38, 37, 35))
    )
    disk = grub.build(lab.scratch / "grub.img", lab.demo_guest(), config=config)
    with lab.machine("-drive", f"file={disk},format=raw,if=virtio", memory_mib=512) as machine:
        machine.expect(rb"6\.1\.0-35")
        machine.run_for(1.0)
        for key in (b"\x0e", b"\x0e", b"\x10", b"e"):
            machine.send(key)
            machine.run_for(1.0)
        machine.send(b"\x18")
        machine.expect(LOGIN)
        machine.run_for(5.0)


@recipe("healthy-uefi", HEALTHY)
def through_uefi(lab: Lab) -> None:
    """UEFI firmware starts the kernel."""
    guest = lab.demo_guest()
    kernel = [
        "-kernel",
        str(lab.kernel()),
        "-initrd",
        str(guest.initrd),
        "-append",
        f"{guest.cmdline} {lab.words}",
    ]
    with uefi(lab, *kernel, memory_mib=512) as machine:
        machine.expect(LOGIN)
        machine.run_for(5.0)


@recipe("healthy-uefi-session", HEALTHY)
def uefi_session(lab: Lab) -> None:
    """UEFI firmware starts the kernel with two processors; somebody logs in and restarts."""
    guest = lab.demo_guest()
    append = f"{guest.cmdline} oob.login=root"
    kernel = ["-kernel", str(lab.kernel()), "-initrd", str(guest.initrd), "-append", append]
    with uefi(lab, *kernel, "-smp", "2", memory_mib=512) as machine:
        shell(machine, b"cat /proc/cpuinfo | head -30", b"ls -l /sys/firmware/efi")
        machine.send(b"reboot -f\r", pace_s=0.02)
        machine.expect(rb"root@demo:~# $")
        machine.run_for(3.0)


@recipe("healthy-debian", HEALTHY)
def debian(lab: Lab) -> None:
    """Debian to its prompt."""
    _booted(lab)


@recipe("healthy-debian-quiet", HEALTHY)
def debian_quiet(lab: Lab) -> None:
    """Debian that says nothing until its prompt."""
    _booted(lab, "systemd.show_status=auto", words="quiet")


@recipe("healthy-debian-debug", HEALTHY)
def debian_debug(lab: Lab) -> None:
    """Debian whose systemd says everything it does on the console."""
    _booted(lab, "systemd.log_level=debug systemd.log_target=console", words="loglevel=7")


@recipe("healthy-debian-journal", HEALTHY)
def debian_journal(lab: Lab) -> None:
    """Debian whose journal goes to the console as well."""
    _booted(lab, "systemd.journald.forward_to_console=1 systemd.journald.max_level_console=debug")


@recipe("healthy-failed-unit", HEALTHY)
def failed_unit(lab: Lab) -> None:
    """A service of no consequence fails at each start; the system comes up."""
    disk = lab.disk()
    disk.enable(
        "report.service", "[Unit]\nDescription=Weekly report\n[Service]\nType=oneshot\nExecStart=/bin/false\n"
    )
    disk.write(
        "/etc/fstab",
        "/dev/vda / ext4 errors=remount-ro 0 1\n/dev/vdq /mnt ext4 nofail,x-systemd.device-timeout=5s 0 0\n",
    )
    _booted(lab, "systemd.show_status=1", disk=disk)


@recipe("healthy-fsck", HEALTHY)
def fsck(lab: Lab) -> None:
    """A data disk that was not unmounted is checked and repaired without a question."""
    disk, data = lab.disk(), Ext4.made(lab.scratch / "data.img", 64)
    disk.write("/etc/fstab", "/dev/vda / ext4 errors=remount-ro 0 1\n/dev/vdb /srv ext4 defaults 0 2\n")
    data.do("set_super_value state 0", "set_super_value mnt_count 100", "set_super_value max_mnt_count 20")
    _booted(lab, "systemd.show_status=1", *second(data), disk=disk)


@recipe("healthy-cloud-init", HEALTHY)
def cloud(lab: Lab) -> None:
    """cloud-init does what it was asked for."""
    disk = lab.disk()
    seed = "/var/lib/cloud/seed/nocloud"
    disk.write(f"{seed}/meta-data", "instance-id: i-77\nlocal-hostname: tgt01\n")
    disk.write(
        f"{seed}/user-data",
        "#cloud-config\nruncmd:\n  - echo all is well\nwrite_files:\n  - path: /etc/motd\n    content: hello\n",
    )
    disk.write("/etc/cloud/cloud.cfg.d/99_seed.cfg", "datasource_list: [ NoCloud ]\n")
    with lab.debian(disk, "", rights="rw", cloud=True) as machine:
        machine.expect(rb"Cloud-init v\. \S+ finished|cloud-final\.service|Execute cloud user/final", 400.0)
        machine.quiet(15.0, timeout_s=120.0)


@recipe("healthy-busy", HEALTHY)
def busy(lab: Lab) -> None:
    """Services that restart and report on the console, and somebody who works."""
    disk = lab.disk()
    disk.enable(
        "worker.service",
        "[Unit]\nDescription=Worker\nStartLimitIntervalSec=0\n[Service]\nRestart=always\nRestartSec=2\nStandardOutput=journal+console\n"
        "ExecStart=/bin/bash -c 'for i in 1 2 3; do echo job $RANDOM done in $((RANDOM %% 900)) ms; sleep 1; done; "
        "echo upstream reset the connection, panic mode off, retrying; exit 1'\n",
    )
    disk.enable(
        "metrics.service",
        "[Unit]\nDescription=Metrics\n[Service]\nStandardOutput=journal+console\nExecStart=/bin/bash -c 'while :; do echo "
        "scrape ok mem_free=$RANDOM errors=0 oom=0; sleep 3; done'\n",
    )
    with lab.debian(disk, "", rights="rw") as machine:
        root_login(machine)
        for line in (
            b"systemctl list-units --failed",
            b"ls -l /usr/bin | head -40",
            b"dpkg -l | tail -60",
            b"systemctl restart xrdp ssh",
        ):
            machine.send(line + b" | cat\r", pace_s=0.01)
            machine.run_for(12.0)


@recipe("healthy-debian-reads", HEALTHY)
def debian_reads(lab: Lab) -> None:
    """Somebody on Debian reads notes, an old log and a mail that are full of failures."""
    disk = lab.disk()
    disk.write("/srv/notes.md", texts.NOTES)
    disk.write("/srv/handbook", texts.HANDBOOK)
    disk.write("/var/log/kern.log.1", texts.old_kernel_log(lab.draw, 90))
    disk.write("/srv/mail", texts.PANIC_MAIL)
    with lab.debian(disk, "", rights="rw") as machine:
        root_login(machine)
        _typed(
            machine, b"cat /srv/notes.md", b"cat /srv/handbook", b"grep -B2 -A3 -i -E 'panic|oom|read-only' /var/log/kern.log.1 | cat",
            b"cat /srv/mail", b"journalctl -b -k --no-pager | tail -50", b"history",
        )  # fmt: skip
        machine.quiet(5.0, timeout_s=30.0)


@recipe("healthy-installs", HEALTHY)
def installs(lab: Lab) -> None:
    """What installing packages prints, and a long listing."""
    disk = lab.disk()
    disk.write(
        "/usr/local/bin/installing",
        "#!/bin/bash\nn=0\nfor p in $(dpkg-query -W -f '${Package}_${Version} ' | cut -d' ' -f1-120); do\n  n=$((n+1))\n"
        '  echo "Get:$n http://mirror.example bookworm/main amd64 ${p%%_*} amd64 ${p#*_} [$((RANDOM % 900)) kB]"\ndone\n'
        "for p in $(dpkg-query -W -f '${Package} ' | cut -d' ' -f1-120); do echo \"Selecting previously unselected package $p.\"; "
        'echo "Unpacking $p ..."; echo "Setting up $p ..."; done\n'
        "echo 'Processing triggers for initramfs-tools (0.142+deb12u1) ...'\necho 'update-initramfs: Generating /boot/initrd.img'\n",
        0o755,
    )
    with lab.debian(disk, "", rights="rw") as machine:
        root_login(machine)
        _typed(
            machine, b"installing", b"ls -lR /etc | head -300", b"systemctl daemon-reload", b"df -h; df -i"
        )
        machine.quiet(5.0, timeout_s=30.0)


@recipe("healthy-shutdown", HEALTHY)
def shutdown(lab: Lab) -> None:
    """Debian is started and switched off in good order."""
    with lab.debian(lab.disk(), "", rights="rw") as machine:
        root_login(machine)
        machine.send(b"systemctl poweroff\r", pace_s=0.02)
        machine.expect(rb"Power down|reboot: ")
        machine.run_for(3.0)
