# SPDX-License-Identifier: MIT
# Debian's kernels boot, in both formats, with 1, 2 and 8 vCPUs, with little RAM and with more than fits
# below the 32-bit hole; they see what was asked for and power off in order.

boots() {
	kernel=$1 cpus=$2 mib=$3
	linux "$kernel" cpus,taskset,mem,rng --cpus "$cpus" --mem "${mib}M"
	powered_off
	same "the number of CPUs in /proc/cpuinfo" "$(said cpus)" "$cpus"
	same "the CPU's name" "$(said model)" "$(sed -n '/^model name/{s/.*: //p;q}' /proc/cpuinfo)"
	# Without --pin: one socket, one node, cores without threads.
	same "lscpu's shape" "$(said shape)" "Thread=1 Core=$cpus Socket=1 NUMA node=1 "
	same "the CPUs that ran what taskset put there" "$(said taskset)" "$(seq -s ' ' 0 $((cpus - 1)))"
	# What a kernel keeps for itself: its image, 64 bytes for each page, and per-CPU areas.
	within "MemTotal in KiB" "$(said mem_kib)" $((mib * 1024 * 85 / 100)) $((mib * 1024))
	same "the clock source" "$(said clock)" kvm-clock
	same "the rng in use" "$(said rng)" virtio_rng.0
	same "the bytes that /dev/hwrng gave" "$(said rng_bytes)" 256
	same "different words among four of them" "$(said rng_differs)" 4
}

# Of what the kernel calls an error, what the machine is to blame for.
calls_nothing_an_error() {
	linux "$1" errors --cpus 2
	powered_off
	within "the messages of the kernel" "$(said messages)" 100 10000
	same "the first error of the kernel" "$(said error | head -n 1)" ""
}

for kernel in cloud/bzImage cloud/vmlinux standard/bzImage standard/vmlinux; do
	for cpus in 1 2 8; do
		for mib in 512 5120; do
			it "boots $kernel with $cpus vCPUs and $mib MiB" boots "$kernel" "$cpus" "$mib"
		done
	done
done
for kernel in cloud/bzImage standard/vmlinux; do
	it "$kernel finds nothing in the machine that it calls an error" calls_nothing_an_error "$kernel"
done
