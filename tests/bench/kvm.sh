#!/bin/sh
# SPDX-License-Identifier: MIT
# What tinyvmm's start, exits and memory cost, each beside the bare ioctl program that has the same
# kernel objects (floor.c): kvm.sh BUILD_DIRECTORY. Prints each figure with its target and
# whether it is met; a slow machine is no reason to fail. docs/measuring.md explains the figures.
#
# ROUNDS (default 100) is how often each command is run.
set -eu
build=$(cd "${1:?usage: kvm.sh BUILD_DIRECTORY}" && pwd)
kvm=$build/tests/kvm bench=$build/tests/bench
results=$build/bench
mkdir -p "$results"
ROUNDS=${ROUNDS:-100}

if [ ! -w /dev/kvm ]; then
	echo "SKIP bench: /dev/kvm is not there, or not to be opened by this user"
	exit 0
fi

verdict() { # FIGURE VALUE TARGET UNIT
	if awk "BEGIN { exit !($2 <= $3) }"; then word=met; else word=MISSED; fi
	printf '%-58s %10s %-4s  target %8s  %s\n' "$1" "$2" "$4" "$3" $word
	jq -cn --arg figure "$1" --argjson value "$2" --argjson target "$3" --arg unit "$4" \
		'{$figure, $value, $target, $unit, met: ($value <= $target)}' >>"$results/verdicts.json"
}

row() { # FILE LABEL FIELD
	jq -r --arg name "$2" ".rows[] | select(.label == \$name) | .$3" "$results/$1.json"
}

pair() { # FILE LABEL
	jq -r --arg name "$2" '.pairs[] | select(.label == $name) | .ratio' "$results/$1.json"
}

interleave() { # FILE ARGUMENTS...
	file=$1
	shift
	"$bench/interleave" -o "$results/$file.json" "$@"
	echo
}

: >"$results/verdicts.json"
strip -o "$results/tinyvmm" "$build/tinyvmm"
tinyvmm=$results/tinyvmm

host="$(uname -sr), $(nproc) CPUs, $(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1)"
if [ -d /sys/module/kvm_pvm ]; then
	host="$host, software KVM (kvm_pvm)"
fi
load=$(cut -d ' ' -f 1 /proc/loadavg)
echo "$host; load $load"
jq -n --arg host "$host" --argjson load "$load" --argjson rounds "$ROUNDS" \
	'{$host, $load, $rounds}' >"$results/host.json"

echo
echo "Start: the whole process, three instructions, 64 MiB, one vCPU"
three="--kernel $kvm/three.elf --mem 64M --console none"
interleave start -n "$ROUNDS" -u us \
	"floor: same objects=$bench/floor -C -t $kvm/three.elf" \
	"tinyvmm=$tinyvmm $three" \
	"floor: least objects=$bench/floor $kvm/three.elf" \
	"floor: with split irqchip=$bench/floor -C -t -s $kvm/three.elf" \
	"tinyvmm, stdio console=$tinyvmm --kernel $kvm/three.elf --mem 64M" \
	"tinyvmm --stats=$tinyvmm $three --stats=/dev/null" \
	"nothing (true)=/bin/true"
verdict "start, to the floor with the same objects" "$(row start tinyvmm ratio)" 1.3 x
verdict "start, whole process" "$(row start tinyvmm median)" 3000 us

echo
echo "Start with in-kernel interrupt controllers"
interleave start_irqchip -n "$ROUNDS" -u us \
	"floor: same objects=$bench/floor -C -t -i $kvm/three.elf" \
	"tinyvmm=$tinyvmm $three --irqchip kernel"
verdict "start with irqchip, to the floor with the same objects" \
	"$(row start_irqchip tinyvmm ratio)" 1.3 x

if command -v qemu-system-x86_64 >/dev/null; then
	echo
	echo "Start beside QEMU's microvm: one PVH image"
	interleave start_qemu -n $((ROUNDS / 5 + 2)) -u us \
		"tinyvmm/1=$tinyvmm --kernel $kvm/pvh_exit.elf --mem 64M --console none" \
		"QEMU microvm/1=$(command -v qemu-system-x86_64) -M microvm,accel=kvm,rtc=off,pic=off,pit=off -m 64 \
-cpu qemu64,-pni -nodefaults -no-user-config -nographic -no-reboot -kernel $kvm/pvh_exit.elf \
-device isa-debug-exit,iobase=0xf4,iosize=4"
fi

