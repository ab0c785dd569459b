# SPDX-License-Identifier: MIT
# virtio-net on a TAP: this shell is alone in its network namespace.

taps_present() {
	ls /sys/class/net | grep -c '^tv' || true
}

host_side() {
	tries=100
	until [ -e "/sys/class/net/$1" ]; do
		tries=$((tries - 1))
		[ $tries -gt 0 ] || fail "tinyvmm made no interface $1"
		sleep 0.1
	done
	ip addr add 10.0.0.1/24 dev "$1"
	ip link set "$1" up
}

moves_data() {
	kernel=$1
	dd if=/dev/urandom of=/tmp/down bs=1M count=16 2>/dev/null
	linux_start "$kernel" net --net tap=tv0,mac=02:00:00:00:be:ef --cpus 2
	host_side tv0
	# nc(1) continues until its peer is done sending, so a receiver's own input must not end.
	mkfifo /tmp/silence
	nc -l -p 5001 </tmp/down >/dev/null &
	nc -l -p 5002 <>/tmp/silence >/tmp/up &
	await @carrier $out
	finish
	powered_off
	same "the guest's MAC address" "$(said mac)" 02:00:00:00:be:ef
	same "answered pings" "$(said ping)" 3
	same "answered pings of 4000 bytes" "$(said ping_large)" 3
	same "what the guest received" "$(said net_sum_received)" "$(md5sum </tmp/down | cut -d' ' -f1) 16777216"
	same "what the guest sent" "$(said net_sum_sent)" "$(md5sum </tmp/up | cut -d' ' -f1) 16777216"
	same "TAPs left behind" "$(taps_present)" 0
}


# What a signal ends is no different; even SIGKILL, because the TAP goes away with its descriptor.
leaves_no_tap() {
	linux_start cloud/vmlinux hang --net tap=tv0
	await @ready $out
	same "TAPs while it runs" "$(taps_present)" 1
	kill "-$1" $pid
	finish
	same "the exit status" $status "$2"
	same "TAPs left behind" "$(taps_present)" 0
}

works_after_a_reset() {
	linux_start cloud/vmlinux ping,wait,reboot --net tap=tv0 --on-reset restart
	host_side tv0
	await @ready $out
	type_line again
	await @ready $out 2
	kill -TERM $pid
	finish
	same "answered pings, before and after" "$(said ping | tr '\n' ' ')" "3 3 "
}

uses_a_tap_that_is_there() {
	tunctl -t tv7 >/dev/null
	ip link set tv7 up
	linux_start cloud/vmlinux wait --net tap=tv7
	await @ready $out
	type_line go on
	finish
	powered_off
	same "the user's own TAP afterwards" "$(taps_present)" 1
	tunctl -d tv7 >/dev/null
}

it "cloud: pings, and 16 MiB each way over the TAP arrive unchanged" moves_data cloud/bzImage
it "standard: pings, and 16 MiB each way over the TAP arrive unchanged" moves_data standard/vmlinux
it "the TAP and the network work again after a reset" works_after_a_reset
it "SIGTERM ends tinyvmm, and its TAP is gone" leaves_no_tap TERM 143
it "SIGINT ends tinyvmm, and its TAP is gone" leaves_no_tap INT 130
it "a TAP that was there before stays" uses_a_tap_that_is_there
