#!/bin/sh
# SPDX-License-Identifier: MIT
# What `make demo` shows once everything is built: a payload with its exit table, Debian's Linux, and a first
# comparison with its page. What this machine's /dev/kvm cannot do runs in the venue, a KVM host that QEMU emulates.
#
#	demo.sh BUILD
set -u
cd "$(dirname "$0")/.." || exit 1
build=$1
status=0

title() {
	printf '\n\033[1m%s\033[0m\n' "$*"
}

run() {
	echo "\$ $*"
	"$@" || status=1
}

if [ -r /dev/kvm ] && [ -w /dev/kvm ]; then
	venue='' linux_venue=''
	# Software KVM interprets ring 0, and some of what Linux uses is missing there.
	grep -qwE 'vmx|svm' /proc/cpuinfo || linux_venue=1
else
	venue=1 linux_venue=1
	if [ -e /dev/kvm ]; then
		echo "No permission for /dev/kvm; as root: adduser $(id -un) kvm, then log in again."
	else
		echo "This machine has no /dev/kvm (on hardware with virtualisation: modprobe kvm_intel or kvm_amd)."
	fi
	echo "So all of this runs in the venue, build/venue: a Debian kernel with the real kvm_amd on QEMU's software CPU."
	echo "It works as on hardware; its times mean nothing."
fi
out=$build/demo
mkdir -p "$out"
guest/venue/fetch.sh "$build" cloud && guest/venue/make-guest.sh "$build" cloud || status=1

title "1. A payload: no operating system, a few instructions, and the price of each exit"
run ${venue:+"$build/venue"} "$build/tinyvmm" --kernel "$build/guest/hello.elf" --stats </dev/null

title "2. Linux: Debian's cloud kernel, on virtio devices"
[ "$linux_venue" = "$venue" ] || echo "This machine's KVM interprets ring 0, so in the venue, where it is native:"
run ${linux_venue:+"$build/venue"} "$build/tinyvmm" --kernel "$build/kernel/cloud/vmlinuz" \
	--initrd "$build/guest/venue/linux-cloud.cpio" --cpus 2 --append "console=ttyS0 loglevel=1 steps=demo" </dev/null

title "3. A comparison: the same file of benchmarks as a process and in a VM"
# Figures of yesterday would be continued.
rm -rf "$out/results"
run ${venue:+"$build/venue" --share "$out"} "$build/tinybench" run --arms native,vm --quick --rounds 3 \
	--bench cpu.hash,mem.chase_64k,trap.cpuid,trap.pio_out --out "$out/results" </dev/null

title "More"
[ ! -e "$out/results/report.html" ] || echo "$out/results/report.html  the comparison as a page"
echo "$build/tinyvmm --help   every option"
echo "$build/venue            a shell on a KVM host, with this machine's files; $build/venue --help"
echo "make check-all         all tests"
exit $status
