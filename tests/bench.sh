#!/bin/sh
# SPDX-License-Identifier: MIT
# The comparison of `make bench`: native, container and vm, each group with as many rounds as its
# time allows. A new directory each time, so that results of yesterday are not mixed in.
#
#	bench.sh BUILD [--quick]	3 minutes, or 20 without
set -u
cd "$(dirname "$0")/.." || exit 1
build=$1 quick=${2:-}
out=$build/bench/compare-$(date +%Y%m%d-%H%M%S)
if [ -n "$quick" ]; then
	set -- --quick --rounds 6 --samples 1 --min-ms 3 --bench \
		'cpu.*,mem.stream_*,mem.chase_64k,mem.chase_16m,mem.fault,trap.*,life.first_output,life.total,life.image,blk.seqread,blk.randread_qd1,blk.randread_qd32,energy.*'
else
	set -- --rounds 12 --samples 3 --min-ms 10
fi
"$build/tinybench" run --out "$out" "$@"
status=$?
# What could not run has its reason in the table, and a bad figure is no broken build.
[ "$status" = 1 ] && status=0
exit "$status"
