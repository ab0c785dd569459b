# SPDX-License-Identifier: MIT
# What tinyvmm says of a run, against what the guest is known to have done; part of run.sh.
# shellcheck shell=sh disable=SC2154,SC2034 # run.sh and lib.sh set and read what is used here

hello=$build/guest/hello.elf # five exits of each kind
: >"$WORK/in"
printf 'hello from ring 0\nhello from ring 3\nbye\n' >"$WORK/want"

run_tinyvmm --kernel "$hello" --stats
judge "--stats: a table on stderr" 0 '^pio-out +0x80 post +5 '

if command -v jq >/dev/null; then
	run_tinyvmm --kernel "$hello" --cpus 2 --stats="$WORK/stats.json"
	judge "--stats=FILE.json: nothing on stderr" 0 ''
	counts=$(jq -c '[.exits[] | select(.detail == "0x80" or .detail == "0xcffff000") |
		[.kind, .count]] | sort' "$WORK/stats.json" 2>&1)
	if [ "$counts" = '[["mmio-read",5],["mmio-write",5],["pio-in",5],["pio-out",5]]' ]; then
		ok "the counts are those of the guest's accesses"
	else
		fail "the counts are those of the guest's accesses" "$counts"
	fi
	shape=$(jq -c '[(.exits | all(.p50_us <= .p99_us and .p99_us <= .max_us)),
		(.vcpus | length), .host_kind != null, .wall_seconds > 0]' "$WORK/stats.json" 2>&1)
	if [ "$shape" = '[true,2,true,true]' ]; then
		ok "percentiles in order, every vCPU, the kind of host"
	else
		fail "percentiles in order, every vCPU, the kind of host" "$shape"
	fi
	run_tinyvmm --kernel "$hello" --cpus 130 --stats="$WORK/stats.json"
	judge "--stats with many vCPUs" 0 ''
	with_counters=$(jq '[.kvm[].vcpu | values] | unique | length' "$WORK/stats.json" 2>&1)
	if [ "$with_counters" = 130 ] || [ "$with_counters" = 0 ]; then # none where KVM has no such descriptor
		ok "KVM's counters of every vCPU"
	else
		fail "KVM's counters of every vCPU" "of $with_counters only"
	fi
else
	skip "--stats=FILE.json" "needs jq"
fi

: >"$WORK/want"
says() { # NAME PATTERN ARGUMENTS...
	name=$1 pattern=$2
	shift 2
	run_tinyvmm "$@"
	if grep -qE -e "$pattern" "$WORK/out"; then
		cp "$WORK/out" "$WORK/want"
		judge "$name" 0 ''
	else
		fail "$name" "stdout is $(excerpt "$WORK/out"), without $pattern; stderr: $(excerpt "$WORK/err")"
	fi
}

says "--help" '-k, --kernel FILE' --help
says "--version" '^tinyvmm [0-9]' --version
says "--dry-run shows the memory" '0000100000-0007ffffff +RAM' --kernel "$hello" --mem 128M --dry-run
says "--dry-run shows vCPUs" 'vcpu2' --kernel "$hello" --cpus 3 --dry-run
says "--dry-run shows devices" 'virtio-rng' --kernel "$hello" --rng --dry-run
says "--dry-run shows the image" 'image.*hello.elf' --kernel "$hello" --dry-run
if grep -q 'hello from' "$WORK/out"; then
	fail "--dry-run does not start the guest" "$(excerpt "$WORK/out")"
else
	ok "--dry-run does not start the guest"
fi
