# SPDX-License-Identifier: MIT
# The guest sees the CPU topology that was asked for, or the host's if its vCPUs are pinned, and vCPUs run
# where --pin puts them. This host has two sockets of four cores, each a NUMA node.

# A vCPU's line is "CPU,core,socket,node".
sees_the_given_topology() {
	linux cloud/bzImage cpus,taskset,mem --cpus 8,sockets=2,cores=2,threads=2 --mem 1G
	powered_off
	same "lscpu's shape" "$(said shape)" "Thread=2 Core=2 Socket=2 NUMA node=2 "
	same "lscpu's list" "$(said lscpu)" \
		"0,0,0,0 1,0,0,0 2,1,0,0 3,1,0,0 4,2,1,1 5,2,1,1 6,3,1,1 7,3,1,1 "
	same "the CPUs that ran what taskset put there" "$(said taskset)" "0 1 2 3 4 5 6 7"
	within "node 0's MemTotal in KiB" "$(said mem_kib_node0)" 400000 524288
	within "node 1's MemTotal in KiB" "$(said mem_kib_node1)" 400000 524288
}

# Three is no power of two: APIC ids have a gap.
sees_a_topology_with_gaps() {
	linux standard/vmlinux cpus,taskset --cpus 6,sockets=2,cores=3,threads=1 --mem 512M
	powered_off
	same "lscpu's shape" "$(said shape)" "Thread=1 Core=3 Socket=2 NUMA node=2 "
	same "lscpu's list" "$(said lscpu)" "0,0,0,0 1,1,0,0 2,2,0,0 3,3,1,1 4,4,1,1 5,5,1,1 "
	same "the CPUs that ran what taskset put there" "$(said taskset)" "0 1 2 3 4 5"
}

# The CPUs on which the vCPU threads may run, in vCPU order.
allowed_of_vcpus() {
	for task in /proc/$pid/task/*; do
		case $(cat $task/comm) in
		vcpu*) taskset -pc ${task##*/} | sed "s/^.*: /$(cat $task/comm | tr -dc 0-9) /" ;;
		esac
	done | sort -n | cut -d' ' -f2 | tr '\n' ' '
}

pins() {
	pin=$1 cpus=$2 allowed=$3 shape=$4 list=$5
	linux_start cloud/bzImage cpus,wait "$pin" --cpus "$cpus" --mem 512M
	await @ready $out
	got=$(allowed_of_vcpus)
	type_line go on
	finish
	powered_off
	same "the host CPUs of the vCPUs" "$got" "$allowed"
	same "lscpu's shape" "$(said shape)" "$shape"
	same "lscpu's list" "$(said lscpu)" "$list"
}

refuses_to_pin() {
	tinyvmm_run --kernel /kernel/cloud/bzImage "--pin$1" --cpus "$2"
	same "the exit status" $status 2
	contains "the message" $err "--pin"
	contains "the message" $err "$3"
}

# 512 MiB are 256 pages of 2 MiB.
takes_huge_pages_of_a_node() {
	pool=/sys/devices/system/node/node1/hugepages/hugepages-2048kB
	echo 256 >$pool/nr_hugepages
	same "huge pages of node 1, reserved" "$(cat $pool/nr_hugepages)" 256
	linux_start cloud/vmlinux wait --mem 512M,pages=2m,prealloc,node=1
	await @ready $out
	free=$(cat $pool/free_hugepages)
	type_line go on
	finish
	same "huge pages of node 1, free while the guest runs" "$free" 0
	same "and after it" "$(cat $pool/free_hugepages)" 256
	powered_off
	linux cloud/vmlinux "" --mem 514M,pages=2m
	echo 0 >$pool/nr_hugepages
	same "the exit status with a page too few" $status 2
	contains "the message" $err "--mem"
	contains "the message" $err nr_hugepages
}

it "the guest sees sockets, cores, threads and nodes as given" sees_the_given_topology
it "the guest sees a topology whose APIC ids have gaps" sees_a_topology_with_gaps
it "--pin runs each vCPU on a CPU of its own and shows the host's topology" pins --pin 8 \
	"0 1 2 3 4 5 6 7 " "Thread=1 Core=4 Socket=2 NUMA node=2 " \
	"0,0,0,0 1,1,0,0 2,2,0,0 3,3,0,0 4,4,1,1 5,5,1,1 6,6,1,1 7,7,1,1 "
it "--pin=LIST runs vCPU i on LIST[i]" pins --pin=6,5 2 \
	"6 5 " "Thread=1 Core=2 Socket=1 NUMA node=1 " "0,0,0,0 1,1,0,0 "
it "--pin refuses a CPU that does not exist" refuses_to_pin =0,77 2 77
it "plain --pin refuses more vCPUs than CPUs" refuses_to_pin "" 9 8
it "--mem pages=2m,node=N takes reserved huge pages, of that node" takes_huge_pages_of_a_node
