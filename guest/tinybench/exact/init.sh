#!/bin/busybox sh
# SPDX-License-Identifier: MIT
# The first program of level 1: loads modules, runs the jobs, and ends the machine.
export PATH=/bin
/bin/busybox --install -s /bin
mount -t devtmpfs dev /dev
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t tmpfs tmp /tmp
exec </dev/console >/dev/console 2>&1
for module in /modules/*; do
	insmod "$module" || echo "@@ cannot load $module"
done
level1 /jobs /tmp/result
# The disk comes after the jobs, because it ends its requests when the host pleases: two runs would differ by it.
for module in /last/*; do
	insmod "$module"
done
cat /tmp/result >/dev/vda && sync
poweroff -f
