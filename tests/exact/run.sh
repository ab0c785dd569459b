#!/bin/bash
# SPDX-License-Identifier: MIT
# make check-exact: counts the instructions of exits, requests and a start in tinybench's own machine, and
# compares the VMM's part with tests/exact/budget. Then five instructions are planted in the dispatch of an
# exit, which has to be noticed. Needs neither root nor /dev/kvm, nor a quiet machine.
#
#	run.sh BUILD
set -u
cd "$(dirname "$0")/../.." || exit 1
build=$(cd "$1" && pwd) || exit 1
dir=$build/exact/check
budget=tests/exact/budget
passed=0 failed=0

skip() {
	echo "SKIP  exact counts: $*"
	echo "0 passed, 0 failed, 1 skipped"
	exit 0
}

verdict() { # STATUS NAME
	if [ "$1" = 0 ]; then
		echo "ok    $2"
		passed=$((passed + 1))
	else
		echo "FAIL  $2"
		failed=$((failed + 1))
	fi
}

for tool in qemu-system-x86_64 busybox cpio; do
	command -v $tool >/dev/null || skip "$tool is not installed; tests/deps.sh installs it"
done
qemu-system-x86_64 -help | grep -q '^-plugin' || skip "this QEMU has no TCG plugins (Debian's has)"
"$build/guest/venue/fetch.sh" "$build" cloud || skip "the machine's kernel could not be had (see above)"
rm -rf "$dir"

# ---- the budget ------------------------------------------------------------------------------------

# count OUT ARMS BENCHMARKS; the bound is for a host that makes no progress; a machine has limits of its own.
count() {
	timeout 1500 "$build/tinybench" exact --build "$build" --out "$dir/$1" --arms "$2" --bench "$3" \
		--budget $budget 2>/dev/null
}

exits='trap.pio_out,trap.pio_in,trap.mmio_read,trap.mmio_write,trap.serial_out'
count bare vm-bare "$exits,life.start"
verdict $? "the VMM's part of an exit and of a start is within tests/exact/budget"
count blk vm blk.randread_qd1@null_blk,blk.flush@null_blk
verdict $? "the VMM's part of a disk request is within tests/exact/budget"

# ---- the same again, in other machines -------------------------------------------------------------

timeout 600 "$build/tinybench" exact --build "$build" --out "$dir/again" --bench 'trap.pio_out' \
	--arms vm-bare >/dev/null 2>&1
timeout 600 "$build/tinybench" exact --build "$build" --out "$dir/third" --bench 'trap.pio_out' \
	--arms vm-bare --jobs 1 >/dev/null 2>&1
cmp "$dir/again/exact.json" "$dir/third/exact.json"
verdict $? "two runs give equal files"

# ---- what cannot be counted says why ---------------------------------------------------------------

timeout 600 "$build/tinybench" exact --build "$build" --out "$dir/bad" --bench trap.cpuid \
	--arms exec:/bin/true >"$dir/bad.log" 2>&1
[ $? = 1 ] && grep -q 'not counted: the program never reached the start marker' "$dir/bad.log"
verdict $? "a program that never reaches the marker ends its arm with that reason"

# ---- five instructions more ------------------------------------------------------------------------

# plant: a copy of the tree whose on_io() begins with five instructions that do nothing
plant() {
	mkdir -p "$dir/tree/build" &&
		cp -a Makefile vmm devices virtio guest "$dir/tree/" &&
		cp -a "$build/obj" "$dir/tree/build/" &&
		for part in exact guest tests tinybench kernel; do
			[ ! -e "$build/$part" ] || ln -s "$build/$part" "$dir/tree/build/$part"
		done &&
		sed -i '/^static .*on_io(.*)$/,/^{/s/^{/{\n\t__asm__ volatile("nop; nop; nop; nop; nop");/' \
			"$dir/tree/vmm/vcpu.c" &&
		! cmp -s vmm/vcpu.c "$dir/tree/vmm/vcpu.c" &&
		make --no-print-directory -C "$dir/tree" CC="${CC:-cc}" build/tinyvmm >/dev/null
}

planted_is_noticed() {
	timeout 600 "$build/tinybench" exact --build "$dir/tree/build" --out "$dir/planted" \
		--bench trap.pio_out --arms vm-bare --budget $budget >"$dir/planted.log" 2>&1
	[ $? = 1 ] && grep -q '^FAIL .*trap.pio_out' "$dir/planted.log" &&
		grep -q '^      tinyvmm!' "$dir/planted.log" || {
		cat "$dir/planted.log"
		return 1
	}
}

if grep -q "^built with $("$build/tinybench" exact --versions)\$" $budget; then
	plant && planted_is_noticed
	verdict $? "five instructions more in the dispatch of an exit fail, and say where"
else
	echo "SKIP  five instructions more: the budget holds for another compiler or libc"
fi
rm -rf "$dir/tree"
echo "exact counts: $SECONDS seconds"
echo "$passed passed, $failed failed"
[ $failed = 0 ]
