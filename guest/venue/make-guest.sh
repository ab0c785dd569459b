#!/bin/sh
# SPDX-License-Identifier: MIT
# Makes a small Linux for tinyvmm to boot: busybox, util-linux's lscpu, guest-init.sh, and the modules of its kernel
# for tinyvmm's devices, numbered in the order of loading. Needs no root. Tests and the demonstration boot it.
#
#	make-guest.sh BUILD KIND
#
# makes BUILD/guest/venue/linux-KIND.cpio, for the kernel BUILD/kernel/KIND/vmlinuz of fetch.sh.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
build=$(cd "$1" && pwd)
# shellcheck source=guest/linux/initramfs.sh
. "$here/../linux/initramfs.sh"
# shellcheck disable=SC2034 # for modules()
modules_from=$build/kernel/$2/lib/modules
root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT

mkdir -p "$build/guest/venue" "$root/bin" "$root/dev" "$root/proc" "$root/sys" "$root/tmp" "$root/mnt"
place "$(command -v busybox)" bin/busybox
place "$here/guest-init.sh" init
chmod 755 "$root/init"
place "$(command -v lscpu)" bin/lscpu
libraries "$(command -v lscpu)"
modules virtio_ring virtio virtio_mmio virtio_blk failover net_failover virtio_net virtio-rng \
	crc16 crc32c_generic mbcache jbd2 ext4 button evdev
pack "$build/guest/venue/linux-$2.cpio"
