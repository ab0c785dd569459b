# SPDX-License-Identifier: MIT
# The payload kernel and the benchmark file that it runs; part of run.sh. The same file runs here as
# a process, so what both print can be compared.
# shellcheck shell=sh disable=SC2154 # run.sh and lib.sh set what is used here

PAYLOAD=$build/guest/payload.elf
BZIMAGE=$build/guest/payload.bzImage
BENCH=$build/guest/bench.elf
quick="samples=1 min_ms=1"
: >"$WORK/in"
truncate -s 16M "$WORK/bench.img"

# run_bench NAME APPEND MORE_ARGUMENTS...: leaves $WORK/out; fails unless the machine powers off.
run_bench() {
	bench_name=$1 bench_words=$2
	shift 2
	run_tinyvmm --kernel "$PAYLOAD" --initrd "$BENCH" --append "$bench_words" "$@"
	if [ "$status" != 0 ] || [ -s "$WORK/err" ]; then
		fail "$bench_name" "status $status; stdout: $(excerpt "$WORK/out") stderr: $(excerpt "$WORK/err")"
		return 1
	fi
}

# The names of the benchmarks that an output has events of a kind for.
events() { # KIND FILE
	sed -n "s/^{\"event\":\"$1\",\"bench\":\"\([^\"]*\)\".*/\1/p" "$2" | uniq
}

# Lines that are none of those that the benchmark file prints.
strange_lines() {
	grep -vE '^\{"event":"(begin|sample|check|skip|error|end)"(,"[a-z_]+":("([^"\\]|\\.)*"|true|false|[0-9]+(\.[0-9]+)?))*\}$' "$1"
}

# Runs NAMES in the payload; each of EXPECTED must be sampled twice (one is the warm-up), nothing be
# skipped, and no check fail.
bench_case() { # NAME NAMES EXPECTED_COUNT MORE_ARGUMENTS...
	case_name=$1 case_names=$2 expected=$3
	shift 3
	run_bench "$case_name" "run $case_names $quick" "$@" || return 0
	if strange_lines "$WORK/out" >"$WORK/strange"; then
		fail "$case_name" "strange line: $(excerpt "$WORK/strange")"
	elif grep -q '"ok":false\|"event":"error"\|"event":"skip"' "$WORK/out"; then
		fail "$case_name" "$(grep '"ok":false\|"event":"error"\|"event":"skip"' "$WORK/out")"
	elif [ "$(events sample "$WORK/out" | grep -c .)" != "$expected" ] ||
		[ "$(grep -c '"event":"sample"' "$WORK/out")" != $((2 * expected)) ]; then
		fail "$case_name" "not $expected benchmarks with two samples each: $(events sample "$WORK/out" | tr '\n' ' ')"
	else
		ok "$case_name"
	fi
}

# ---- the same file natively and in the payload -------------------------------------------------
"$BENCH" list >"$WORK/want"
run_tinyvmm --kernel "$PAYLOAD" --initrd "$BENCH" --append list
judge "the payload lists the benchmarks that a process lists" 0 ""

# The wrapped kernel, by Linux's 64-bit protocol; the same table of benchmarks says that its program runs.
run_tinyvmm --kernel "$BZIMAGE" --initrd "$BENCH" --append list
judge "the payload as a bzImage" 0 ""
PAYLOAD=$BZIMAGE bench_case "the bzImage starts other CPUs, and finds a disk on its command line" \
	"cpu.hash blk.flush cpus=2 virtio_mmio.device=4K@0xd0000000:10" 2 --cpus 2 --rng=off \
	--disk "$WORK/bench.img"

# run_qemu MACHINE KERNEL APPEND MORE_ARGUMENTS...
run_qemu() {
	qemu_machine=$1 qemu_kernel=$2 qemu_words=$3
	shift 3
	status=0
	# A BIOS may speak on the serial port before.
	timeout "$TIMEOUT" qemu-system-x86_64 -machine "$qemu_machine" -accel tcg -cpu max -display none \
		-no-reboot -nodefaults -serial stdio -kernel "$qemu_kernel" -initrd "$BENCH" -append "$qemu_words" \
		"$@" <"$WORK/in" 2>"$WORK/err2" | grep -a '^{' >"$WORK/out" || status=$?
	grep -v "doesn't support requested feature" "$WORK/err2" >"$WORK/err"
}

