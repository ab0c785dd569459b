#!/bin/sh
# SPDX-License-Identifier: MIT
# Makes what the linux-vm arm of tinybench boots; `make linux-guest` calls it.
#
#	make.sh BUILD
#
# BUILD/guest/linux/vmlinuz	Debian's cloud kernel, downloaded once and not installed
# BUILD/guest/linux/bench.cpio	its initramfs: BUILD/guest/bench.elf, the same bytes as in all arms, our
#				init, and the kernel's modules for tinyvmm's devices
# BUILD/guest/linux/version	the kernel's version, for the results
set -eu
here=$(cd "$(dirname "$0")" && pwd)
build=$1
kernel=$build/kernel/cloud
# shellcheck disable=SC2034 # for modules()
modules_from=$kernel/lib/modules
. "$here/initramfs.sh"

"$here/../venue/fetch.sh" "$build" cloud
root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
chmod 755 "$root"
mkdir "$root/dev"
place "$build/guest/linux/init" init
place "$build/guest/bench.elf" bench
modules virtio_ring virtio virtio_mmio virtio_blk failover net_failover virtio_net
# Directories have no order; init goes by this list.
(cd "$root" && find modules -name '*.ko' | LC_ALL=C sort | sed 's,^,/,' >modules.order)
pack "$build/guest/linux/bench.cpio"
cp "$kernel/vmlinuz" "$build/guest/linux/vmlinuz"
ls "$kernel/lib/modules" >"$build/guest/linux/version"
