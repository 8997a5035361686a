#!/bin/sh
# mmdebstrap's last step: customize.sh ROOT. Lays the files over, makes the accounts, packs the disk.
# From the environment: OVERLAY, ACCOUNTS (lines for chpasswd -e), USERNAME, SIZE, and the files to fill: KERNEL, INITRD,
# DISK, VERSIONS. It runs as root, or as the root of a user namespace, which sees the owners as the guest will.
set -eu
root=$1

cp -R "$OVERLAY/." "$root/"
chroot "$root" useradd -m -s /bin/bash -G sudo "$USERNAME"
chroot "$root" chpasswd -e <"$ACCOUNTS"
# Debian leaves xrdp without the right to read its own key, and then it speaks without TLS.
chroot "$root" usermod -a -G ssl-cert xrdp
chroot "$root" systemctl --quiet enable ssh xrdp serial-getty@ttyS0
# The guest agent has no unit to enable: its port starts it.
# The machine itself is made at the first start, once for each copy of this disk.
rm -f "$root"/etc/ssh/ssh_host_*_key* "$root/var/lib/dbus/machine-id"
: >"$root/etc/machine-id"

printf '%s\n' virtio_pci virtio_blk virtio_console virtio_net ext4 >>"$root/etc/initramfs-tools/modules"
echo MODULES=list >"$root/etc/initramfs-tools/conf.d/outofband"
chroot "$root" update-initramfs -u -k all >/dev/null

chroot "$root" dpkg-query -W -f '${Package}=${Version}\n' >"$VERSIONS"
cat "$root"/boot/vmlinuz-* >"$KERNEL"
cat "$root"/boot/initrd.img-* >"$INITRD"
rm -rf "$root"/var/cache/apt/*.bin "$root"/var/cache/apt/archives/*.deb "$root"/var/lib/apt/lists/*
rm -rf "$root"/boot/*

# A file system of the right size, its files with the owners and rights they have here. It is filled from a second view of
# the root, which is without what mmdebstrap mounted into it: /proc cannot be copied.
bare=$(mktemp -d)
mount --bind "$root" "$bare"
trap 'umount "$bare" && rmdir "$bare"' EXIT
echo "customize: $(du -sm "$bare" | cut -f1) MiB of files" >&2
mke2fs -q -F -t ext4 -L root -E root_owner=0:0 -d "$bare" "$DISK" "$SIZE"
