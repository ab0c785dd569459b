# SPDX-License-Identifier: MIT
# Machines that are reset and built anew, driven through their console, and where their vCPUs
# run. Part of run.sh.
# shellcheck shell=sh disable=SC2154,SC2034 # run.sh and lib.sh set what is used here

# Starts reset.c in the background with its console on descriptor 4.
start_resets() { # TINYVMM_ARGUMENTS...
	mkfifo "$WORK/console"
	timeout "$TIMEOUT" "$TINYVMM" "$@" <"$WORK/console" >"$WORK/out" 2>"$WORK/err" &
	background=$!
	exec 4>"$WORK/console"
	rm "$WORK/console"
}

# Waits until the guest has said "boot" so many times.
has_boots() { # NUMBER
	[ "$(grep -c boot "$WORK/out")" -ge "$1" ]
}
wait_boots() { # NUMBER
	await has_boots "$1"
}

for ring in ring0 ring3; do
	start_resets --kernel "$GUESTS/reset.$ring.elf" --on-reset restart
	boots=1
	# One key a life: what a UART has received and not handed over dies with it.
	for key in a k k a q; do
		wait_boots $boots
		printf '%s' $key >&4
		boots=$((boots + 1))
	done
	exec 4>&-
	status=0
	wait $background || status=$?
	printf 'boot\nboot\nboot\nboot\nboot\n' >"$WORK/want"
	judge "resets start anew ($ring)" 0 ""
done

# A guest that resets itself in a loop is held up, and the log says so.
start_resets --kernel "$GUESTS/reset.ring0.elf" --on-reset restart
boots=1
for key in k k k k k k q; do
	wait_boots $boots
	printf '%s' $key >&4
	boots=$((boots + 1))
done
exec 4>&-
status=0
wait $background || status=$?
printf 'boot\nboot\nboot\nboot\nboot\nboot\nboot\n' >"$WORK/want"
judge "resets in a loop are held up" 0 "resets itself in a loop"

# The CPUs that a vCPU's thread may use.
cpus_of() { # PID THREAD_NAME
	for task in /proc/"$1"/task/*; do
		if [ "$(cat "$task/comm")" = "$2" ]; then
			sed -n 's/^Cpus_allowed_list:[[:space:]]*//p' "$task/status"
		fi
	done
}

if [ "$(nproc)" -lt 2 ]; then
	skip "pinned vCPUs" "needs two CPUs"
	return
fi
start_resets --kernel "$GUESTS/reset.ring0.elf" --cpus 2 --irqchip kernel --pin=1,0
wait_boots 1
# coreutils' timeout is tinyvmm's parent; busybox's has made way for it.
child=$(cat "/proc/$background/task/$background/children" 2>/dev/null)
child=${child:-$background}
pinned="$(cpus_of "${child% }" vcpu0) $(cpus_of "${child% }" vcpu1)"
printf q >&4
exec 4>&-
wait $background
if [ "$pinned" = "1 0" ]; then
	ok "vCPU i runs on the i-th CPU of --pin"
else
	fail "vCPU i runs on the i-th CPU of --pin" "allowed are $pinned, not 1 and 0"
fi