echo
echo "Start of a big guest: 64 GiB instead of 64 MiB, memory not touched"
interleave start_64g -n $((ROUNDS / 5 + 2)) -u us -p "tinyvmm 64G to floor 64G" \
	"tinyvmm 64M=$tinyvmm $three" \
	"tinyvmm 64G=$tinyvmm --kernel $kvm/three.elf --mem 64G --console none" \
	"floor 64M=$bench/floor -C -t $kvm/three.elf" \
	"floor 64G=$bench/floor -C -t -m 65536 $kvm/three.elf"
verdict "64 GiB, to 64 MiB" "$(row start_64g "tinyvmm 64G" ratio)" 1.05 x
verdict "64 GiB, to the floor's 64 GiB" "$(pair start_64g "tinyvmm 64G to floor 64G")" 1.3 x

echo
for ring in 0 3; do
	echo "Exit to user space from ring $ring: a write to a port that no device has, by the guest's TSC"
	interleave exits_ring$ring -v -n $((ROUNDS / 5 + 2)) -u "TSC ticks for 1,000 exits" \
		-p "tinyvmm --stats to tinyvmm" \
		"bare KVM_RUN loop=$bench/floor -C -t $kvm/exits.ring$ring.elf" \
		"tinyvmm=$tinyvmm --kernel $kvm/exits.ring$ring.elf" \
		"tinyvmm --stats=$tinyvmm --kernel $kvm/exits.ring$ring.elf --stats=/dev/null"
done
verdict "exit from ring 0, to a bare KVM_RUN loop" "$(row exits_ring0 tinyvmm ratio)" 1.05 x
verdict "exit from ring 0 with --stats, to one without" \
	"$(pair exits_ring0 "tinyvmm --stats to tinyvmm")" 1.02 x

echo
echo "Memory of the VMM beyond guest RAM (PSS), while a guest waits for input"
fifo=$results/input
rm -f "$fifo"
mkfifo "$fifo"
"$tinyvmm" --kernel "$kvm/reset.ring3.elf" --mem 64M <"$fifo" >"$results/output" &
pid=$!
exec 4>"$fifo"
until grep -q boot "$results/output"; do
	kill -0 $pid
	sleep 0.1
done
# Mappings by kind; guest RAM is the one of 64 MiB.
awk -v pte="$(awk '$1 == "VmPTE:" { print $2 }' /proc/$pid/status)" '
	/^[0-9a-f]+-[0-9a-f]+ / {
		kind = $6 == "" ? "anonymous" : $6
		if (kind ~ /tinyvmm/) kind = "tinyvmm: text and data"
		else if (kind ~ /\.so/) kind = "shared libraries"
		else if (kind ~ /kvm-vcpu/) kind = "kvm_run pages"
		else if (kind ~ /^\[(heap|stack)/) kind = substr(kind, 2, length(kind) - 2)
		else if (kind ~ /^\[/) kind = "vdso and vvar"
	}
	$1 == "Size:" { size = $2 }
	$1 == "Pss:" { if (size >= 65536) ram += $2; else pss[kind] += $2 }
	END {
		for (kind in pss) if (pss[kind]) { printf "  %-28s %6d KiB\n", kind, pss[kind]; sum += pss[kind] }
		printf "  %-28s %6d KiB\n  %-28s %6d KiB\n", "kernel page tables", pte, "(guest RAM in use", ram
		print sum + pte
	}' /proc/$pid/smaps | sed 's/\((guest RAM.*\)/\1)/' >"$results/memory"
sed '$d' "$results/memory"
printf q >&4
exec 4>&-
wait $pid
rm -f "$fifo"
verdict "PSS beyond guest RAM, with kernel page tables" "$(tail -n 1 "$results/memory")" 3072 KiB
verdict "stripped binary" "$(($(stat -c %s "$tinyvmm") / 1024))" 220 KiB

jq -s '.' "$results/verdicts.json" >"$results/verdicts"
jq -n --slurpfile host "$results/host.json" --slurpfile verdicts "$results/verdicts" \
	'$host[0] + {verdicts: $verdicts[0]}' >"$results/summary.json"
rm "$results/verdicts" "$results/verdicts.json"
echo
echo "written: $results/*.json"