if command -v qemu-system-x86_64 >/dev/null; then
	run_qemu microvm "$PAYLOAD" list -m 128
	judge "the payload boots by PVH, on QEMU's microvm" 0 ""
	run_qemu microvm "$BZIMAGE" list -m 128
	judge "the bzImage boots from real mode, by SeaBIOS" 0 ""
	# The first has ACPI tables, the second MP tables only.
	for machine in q35 microvm,acpi=off; do
		for kernel in "$PAYLOAD" "$BZIMAGE"; do
			case_name="other CPUs, by start-up IPI ($machine, ${kernel##*/})"
			run_qemu "$machine" "$kernel" "run cpu.hash cpus=3 $quick" -m 128 -smp 3
			if [ "$(grep -c '"event":"check".*"ok":true' "$WORK/out")" = 3 ]; then
				ok "$case_name"
			else
				fail "$case_name" "$(excerpt "$WORK/out")"
			fi
		done
	done
	# Three arrays of 32 MiB, and only 64 MiB below the hole.
	run_qemu q35,max-ram-below-4g=64M "$BZIMAGE" "run mem.stream_copy size=32M $quick" -m 256
	if grep -q '"event":"check".*"ok":true' "$WORK/out"; then
		ok "RAM behind the 32-bit hole, by the BIOS's memory map"
	else
		fail "RAM behind the 32-bit hole, by the BIOS's memory map" "$(excerpt "$WORK/out")"
	fi
else
	skip "the payload by PVH and as a bzImage, on QEMU" "qemu-system-x86_64 is missing"
fi

# shellcheck disable=SC2086 # words
"$BENCH" run 'cpu.*' 'mem.stream*' size=4M $quick >"$WORK/native"
if [ "$(events sample "$WORK/native" | grep -c .)" = 8 ] && ! strange_lines "$WORK/native"; then
	ok "the benchmark file runs as a process"
else
	fail "the benchmark file runs as a process" "$(excerpt "$WORK/native")"
fi
# Writes behind the limit to a file's size fail, and do so while iterations are calibrated already.
status=0
(
	trap '' XFSZ
	ulimit -f 8
	# shellcheck disable=SC2086 # words
	exec timeout "$TIMEOUT" "$BENCH" run blk.randwrite_qd1 $quick file="$WORK/bench.img"
) >"$WORK/out" 2>&1 || status=$?
if grep -q '"event":"skip"' "$WORK/out"; then
	skip "a request that fails ends its benchmark" "$(grep -o '"reason":.*' "$WORK/out")"
elif [ $status = 1 ] && grep -q '"event":"error".*"reason":"a request failed"' "$WORK/out"; then
	ok "a request that fails ends its benchmark"
else
	fail "a request that fails ends its benchmark" "status $status: $(excerpt "$WORK/out")"
fi
# The thread that runs a sample is pinned itself, and starts the two others.
case_name="threads that wake each other have a CPU each"
if [ "$(nproc)" -lt 2 ]; then
	skip "$case_name" "needs two CPUs"
