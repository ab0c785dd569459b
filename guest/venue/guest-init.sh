#!/bin/busybox sh
# SPDX-License-Identifier: MIT
# shellcheck shell=dash disable=SC1010,SC2012,SC2013,SC2016,SC2034,SC2154 # plain file names; steps are run by eval
# The guest under test (level 2): does what `steps=` on its kernel command line names, in that order, and
# reports what it sees as lines "@key value" on the console. It judges nothing: the cases do, outside.
# The kernel hands `steps` and other unknown NAME=VALUE words of the command line to us as environment.
export PATH=/bin
/bin/busybox --install -s /bin
mount -t devtmpfs dev /dev
mount -t proc proc /proc
mount -t sysfs sys /sys
exec </dev/console >/dev/console 2>&1
# Line feeds as they are: the log is read by programs.
stty -opost -echo
for module in /modules/*; do
	insmod "$module" || echo "@broken $module"
done

say() {
	echo "@$*"
}

sum() {
	md5sum | cut -d' ' -f1
}

step_cpus() {
	say cpus "$(grep -c '^processor' /proc/cpuinfo)"
	say model "$(sed -n '/^model name/{s/.*: //p;q}' /proc/cpuinfo)"
	say flags "$(sed -n '/^flags/{s/.*: //p;q}' /proc/cpuinfo)"
	# One word for each CPU: its number, core, socket and node, as util-linux understands them.
	say lscpu "$(lscpu -p=CPU,CORE,SOCKET,NODE | grep -v '^#' | tr '\n' ' ')"
	say shape "$(lscpu | sed -n 's/^\(Thread\|Core\|Socket\|NUMA node\)(s).*: *\([0-9]*\)$/\1=\2/p' |
		tr '\n' ' ')"
	say nodes "$(ls -d /sys/devices/system/node/node[0-9]* 2>/dev/null | wc -l)"
	say clock "$(cat /sys/devices/system/clocksource/clocksource0/current_clocksource)"
}

# Every CPU executes what is put there: field 39 of /proc/PID/stat is the CPU that ran it last.
step_taskset() {
	ran=
	for cpu in $(grep '^processor' /proc/cpuinfo | cut -d: -f2); do
		ran="$ran $(taskset -c "$cpu" awk '{ print $39 }' /proc/self/stat)"
	done
	say taskset "${ran# }"
}

step_mem() {
	say mem_kib "$(sed -n 's/^MemTotal: *\([0-9]*\) kB/\1/p' /proc/meminfo)"
	for node in /sys/devices/system/node/node[0-9]*; do
		say mem_kib_"${node##*/}" "$(sed -n 's/.*MemTotal: *\([0-9]*\) kB/\1/p' "$node/meminfo")"
	done
}

step_disks() {
	for disk in /sys/block/vd*; do
		say disk "${disk##*/} sectors=$(cat "$disk/size") ro=$(cat "$disk/ro")" \
			"serial=$(cat "$disk/serial")"
	done
}

# The first boot writes, the second one finds the sum and compares.
step_disk_keep() {
	mount -t ext4 /dev/vda /mnt || return
	if [ -e /mnt/sum ]; then
		say disk_sum_read "$(sum </mnt/data)"
		say disk_sum_kept "$(cat /mnt/sum)"
		rm /mnt/sum /mnt/data
		umount /mnt && say disk_unmounted
		return
	fi
	dd if=/dev/urandom of=/mnt/data bs=1M count=64 2>/dev/null
	sum </mnt/data >/mnt/sum
	say disk_sum_written "$(cat /mnt/sum)"
	sync
	# Not unmounted: what sync promised has to be there after a reset.
	say disk_rebooting
	reboot -f
}

step_disk_ro() {
	mount -t ext4 -o ro /dev/vda /mnt && say mounted_ro && umount /mnt
	dd if=/dev/zero of=/dev/vda bs=512 count=1 conv=fsync 2>/dev/null || say write_refused
}

