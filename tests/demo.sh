#!/bin/sh
# SPDX-License-Identifier: MIT
# What `make demo` shows once everything is built: a payload with its exit table on this machine's
# /dev/kvm, then Debian's Linux, directly on hardware KVM and elsewhere in the nested venue.
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
	"$@"
}

title "1. A payload: no operating system, a few instructions, and the price of each exit"
if [ ! -e /dev/kvm ]; then
	echo "Left out: this machine has no /dev/kvm. On hardware with virtualisation: modprobe kvm_intel or kvm_amd."
elif [ ! -r /dev/kvm ] || [ ! -w /dev/kvm ]; then
	echo "Left out: no permission for /dev/kvm. As root: adduser $(id -un) kvm, then log in again."
else
	run "$build/tinyvmm" --kernel "$build/guest/hello.elf" --stats
	status=$?
fi

title "2. Linux: Debian's cloud kernel, on virtio devices"
if [ -r /dev/kvm ] && [ -w /dev/kvm ] && grep -qwE 'vmx|svm' /proc/cpuinfo; then
	tests/nested/run.sh "$build" --prepare
	if [ -e "$build/nested/guest-cloud.cpio" ]; then
		run timeout 60 "$build/tinyvmm" --kernel "$build/nested/kernel/cloud/vmlinuz" \
			--initrd "$build/nested/guest-cloud.cpio" --cpus 2 \
			--append "console=ttyS0 loglevel=1 steps=demo" </dev/null || status=1
	fi
else
	echo "No hardware KVM here, so in the nested venue: QEMU emulates a CPU with AMD's SVM, a Debian"
	echo "kernel on it loads the real kvm_amd (level 1), and tinyvmm there boots Linux (level 2)."
	tests/nested/run.sh "$build" --demo || status=1
fi

title "More"
echo "$build/tinyvmm --help              every option"
echo "tests/nested/run.sh $build --shell  a shell on a real kvm_amd, with kernels to boot"
echo "make check-all                     all tests"
exit $status
