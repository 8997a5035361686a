"""A whole system that comes up half: emergency mode, full and read-only disks, cloud-init, a console without a prompt."""

from __future__ import annotations

from guests.archive import Archive
from guests.broken.disks import Ext4
from guests.broken.lab import Lab, root_login
from guests.broken.recipes.boot import EMERGENCY, MAINTENANCE, second
from guests.broken.registry import Shows, recipe

FSTAB = "/dev/vda / ext4 errors=remount-ro 0 1\n"
UNIT_FIELD = "unit"


def _emergency(lab: Lab, disk: Ext4, append: str = "", *arguments: str, prompt: bytes = MAINTENANCE) -> None:
    with lab.debian(disk, append, *arguments) as machine:
        machine.expect(prompt)
        machine.quiet(3.0, timeout_s=30.0)


def emergency(unit: str) -> Shows:
    """Emergency mode because of `unit`."""
    return Shows("EmergencyMode", EMERGENCY.text, {UNIT_FIELD: unit})


@recipe("emergency-uuid", "EmergencyMode", emergency("srv-data.mount"))
def bad_uuid(lab: Lab) -> None:
    """/etc/fstab names a UUID that no disk has."""
    disk = lab.disk()
    line = (
        "UUID=deadbeef-0000-0000-0000-000000000000 /srv/data ext4 defaults,x-systemd.device-timeout=8s 0 2\n"
    )
    disk.write("/etc/fstab", FSTAB + line)
    _emergency(lab, disk)


@recipe("emergency-device", "EmergencyMode", emergency("opt.mount"))
def bad_device(lab: Lab) -> None:
    """/etc/fstab names a disk that was detached."""
    disk = lab.disk()
    disk.write("/etc/fstab", FSTAB + "/dev/vdc1 /opt ext4 defaults,x-systemd.device-timeout=10s 0 0\n")
    _emergency(lab, disk)


@recipe("emergency-label", "EmergencyMode", emergency("var-lib-mysql.mount"))
def bad_label(lab: Lab) -> None:
    """/etc/fstab names a label; its disk was made anew without one."""
    disk, data = lab.disk(), Ext4.made(lab.scratch / "data.img", 16)
    disk.write(
        "/etc/fstab", FSTAB + "LABEL=mysql /var/lib/mysql ext4 defaults,x-systemd.device-timeout=6s 0 2\n"
    )
    _emergency(lab, disk, "", *second(data))


@recipe("emergency-type", "EmergencyMode", emergency("srv-backup.mount"))
def bad_type(lab: Lab) -> None:
    """A file system of a type that the kernel cannot mount."""
    disk, data = lab.disk(), Ext4.made(lab.scratch / "data.img", 16)
    disk.write("/etc/fstab", FSTAB + "/dev/vdb /srv/backup xfs defaults 0 0\n")
    _emergency(lab, disk, "", *second(data))


@recipe("emergency-options", "EmergencyMode", emergency("home.mount"))
def bad_options(lab: Lab) -> None:
    """A mount option that does not exist."""
    disk, data = lab.disk(), Ext4.made(lab.scratch / "data.img", 16)
    disk.write("/etc/fstab", FSTAB + "/dev/vdb /home ext4 defaults,no_such_option=1 0 0\n")
    _emergency(lab, disk, "", *second(data))


@recipe("emergency-spoilt-disk", "EmergencyMode", EMERGENCY)
def spoilt(lab: Lab) -> None:
    """The data disk's first blocks were overwritten."""
    disk, data = lab.disk(), Ext4.made(lab.scratch / "data.img", 16)
    with data.path.open("r+b") as image:
        image.write(lab.draw.randbytes(2**20))
    disk.write("/etc/fstab", FSTAB + "/dev/vdb /srv ext4 defaults 0 2\n")
    _emergency(lab, disk, "", *second(data))


@recipe("emergency-mount-unit", "EmergencyMode", emergency("srv-media.mount"))
def mount_unit(lab: Lab) -> None:
    """A mount unit that local file systems need and that fails."""
    disk = lab.disk()
    disk.enable(
        "srv-media.mount",
        "[Unit]\nDescription=Media library\nBefore=local-fs.target\n[Mount]\nWhat=/var/lib/media.img\n"
        "Where=/srv/media\nType=ext4\n",
        "local-fs.target",
    )
    disk.do(
        "mkdir /etc/systemd/system/local-fs.target.requires",
        "symlink /etc/systemd/system/local-fs.target.requires/srv-media.mount ../srv-media.mount",
    )
    _emergency(lab, disk)


