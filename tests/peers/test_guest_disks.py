"""Disks of a Linux guest that are full or cannot be written to, and those that are so by design."""

from __future__ import annotations

import os

import pytest

from tests.peers.jail import Jail, codes, read
from tests.peers.resets import jail, reset, sections, undo

__all__ = ["jail"]

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="a Linux of its own is only root's to make")


def test_a_full_disk_is_told_and_halves_no_file(jail: Jail) -> None:
    script = f"""\
sed -i 's/^port=3389/port=4489/' /etc/xrdp/xrdp.ini
cp -a /etc/xrdp /tmp/xrdp
mount -t tmpfs -o size=512k tmpfs /etc/xrdp
cp -a /tmp/xrdp/. /etc/xrdp/
dd if=/dev/zero of=/etc/xrdp/filler 2>/dev/null || :
dd if=/dev/zero of=/var/filler bs=1M count=1 2>/dev/null
mount -t tmpfs -o size=64k tmpfs /var
dd if=/dev/zero of=/var/filler 2>/dev/null || :
{reset(jail)} || :
echo -----
cmp /etc/xrdp/xrdp.ini /tmp/xrdp/xrdp.ini && echo whole
ls /etc/xrdp | grep outofband || echo clean
ls /run/outofband-undo
echo -----
rm /etc/xrdp/filler /var/filler
{undo(jail)}
"""
    told, after, undone = sections(jail.run(script))
    found = read(told)
    assert found.before["disk.full"] == "/var"
    assert {"GuestDiskFull", "GuestFileNotWritten"} <= codes(found)
    assert after.splitlines() == ["whole", "clean", "r1"], "its plan is in memory then"
    assert found.run == "r1"
    assert '"done":0' not in undone and '"failed":0' in undone


# A root of another kind than this one's: the programs are the same. It is entered by `within`.
ROOT = """\
mkdir -p /mnt/root
mount -t tmpfs tmpfs /mnt/root
cd /mnt/root
mkdir dev etc proc run tmp usr var
for each in bin sbin lib lib64; do ln -s usr/$each $each; done
mount --bind /usr usr
mount --rbind /dev dev
mount --rbind /proc proc
mount --rbind /run run
mount --rbind /tmp tmp
cp -r /etc/passwd /etc/group /etc/alternatives etc/
cd /
within() { mount -o remount,bind,ro /mnt/root; chroot /mnt/root "$@"; mount -o remount,bind,rw /mnt/root; }
"""


def test_a_root_that_cannot_be_written_is_a_fault_unless_it_is_meant_so(jail: Jail) -> None:
    look = reset(jail, only_look=True)
    enter = f"within env {look}"
    script = f"""\
{ROOT}
{enter}
echo -----
echo 'tmpfs / tmpfs defaults,noatime 0 1' >/mnt/root/etc/fstab
{enter}
echo -----
echo '/dev/vda1  /  ext4  ro,noatime 0 1' >/mnt/root/etc/fstab
{enter}
echo -----
rm /mnt/root/etc/fstab
: >/run/ostree-booted
{enter}
echo -----
rm /run/ostree-booted
# This one's root is an overlay.
mount -o remount,bind,ro /
{look}
"""
    told = [read(each) for each in sections(jail.run(script))]
    assert [each.before["disk.readOnly"] for each in told] == ["/"] * 5, "it is told as it is"
    named = {"GuestReadOnly"}
    assert [codes(each) & named for each in told] == [named, named, set(), set(), set()]


def test_a_disk_that_nobody_writes_to_is_full_by_its_nature(jail: Jail) -> None:
    look = reset(jail, only_look=True)
    script = f"""\
mount -t tmpfs -o size=64k tmpfs /var
dd if=/dev/zero of=/var/filler 2>/dev/null || :
{look}
echo -----
mount -o remount,bind,ro /var
{look}
"""
    full, image = (read(each) for each in sections(jail.run(script)))
    assert codes(full) == {"GuestDiskFull"} and full.before["disk.full"] == "/var"
    assert codes(image) == set() and image.before["disk.full"] is None


def test_nothing_can_be_written(jail: Jail) -> None:
    script = f"""\
echo 'Port 2222' >>/etc/ssh/sshd_config
mount -t tmpfs -o ro tmpfs /run
mount -t tmpfs -o ro tmpfs /var
{reset(jail)} || :
"""
    found = read(jail.run(script))
    assert codes(found) == {"GuestReadOnly"}
    assert (found.before, found.run) == (found.after, "")
