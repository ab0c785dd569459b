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
venue_seconds=800 # one life of a level 1; all its cases take about 250 on two idle cores
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
for tool in tsc_khz hold_keys; do
	"${CC:-cc}" -O2 -o "$dir/$tool" "$here/$tool.c" || exit 1
done
"$here/../../guest/linux/make.sh" "$build" || exit 1
carried=(bin/tinyvmm="$build/tinyvmm" bin/tinybench="$build/tinybench" bin/hold_keys="$dir/hold_keys"
	guest/bench.cpio="$build/guest/linux/bench.cpio")
for kind in cloud standard; do
	carried+=("kernel/$kind/bzImage=$dir/kernel/$kind/vmlinuz"
		"kernel/$kind/vmlinux=$dir/kernel/$kind/vmlinux" "guest/$kind.cpio=$dir/guest-$kind.cpio")
done
for file in "$here"/cases/*; do
	carried+=("cases/${file##*/}=$file")
done
for file in "$build"/guest/*.elf "$build/guest/payload.bzImage"; do
	carried+=("payload/${file##*/}=$file")
done
# Not there in a demo, which needs none of it.
for file in "$build"/tests/kvm/*; do
	[ ! -f "$file" ] || carried+=("build/tests/kvm/${file##*/}=$file")
done
for file in lib.sh cases disks.sh resets.sh; do
	carried+=("kvm/$file=$here/../kvm/$file")
done
"$here/make-initramfs.sh" host "$dir/kernel/cloud" "$dir/host.cpio" "${carried[@]}" || exit 1

# ---- machines -----------------------------------------------------------------------------------

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
	# shellcheck disable=SC2086 # words
	exec ${on_cpu:+taskset -c $on_cpu} timeout --foreground -k 5 $venue_seconds qemu-system-x86_64 -accel tcg,thread=multi -M q35 \
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

# ---- cases --------------------------------------------------------------------------------------

frozen_seconds=90 # level 1 shows a sign of life every 5

# follow NAME LOG: reads a machine's console from descriptor 4, keeps it in LOG, and shows of it what is
# meant for us: a line for each case as it comes, and what belongs to a failure in one piece. What it
# learns is in its caller's $at (file:cases that are done in it), $shown and $outcome.
follow() {
	local name=$1 log=$2 failure='' line status
	outcome=lost
	while :; do
		IFS= read -r -t $frozen_seconds -u 4 line
		status=$?
		[ $status = 0 ] || break
		line=${line%$'\r'}
		[ "$line" != '@@ alive' ] || continue
		echo "$line" >>"$log"
		case $line in
		'@@ file '*) [ "${at%:*}" = "${line#@@ file }" ] || at=${line#@@ file }:0 ;;
		'@@ ok '* | '@@ SKIP '*)
			at=${at%:*}:$((${at#*:} + 1))
			# A file without numbers begins anew after a freeze.
			[ -n "${shown[$line]:-}" ] || echo "${line#@@ }"
			shown[$line]=1
			;;
		'@@ NOTE '* | '@@ FAIL '*) failure=${line#@@ } ;;
		'@@ |'*) failure+=$'\n'${line#@@ } ;;
		'@@ .')
			echo "$failure"
			# Of a case that failed for the first time, more is to come.
			[ "${failure%% *}" = NOTE ] || at=${at%:*}:$((${at#*:} + 1))
			;;
		'@@ end') outcome=ended ;;
		esac
	done
	# bash: above 128 means that the time was up.
	[ $status -le 128 ] || [ $outcome = ended ] || outcome=frozen
}

# venue NAME HOST_CPU SMP CASES QEMU_OPTION...: a machine that runs these files of cases. Errors of QEMU may freeze all
# of level 1 (hold_keys.c tells of one). That says nothing of tinyvmm, which is one process there, so a
# frozen machine is started anew, twice at most, and goes on with the case that was running.
venue() {
	local name=$1 on_cpu=$2 smp=$3 cases=$4 log=$dir/log/$1.log at=: outcome starts=0 qemu
	local -A shown=()
	shift 4
	: >"$log"
	trap 'kill $qemu 2>/dev/null; wait; exit 1' INT TERM
	while :; do
		exec 4< <(machine "$name" "$smp" "cases=$cases from=$at${only:+ only=$only}" -serial stdio "$@" \
			</dev/null 2> >(grep -v "$known_warnings" >"$dir/log/$name.qemu"))
		qemu=$!
		follow "$name" "$log"
		kill $qemu 2>/dev/null
		wait $qemu
		exec 4<&-
		starts=$((starts + 1))
		[ $outcome = frozen ] && [ $starts -lt 3 ] || break
		echo "NOTE the machine \"$name\" froze in $at; starting it anew"
	done
	[ $outcome = ended ] ||
		echo "FAIL the machine \"$name\" was $outcome before its cases ended; end of $log:"$'\n'"$(tail -n 20 "$log")"
}

# One host core a machine: the errors of QEMU's that are known to fail cases are races between its threads.
# shellcheck disable=SC2207 # numbers
host_cpus=($(for cpu in $(seq 0 $(($(nproc --all) - 1))); do
	taskset -c "$cpu" true 2>/dev/null && echo "$cpu"
done | head -n 2))

machines() {
	# Ours by their process ids; timeout(1) hands the signal on to QEMU.
	trap 'kill $(jobs -p) 2>/dev/null; wait; rm -f "$dir"/disk-{small,wide}.img*' EXIT
	trap 'exit 1' INT TERM
	venue small "${host_cpus[0]}" 2 venue,payload,disk,net,life,bench -m 3072 &
	venue wide "${host_cpus[-1]}" 8,sockets=2 topology,boot -m 3072 \
		-object memory-backend-ram,id=m0,size=1536M -numa node,memdev=m0,cpus=0-3 \
		-object memory-backend-ram,id=m1,size=1536M -numa node,memdev=m1,cpus=4-7 &
	wait
}

passed=0 failed=0 skipped=0 notes=0
exec 3< <(machines)
machines=$!
trap 'kill $machines; wait $machines; exit 130' INT TERM HUP
while IFS= read -r line; do
	case $line in
	'ok '*) passed=$((passed + 1)) ;;
	'FAIL '*) failed=$((failed + 1)) ;;
	'SKIP '*) skipped=$((skipped + 1)) ;;
	'NOTE '*) notes=$((notes + 1)) ;;
	esac
	echo "$line"
done <&3
echo "nested venue: $SECONDS seconds$([ $notes = 0 ] || echo ", $notes NOTE above")"
echo "$passed passed, $failed failed$([ $skipped = 0 ] || echo ", $skipped skipped")"
[ $failed = 0 ] && [ $passed -gt 0 ]
