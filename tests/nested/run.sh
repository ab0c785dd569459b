#!/bin/bash
# SPDX-License-Identifier: MIT
# make check-nested: tinyvmm on the real kvm_amd, anywhere. QEMU's software CPU emulates AMD's SVM, so a
# Debian kernel inside it (level 1) is a true KVM host, and tinyvmm there boots Debian kernels (level 2).
#
#	run.sh BUILD			all cases
#	run.sh BUILD --only REGEX	the cases whose name matches (a `+` stands for a blank)
#	run.sh BUILD --shell		a shell in level 1, with tinyvmm, kernels and payloads in it
#	run.sh BUILD --demo		boots Linux there once, for make demo
#	run.sh BUILD --prepare		only makes BUILD/nested/kernel/ and BUILD/nested/guest-*.cpio
#
# Two machines run side by side, one a host core: `small` has 2 CPUs, `wide` has 8 in two NUMA nodes.
# Needs neither root nor /dev/kvm. Packages are kept in BUILD/nested/cache, logs in BUILD/nested/log.
set -u
here=$(cd "$(dirname "$0")" && pwd)
build=$(cd "$1" && pwd) || exit 1
shift
only='' mode=cases
while [ $# -gt 0 ]; do
	case $1 in
	--only) only=$(echo "$2" | tr ' ' +) && shift ;;
	--shell | --demo | --prepare) mode=${1#--} ;;
	*) echo "run.sh: unknown option $1; see its first lines" >&2 && exit 2 ;;
	esac
	shift
done
dir=$build/nested
venue_seconds=900 # a whole level 1, which takes about 200 on two idle cores
mkdir -p "$dir/log"

skip() {
	echo "SKIP  nested venue: $*"
	echo "0 passed, 0 failed, 1 skipped"
	exit 0
}

# ---- what level 1 carries -----------------------------------------------------------------------

for tool in qemu-system-x86_64 busybox cpio mke2fs lscpu xz lz4; do
	command -v $tool >/dev/null || skip "$tool is not installed; tests/deps.sh installs it"
done
"$here/fetch.sh" "$dir" || skip "the Debian kernels could not be had (see above)"
for kind in cloud standard; do
	"$here/make-initramfs.sh" guest "$dir/kernel/$kind" "$dir/guest-$kind.cpio" || exit 1
done
[ "$mode" != prepare ] || exit 0
"$here/../../guest/linux/make.sh" "$build" || exit 1
carried=(bin/tinyvmm="$build/tinyvmm" bin/tinybench="$build/tinybench"
	guest/bench.cpio="$build/guest/linux/bench.cpio")
for kind in cloud standard; do
	carried+=("kernel/$kind/bzImage=$dir/kernel/$kind/vmlinuz"
		"kernel/$kind/vmlinux=$dir/kernel/$kind/vmlinux" "guest/$kind.cpio=$dir/guest-$kind.cpio")
done
for file in "$here"/cases/*; do
	carried+=("cases/${file##*/}=$file")
done
for file in "$build"/guest/*.elf; do
	carried+=("payload/${file##*/}=$file")
done
for file in "$build"/tests/kvm/*.elf* "$build"/tests/kvm/*.flat; do
	carried+=("build/tests/kvm/${file##*/}=$file")
done
for file in lib.sh cases disks.sh resets.sh; do
	carried+=("kvm/$file=$here/../kvm/$file")
done
"$here/make-initramfs.sh" host "$dir/kernel/cloud" "$dir/host.cpio" "${carried[@]}" || exit 1

# ---- machines -----------------------------------------------------------------------------------

"${CC:-cc}" -O2 -o "$dir/tsc_khz" "$here/tsc_khz.c" || exit 1
# What makes level 1 faster and steadier under emulation and changes nothing that tinyvmm sees of it;
# tsc_khz.c says why it is told the TSC's frequency.
fast="mitigations=off cryptomgr.notests no_timer_check tsc=reliable tsc_early_khz=$("$dir/tsc_khz")"

