# SPDX-License-Identifier: MIT
# How tests in shell report: a line a result, and at the end one that counts them. POSIX sh, so that
# busybox can run it in the nested venue.
# shellcheck shell=sh

passed=0 failed=0 skipped=0

ok() { # NAME [NUMBER OF CASES]
	echo "ok    $1${2:+ ($2)}"
	passed=$((passed + ${2:-1}))
}

fail() { # NAME DETAILS...
	fail_name=$1
	shift
	echo "FAIL  $fail_name: $*"
	failed=$((failed + 1))
}

skip() { # NAME REASON...
	skip_name=$1
	shift
	echo "SKIP  $skip_name: $*"
	skipped=$((skipped + 1))
}

# The first lines of a file in one, for the report.
excerpt() {
	if [ -s "$1" ]; then
		head -c 400 "$1" | tr '\n\r\t' '~  ' | tr -c ' -~' '?'
	else
		printf '(nothing)'
	fi
}

# Counts a line that another program reported in this form.
count() { # LINE
	case $1 in
	'ok '*) passed=$((passed + 1)) ;;
	'FAIL '*) failed=$((failed + 1)) ;;
	'SKIP '*) skipped=$((skipped + 1)) ;;
	esac
}

# The last line. False if something failed, or if nothing was tested and nothing skipped.
results() {
	if [ "$skipped" = 0 ]; then
		echo "$passed passed, $failed failed"
	else
		echo "$passed passed, $failed failed, $skipped skipped"
	fi
	[ "$failed" = 0 ] && [ $((passed + skipped)) -gt 0 ]
}
