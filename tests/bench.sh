#!/bin/sh
# SPDX-License-Identifier: MIT
# What `make bench` measures: tinyvmm's own cost beside the bare ioctl program (kvm/bench.sh); native,
# container and vm, with more rounds where the question is one per cent; and the paging curve with pages of
# 4 KiB and of 2 MiB. Time is what is given: a
# slower machine gets fewer rounds, and what did not fit says so. A new directory each time, so that
# results of yesterday are not mixed in.
#
#	bench.sh BUILD [--quick]	3 minutes, or 20 without
set -u
cd "$(dirname "$0")/.." || exit 1
build=$1 quick=${2:-}
start=${START:-$(date +%s)} # make's own: building counts
out=$build/bench/compare-$(date +%Y%m%d-%H%M%S)
if [ -n "$quick" ]; then
	seconds=160 sharp_seconds=0 curve_seconds=25 curve_bench=mem.chase_16m,mem.chase_64m
	set -- --quick --samples 2 --min-ms 3 --rounds 12 --timeout 20 --bench \
		'cpu.*,mem.stream_copy,mem.stream_triad,mem.chase_64k,mem.chase_16m,mem.fault,trap.*,life.first_output,life.total,life.image,blk.seqread,blk.randread_qd1,blk.randread_qd32,energy.*'
else
	seconds=1140 sharp_seconds=150 curve_seconds=240 curve_bench='mem.chase_*,mem.random_*'
	set -- --samples 3 --min-ms 10 --rounds 20
fi

# measure SPARED OPTION...: for as long as leaves SPARED seconds for what comes later, or for ten seconds where
# the machine was too slow so far. Rounds go on where those before ended.
measure() {
	left=$((seconds - $1 - $(date +%s) + start))
	shift
	"$build/tinybench" run --out "$out" --budget $((left > 10 ? left : 10)) "$@"
	status=$?
	# What could not run has its reason in the table, and a bad figure is no broken build.
	[ "$status" -le 1 ] || exit "$status"
}

tests/kvm/bench.sh "$build"
measure $((sharp_seconds + curve_seconds)) "$@" >/dev/null
[ $sharp_seconds = 0 ] ||
	measure $curve_seconds --samples 3 --min-ms 10 --rounds 1000 --bench \
		'cpu.*,mem.stream_*,life.first_output,life.total' >/dev/null
measure 0 --samples 3 --min-ms 3 --rounds 1000 --bench "$curve_bench" \
	--arms native:pages=4k,vm:pages=4k,native:pages=thp,vm:pages=thp