@recipe("emergency-asked-for", "EmergencyMode", EMERGENCY)
def asked_for(lab: Lab) -> None:
    """Emergency mode asked for on the kernel's command line."""
    _emergency(lab, lab.disk(), "emergency")


@recipe("emergency-root-locked", "EmergencyMode", emergency("srv.mount"))
def locked(lab: Lab) -> None:
    """Emergency mode in a system whose root has no password."""
    disk = lab.disk()
    shadow = "root:*:19000:0:99999:7:::\noperator1:*:19000:0:99999:7:::\n"
    disk.write("/etc/shadow", shadow, 0o640)
    disk.write("/etc/fstab", FSTAB + "/dev/vdd /srv ext4 defaults,x-systemd.device-timeout=5s 0 0\n")
    _emergency(lab, disk, prompt=rb"(Press Enter to continue|root account is locked)")


# --- a disk without room

FULL = Shows("DiskFull", rb"No space left on device")
PROMPT = rb"login: $"


def _full(lab: Lab, disk: Ext4) -> None:
    with lab.debian(disk, "systemd.show_status=1", rights="rw") as machine:
        machine.expect(FULL.text)
        machine.run_for(30.0)


@recipe("full-root", "DiskFull", FULL)
def full_root(lab: Lab) -> None:
    """No block is free on the root."""
    disk = lab.disk()
    disk.fill()
    _full(lab, disk)


@recipe("full-inodes", "DiskFull", FULL)
def full_inodes(lab: Lab) -> None:
    """A mail server's disk has blocks left and no inode; somebody delivers from a shell in init's place."""
    disk, data = lab.disk(), Ext4.made(lab.scratch / "data.img", 32, "-N", "64")
    with lab.debian(disk, "init=/bin/bash", *second(data), rights="rw") as machine:
        machine.expect(rb"root@\S+# ")
        machine.quiet(2.0, timeout_s=20.0)
        machine.send(
            b"mount /dev/vdb /srv && for n in {1..60}; do echo mail > /srv/$n; done; df -i /srv\r",
            pace_s=0.02,
        )
        machine.expect(rb"No space left on device")
        machine.quiet(4.0, timeout_s=30.0)


@recipe("full-service", "DiskFull", FULL)
def full_service(lab: Lab) -> None:
    """A service with much to say fills the root while the system runs."""
    disk = lab.disk()
    disk.write(
        "/usr/local/bin/collector",
        "#!/bin/bash\necho collector: writing samples\nwhile :; do\n  head -c 4M /dev/urandom >> /var/lib/samples || "
        "{ echo collector: giving up; exit 1; }\ndone\n",
        0o755,
    )
    disk.enable(
        "collector.service",
        "[Unit]\nDescription=Collector of samples\n[Service]\nExecStart=/usr/local/bin/collector\n"
        "StandardOutput=journal+console\nStandardError=journal+console\n",
    )
    disk.fill(leave=3000)
    with lab.debian(disk, "", rights="rw") as machine:
        machine.expect(rb"No space left on device")
        machine.run_for(30.0)


@recipe("full-while-installing", "DiskFull", FULL)
def full_installing(lab: Lab) -> None:
    """Somebody unpacks an archive onto a root with little room."""
    disk = lab.disk()
    disk.fill(leave=6000)
    with lab.debian(disk, "", rights="rw") as machine:
        root_login(machine)
        machine.send(b"tar -C /opt -xf <(tar -C / -cf - usr/lib) 2>&1 | tail -8; df -h /\r", pace_s=0.02)
        machine.expect(rb"root@tgt01:~# $")
        machine.quiet(2.0)


# --- a root that is read-only

READ_ONLY = Shows("RootReadOnly", rb"Remounting filesystem read-only")


@recipe("read-only-bad-folder", "RootReadOnly", READ_ONLY)
def bad_folder(lab: Lab) -> None:
    """The kernel finds a folder that is rubbish and stops writing."""
    disk = lab.disk()
    disk.spoil_folder("/srv/shop")
    with lab.debian(disk, "", rights="rw") as machine:
        root_login(machine)
        machine.send(b"ls -lR /srv\r", pace_s=0.02)
        machine.expect(rb"root@tgt01:~# $")
        machine.send(b"touch /etc/motd\r", pace_s=0.02)
        machine.expect(rb"root@tgt01:~# $")
        machine.quiet(4.0, timeout_s=60.0)


