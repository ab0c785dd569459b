# SPDX-License-Identifier: MIT
# virtio-blk: what a guest has synced is there after a reset, on a block device and in a file. This
# machine has two freshly formatted disks: /dev/vda is for the guest, /dev/vdb stays as it is.

fresh_image() {
	dd if=/dev/vdb of="$1" bs=1M 2>/dev/null
}

keeps_data() {
	kernel=$1 disk=$2
	linux "$kernel" disk_keep --disk "$disk" --on-reset restart --cpus 2
	powered_off
	contains "the console" $out @disk_rebooting
	[ -n "$(said disk_sum_written)" ] || fail "the guest wrote nothing"
	same "the sum that was kept" "$(said disk_sum_kept)" "$(said disk_sum_written)"
	same "the sum of what was read" "$(said disk_sum_read)" "$(said disk_sum_written)"
	contains "the console" $out @disk_unmounted
}

keeps_data_in_a_file() {
	fresh_image /tmp/disk.img
	keeps_data "$1" "/tmp/disk.img,$2"
}

# The image has to be as it was, byte for byte.
respects_ro() {
	fresh_image /tmp/disk.img
	before=$(md5sum </tmp/disk.img)
	linux cloud/bzImage disks,disk_ro --disk /tmp/disk.img,ro,id=witness
	powered_off
	contains "the console" $out "@disk vda sectors=524288 ro=1 serial=witness"
	contains "the console" $out @mounted_ro
	contains "the console" $out @write_refused
	same "the image" "$(md5sum </tmp/disk.img)" "$before"
}

shows_all_disks() {
	truncate -s 1M /tmp/a && truncate -s 2M /tmp/b
	linux standard/vmlinux disks --disk /tmp/a,id=first --disk /tmp/b,id=second,cache=writeback
	powered_off
	contains "the console" $out "@disk vda sectors=2048 ro=0 serial=first"
	contains "the console" $out "@disk vdb sectors=4096 ro=0 serial=second"
}

frees_what_is_discarded() {
	dd if=/dev/urandom of=/tmp/disk.img bs=1M count=8 2>/dev/null
	linux cloud/vmlinux disk_discard --disk /tmp/disk.img
	powered_off
	contains "the console" $out @discarded
	same "the sum of what the guest reads then" "$(said disk_sum)" \
		"$(head -c 8388608 /dev/zero | md5sum | cut -d' ' -f1)"
	same "the size of the image" "$(stat -c %s /tmp/disk.img)" 8388608
	same "the blocks that it takes" "$(stat -c %b /tmp/disk.img)" 0
}

# A second writer would destroy the first one's file system.
locks_disks() {
	truncate -s 1M /tmp/a
	linux_start cloud/vmlinux wait --disk /tmp/a
	await @ready $out
	tinyvmm --kernel /kernel/cloud/bzImage --disk /tmp/a >/tmp/second.out 2>/tmp/second.err </dev/null
	same "the second one's exit status" $? 2
	contains "its message" /tmp/second.err "--disk"
	contains "its message" /tmp/second.err /tmp/a
	type_line go on
	finish
	powered_off
}

it "a block device keeps what was synced over a reset (cache=none)" \
	keeps_data cloud/bzImage /dev/vda,cache=none
it "a file keeps what was synced over a reset (cache=writeback)" \
	keeps_data_in_a_file standard/vmlinux cache=writeback
it "a read-only disk says so, mounts, refuses writes and stays as it was" respects_ro
it "disks appear in order, with their sizes and ids" shows_all_disks
it "a disk in use is refused to a second tinyvmm" locks_disks
it "what a guest discards takes no room in the image" frees_what_is_discarded
