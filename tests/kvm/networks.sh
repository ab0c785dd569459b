# SPDX-License-Identifier: MIT
# Frames between a guest and the host through a TAP; part of run.sh.
# shellcheck shell=sh disable=SC2154,SC2034 # run.sh and lib.sh set and read what is used here

if [ "$(id -u)" != 0 ] || [ ! -c /dev/net/tun ] || ! command -v ip >/dev/null; then
	skip "frames through a TAP" "needs root, /dev/net/tun and ip"
	return
fi
name=$(printf '%.15s' "tvnet$$")
if ! ip tuntap add dev "$name" mode tap vnet_hdr; then
	skip "frames through a TAP" "cannot make one"
	return
fi
tap=$name
ip link set "$tap" up
"$GUESTS/frame_echo" "$tap" >"$WORK/echo" 2>&1 &
echo_pid=$!
await [ -s "$WORK/echo" ]
: >"$WORK/in"
: >"$WORK/want"
for ring in ring0 ring3; do
	for irqchip in none kernel; do
		run_tinyvmm --kernel "$GUESTS/net.$ring.elf" --net "tap=$tap" --irqchip $irqchip \
			--append rounds=10
		judge "frames through a TAP, irqchip $irqchip ($ring)" 0 ""
	done
done
kill $echo_pid
wait $echo_pid 2>/dev/null
ip tuntap del dev "$tap" mode tap
tap=''

# What one guest does to its network device must not keep the other tinyvmms busy, which watch their
# own interfaces. One that waits for a frame wakes up when there is something for it, and not else.
wakeups() { # PID: how often its threads have waited for something
	cat "/proc/$1/task"/*/status | awk '/^voluntary_ctxt_switches/ { n += $2 } END { print n + 0 }'
}
name="a network device reset in a loop leaves the neighbour asleep"
"$TINYVMM" --kernel "$GUESTS/net.ring0.elf" --net tap --irqchip none <"$WORK/in" \
	>"$WORK/other" 2>&1 &
neighbour=$!
before=-1 after=0 tries=0
while [ "$before" != "$after" ] && [ $tries -lt 50 ]; do # until its device is up and at rest
	before=$after
	sleep 0.2
	after=$(wakeups $neighbour)
	tries=$((tries + 1))
done
run_tinyvmm --kernel "$GUESTS/net_reset.ring0.elf" --net tap --irqchip none --append restarts=200
after=$(wakeups $neighbour)
kill -KILL $neighbour
wait $neighbour 2>/dev/null || :
if [ "$status" != 0 ]; then
	fail "$name" "status $status: $(excerpt "$WORK/err")"
elif [ $((after - before)) -gt 10 ]; then
	fail "$name" "it woke up $((after - before)) times"
else
	ok "$name"
fi