@recipe("read-only-service", "RootReadOnly", READ_ONLY)
def bad_folder_service(lab: Lab) -> None:
    """A service comes upon a folder that is rubbish while the system starts."""
    disk = lab.disk()
    disk.spoil_folder("/var/lib/shop")
    disk.enable(
        "shop.service",
        "[Unit]\nDescription=Shop\n[Service]\nExecStart=/bin/sh -c 'ls /var/lib/shop; sleep 5; echo state > /var/lib/state'\n"
        "StandardError=journal+console\n",
        "sysinit.target",
    )
    with lab.debian(disk, "", rights="rw") as machine:
        machine.expect(rb"read-only")
        machine.quiet(12.0, timeout_s=120.0)


def _failing_disk(lab: Lab, disk: Ext4, flushes: int, event: str = "write_aio") -> list[str]:
    """QEMU's words for a disk that refuses to be written to after it was flushed so many times."""
    rules = lab.scratch / "blkdebug.conf"
    steps = [
        f'[set-state]\nevent = "flush_to_disk"\nstate = "{state}"\nnew_state = "{state + 1}"\n'
        for state in range(1, flushes + 1)
    ]
    steps.append(
        f'[inject-error]\nevent = "{event}"\nstate = "{flushes + 1}"\nerrno = "5"\niotype = "write"\nonce = "off"\nimmediately = "off"\n'
    )
    rules.write_text("\n".join(steps))
    return [
        "-drive",
        f"file=blkdebug:{rules}:{disk.path},format=raw,if=virtio,werror=report,rerror=report",
    ]


@recipe("read-only-write-errors", "RootReadOnly", READ_ONLY)
def write_errors(lab: Lab) -> None:
    """The disk stops taking writes while the system is starting its services."""
    disk = lab.disk()
    with lab.debian(disk, "", rights="rw", drive=_failing_disk(lab, disk, 6)) as machine:
        machine.expect(READ_ONLY.text)
        machine.run_for(30.0)


@recipe("read-only-write-errors-early", "RootReadOnly", READ_ONLY)
def write_errors_early(lab: Lab) -> None:
    """The disk stops taking writes while the system starts."""
    disk = lab.disk()
    with lab.debian(disk, "", drive=_failing_disk(lab, disk, 2)) as machine:
        machine.expect(rb"read-only")
        machine.quiet(15.0, timeout_s=150.0)


# --- cloud-init

CLOUD = Shows(
    "CloudInitFailed",
    rb"\[FAILED\] Failed to start (cloud-(init|config|final|init-local)\.service|[^\r\n]*cloud-init[^\r\n]*|[^\r\n]*[Cc]loud[^\r\n]*)"
    rb"|cloud-init\[\d+\]:[^\r\n]*(WARNING|ERROR)[^\r\n]*: (Failed|Running module)[^\r\n]*\r?\n",
)
SLIM = " ".join(
    [
        "systemd.unit=cloud-final.service systemd.wants=cloud-init-local.service systemd.wants=cloud-init.service",
        "systemd.show_status=1 fsck.mode=skip",
        *(
            f"systemd.mask={unit}"
            for unit in ("systemd-udev-trigger.service", "networking.service", "ifupdown-pre.service")
        ),
    ]
)
"""No more than cloud-init and what it needs: it is slow enough on an emulated processor."""
META = "instance-id: i-0a1b2c3d\nlocal-hostname: web01\n"


def _cloud(lab: Lab, user_data: str, prompt: bytes, meta: str = META) -> None:
    disk = lab.disk()
    seed = "/var/lib/cloud/seed/nocloud"
    disk.write(f"{seed}/meta-data", meta)
    disk.write(f"{seed}/user-data", user_data)
    disk.write("/etc/cloud/cloud.cfg.d/99_seed.cfg", "datasource_list: [ NoCloud ]\n")
    with lab.debian(disk, SLIM, rights="rw", cloud=True) as machine:
        machine.expect(prompt)
        machine.run_for(20.0)


DONE = rb"(Cloud-init v\. \S+ finished|Failed to start cloud-final|Failed to start [^\r\n]*loud[^\r\n]*inal)"


@recipe("cloud-init-script", "CloudInitFailed", CLOUD)
def cloud_script(lab: Lab) -> None:
    """A script in the user data fails."""
    _cloud(lab, "#!/bin/bash\necho installing\nmount /dev/disk/azure/scsi1/lun0-part1 /data\nexit 3\n", DONE)


@recipe("cloud-init-runcmd", "CloudInitFailed", CLOUD)
def cloud_runcmd(lab: Lab) -> None:
    """A command in the user data fails."""
    _cloud(lab, "#cloud-config\nruncmd:\n  - [ /usr/local/bin/register, --now ]\n  - exit 1\n", DONE)


@recipe("cloud-init-yaml", "CloudInitFailed", CLOUD)
def cloud_yaml(lab: Lab) -> None:
    """The user data is no YAML."""
    _cloud(lab, "#cloud-config\nusers:\n  - name: app\n   groups: [sudo\nruncmd:\n- ls\n", DONE)