step_disk_discard() {
	blkdiscard /dev/vda && say discarded
	say disk_sum "$(sum </dev/vda)"
}

# 10.0.0.1 is the host's side of the TAP.
step_ping() {
	ip link set eth0 up
	ip addr add 10.0.0.2/24 dev eth0
	tries=10
	until ping -c 1 -W 1 10.0.0.1 >/dev/null || [ $((tries -= 1)) = 0 ]; do :; done
	say ping "$(answered_pings -s 56)"
}

answered_pings() {
	ping -c 3 -W 2 "$@" 10.0.0.1 | sed -n 's/.* \([0-9]*\) packets received.*/\1/p'
}

# There, port 5001 sends a file and port 5002 takes one.
step_net() {
	step_ping
	say ping_large "$(answered_pings -s 4000)"
	say mac "$(cat /sys/class/net/eth0/address)"
	mkfifo /tmp/silence # an input for nc that does not end
	nc 10.0.0.1 5001 <>/tmp/silence >/tmp/in
	say net_sum_received "$(sum </tmp/in) $(stat -c %s /tmp/in)"
	dd if=/dev/urandom of=/tmp/out bs=1M count=16 2>/dev/null
	say net_sum_sent "$(sum </tmp/out) $(stat -c %s /tmp/out)"
	nc 10.0.0.1 5002 </tmp/out
	say carrier "$(cat /sys/class/net/eth0/carrier)"
}

step_rng() {
	say rng "$(cat /sys/class/misc/hw_random/rng_current)"
	say rng_bytes "$(dd if=/dev/hwrng bs=64 count=4 iflag=fullblock 2>/dev/null | wc -c)"
	say rng_differs "$(for i in 1 2 3 4; do dd if=/dev/hwrng bs=16 count=1 2>/dev/null | od -An -tx1; done |
		sort -u | wc -l)"
}

# What a user would type first.
step_demo() {
	for command in "uname -sr" "dmesg | grep -i 'hypervisor detected'" "nproc" "free -m" \
		"ls /sys/bus/virtio/devices" "poweroff -f"; do
		echo "~ # $command"
		eval "$command"
	done
}

# What the kernel calls an error or worse: raw, a line begins with its level, as in "<3>".
step_errors() {
	say messages "$(dmesg -r | wc -l)"
	dmesg -r | sed -n 's/^<[0-3]>/@error /p'
}

# Waits until a line comes in over the console, and repeats it.
step_wait() {
	say ready
	read -r line
	say heard "$line"
}

# Bytes in both directions, more than any buffer on the way holds.
step_serial() {
	seq 1 4000
	stty raw
	say ready
	say serial_sum "$(head -c 9000 | sum)"
	stty sane -opost -echo
}

step_shell() {
	setsid cttyhack sh -l
}

step_hang() {
	say ready
	while :; do sleep 1; done
}

# Writes to a disk until the power button is pressed, and then puts everything in order.
step_power_button() {
	mount -t ext4 /dev/vda /mnt || return
	until [ -e /tmp/stop ]; do
		dd if=/dev/urandom of=/mnt/file bs=64k count=16 2>/dev/null
		mv /mnt/file /mnt/file.old
	done &
	say ready
	# A struct input_event; what waits for it is all that an acpid would be here.
	dd if=/dev/input/event0 of=/tmp/event bs=24 count=1 2>/dev/null
	say pressed "$(od -An -tu2 -j16 -N6 /tmp/event | tr -s ' ')"
	: >/tmp/stop
	wait
	umount /mnt && say unmounted
}

step_panic() {
	echo c >/proc/sysrq-trigger
}

step_reboot() {
	say rebooting
	reboot -f
}

[ "$steps" = demo ] || say up "$(uname -r)"
for step in $(echo "$steps" | tr , ' '); do
	"step_$step"
done
say done
poweroff -f
