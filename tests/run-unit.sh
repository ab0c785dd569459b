#!/bin/sh
# SPDX-License-Identifier: MIT
# Runs each unit test program; a failed one is shown whole. The last line counts the cases.
set -u
log=$(mktemp)
trap 'rm -f "$log"' EXIT
passed=0 failed=0
for t in "$@"; do
	if "$t" >"$log" 2>&1; then
		status=0
	else
		status=$?
	fi
	p=$(grep -c '^\[       OK \]' "$log")
	f=$(sed -n 's/^ \([0-9][0-9]*\) FAILED TEST(S)$/\1/p' "$log")
	f=${f:-0}
	# A program that died in the middle is a failure even if no case says so.
	[ "$status" = 0 ] || [ "$f" -gt 0 ] || f=1
	passed=$((passed + p)) failed=$((failed + f))
	if [ "$status" = 0 ]; then
		echo "ok    $t ($p)"
	else
		echo "FAIL  $t (status $status)"
		cat "$log"
	fi
done
echo "$passed passed, $failed failed"
[ "$failed" = 0 ] && [ "$passed" -gt 0 ]
