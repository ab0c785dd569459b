# SPDX-License-Identifier: MIT
# What --dry-run leaves behind: nothing. And what it can say where there is no /dev/kvm. Part of run.sh;
# bad_input.sh compares what a dry run refuses with what a run does.
# shellcheck shell=sh disable=SC2154 # run.sh and lib.sh set what is used here

dry=$WORK/dry
mkdir -p "$dry"
truncate -s 1M "$dry/disk.img"
echo 'what was there' >"$dry/stats.json"
: >"$WORK/in"

traces() {
	stat -c '%n %s %Y %Z %y %z' "$dry"/*
	ls /sys/class/net
}

traces >"$WORK/before"
sleep 0.05 # longer than a step of the clock of time stamps
run_tinyvmm -k "$GUESTS/three.elf" -d "$dry/disk.img" -n tap=vmdry --console "file=$dry/console" \
	--stats="$dry/stats.json" --dry-run
cp "$WORK/out" "$WORK/want"
if [ -w /dev/net/tun ]; then
	judge "a dry run of a machine with disk, TAP and outputs" 0 ''
else
	skip "a dry run of a machine with disk, TAP and outputs" "/dev/net/tun cannot be opened"
fi
traces >"$WORK/after"
if cmp -s "$WORK/before" "$WORK/after"; then
	ok "a dry run leaves no trace"
else
	fail "a dry run leaves no trace" "$(diff "$WORK/before" "$WORK/after" | head -c 400)"
fi

if unshare -m true 2>/dev/null; then
	no_kvm() {
		unshare -m sh -c 'mkdir -p /dev/shm && mount -t tmpfs none /dev && exec "$@"' - timeout "$TIMEOUT" \
			"$TINYVMM" "$@" <"$WORK/in" >"$WORK/out" 2>"$WORK/err" || status=$?
	}
	status=0
	no_kvm -k "$GUESTS/pvh.elf" -m 64M -c 2 --dry-run
	cp "$WORK/out" "$WORK/want"
	judge "a dry run without /dev/kvm" 0 ''
	if grep -q '^host  *unknown, .* /dev/kvm: No such file' "$WORK/out" && grep -q vcpu1 "$WORK/out"; then
		ok "a dry run without /dev/kvm says that the host is unknown"
	else
		fail "a dry run without /dev/kvm says that the host is unknown" "$(excerpt "$WORK/out")"
	fi
	: >"$WORK/want"
	truncate -s 100M "$dry/big"
	while IFS='|' read -r name args pattern; do
		trim "$name" && name=$trimmed
		trim "$pattern" && pattern=$trimmed
		eval "set -- $args"
		status=0
		no_kvm "$@" --dry-run
		judge "a dry run without /dev/kvm refuses: $name" 2 "$pattern"
	done <<'EOT'
an initrd that does not fit | -k $GUESTS/pvh.elf -i $dry/big -m 64M | --initrd .*--mem
an unknown CPU feature      | -k $GUESTS/pvh.elf --cpuid +warp      | --cpuid .*warp
a host node that is absent  | -k $GUESTS/pvh.elf -m 64M,node=77     | --mem .*77
an output that is the image | -k $GUESTS/pvh.elf --stats=$GUESTS/pvh.elf | --stats=.*same file as --kernel
EOT
else
	skip "a dry run without /dev/kvm" "cannot make a mount namespace"
fi
