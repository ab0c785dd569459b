#!/bin/sh
# SPDX-License-Identifier: MIT
# Runs each unit test program; a failed one is shown whole. The last line counts the cases.
set -u
# shellcheck source=tests/results.sh
. "$(dirname "$0")/results.sh"
log=$(mktemp)
trap 'rm -f "$log"' EXIT
for t in "$@"; do
	status=0
	"$t" >"$log" 2>&1 || status=$?
	cases=$(grep -c '^\[       OK \]' "$log")
	if [ "$status" = 0 ]; then
		ok "$t" "$cases"
	else
		# A program that died in the middle is a failure even if no case says so.
		wrong=$(sed -n 's/^ \([0-9][0-9]*\) FAILED TEST(S)$/\1/p' "$log")
		fail "$t" "status $status"
		failed=$((failed + ${wrong:-1} - 1)) passed=$((passed + cases))
		cat "$log"
	fi
done
results
