#!/bin/sh
# mmdebstrap's hook: makes the root file system $1 the box's, and writes image, kernel and initrd to the folder $2.
# $3 holds the lab's sources of the box, $4 is the public key that opens it, $5 the kernel's package.
#
# It runs as root of mmdebstrap's own namespaces where the caller is an ordinary user, so the owners of files are
# right in there and nowhere else: that is why the image is made here too.
set -eu
root=$1 out=$2 sources=$3 key=$4 kernel=$5
SIZE=4G

say() { echo "I: lab: $*"; }

say "files, user, services"
cp -R "$sources/guest/." "$sources/rootfs/." "$root/"
chmod -R u=rwX,go=rX "$root/etc/systemd" "$root/etc/ssh/sshd_config.d"
chmod 755 "$root/usr/local/sbin/lab-network"
chmod 440 "$root/etc/sudoers.d/lab"
chown -R 0:0 "$root/etc/systemd" "$root/etc/sudoers.d" "$root/etc/ssh" "$root/usr/local/sbin"
chroot "$root" useradd --create-home --shell /bin/bash --password '*' vagrant
install -d -m 700 "$root/home/vagrant/.ssh"
echo "$key" >"$root/home/vagrant/.ssh/authorized_keys"
chroot "$root" chown -R vagrant:vagrant /home/vagrant/.ssh
chroot "$root" passwd --quiet --lock root
chroot "$root" systemctl --quiet enable lab-network lab-dhcp lab-host-keys ssh
# Nobody sits at these machines, and what they wait for does not come: an emulated processor boots twice as fast.
chroot "$root" systemctl --quiet set-default multi-user.target
for unit in apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer e2scrub_all.timer e2scrub_reap.service \
    fstrim.timer systemd-tmpfiles-clean.timer getty@tty1.service getty.target getty-static.service \
    systemd-logind.service systemd-user-sessions.service systemd-update-utmp.service systemd-timesyncd.service \
    systemd-udevd.service systemd-udev-trigger.service systemd-random-seed.service systemd-pstore.service \
    sys-kernel-debug.mount sys-kernel-tracing.mount dev-hugepages.mount dev-mqueue.mount nftables.service \
    systemd-binfmt.service proc-sys-fs-binfmt_misc.automount systemd-update-utmp-runlevel.service ipvsadm.service haproxy.service \
    modprobe@.service kmod-static-nodes.service systemd-tmpfiles-setup-dev.service systemd-remount-fs.service \
    systemd-journal-flush.service systemd-sysusers.service systemd-update-done.service ldconfig.service \
    systemd-firstboot.service systemd-machine-id-commit.service e2scrub_reap.service; do
    ln -sf /dev/null "$root/etc/systemd/system/$unit"
done
: >"$root/etc/machine-id"
rm -f "$root"/etc/ssh/ssh_host_*
printf '127.0.0.1\tlocalhost\n' >"$root/etc/hosts"
echo localhost >"$root/etc/hostname"

if [ -e "$sources/site.tar.gz" ]; then # what `lab up` would bring (vm/wheelhouse.py)
    mkdir -p "$root/opt/kube-proxy-lab"
    tar -xzf "$sources/site.tar.gz" -C "$root/opt/kube-proxy-lab" --no-same-owner
fi

say "kernel"
(
    cd "$out"
    APT_CONFIG=$MMDEBSTRAP_APT_CONFIG apt-get download -qq "$(
        APT_CONFIG=$MMDEBSTRAP_APT_CONFIG apt-cache depends "$kernel" | sed -n 's/.*Depends: \(linux-image-[0-9]\)/\1/p' | head -n 1
    )"
    dpkg-deb --fsys-tarfile linux-image-*.deb | tar -x -C "$root" --keep-directory-symlink \
        --exclude './usr/share' --exclude '*/drivers/gpu' --exclude '*/drivers/infiniband' --exclude '*/drivers/scsi'
    rm linux-image-*.deb
)
version=$(ls "$root/lib/modules")
chroot "$root" depmod "$version"
mv "$root/boot/vmlinuz-$version" "$out/vmlinuz"
rm -rf "$root"/boot/*
echo "$version" >"$out/version"

say "initrd"
initrd=$(mktemp -d)
mkdir "$initrd/bin" "$initrd/modules" "$initrd/proc" "$initrd/dev" "$initrd/root"
cp "$root/bin/busybox" "$initrd/bin/busybox"
cp "$sources/init" "$initrd/init"
chmod 755 "$initrd/init"
chroot "$root" modprobe -S "$version" --show-depends --all virtio_pci virtio_blk virtio_net virtio_rng ext4 |
    sed -n 's/^insmod \([^ ]*\).*/\1/p' | awk '!seen[$0]++' | while read -r module; do
    cp "$root$module" "$initrd/modules/"
    basename "$module" >>"$initrd/modules/order"
done
(cd "$initrd" && find . | cpio --quiet -o -H newc) | gzip >"$out/initrd.img"
rm -r "$initrd"

say "image"
rm -rf "$root"/var/lib/apt/lists/* "$root"/var/cache/apt/* "$root"/var/log/* "$root"/tmp/* "$root/etc/resolv.conf"
bare=$(mktemp -d) # the same files without what mmdebstrap has mounted among them
mount --bind "$root" "$bare"
mke2fs -q -t ext4 -L lab -m 0 -E lazy_itable_init=1 -d "$bare" "$out/root.img" "$SIZE"
umount "$bare"
rmdir "$bare"
