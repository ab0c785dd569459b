# SPDX-License-Identifier: MIT
# What cases are written with; runs in level 1, under busybox's sh. A case is a line
#
#	it "name that says the rule" function argument...
#
# and its function, in a subshell, starts guests with `linux` or `tinyvmm_run` and then expects things
# of $status, of the console's bytes ($out) and of tinyvmm's own words ($err). The first expectation
# that is not met ends the case. Everything for run.sh goes out as lines that begin with "@@ ".

out=/tmp/out err=/tmp/err
append=
limit=${limit:-150} # seconds for which a guest may print nothing new; all of it may take as long as it takes

# Level 1 runs only the cases that match `only`, and behind the first $done_before of them.
it() {
	name=$1
	shift
	if [ -n "$only" ] && ! echo "$name" | grep -Eq -- "$(echo "$only" | tr + ' ')"; then
		return
	fi
	if [ "${done_before:-0}" -gt 0 ]; then
		done_before=$((done_before - 1))
		return
	fi
	# The emulated CPU fails a guest now and then (docs/testing.md), so a case has two tries. That the first
	# one failed is shown in full and counted.
	try "$@" || {
		report NOTE
		try "$@" || report FAIL
	}
}

# try FUNCTION ARGUMENT...: runs the case once; false if it failed
try() {
	rm -rf /tmp/*
	began=$(cut -d' ' -f1 /proc/uptime)
	("$@")
	result=$?
	# Nothing outlives its case; this machine is ours alone.
	killall -q -9 tinyvmm nc sleep
	case $result in
	0) echo "@@ ok $name ($(seconds_since "$began") s)" ;;
	77) echo "@@ SKIP $name: $(cat /tmp/why)" ;;
	*) return 1 ;;
	esac
}

# report KIND: what is known of a try that failed
report() {
	echo "@@ $1 $name: $(cat /tmp/why 2>/dev/null || echo "the case itself broke")"
	show_log "the last tinyvmm:" /tmp/command
	show_log "what it said:" $err
	show_log "the end of its guest's console:" $out
	echo "@@ ."
}

seconds_since() {
	awk -v t="$1" '{ printf "%.1f", $1 - t }' /proc/uptime
}

show_log() {
	echo "@@ | $1"
	tail -n 40 "$2" 2>/dev/null | tr -d '\r' | sed 's/^/@@ |    /'
}

fail() {
	echo "$*" >/tmp/why
	exit 1
}

skip() {
	echo "$*" >/tmp/why
	exit 77
}

# ---- starting guests ----------------------------------------------------------------------------

# What a guest and tinyvmm have printed so far, in bytes.
printed() {
	cat $out $err /tmp/console 2>/dev/null | wc -c
}

# guard PID: ends the process if nothing is printed for $limit seconds. A machine that is only slow prints.
guard() {
	guard_size='' guard_silent=0
	while kill -0 "$1" 2>/dev/null; do
		sleep 1
		guard_silent=$((guard_silent + 1))
		[ "$(printed)" = "$guard_size" ] || guard_silent=0
		guard_size=$(printed)
		if [ $guard_silent -ge "$limit" ]; then
			: >/tmp/silent
			kill -9 "$1"
		fi
	done
}

# Waits for the end of $pid, guarded; sets $status.
await_end() {
	guard $pid &
	guard_pid=$!
	wait $pid
	status=$?
	echo "exit status $status" >>/tmp/command
	kill $guard_pid 2>/dev/null
	[ ! -e /tmp/silent ] || fail "printed nothing for $limit seconds"
}

# tinyvmm_run OPTION...: to its end; sets $status.
tinyvmm_run() {
	echo "$*" >/tmp/command
	tinyvmm "$@" >$out 2>$err </dev/null &
	pid=$!
	await_end
}

# tinyvmm_start OPTION...: in the background, as $pid; type_line writes to its standard input.
tinyvmm_start() {
	echo "$*" >/tmp/command
	mkfifo /tmp/in
	tinyvmm "$@" >$out 2>$err </tmp/in &
	pid=$!
	exec 3>/tmp/in
}

type_line() {
	printf '%s\n' "$*" >&3
}

# Waits for the end of what tinyvmm_start started; sets $status.
finish() {
	await_end
	exec 3>&-
}

# boot_linux HOW KERNEL/FORMAT STEPS OPTION...: boots the guest, which takes these steps and powers off; HOW is
# tinyvmm_run or tinyvmm_start. $append goes to the kernel too. Crypto self-tests of a kernel take a
# second here and are not ours.
boot_linux() {
	how=$1 image=$2 steps=$3
	shift 3
	$how --kernel "/kernel/$image" --initrd "/guest/${image%/*}.cpio" \
		--append "console=ttyS0 panic=-1 quiet cryptomgr.notests $append steps=$steps" "$@"
}

linux() {
	boot_linux tinyvmm_run "$@"
}

linux_start() {
	boot_linux tinyvmm_start "$@"
}

# ---- expectations -------------------------------------------------------------------------------

# said KEY: what the guest reported under this key
said() {
	sed -n "s/^@$1 //p" $out | tr -d '\r'
}

# await TEXT FILE [COUNT]: until that many lines (one) of the file contain it
await() {
	await_size='' await_tries=0
	until [ "$(grep -cF -- "$1" "$2" 2>/dev/null)" -ge "${3:-1}" ]; do
		[ "$(printed)" = "$await_size" ] || await_tries=0
		await_size=$(printed)
		await_tries=$((await_tries + 1))
		[ $await_tries -le $((limit * 5)) ] || fail "nothing was printed for $limit seconds, and never \"$1\""
		kill -0 $pid 2>/dev/null || fail "tinyvmm ended before \"$1\""
		sleep 0.2
	done
}

# same WHAT GOT WANTED
same() {
	[ "$2" = "$3" ] || fail "$1 is \"$2\", not \"$3\""
}

# within WHAT GOT LOWEST HIGHEST
within() {
	[ "$2" -ge "$3" ] && [ "$2" -le "$4" ] || fail "$1 is \"$2\", not within $3..$4"
}

# contains WHAT FILE TEXT
contains() {
	grep -qF -- "$3" "$2" || fail "$1 does not contain \"$3\""
}

# The guest did all its steps and powered off; tinyvmm had nothing to say.
powered_off() {
	broken=$(said broken)
	[ -z "$broken" ] || fail "the guest could not load $broken"
	grep -q '^@done' $out || fail "the guest did not finish its steps (status $status)"
	same "the exit status" $status 0
	quiet
}

quiet() {
	[ ! -s $err ] || fail "tinyvmm said: $(head -n 3 $err | tr '\n' ' ')"
}