@recipe("cloud-init-packages", "CloudInitFailed", CLOUD)
def cloud_packages(lab: Lab) -> None:
    """Packages that cannot be installed without a network."""
    _cloud(lab, "#cloud-config\npackage_update: true\npackages: [nginx, certbot]\n", DONE)


@recipe("cloud-init-bootcmd", "CloudInitFailed", CLOUD)
def cloud_bootcmd(lab: Lab) -> None:
    """A command that runs early in each boot fails."""
    _cloud(lab, "#cloud-config\nbootcmd:\n  - [ sh, -c, 'lvextend -l +100%FREE /dev/vg0/root' ]\n", DONE)


@recipe("cloud-init-disk-setup", "CloudInitFailed", CLOUD)
def cloud_disks(lab: Lab) -> None:
    """A disk that is to be formatted is not there."""
    _cloud(
        lab,
        "#cloud-config\nfs_setup:\n  - label: data\n    filesystem: xfs\n    device: /dev/vdb\n    partition: 1\n"
        "mounts:\n  - [ /dev/vdb1, /data, xfs ]\nwrite_files:\n  - path: /proc/nowhere/file\n    content: x\n",
        DONE,
    )


# --- a console without a prompt

NO_PROMPT_S = 100.0


def _no_prompt(lab: Lab, disk: Ext4, append: str, seen: bytes) -> None:
    with lab.debian(disk, append, rights="rw") as machine:
        machine.expect(seen)
        machine.run_for(NO_PROMPT_S)


MULTI_USER = rb"Reached target (multi-user\.target|Multi-User System|multi-user\.target - Multi-User System)"


@recipe("no-prompt-masked", "LoginPromptMissing", Shows("LoginPromptMissing", MULTI_USER))
def masked(lab: Lab) -> None:
    """The service that asks for a login on the serial port is masked."""
    _no_prompt(
        lab,
        lab.disk(),
        "systemd.mask=serial-getty@ttyS0.service systemd.show_status=1 loglevel=5",
        MULTI_USER,
    )


BANNER = "Contoso appliance 4.2 on \\n (ttyS0)\nAuthorised use only. Sessions are recorded.\n\n"


@recipe("no-prompt-banner", "LoginPromptMissing", Shows("LoginPromptMissing", rb"Sessions are recorded\."))
def banner(lab: Lab) -> None:
    """An appliance that prints its banner on the serial port and never asks there."""
    disk = lab.disk()
    disk.enable(
        "banner.service",
        "[Unit]\nDescription=Banner\nAfter=systemd-user-sessions.service\n[Service]\nType=oneshot\nExecStart=/bin/sh -c "
        "'sleep 3; cat /etc/banner > /dev/ttyS0'\nRemainAfterExit=yes\n",
    )
    disk.write("/etc/banner", BANNER.replace("\\n", "tgt01"))
    _no_prompt(lab, disk, "systemd.mask=serial-getty@ttyS0.service", rb"Sessions are recorded")


@recipe("no-prompt-busybox", "LoginPromptMissing", Shows("LoginPromptMissing", rb"no network needed"))
def busybox(lab: Lab) -> None:
    """A small appliance whose init asks for a login on the screen alone."""
    files = Archive()
    files.file(
        "etc/inittab",
        b"::sysinit:/etc/init.d/rcS\n::once:/bin/sh -c 'sleep 1; cat /etc/banner > /dev/ttyS0'\n"
        b"tty1::respawn:/sbin/getty 38400 tty1 linux\n",
    )
    files.file("etc/banner", b"\n  Outofband demo guest\n  Linux on ttyS0, no network needed\n\n")
    with lab.demo("", files=files) as machine:
        machine.expect(rb"no network needed")
        machine.run_for(NO_PROMPT_S)


@recipe("no-prompt-getty-fails", "LoginPromptMissing", Shows("LoginPromptMissing", MULTI_USER))
def getty_fails(lab: Lab) -> None:
    """The program that asks for a login on the serial port was replaced and ends at once."""
    disk = lab.disk()
    disk.write(
        "/etc/systemd/system/serial-getty@ttyS0.service",
        "[Unit]\nDescription=Serial Getty on ttyS0\nAfter=systemd-user-sessions.service\n[Service]\n"
        "ExecStart=/sbin/agetty-gone -o '-p -- \\\\u' --keep-baud 115200 ttyS0 vt220\n[Install]\nWantedBy=getty.target\n",
    )
    _no_prompt(lab, disk, "systemd.show_status=1 loglevel=5", MULTI_USER)
