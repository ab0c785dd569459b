# SPDX-License-Identifier: MIT
# What the tests on /dev/kvm share, besides tests/results.sh: the runner of a table of cases. POSIX sh, so
# that busybox can run it in the nested venue. Expects TINYVMM, GUESTS (their directory) and WORK (a
# scratch directory).
# shellcheck shell=sh

# Ends what hangs. A machine may be slow for other reasons, so nothing that works comes near it.
TIMEOUT=${TIMEOUT:-300}

trim() {
	trimmed=${1#"${1%%[![:space:]]*}"}
	trimmed=${trimmed%"${trimmed##*[![:space:]]}"}
}

# Runs a command again and again until it succeeds; fails after as many seconds as TIMEOUT says.
await() { # COMMAND...
	await_left=$((TIMEOUT * 20))
	until "$@" 2>/dev/null; do
		[ $await_left -gt 0 ] || return 1
		await_left=$((await_left - 1))
		sleep 0.05
	done
}

# Runs tinyvmm with the arguments given, stdin from $WORK/in; leaves $WORK/out, $WORK/err, $status.
run_tinyvmm() {
	status=0
	timeout "$TIMEOUT" "$TINYVMM" "$@" <"$WORK/in" >"$WORK/out" 2>"$WORK/err" || status=$?
}

# Compares what run_tinyvmm left with what should be: a status, the file $WORK/want, and a pattern
# for stderr, which without one must be empty.
judge() { # NAME STATUS PATTERN
	if [ "$status" = 124 ] && [ "$2" != 124 ]; then
		fail "$1" "still running after $TIMEOUT s; stdout: $(excerpt "$WORK/out") stderr: $(excerpt "$WORK/err")"
	elif [ "$status" != "$2" ]; then
		fail "$1" "status $status, not $2; stdout: $(excerpt "$WORK/out") stderr: $(excerpt "$WORK/err")"
	elif ! cmp -s "$WORK/want" "$WORK/out"; then
		fail "$1" "stdout is $(excerpt "$WORK/out"), not $(excerpt "$WORK/want")"
	elif [ -z "$3" ] && [ -s "$WORK/err" ]; then
		fail "$1" "stderr should be empty: $(excerpt "$WORK/err")"
	elif [ -n "$3" ] && ! grep -qE -e "$3" "$WORK/err"; then
		fail "$1" "stderr is $(excerpt "$WORK/err"), without $3"
	else
		ok "$1"
	fi
}

# One row for one ring: NAME ARGS STDIN STATUS STDOUT PATTERN. The first of ARGS is the image.
run_row() {
	printf '%b' "$3" >"$WORK/in"
	printf '%b' "$5" >"$WORK/want"
	eval "set -- \"\$1\" \"\$4\" \"\$6\" --kernel $GUESTS/$2"
	row_name=$1 row_status=$2 row_pattern=$3
	shift 3
	run_tinyvmm "$@"
	judge "$row_name" "$row_status" "$row_pattern"
}

# Reads a table of cases from stdin, one a line:
#	name | image and arguments | stdin | status | stdout | pattern in stderr
# Lines that start with # and empty ones are skipped. A name that starts with ? is a case that
# software KVM cannot run. Texts know printf's %b escapes. An image name with @ stands for
# two cases, "ring0" and "ring3" in its place.
run_table() {
	while IFS='|' read -r name args input want_status output pattern; do
		trim "$name" && name=$trimmed
		case $name in
		'' | '#'*) continue ;;
		'?'*)
			name=${name#\?}
			if [ -d /sys/module/kvm_pvm ]; then
				skip "$name" "software KVM (kvm_pvm) does not do this"
				continue
			fi
			;;
		esac
		trim "$args" && args=$trimmed
		trim "$input" && input=$trimmed
		trim "$want_status" && want_status=$trimmed
		trim "$output" && output=$trimmed
		trim "$pattern" && pattern=$trimmed
		case $args in
		*@*)
			for ring in ring0 ring3; do
				run_row "$name ($ring)" "${args%%@*}$ring${args#*@}" "$input" \
					"$want_status" "$output" "$pattern"
			done
			;;
		*) run_row "$name" "$args" "$input" "$want_status" "$output" "$pattern" ;;
		esac
	done
}
