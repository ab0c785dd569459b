# SPDX-License-Identifier: MIT
# A thousand starts in a row and fifty at once leave nothing behind. Part of run.sh.
# shellcheck shell=sh disable=SC2154 # run.sh and lib.sh set what is used here

count_processes() {
	# shellcheck disable=SC2010 # readlink of each
	for p in /proc/[0-9]*/exe; do
		if [ "$(readlink "$p" 2>/dev/null)" = "$TINYVMM" ]; then echo; fi
	done | wc -l
}

interfaces() {
	# shellcheck disable=SC2012 # plain names
	ls /sys/class/net | wc -l
}

open_files() {
	read -r open _ </proc/sys/fs/file-nr
	echo "$open"
}

# What the kernel holds for itself, and shared memory: what a dead process can leave. Others that
# run at the same time allocate mostly other kinds.
kernel_kib() {
	awk '/^(SUnreclaim|KernelStack|PageTables|VmallocUsed|Percpu|Shmem):/ { sum += $2 }
		END { print sum }' /proc/meminfo
}

leaks_before() {
	processes=$(count_processes) nets=$(interfaces) files=$(open_files) memory=$(kernel_kib)
}

# The kernel frees a VM's memory some time after its end: waits for that, and fails if it does not come.
leaks_after() { # NAME STARTS TOLERANCE_FILES TOLERANCE_KIB
	i=0
	while :; do
		left="$(($(count_processes) - processes)) processes, $(($(interfaces) - nets)) network interfaces"
		more_files=$(($(open_files) - files)) more_kib=$(($(kernel_kib) - memory))
		if [ "$left" = "0 processes, 0 network interfaces" ] &&
			[ $more_files -lt "$3" ] && [ $more_kib -lt "$4" ]; then
			ok "$1 leave nothing behind"
			return
		fi
		i=$((i + 1))
		[ $i -lt 50 ] || break
		sleep 0.2
	done
	fail "$1 leave nothing behind" "$left, $more_files open files, $more_kib KiB of kernel memory"
}

# Less than one file for ten starts and 64 KiB for each: what other programs do at the time is in there.
starts=${STARTS:-1000}
leaks_before
wrong=0
i=0
while [ $i -lt "$starts" ]; do
	"$TINYVMM" --kernel "$GUESTS/three.elf" </dev/null || wrong=$((wrong + 1))
	i=$((i + 1))
done >"$WORK/out" 2>&1
if [ $wrong = 0 ] && [ ! -s "$WORK/out" ]; then
	ok "$starts starts in a row"
else
	fail "$starts starts in a row" "$wrong failed; $(excerpt "$WORK/out")"
fi
leaks_after "$starts starts" "$starts" $((starts / 10)) $((starts * 64))

at_once() { # NAME ARGUMENTS...
	name=$1
	shift
	leaks_before
	pids='' wrong=0 i=0
	: >"$WORK/out"
	while [ $i -lt 50 ]; do
		timeout "$TIMEOUT" "$TINYVMM" "$@" </dev/null >>"$WORK/out" 2>&1 &
		pids="$pids $!"
		i=$((i + 1))
	done
	for pid in $pids; do
		wait "$pid" || wrong=$((wrong + 1))
	done
	if [ $wrong = 0 ] && [ ! -s "$WORK/out" ]; then
		ok "$name"
	else
		fail "$name" "$wrong failed; $(excerpt "$WORK/out")"
	fi
	leaks_after "$name" 50 100 $((50 * 2048))
}

at_once "50 starts at once" --kernel "$GUESTS/three.elf"
at_once "50 starts at once, two vCPUs and irqchip" --kernel "$GUESTS/ipi.ring3.elf" --cpus 2 \
	--append rounds=10
if [ "$(id -u)" = 0 ] && [ -c /dev/net/tun ]; then
	at_once "50 starts at once, each with a TAP" --kernel "$GUESTS/three.elf" --net tap
else
	skip "50 starts at once, each with a TAP" "needs root and /dev/net/tun"
fi
