#!/bin/sh
# SPDX-License-Identifier: MIT
# Who may include whom: reads every #include line and fails on an arrow that points the wrong way.
# The rules are those of docs/architecture.md, section "Who may include whom".
set -eu
cd "$(dirname "$0")/.."
git ls-files -co --exclude-standard -- '*.c' '*.h' '*.S' | grep -v '^build/' |
xargs grep -nH '^[ \t]*#[ \t]*include' | awk -F: '
function layer(path) {
	if (path ~ /^vmm\/main\.c/) return "main"
	if (path ~ /^vmm\/core\//) return "core"
	if (path ~ /^vmm\/kvm\//) return "kvm"
	if (path ~ /^vmm\/x86\/cpu\.[ch]/) return "x86cpu"
	if (path ~ /^vmm\/x86\//) return "x86"
	if (path ~ /^vmm\//) return "vmm"
	if (path ~ /^devices\//) return "devices"
	if (path ~ /^virtio\//) return "virtio"
	if (path ~ /^guest\/abi\.h/) return "abi"
	if (path ~ /^guest\/compare\//) return "compare"
	if (path ~ /^guest\//) return "guest"
	if (path ~ /^tests\/unit\//) return "unit"
	if (path ~ /^tests\/fuzz\//) return "unit"
	return "tests"
}
BEGIN {
	# layer -> the layers it may include (itself always)
	may["main"] = "vmm core"
	may["vmm"] = "kvm x86 x86cpu virtio devices core abi"
	may["kvm"] = "core"
	may["x86cpu"] = "x86 kvm core"
	may["x86"] = "core abi"
	may["virtio"] = "core"
	may["devices"] = "core"
	may["core"] = ""
	may["guest"] = "abi"
	may["compare"] = "abi guest"
	may["abi"] = ""
	may["unit"] = "vmm core devices virtio x86 abi compare"
	may["tests"] = "abi guest"
}
{
	file = $1; line = $2
	match($0, /[<"][^>"]*[>"]/)
	quoted = substr($0, RSTART, 1) == "\""
	inc = substr($0, RSTART + 1, RLENGTH - 2)
	from = layer(file)
	# It is KVM, as far as vmm/vcpu.c can see.
	if (file ~ /^tests\/unit\/test_vcpu\.c/)
		next
	if (inc ~ /^linux\/kvm/ && from != "kvm" && file !~ /^vmm\/vcpu\.c/ &&
	    file !~ /^vmm\/x86\/cpu\.c/ && from != "tests") {
		printf "%s:%s: <%s> belongs to vmm/kvm/, vmm/vcpu.c and vmm/x86/cpu.c\n", file, line, inc
		bad = 1
	}
	if (!quoted)
		next
	if (inc ~ /^(core|kvm|x86)\//) path = "vmm/" inc
	else if (inc ~ /^(devices|virtio|guest|vmm|tests)\//) path = inc
	else { path = file; sub(/[^\/]*$/, inc, path) } # beside the including file
	to = layer(path)
	if (to != from && index(" " may[from] " ", " " to " ") == 0) {
		printf "%s:%s: %s may not include %s (%s)\n", file, line, from, to, inc
		bad = 1
	}
	n++
}
END {
	if (!bad) printf "ok    include rules (%d lines)\n", n
	exit bad
}'
