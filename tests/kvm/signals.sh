# SPDX-License-Identifier: MIT
# Ends that come from the host's side, on a terminal of the test's own: in order, terminal restored,
# no TAP left behind. Part of run.sh.
# shellcheck shell=sh disable=SC2154 # run.sh and lib.sh set what is used here

# Runs reset.c, which says "boot" and then waits for a byte, under pty_run with options that say
# what happens then.
on_terminal() { # NAME STATUSES PATTERN PTY_OPTIONS TINYVMM_ARGUMENTS...
	name=$1 want_status=$2 pattern=$3 options=$4
	shift 4
	status=0
	# shellcheck disable=SC2086 # options is a list of words
	timeout "$TIMEOUT" "$GUESTS/pty_run" -w boot $options "$TINYVMM" \
		--kernel "$GUESTS/reset.ring0.elf" "$@" >"$WORK/out" 2>"$WORK/err" || status=$?
	case " $want_status " in
	*" $status "*) ;;
	*) status="$status, not $want_status" ;;
	esac
	if [ "${status#*not}" != "$status" ]; then
		fail "$name" "status $status: $(excerpt "$WORK/err") after $(excerpt "$WORK/out")"
	elif ! tr -d '\r' <"$WORK/out" | grep -qE "$pattern"; then
		fail "$name" "the terminal shows $(excerpt "$WORK/out"), without $pattern"
	else
		ok "$name"
	fi
}

on_terminal "the guest ends: terminal restored" 0 '^boot' "-r -k q"
on_terminal "Ctrl-A x leaves" 0 '^boot' "-r -k ^ax"
on_terminal "Ctrl-A c shows the counters so far" 0 'pio|PIO|port' "-r -k ^acq" --stats
on_terminal "the terminal's own keys are the guest's" 0 '^boot' "-r -k ^c^d^zq"
for signal in "1 HUP" "2 INT" "15 TERM"; do
	on_terminal "SIG${signal#* }" $((128 + ${signal% *})) '^boot' "-r -s ${signal% *}"
	on_terminal "SIG${signal#* }, two vCPUs and counters" $((128 + ${signal% *})) '^boot' \
		"-r -s ${signal% *}" --cpus 2 --stats
done
# It dies at once then, by the signal; the terminal is usable all the same.
# shellcheck disable=SC3045 # dash and busybox have it
ulimit -c 0
for signal in "3 QUIT" "6 ABRT" "11 SEGV"; do
	on_terminal "SIG${signal#* }" $((128 + ${signal% *})) '^boot' "-r -s ${signal% *}" --cpus 2
done
on_terminal "SIGTERM on another console" 143 '/dev/pts/' "-w /dev/pts -s 15" --console pty
# The kernel says so twice, by a SIGHUP and by an error from the terminal; either may come first.
on_terminal "closed terminal" "0 129" '^boot' -H

if [ "$(id -u)" = 0 ] && [ -c /dev/net/tun ]; then
	own=$(printf '%.15s' "tvtest$$")
	on_terminal "SIGTERM with a TAP" 143 '^boot' "-s 15" --net "tap=$own"
	if [ -e "/sys/class/net/$own" ]; then
		fail "a TAP of tinyvmm's own goes with it" "$own is still there"
	else
		ok "a TAP of tinyvmm's own goes with it"
	fi
	if command -v ip >/dev/null && ip tuntap add dev "$own" mode tap vnet_hdr; then
		tap=$own
		on_terminal "a TAP that was there" 0 '^boot' "-k q" --net "tap=$tap"
		if [ -e "/sys/class/net/$tap" ]; then
			ok "a TAP that was there stays"
			ip tuntap del dev "$tap" mode tap
		else
			fail "a TAP that was there stays" "$tap is gone"
		fi
		tap=''
	fi
else
	skip "TAPs" "need root and /dev/net/tun"
fi

# nohup(1): a signal that tinyvmm was started to ignore does not end it.
rm "$WORK/out"
mkfifo "$WORK/keys"
(
	trap '' HUP
	exec "$TINYVMM" --kernel "$GUESTS/reset.ring0.elf" <"$WORK/keys" >"$WORK/out" 2>"$WORK/err"
) &
exec 9>"$WORK/keys"
await grep -q boot "$WORK/out"
kill -HUP $!
sleep 0.1
(trap '' PIPE && printf q >&9) 2>/dev/null # it may have ended, which judge notices
exec 9>&-
status=0
wait $! || status=$?
printf 'boot\n' >"$WORK/want"
judge "SIGHUP under nohup" 0 ''

# A log that is not read, here a full pipe, stops neither the guest nor the signal.
mkfifo "$WORK/full" "$WORK/keys2"
sleep "$TIMEOUT" <"$WORK/full" &
sleeper=$!
exec 8>"$WORK/full"
timeout 1 dd if=/dev/zero bs=4096 count=1000 >&8 2>/dev/null
rm -f "$WORK/out"
# The vCPU that stays off is worth a line.
"$TINYVMM" --kernel "$GUESTS/reset.ring0.elf" --cpus 2 --log info \
	<"$WORK/keys2" >"$WORK/out" 2>&8 &
started=$!
exec 9>"$WORK/keys2" 8>&-
await grep -q boot "$WORK/out"
kill -TERM $started
status=0
wait $started 2>/dev/null || status=$? # the shell has a word for it
exec 9>&-
kill $sleeper
wait $sleeper 2>/dev/null || :
printf 'boot\n' >"$WORK/want"
: >"$WORK/err"
judge "SIGTERM while the log is not read" 143 ''

# A parent may leave any signal blocked, also the one that makes vCPUs leave the guest.
if env --block-signal=RTMIN true 2>/dev/null; then
	status=0
	timeout -k 5 1 env --block-signal=RTMIN "$TINYVMM" --kernel "$GUESTS/halt.elf" \
		--irqchip kernel </dev/null >"$WORK/out" 2>"$WORK/err" || status=$?
	: >"$WORK/want"
	judge "SIGTERM, started with blocked signals" 124 ''
else
	skip "SIGTERM, started with blocked signals" "needs env --block-signal (coreutils 8.31)"
fi
