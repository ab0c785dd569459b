#!/bin/sh
# SPDX-License-Identifier: MIT
# What `make bench` measures: tinyvmm's own cost beside the bare ioctl program (kvm.sh); native,
# container and vm, with more rounds where the question is a few per cent; and the paging curve with pages of
# 4 KiB and of 2 MiB, transparent ones and, as root on a machine with room, reserved ones. Time is what is
# given: a slower machine gets fewer rounds, and what did not fit says so. A new directory each time, so
# that results of yesterday are not mixed in.
#
#	bench.sh BUILD [--quick]	3 minutes, or 20 without
set -u
cd "$(dirname "$0")/../.." || exit 1
build=$1 quick=${2:-}
start=${START:-$(date +%s)} # make's own: building counts
out=$build/bench/compare-$(date +%Y%m%d-%H%M%S)
if [ -n "$quick" ]; then
	seconds=160 sharp_seconds=0 stream_seconds=0 curve_seconds=25 curve_bench=mem.chase_16m,mem.chase_64m
	set -- --quick --samples 2 --min-ms 3 --rounds 12 --timeout 20 --bench \
		'cpu.*,mem.stream_copy,mem.stream_triad,mem.chase_64k,mem.chase_16m,mem.fault,trap.*,life.first_output,life.total,life.image,blk.seqread,blk.randread_qd1,blk.randread_qd32,energy.*'
else
	seconds=1140 sharp_seconds=60 stream_seconds=200 curve_seconds=250 curve_bench='mem.chase_*,mem.random_*'
	set -- --samples 3 --min-ms 10 --rounds 20
fi

# measure SPARED OPTION...: for as long as leaves SPARED seconds for what comes later, or for ten seconds where
# the machine was too slow so far. Rounds continue where the earlier ones ended.
measure() {
	left=$((seconds - $1 - $(date +%s) + start))
	shift
	"$build/tinybench" run --out "$out" --budget $((left > 10 ? left : 10)) "$@"
	status=$?
	# What could not run has its reason in the table, and a bad figure is no broken build.
	[ "$status" -le 1 ] || exit "$status"
}

# Of 2 MiB, what a VM with a working set of 1 GiB takes. Given back at the end, however that comes.
huge_pages=768
reserved=/proc/sys/vm/nr_hugepages
reserve() {
	room=$(awk '/^MemAvailable:/ { print int($2 / 2048) }' /proc/meminfo)
	[ -w $reserved ] && [ "$room" -gt $((4 * huge_pages)) ] || return
	had=$(cat $reserved)
	trap 'echo "$had" >$reserved' EXIT
	trap 'exit 130' INT TERM HUP
	echo $((had + huge_pages)) >$reserved
	[ "$(cat /sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages)" -ge $huge_pages ]
}

tests/bench/kvm.sh "$build"
measure $((sharp_seconds + stream_seconds + curve_seconds)) "$@" >/dev/null
if [ $sharp_seconds != 0 ]; then
	measure $((stream_seconds + curve_seconds)) --samples 3 --min-ms 10 --rounds 1000 \
		--bench 'cpu.*,life.first_output,life.total' >/dev/null
	# A machine's memory is shared with its neighbours: only many runs, spread over minutes, tell 3 %.
	measure $curve_seconds --samples 3 --min-ms 10 --rounds 1000 --bench 'mem.stream_*' \
		--arms native,vm >/dev/null
fi
arms=native:pages=4k,vm:pages=4k,native:pages=thp,vm:pages=thp
if [ -z "$quick" ] && reserve; then
	arms=$arms,native:pages=2m,vm:pages=2m
fi
measure 0 --samples 3 --min-ms 3 --rounds 1000 --bench "$curve_bench" --arms $arms