# machine NAME SMP KERNEL_WORDS QEMU_OPTION...: becomes QEMU, running one level 1 to its end
machine() {
	local name=$1 smp=$2 words=$3 disk=$dir/disk-$1.img
	shift 3
	# /dev/vda to use, and /dev/vdb to copy from
	rm -f "$disk"
	truncate -s 256M "$disk" && mke2fs -q -t ext4 "$disk" && cp --sparse=always "$disk" "$disk.ro" ||
		exit 1
	exec timeout --foreground $venue_seconds qemu-system-x86_64 -accel tcg,thread=multi -M q35 \
		-cpu EPYC,+svm -smp "$smp" -nodefaults -no-user-config -display none -no-reboot \
		-kernel "$dir/kernel/cloud/vmlinuz" -initrd "$dir/host.cpio" \
		-append "console=ttyS0 panic=-1 quiet $fast $words" \
		-drive "file=$disk,format=raw,if=virtio,cache=unsafe" \
		-drive "file=$disk.ro,format=raw,if=virtio,readonly=on" "$@"
}

# The CPU model asks for more than the emulation has; QEMU says so in a line for each feature.
known_warnings="TCG doesn't support requested feature"

case $mode in
shell)
	venue_seconds=0 # timeout(1): for ever
	echo "starting level 1; Ctrl-] x leaves it at any time, poweroff -f in order"
	(machine shell 2 "shell=1 rows=$(tput lines) cols=$(tput cols)" -m 3072 \
		-echr 0x1d -serial mon:stdio 2> >(grep -v "$known_warnings" >&2))
	rm -f "$dir"/disk-shell.img*
	exit
	;;
demo)
	venue_seconds=180
	(machine demo 2 demo=1 -m 3072 -serial stdio </dev/null 2> >(grep -v "$known_warnings" >&2)) |
		tr -d '\r' | tee "$dir/log/demo.log"
	rm -f "$dir"/disk-demo.img*
	grep -q "^tinyvmm ended with status 0" "$dir/log/demo.log"
	exit
	;;
esac

# Reads the console of machine NAME, keeps it in LOG, and shows of it what is meant for us: a line for
# each case as it comes, and what belongs to a failure in one piece.
results() {
	local name=$1 log=$2 failure='' ended='' line
	while IFS= read -r line; do
		line=${line%$'\r'}
		echo "$line" >>"$log"
		case $line in
		'@@ ok '* | '@@ SKIP '*) echo "${line#@@ }" ;;
		'@@ FAIL '*) failure=${line#@@ } ;;
		'@@ |'*) failure+=$'\n'${line#@@ } ;;
		'@@ .') echo "$failure" ;;
		'@@ end') ended=1 ;;
		esac
	done
	[ -n "$ended" ] ||
		echo "FAIL the machine \"$name\" ended before its cases did; end of $log:"$'\n'"$(tail -n 20 "$log")"
}

# venue NAME SMP CASES QEMU_OPTION...: a machine that runs these files of cases
venue() {
	local name=$1 smp=$2 cases=$3 log=$dir/log/$1.log
	shift 3
	: >"$log"
	machine "$name" "$smp" "cases=$cases${only:+ only=$only}" -serial stdio "$@" </dev/null \
		2> >(grep -v "$known_warnings" >"$dir/log/$name.qemu") > >(results "$name" "$log")
}

machines() {
	# Ours by their process ids; timeout(1) hands the signal on to QEMU.
	trap 'kill $(jobs -p) 2>/dev/null; wait; rm -f "$dir"/disk-{small,wide}.img*' EXIT
	trap 'exit 1' INT TERM
	venue small 2 venue,payload,disk,net,life,bench -m 3072 &
	venue wide 8,sockets=2 topology,boot -m 3072 \
		-object memory-backend-ram,id=m0,size=1536M -numa node,memdev=m0,cpus=0-3 \
		-object memory-backend-ram,id=m1,size=1536M -numa node,memdev=m1,cpus=4-7 &
	wait
}

passed=0 failed=0 skipped=0
exec 3< <(machines)
machines=$!
trap 'kill $machines; wait $machines; exit 130' INT TERM HUP
while IFS= read -r line; do
	case $line in
	'ok '*) passed=$((passed + 1)) ;;
	'FAIL '*) failed=$((failed + 1)) ;;
	'SKIP '*) skipped=$((skipped + 1)) ;;
	esac
	echo "$line"
done <&3
echo "nested venue: $SECONDS seconds"
echo "$passed passed, $failed failed$([ $skipped = 0 ] || echo ", $skipped skipped")"
[ $failed = 0 ] && [ $passed -gt 0 ]
