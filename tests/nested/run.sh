#!/bin/bash
# SPDX-License-Identifier: MIT
# make check-nested: tinyvmm on the real kvm_amd, anywhere, in the venue (guest/venue). There, in level 1,
# tinyvmm boots Debian kernels (level 2).
#
#	run.sh BUILD			all cases
#	run.sh BUILD --only REGEX	the cases whose name matches (a `+` stands for a blank)
#	run.sh BUILD --shell		a shell in level 1, with all that the cases use
#
# Two machines run side by side, one a host core: `small` has 2 CPUs, `wide` has 8 in two NUMA nodes.
# Needs neither root nor /dev/kvm. What level 1 said is kept in BUILD/nested/log.
set -u
here=$(cd "$(dirname "$0")" && pwd)
venue=$(cd "$here/../../guest/venue" && pwd)
build=$(cd "$1" && pwd) || exit 1
shift
only='' shell=''
while [ $# -gt 0 ]; do
	case $1 in
	--only) only=$(echo "$2" | tr ' ' +) && shift ;;
	--shell) shell=1 ;;
	*) echo "run.sh: unknown option $1; see its first lines" >&2 && exit 2 ;;
	esac
	shift
done
dir=$build/nested
mkdir -p "$dir/log"

# shellcheck source=tests/results.sh
. "$here/../results.sh"

cannot_run() {
	skip "nested venue" "$*"
	results
	exit
}

# ---- what level 1 carries -----------------------------------------------------------------------

for tool in qemu-system-x86_64 busybox cpio mke2fs lscpu xz lz4; do
	command -v $tool >/dev/null || cannot_run "$tool is not installed; tests/deps.sh check installs it"
done
"$venue/fetch.sh" "$build" cloud standard || cannot_run "the Debian kernels could not be had (see above)"
"$here/../../guest/linux/make.sh" "$build" || exit 1
e2fsck=$(PATH=$PATH:/sbin:/usr/sbin command -v e2fsck) # of the package that has mke2fs
carried=(--file "$build/tinyvmm:/bin/tinyvmm" --file "$build/tinybench:/bin/tinybench" --file "$e2fsck:/bin/e2fsck"
	--file "$build/guest/linux/bench.cpio:/guest/bench.cpio" --file "$here/cases:/cases" --file "$here/../kvm:/kvm"
	--file "$here/../results.sh:/results.sh"
	--file "$build/tests/kvm:/build/tests/kvm")
for kind in cloud standard; do
	"$venue/make-guest.sh" "$build" $kind || exit 1
	carried+=(--file "$build/kernel/$kind/vmlinuz:/kernel/$kind/bzImage"
		--file "$build/kernel/$kind/vmlinux:/kernel/$kind/vmlinux" --file "$build/guest/venue/linux-$kind.cpio:/guest/$kind.cpio")
done
for file in "$build"/guest/*.elf "$build/guest/payload.bzImage"; do
	carried+=(--file "$file:/payload/${file##*/}")
done

# machine NAME OPTION...: becomes the venue, with files, disks and options
machine() {
	local name=$1 disk=$dir/disk-$1.img
	shift
	# /dev/vda to use, and /dev/vdb to copy from
	rm -f "$disk"
	truncate -s 256M "$disk" && mke2fs -q -t ext4 "$disk" && cp --sparse=always "$disk" "$disk.ro" || exit 1
	# The caller's directory, and the variables of its environment, are nothing that cases should see.
	cd / && exec env -i PATH="$PATH" HOME=/root TERM="${TERM:-dumb}" only="$only" from="${at-}" \
		"$build/venue" --kernel cloud --mem 3G --console "$dir/log/$name.console" "${carried[@]}" \
		--qemu -drive --qemu "file=$disk,format=raw,if=virtio,cache=unsafe" \
		--qemu -drive --qemu "file=$disk.ro,format=raw,if=virtio,readonly=on" "$@"
}

if [ -n "$shell" ]; then
	(machine shell -- sh /cases/run.sh shell)
	status=$?
	rm -f "$dir"/disk-shell.img*
	exit $status
fi

# ---- cases --------------------------------------------------------------------------------------

# follow LOG: reads from descriptor 4 what a machine prints, keeps it in LOG, and shows of it what is meant for
# the reader: a line for each case as it comes, and what belongs to a failure in one piece. What it
# learns is in its caller's $at (file:cases that are done in it), $shown and $outcome.
follow() {
	local log=$1 failure='' line
	while IFS= read -r -u 4 line; do
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
}

# run_cases NAME HOST_CPU CASES OPTION...: a machine that runs these files of cases. Errors of QEMU may freeze all
# of level 1 (hold_keys.c tells of one). That says nothing of tinyvmm, which is one process there, so a machine
# that the venue gives up as frozen is started anew, twice at most, and continues with the case that was running.
run_cases() {
	local name=$1 on_cpu=$2 cases=$3 log=$dir/log/$1.log at=: outcome starts=0 level1 status
	local -A shown=()
	shift 3
	: >"$log"
	trap 'kill $level1 2>/dev/null; wait; exit 1' INT TERM
	while :; do
		outcome=lost
		# shellcheck disable=SC2086 # a list of names
		exec 4< <(taskset -pc "$on_cpu" $BASHPID >/dev/null
			machine "$name" "$@" -- sh /cases/run.sh $cases </dev/null 2>"$dir/log/$name.stderr")
		level1=$!
		follow "$log"
		exec 4<&-
		wait $level1
		status=$?
		starts=$((starts + 1))
		if [ $status != 124 ] || [ $outcome = ended ] || [ $starts -ge 3 ]; then break; fi
		echo "NOTE the machine \"$name\" froze in $at; starting it anew"
	done
	[ $outcome = ended ] || echo "FAIL the machine \"$name\" ended with status $status before its cases did:"$'\n'"$(
		tail -n 20 "$log" "$dir/log/$name.stderr"
	)"
}

# One host core a machine: the errors of QEMU's that are known to fail cases are races between its threads.
# shellcheck disable=SC2207 # numbers
host_cpus=($(for cpu in $(seq 0 $(($(nproc --all) - 1))); do
	taskset -c "$cpu" true 2>/dev/null && echo "$cpu"
done | head -n 2))

machines() {
	# Ours by their process ids; the venue ends its QEMU.
	trap 'kill $(jobs -p) 2>/dev/null; wait; rm -f "$dir"/disk-{small,wide}.img*' EXIT
	trap 'exit 1' INT TERM
	run_cases small "${host_cpus[0]}" "venue payload disk net life bench" &
	run_cases wide "${host_cpus[-1]}" "topology boot" --cpus 8,sockets=2 \
		--qemu -object --qemu memory-backend-ram,id=m0,size=1536M --qemu -numa --qemu node,memdev=m0,cpus=0-3 \
		--qemu -object --qemu memory-backend-ram,id=m1,size=1536M --qemu -numa --qemu node,memdev=m1,cpus=4-7 &
	wait
}

notes=0
exec 3< <(machines)
machines=$!
trap 'kill $machines; wait $machines; exit 130' INT TERM HUP
while IFS= read -r line; do
	count "$line"
	[[ $line != 'NOTE '* ]] || notes=$((notes + 1))
	echo "$line"
done <&3
echo "nested venue: $SECONDS seconds$([ $notes = 0 ] || echo ", $notes NOTE above")"
results
