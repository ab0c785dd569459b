#!/bin/sh
# SPDX-License-Identifier: MIT
# Makes the initramfs of the machine that `tinybench exact` counts in; needs no root.
#
#	pack.sh EXACT_DIR KERNEL_DIR CPIO [PATH_INSIDE=FILE]...
#
# EXACT_DIR has level1, init.sh and initramfs.sh (build/exact); what is a program brings its libraries.
set -eu
exact=$1 kernel=$2 cpio=$3
modules_from=$kernel/lib/modules
export modules_from
shift 3
. "$exact/initramfs.sh"
root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT

mkdir -p "$root/bin" "$root/dev" "$root/proc" "$root/sys" "$root/tmp"
place "$(command -v busybox)" bin/busybox
place "$exact/level1" bin/level1
place "$exact/init.sh" init
chmod 755 "$root/init"
modules null_blk brd
mv "$root/modules" "$root/later"
modules virtio_ring virtio virtio_pci_modern_dev virtio_pci_legacy_dev virtio_pci virtio_blk
mv "$root/modules" "$root/last"
modules irqbypass kvm kvm-amd tun configfs
for pair in "$@"; do
	place "${pair#*=}" "${pair%%=*}"
	libraries "${pair#*=}"
done
pack "$cpio"
# The programs as they were packed stay beside it: the build directory may have others by the time that symbols are
# looked up.
[ ! -d "$root/b" ] || mv "$root/b" "$(dirname "$cpio")/"
