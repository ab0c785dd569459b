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
