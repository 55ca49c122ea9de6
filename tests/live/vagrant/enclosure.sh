#!/bin/bash
# Runs a command where libvirt may do as it likes: `sudo tests/live/vagrant/enclosure.sh FOLDER COMMAND…`.
#
# libvirt wants a machine for itself: it makes bridges, starts dnsmasq, adds LIBVIRT chains and leaves them. So it
# gets network, mount and process namespaces of its own. Only the loopback is in there, nothing can leave; and
# when the command ends, the kernel ends every process, bridge and chain with it. Disks, pools, libvirt's
# and Vagrant's files are in FOLDER, which stays. FOLDER/pid is the way in for a look:
#
#     sudo nsenter --all --target "$(pgrep --parent "$(cat FOLDER/pid)")"
set -euo pipefail

folder=$(realpath "$1")
shift
if [ "${ENCLOSED:-}" != yes ]; then
    mkdir -p "$folder"
    echo $$ >"$folder/pid" # unshare's from the next line on; its child is in the enclosure
    ENCLOSED=yes exec unshare --net --mount --pid --fork --mount-proc --kill-child -- "$0" "$folder" "$@"
fi

set_up_files() {
    mkdir -p "$folder"/{etc,lib/images,cache,log,vagrant}
    [ -e "$folder/etc/libvirt" ] || cp -a /etc/libvirt "$folder/etc/libvirt"
    # No machine or network but those that Vagrant makes; a run that was killed has left its own.
    rm -rf "$folder"/etc/libvirt/qemu/*.xml "$folder"/etc/libvirt/qemu/networks/* "$folder"/lib/images/lab-*
    cat >"$folder/etc/libvirt/qemu.conf" <<'END'
user = "root"
group = "root"
security_driver = "none"
dynamic_ownership = 0
remember_owner = 0
namespaces = []
cgroup_controllers = []
seccomp_sandbox = 0
stdio_handler = "file"
END
    mount --bind "$folder/etc/libvirt" /etc/libvirt
    mount --bind "$folder/lib" /var/lib/libvirt
    mount --bind "$folder/cache" /var/cache/libvirt
    mount --bind "$folder/log" /var/log/libvirt
    mount -t tmpfs tmpfs /run
    mkdir /run/lock /run/sshd
}

set_up_libvirt() {
    virtlogd -d
    libvirtd -d
    local tries=0
    until virsh -q uri >/dev/null 2>&1; do
        tries=$((tries + 1))
        [ $tries -lt 100 ] || { echo "libvirtd does not answer; its log is in $folder/log" >&2; exit 1; }
        sleep 0.3
    done
    if ! virsh -q pool-info default >/dev/null 2>&1; then # Vagrant's own setting of a path is not enough
        virsh -q pool-define-as default dir --target /var/lib/libvirt/images
        virsh -q pool-autostart default
    fi
    virsh -q pool-start default 2>/dev/null || true # after a second start of libvirtd it runs already
}

ip link set lo up
set_up_files
set_up_libvirt >/dev/null
export VAGRANT_HOME=$folder/vagrant VAGRANT_CHECKPOINT_DISABLE=1 VAGRANT_DEFAULT_PROVIDER=libvirt
nice -n 5 "$@" # not exec: process 1 has orphans to bury, and this shell does
