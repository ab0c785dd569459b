#!/bin/sh
# SPDX-License-Identifier: MIT
# Who may include whom: reads every #include line and fails on an arrow that points the wrong way. The rules
# are the table in docs/architecture.md, section "Who may include whom", which explains it as well. Then each
# wrong include of a list is tried, at least one for every door, and has to be refused.
set -u
cd "$(dirname "$0")/.." || exit 1

# Reads "FILE:LINE:#include ..." lines, prints each wrong one with the rule that it breaks, then how many
# were read. Status 1 if one was wrong.
check_includes() {
	awk -F: '
# The table: "room -> room room ...", continued on lines that begin with a blank.
FNR == NR {
	if ($0 ~ /^## /)
		in_section = $0 == "## Who may include whom"
	if (!in_section || $0 !~ /^([a-z].*->|  )/)
		next
	if (split($0, side, "->") > 1) {
		left = side[1]
		gsub(/ /, "", left)
		rooms[++nr] = left
	}
	may[left] = may[left] " " side[split($0, side, "->")] " "
	next
}
# The room with the longest name that the path begins with.
function room(path,    i, longest) {
	for (i = 1; i <= nr; i++)
		if (index(path, rooms[i]) == 1 && length(rooms[i]) > length(longest))
			longest = rooms[i]
	return longest
}
function wrong(message) {
	printf "%s:%s: %s\n", $1, $2, message
	bad = 1
}
{
	n++
	match($0, /[<"][^>"]*[>"]/)
	inc = substr($0, RSTART + 1, RLENGTH - 2)
	from = room($1)
	if (substr($0, RSTART, 1) == "\"")
		to = room(inc)
	else if (inc ~ /^linux\/kvm/)
		to = "<linux/kvm.h>"
	else
		next
	if (to == "")
		wrong("\"" inc "\" is not a path from the root of the tree")
	else if (to != from && index(may[from], " " to " ") == 0)
		wrong(from " may not include " to " (" inc ")")
}
END {
	print n
	exit bad || nr == 0
}' docs/architecture.md -
}

if ! seen=$(git ls-files -co --exclude-standard -- '*.c' '*.h' '*.S' '*.inc' | grep -v '^build/' |
	xargs grep -nH '^[ 	]*#[ 	]*include' | check_includes); then
	echo "$seen" | sed '$d'
	exit 1
fi

# FILE INCLUDED: what has to be refused.
refused=0
while read -r file inc; do
	case $inc in '<'*) ;; *) inc="\"$inc\"" ;; esac
	if echo "$file:1:#include $inc" | check_includes >/dev/null; then
		echo "$file: the planted #include $inc was not refused"
		exit 1
	fi
	refused=$((refused + 1))
done <<'PLANTED'
vmm/core/gmem.c vmm/kvm/vm.h
vmm/core/bus.c vmm/stats/exitstat.h
vmm/core/device.h virtio/vdev.h
vmm/core/parse.c vmm/config/config.h
vmm/core/log.c guest/abi.h
vmm/core/gmem.c <linux/kvm.h>
vmm/core/gmem.c gmem.h
vmm/core/gmem.c core/gmem.h
vmm/kvm/vm.c vmm/machine.h
vmm/kvm/vm.c vmm/x86/cpuid.h
vmm/kvm/vm.c vmm/host/cpus.h
vmm/kvm/stats.c vmm/stats/exitstat.h
vmm/host/memory.c vmm/kvm/vm.h
vmm/host/memory.h vmm/config/config.h
vmm/host/placement.c vmm/x86/topology.h
vmm/host/cpus.c vmm/machine.h
vmm/host/file.c virtio/disk.h
vmm/console/pty.c vmm/machine.h
vmm/console/options.h vmm/config/config.h
vmm/console/console.c devices/serial.h
vmm/console/tty.c vmm/host/file.h
vmm/stats/exitstat.c vmm/vcpu.h
vmm/stats/report.c vmm/kvm/stats.h
vmm/stats/lines.c vmm/config/config.h
vmm/x86/topology.c vmm/host/cpus.h
vmm/x86/cpuid.c vmm/kvm/vm.h
vmm/x86/cpuid.c <linux/kvm.h>
vmm/x86/cpu.c vmm/machine.h
vmm/x86/cpus_options.c vmm/config/config.h
vmm/x86/board.c vmm/host/memory.h
vmm/x86/topology.c vmm/x86/tables/acpi.h
vmm/x86/cpu.h vmm/x86/boot/boot.h
vmm/machine.c vmm/x86/boot/boot.h
vmm/x86/boot/elf.c vmm/x86/tables/fdt.h
vmm/x86/boot/linux.c vmm/image.h
vmm/x86/boot/module_options.c vmm/config/config.h
vmm/x86/boot/linux.c <linux/kvm.h>
vmm/x86/tables/acpi.c vmm/x86/boot/boot.h
vmm/x86/tables/fdt.c vmm/device_table.h
vmm/config/config.c vmm/run.h
vmm/config/config.c vmm/kvm/vm.h
vmm/config/help.c devices/serial.h
vmm/machine.c guest/payload/info.h
vmm/machine.c <linux/kvm.h>
vmm/run.c guest/tinybench/data/stats.h
devices/serial.c virtio/virtq.h
devices/serial.c vmm/console/console.h
devices/power.c guest/abi.h
devices/rtc.c vmm/kvm/vm.h
virtio/blk.c devices/serial.h
virtio/blk.c vmm/kvm/vm.h
virtio/disk.h vmm/config/config.h
virtio/net.c vmm/machine.h
virtio/virtq.c guest/payload/lib/virtio.h
guest/abi.h vmm/core/gmem.h
guest/payload/kernel/trap.c vmm/core/err.h
guest/bench/run.c guest/tinybench/data/stats.h
guest/bench/run.c virtio/virtq.h
guest/venue/agent.c guest/abi.h
guest/venue/relay.c vmm/core/err.h
guest/venue/relay.c <linux/kvm.h>
guest/venue/hold_keys.c guest/venue/wire.h
guest/tinybench/base/file.c guest/tinybench/data/dataset.h
guest/tinybench/base/file.c vmm/host/file.h
guest/tinybench/data/stats.c guest/tinybench/arms/arm.h
guest/tinybench/data/dataset.c guest/tinybench/host/host.h
guest/tinybench/arms/vm.c guest/tinybench/measure/cell.h
guest/tinybench/arms/vm.c guest/tinybench/host/host.h
guest/tinybench/arms/vm.c vmm/config/config.h
guest/tinybench/host/host.c guest/tinybench/arms/arm.h
guest/tinybench/host/host.c vmm/kvm/hostkind.h
guest/tinybench/measure/cell.c guest/tinybench/exact/account.h
guest/tinybench/exact/walk.c guest/tinybench/report/page.h
guest/tinybench/exact/walk.c guest/tinybench/host/host.h
guest/tinybench/exact/plugin.c virtio/virtq.h
guest/tinybench/measure/cell.c guest/tinybench/report/page.h
guest/tinybench/measure/cell.c guest/tinybench/run.h
guest/tinybench/report/html.c guest/tinybench/measure/cell.h
guest/tinybench/report/html.c guest/tinybench/arms/arm.h
guest/tinybench/run.c vmm/machine.h
guest/tinybench/run.c guest/bench/bench.h
tests/unit/test_gmem.c vmm/kvm/vm.h
tests/unit/test_gmem.c vmm/machine.h
tests/unit/test_gmem.c vmm/x86/cpu.h
tests/unit/test_gmem.c <linux/kvm.h>
tests/unit/test_gmem.c guest/bench/bench.h
tests/kvm/frame_echo.c vmm/core/gmem.h
tests/bench/floor.c vmm/core/parse.h
tests/bench/floor.c guest/tinybench/data/stats.h
tests/bench/interleave.c guest/tinybench/measure/cell.h
tests/bench/interleave.c vmm/host/cpus.h
PLANTED
echo "ok    include rules ($seen lines; $refused planted wrong ones refused)"