else
	"$BENCH" run trap.futex_wake pin=on samples=1000 >"$WORK/out" &
	bench_pid=$!
	on_two_cpus() {
		lists=$(sed -n 's/^Cpus_allowed_list:[[:space:]]*//p' /proc/"$bench_pid"/task/*/status | sort -u)
		[ "$(printf '%s\n' "$lists" | grep -cx '[0-9][0-9]*')" -ge 2 ]
	}
	if await on_two_cpus; then ok "$case_name"; else fail "$case_name" "CPUs seen: $(echo "$lists" | tr '\n' ' ')"; fi
	kill $bench_pid
	wait $bench_pid 2>/dev/null
fi
bench_case "cpu and STREAM benchmarks in the payload" "cpu.* mem.stream* size=4M" 8

# ---- each group in the payload --------------------------------------------------------------------
bench_case "memory in 4 KiB pages" "mem.chase_64k mem.random_1m mem.fault pages=4k" 3
bench_case "memory in 2 MiB pages" "mem.chase_64k mem.random_1m mem.fault pages=2m" 3
# Three arrays of 1 GiB, of which two fit below the 32-bit hole.
if [ "$(sed -n 's/^MemAvailable: *\([0-9]*\) kB/\1/p' /proc/meminfo)" -gt $((4 << 20)) ]; then
	bench_case "RAM behind the 32-bit hole" "mem.stream_copy size=1G" 1 --mem 5G,pages=thp
else
	skip "RAM behind the 32-bit hole" "less than 4 GiB of this machine's memory are free"
fi
bench_case "benchmarks on two vCPUs" "cpu.noploop cpu.hash cpus=2" 2 --cpus 2
bench_case "exits" "trap.cpuid trap.pio* trap.mmio* trap.msr*" 23 --rng
bench_case "interrupts" "trap.hlt_wake trap.irq trap.timer_jitter" 3 --rng --irqchip kernel
bench_case "interrupts between vCPUs" "trap.ipi" 1 --cpus 2 --irqchip kernel
bench_case "disk" "blk.*" 24 --disk "$WORK/bench.img"

# KVM polls first for what may end soon; its own counters say what came of it.
count_of() { sed -n "s/^$1  *\([0-9][0-9]*\)\$/\1/p" "$WORK/err"; }
run_tinyvmm --kernel "$PAYLOAD" --initrd "$BENCH" --append "run trap.hlt_wake samples=5" --irqchip kernel --stats
halts=$(count_of halt_exits) polled=$(count_of halt_successful_poll)
if [ -z "$halts" ]; then
	skip "a vCPU that trap.hlt_wake wakes was asleep" "this KVM counts no halts"
elif [ "$halts" -gt 50 ] && [ $((2 * ${polled:-0})) -lt "$halts" ]; then
	ok "a vCPU that trap.hlt_wake wakes was asleep"
else
	fail "a vCPU that trap.hlt_wake wakes was asleep" "$halts halts, ${polled:-0} ended by polling"
fi
run_bench "an idle payload" "idle seconds=1" --irqchip kernel && ok "an idle payload"

# ---- what cannot run says so -------------------------------------------------------------------------
skip_case() { # NAME BENCHMARK REASON MORE_ARGUMENTS...
	case_name=$1 case_bench=$2 case_reason=$3
	shift 3
	run_bench "$case_name" "run $case_bench $quick" "$@" || return 0
	if grep -q "\"event\":\"skip\",\"bench\":\"$case_bench\",\"reason\":\"$case_reason" "$WORK/out"; then
		ok "$case_name"
	else
		fail "$case_name" "$(excerpt "$WORK/out")"
	fi
}

skip_case "no memory for a benchmark" mem.chase_1g "not enough RAM in this VM" --mem 64M
skip_case "no disk" blk.flush "no usable virtio-blk"
skip_case "a read-only disk" blk.flush "the file or disk is read-only" --disk "$WORK/bench.img,ro"
skip_case "no network" net.udp_rr_64 "no peer"
skip_case "TCP" net.tcp_rr_64 "the payload has no TCP stack"
skip_case "no interrupt controller" trap.hlt_wake "no interrupt controller"
skip_case "a Linux system call" trap.getpid "a Linux system call"

# ---- bad input, and faults ------------------------------------------------------------------------------
error_case() { # NAME STATUS REASON ARGUMENTS...
	case_name=$1 case_status=$2 case_reason=$3
	shift 3
	run_tinyvmm --kernel "$PAYLOAD" "$@"
	if [ "$status" = "$case_status" ] && grep -q "\"event\":\"error\".*\"reason\":\"$case_reason" "$WORK/out"; then
		ok "$case_name"
	else
		fail "$case_name" "status $status; stdout: $(excerpt "$WORK/out")"
	fi
}

printf 'no ELF' >"$WORK/text"
head -c 8000 "$BENCH" >"$WORK/short.elf"
cp "$BENCH" "$WORK/faulting.elf" # its entry moved to 20 GiB, where no page is
printf '\0\0\0\0\5\0\0\0' | dd of="$WORK/faulting.elf" bs=1 seek=24 conv=notrunc 2>/dev/null

error_case "no program" 3 "no program"
error_case "a program that is no ELF" 3 "the program (--initrd) is no static" --initrd "$WORK/text"
error_case "a program cut short" 3 "the program (--initrd) is a truncated ELF" --initrd "$WORK/short.elf"
error_case "no room for the program" 3 "the program (--initrd) does not fit" --initrd "$BENCH" --mem 8M
error_case "a program that faults" 5 "fault: vector 14, rip 0x500000000, error code 0x1*4, address 0x500000000, ring 3" \
	--initrd "$WORK/faulting.elf"
error_case "an unknown benchmark" 3 "unknown benchmark" --initrd "$BENCH" --append "run cpu.nonsense"
error_case "an unknown option" 3 "unknown option" --initrd "$BENCH" --append "run cpu.hash samples=0"
