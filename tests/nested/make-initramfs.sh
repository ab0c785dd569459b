#!/bin/sh
# SPDX-License-Identifier: MIT
# Makes the two kinds of initramfs of the nested venue; needs no root.
#
#	make-initramfs.sh guest KERNEL_DIR CPIO
#	make-initramfs.sh host KERNEL_DIR CPIO [PATH_INSIDE=FILE]...
#
# Both hold busybox and the kernel modules they need, numbered in the order of loading. The guest's init
# is l2-init, with util-linux's lscpu beside it; the host's is l1-init, with whatever it is told to carry.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
. "$here/../../guest/linux/initramfs.sh"
kind=$1 kernel=$2 cpio=$3
shift 3
root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT

mkdir -p "$root/bin" "$root/dev" "$root/proc" "$root/sys" "$root/tmp" "$root/mnt"
place "$(command -v busybox)" bin/busybox
case $kind in
guest)
	place "$here/l2-init" init
	place "$(command -v lscpu)" bin/lscpu
	libraries "$(command -v lscpu)"
	modules virtio_ring virtio virtio_mmio virtio_blk failover net_failover virtio_net virtio-rng \
		crc16 crc32c_generic mbcache jbd2 ext4
	;;
host)
	place "$here/l1-init" init
	modules virtio_ring virtio virtio_pci_modern_dev virtio_pci_legacy_dev virtio_pci virtio_blk \
		irqbypass kvm kvm-amd tun
	for pair in "$@"; do
		place "${pair#*=}" "${pair%%=*}"
		libraries "${pair#*=}"
	done
	;;
esac
chmod 755 "$root/init"
pack "$cpio"
