# SPDX-License-Identifier: MIT
# How a guest's life ends and what tinyvmm then says (vmm/core/exit_status.h), and what passes between guest and
# user while it lasts.

resets() {
	append=$1 expected=$2
	linux cloud/vmlinux reboot
	contains "the console" $out @rebooting
	same "the exit status" $status "$expected"
}

panics() {
	linux standard/vmlinux panic
	contains "the console" $out "Kernel panic"
	same "the exit status" $status 4
}

triple_faults() {
	resets reboot=t 6
	contains "tinyvmm's message" $err rip
}

restarts() {
	truncate -s 1M /tmp/disk.img
	linux_start cloud/vmlinux wait,reboot --on-reset restart --grace 0 --disk /tmp/disk.img
	await @ready $out
	type_line again 1
	await @ready $out 2
	type_line again 2
	await @ready $out 3
	contains "the console" $out "@heard again 2"
	kill -TERM $pid
	finish
	same "the exit status" $status 143
	quiet
}

# clean DEVICE: whether its ext4 was unmounted, so that nothing is left in the journal
clean() {
	e2fsck -fn "$1" >/tmp/e2fsck 2>&1 || fail "e2fsck finds $(tail -n 3 /tmp/e2fsck | tr '\n' ' ')"
	! grep -q "recover" /tmp/e2fsck || fail "the journal has to be replayed"
}

powers_down() {
	signal=$1
	linux_start cloud/vmlinux power_button --disk /dev/vda --cpus 2
	await @ready $out
	sleep 1 # there is something to lose by now
	kill -"$signal" $pid
	finish
	same "what the guest heard: EV_KEY, KEY_POWER, down" "$(said pressed)" " 1 116 1"
	grep -q @unmounted $out || fail "the guest did not unmount its disk"
	powered_off
	clean /dev/vda
}

answers_by_a_reset() {
	linux_start cloud/vmlinux power_button,reboot --on-reset restart --disk /dev/vda
	await @ready $out
	kill -TERM $pid
	finish
	contains "the console" $out @rebooting
	same "the exit status" $status 4
}

is_ended_after_its_grace() {
	linux_start cloud/vmlinux hang --grace 2
	await @ready $out
	kill -TERM $pid
	finish
	same "the exit status" $status 143
	contains "tinyvmm's words" $err "within 2 s"
}

second_signal_ends() {
	linux_start cloud/vmlinux hang --grace 3600 --log info
	await @ready $out
	kill -TERM $pid
	await "power button is pressed" $err
	kill -INT $pid
	finish
	same "the exit status" $status 130
}

has_no_grace() {
	linux_start cloud/vmlinux hang --grace 0
	await @ready $out
	kill -TERM $pid
	finish
	same "the exit status" $status 143
	quiet
}

loses_no_byte() {
	linux_start cloud/vmlinux serial --cpus 2
	await @ready $out
	seq 1 3000 | head -c 9000 >/tmp/typed
	cat /tmp/typed >&3
	finish
	powered_off
	seq 1 4000 >/tmp/expected
	grep -E '^[0-9]+$' $out | cmp -s - /tmp/expected || fail "what the guest printed did not arrive"
	same "the sum of what the guest read" "$(said serial_sum)" "$(md5sum </tmp/typed | cut -d' ' -f1)"
}

writes_console_to_a_file() {
	linux standard/bzImage "" --console file=/tmp/console
	same "the exit status" $status 0
	contains "the file" /tmp/console @done
	[ ! -s $out ] || fail "something went to stdout: $(head -n 1 $out)"
}

serves_a_pty() {
	linux_start cloud/vmlinux wait --console pty
	await /dev/pts/ $err
	pty=$(sed -n 's|.*\(/dev/pts/[0-9]*\).*|\1|p' $err)
	stty -F "$pty" raw -echo
	cat <"$pty" >/tmp/console &
	await @ready /tmp/console
	echo hello >"$pty"
	finish
	same "the exit status" $status 0
	contains "the console" /tmp/console "@heard hello"
}

# `tinyvmm | head`: the reader closes the pipe.
ends_when_the_console_closes() {
	(
		boot_linux "timeout -k 10 900 tinyvmm" cloud/vmlinux hang 2>$err </dev/null
		echo $? >/tmp/status
	) | head -n 1 >$out
	same "the exit status" "$(cat /tmp/status)" 0
}

hides_cpu_features() {
	linux cloud/vmlinux cpus
	powered_off
	contains "the CPU's flags" $out " aes "
	linux cloud/vmlinux cpus --cpuid=-aes,-rdrand
	powered_off
	for flag in aes rdrand; do
		case " $(said flags) " in
		*" $flag "*) fail "the guest still sees $flag" ;;
		esac
	done
}

reports_exits() {
	linux cloud/vmlinux "" --stats --cpus 2
	same "the exit status" $status 0
	contains "the table" $err "pio"
	contains "the table" $err "serial"
	linux cloud/vmlinux "" --stats=/tmp/stats.json
	powered_off
	contains "the JSON" /tmp/stats.json '"exits"'
}

prints_the_machine() {
	tinyvmm_run --kernel /kernel/cloud/bzImage --mem 5G --disk /dev/vda,ro --cpus 2 --dry-run
	same "the exit status" $status 0
	contains "the description" $out virtio-blk
	contains "the description" $out "hardware KVM (SVM)"
	! grep -q '^@up' $out || fail "the guest ran"
}

needs_kvm() {
	mv /dev/kvm /dev/kvm.away
	tinyvmm_run --kernel /kernel/cloud/bzImage
	mv /dev/kvm.away /dev/kvm
	same "the exit status" $status 2
	contains "the message" $err "/dev/kvm: No such file or directory"
	contains "its remedy" $err "build/venue tinyvmm"
}

# Linux knows several ways; left to itself, here, it takes that through the BIOS.
it "a guest's reset ends tinyvmm with status 4" resets "" 4
it "a guest's reset by ACPI's register (reboot=a) ends tinyvmm with status 4" resets reboot=a 4
it "a guest's reset by the keyboard controller (reboot=k) ends tinyvmm with status 4" resets reboot=k 4
it "a panic with panic=-1 is a reset: status 4, and the console has its message" panics
it "a triple fault ends tinyvmm with status 6 and a register dump" triple_faults
it "--on-reset restart begins a new life, as often as it takes" restarts
it "SIGTERM lets a guest that writes to ext4 switch itself off in order: status 0, a clean journal" powers_down TERM
it "SIGINT does the same" powers_down INT
it "a guest that answers the button by a reset is at its end, with status 4" answers_by_a_reset
it "a guest that does not switch itself off is ended after its --grace, with status 143" is_ended_after_its_grace
it "a second signal ends the guest at once, by that signal" second_signal_ends
it "with --grace 0 the first signal ends the guest" has_no_grace
it "the console loses no byte in either direction" loses_no_byte
it "--console file=PATH takes what the guest prints" writes_console_to_a_file
it "--console pty names its far side and serves it" serves_a_pty
it "tinyvmm ends in order when the reader of its console goes away" ends_when_the_console_closes
it "--cpuid -NAME hides a feature from the guest" hides_cpu_features
it "--stats reports exits, as a table and as JSON" reports_exits
it "--dry-run prints the machine and starts nothing" prints_the_machine
it "without /dev/kvm tinyvmm says so and ends with status 2" needs_kvm
