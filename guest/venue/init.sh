#!/bin/busybox sh
# SPDX-License-Identifier: MIT
# shellcheck shell=dash disable=SC2154 # settings
# The first program of level 1, which becomes its agent (agent.c). Its root file system is either this
# initramfs, or the caller's own (9p, read-only) beneath a layer in memory that is thrown away; /venue/settings
# and /venue/shares say which, and what else to mount. What it prints goes to level 1's console, which the
# caller sees only if level 1 does not start.
export PATH=/bin
/bin/busybox --install -s /bin 2>/dev/null
mkdir -p /dev /proc /sys /tmp /run
mount -t devtmpfs dev /dev
mount -t proc proc /proc
mount -t sysfs sys /sys
exec </dev/console >/dev/console 2>&1
# shellcheck source=/dev/null
. /venue/settings
new= # where the command's root is now

give_up() {
	echo "venue's init: $*"
	poweroff -f
}

# mount_9p TAG PATH OPTIONS
mount_9p() {
	mount -t 9p -o "trans=virtio,version=9p2000.L,msize=512000,$3" "$1" "$2" ||
		give_up "cannot mount $2; this kernel may lack 9p over virtio (CONFIG_9P_FS, CONFIG_NET_9P_VIRTIO)"
}

for module in /modules/*.ko; do
	insmod "$module" || echo "cannot load $module"
done
hostname venue
ip link set lo up

if [ "$files_from" = host ]; then
	new=/new
	mkdir /host /layer $new
	mount_9p root /host ro,cache=loose
	mount -t tmpfs layer /layer
	mkdir /layer/files /layer/work
	mount -t overlay -o lowerdir=/host,upperdir=/layer/files,workdir=/layer/work root $new ||
		give_up "this kernel lacks overlayfs (CONFIG_OVERLAY_FS)"
	mkdir -p $new/dev $new/proc $new/sys $new/run
	for dir in dev proc sys; do
		mount --move /$dir $new/$dir
	done
	mount -t tmpfs run $new/run
	mkdir -p $new/run/venue $new/run/lock
	cp /bin/busybox /venue/agent /venue/modprobe.sh $new/run/venue/
	if [ -n "$modules_from" ]; then
		mkdir -p "$new/lib/modules/$(uname -r)"
		mount --bind "$new$modules_from" "$new/lib/modules/$(uname -r)"
		echo /run/venue/modprobe.sh >$new/proc/sys/kernel/modprobe
	fi
fi
while read -r tag mode path; do
	mkdir -p "$new$path"
	mount_9p "$tag" "$new$path" "$mode,cache=mmap"
done </venue/shares
mkdir -p $new/dev/pts $new/dev/shm
mount -t devpts pts $new/dev/pts
mount -t tmpfs shm $new/dev/shm
mount -t cgroup2 cgroup2 $new/sys/fs/cgroup

[ -z "$hold" ] || /venue/hold_keys &
[ -n "$new" ] || exec /venue/agent
exec switch_root $new /run/venue/agent
