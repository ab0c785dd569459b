# SPDX-License-Identifier: MIT
# tinybench's network benchmarks through a real peer: a veth pair into a namespace for a process, a
# TAP for a VM; part of run.sh. What is measured does not matter here, only that it can be, and that
# nothing of the network is left behind, also after an interruption.
# shellcheck shell=sh disable=SC2154 # run.sh and lib.sh set what is used here

netbench_why() {
	if [ "$(id -u)" != 0 ]; then
		echo "needs root"
	elif [ ! -c /dev/net/tun ]; then
		echo "needs /dev/net/tun"
	elif ! command -v ip >/dev/null; then
		echo "needs ip (package iproute2)"
	elif ! ip netns add "tbtest$$" 2>"$WORK/err"; then
		echo "no network namespaces: $(excerpt "$WORK/err")"
	else
		ip netns del "tbtest$$"
	fi
}

# Starts a run of the arms native and vm as $netbench_pid, of which tinybench names its network.
netbench_start() { # ROUNDS
	rm -rf "$WORK/net" "$WORK/netbench.pid"
	# shellcheck disable=SC2016 # the inner shell's own
	timeout "$TIMEOUT" sh -c 'echo $$ >"$0"; exec "$@"' "$WORK/netbench.pid" \
		"$build/tinybench" run --arms native,vm --bench 'net.*' --rounds "$1" --quick --samples 1 \
		--min-ms 1 --out "$WORK/net" </dev/null >"$WORK/out" 2>"$WORK/err" &
	netbench_job=$!
	while ! [ -s "$WORK/netbench.pid" ] && kill -0 $netbench_job 2>/dev/null; do
		sleep 0.05
	done
	netbench_pid=$(cat "$WORK/netbench.pid")
	netbench_name=tinyb$netbench_pid
}

# What there is of its network: namespace, the pair's end in the host, TAP.
netbench_things() {
	{ ip netns list; ip -o link; } | grep -oE "\\b${netbench_name}[ht]?\\b" | sort -u | tr '\n' ' '
}

netbench_left() { # NAME
	left=$(netbench_things)
	if [ -z "$left" ]; then ok "$1"; else fail "$1" "still there: $left"; fi
}

netbench_measures() {
	netbench_start 1
	wait $netbench_job
	status=$?
	if [ $status != 0 ]; then
		fail "net.* natively and in a VM" "status $status: $(excerpt "$WORK/err")"
		return
	fi
	# A positive sample of each benchmark in each arm that is no warm-up; TCP natively only.
	"$BENCH" list | sed -n 's/.*"bench":"\(net\.[^"]*\)".*/\1/p' | while read -r name; do
		case $name in net.tcp_*) arms=native ;; *) arms="native vm" ;; esac
		for arm in $arms; do
			zgrep -E "\"bench\":\"$name\",\"arm\":\"$arm\",.*\"value\":[0-9.e+]*[1-9].*\"warmup\":false" \
				"$WORK/net/samples.jsonl.gz" >/dev/null || echo "$name in arm $arm"
		done
	done >"$WORK/missing"
	if [ -s "$WORK/missing" ]; then
		fail "net.* natively and in a VM" "no positive sample: $(excerpt "$WORK/missing") $(excerpt "$WORK/out")"
	else
		ok "net.* natively and in a VM"
	fi
	netbench_left "the network is gone after a run"
}

netbench_waits_for_network() {
	if await netbench_is_whole; then
		ok "the network of a run"
	else
		fail "the network of a run" "not there: $(netbench_things) $(excerpt "$WORK/err")"
	fi
}
netbench_is_whole() {
	[ "$(netbench_things)" = "$netbench_name ${netbench_name}h ${netbench_name}t " ]
}

netbench_is_interrupted() {
	netbench_start 1000
	netbench_waits_for_network
	kill -TERM "$netbench_pid"
	wait $netbench_job
	netbench_left "the network is gone after an interrupted run"
}

# SIGKILL leaves it, and the next run with the same directory removes it.
netbench_is_killed() {
	netbench_start 1000
	netbench_waits_for_network
	kill -KILL "$netbench_pid"
	wait $netbench_job 2>/dev/null # the shell tells of a job that is killed
	"$build/tinybench" run --arms native --bench cpu.noploop --rounds 1 --quick --samples 1 --min-ms 1 \
		--out "$WORK/net" </dev/null >"$WORK/out" 2>"$WORK/err" || fail "a run after a killed one" "$(excerpt "$WORK/err")"
	netbench_left "the network of a killed run is gone after the next"
}

why=$(netbench_why)
if [ -n "$why" ]; then
	skip "net.* natively and in a VM" "$why"
else
	netbench_measures
	netbench_is_interrupted
	netbench_is_killed
fi
