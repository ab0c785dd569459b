# SPDX-License-Identifier: MIT
# tinybench measures here as anywhere: one benchmark file in this machine itself, with the payload kernel, and
# with a Linux kernel around it, which needs a KVM on which ring 0 is native. The figures mean nothing.

# The directory that `make linux-guest` leaves, of links.
make_build_directory() {
	build=/tmp/build
	mkdir -p $build/guest/linux
	ln -s /bin/tinyvmm $build/tinyvmm
	ln -s /payload/bench.elf /payload/payload.elf $build/guest
	ln -s /kernel/cloud/bzImage $build/guest/linux/vmlinuz
	ln -s /guest/bench.cpio $build/guest/linux/bench.cpio
	uname -r >$build/guest/linux/version # this machine runs the same kernel
}

measures_in_vms() {
	make_build_directory
	# On ext4, because a tmpfs has no O_DIRECT.
	mount -t ext4 /dev/vda /mnt
	arms="native vm linux-vm"
	set -- run --build $build --out /mnt/results --arms "$(echo "$arms" | tr ' ' ,)" \
		--bench cpu.noploop,blk.flush --rounds 1 --samples 1 --min-ms 1 --quick --timeout 900
	echo "(tinybench) $*" >/tmp/command
	tinybench "$@" >$out 2>$err </dev/null
	same "tinybench's exit status" $? 0
	zcat /mnt/results/samples.jsonl.gz >/tmp/samples
	for arm in $arms; do
		for bench in cpu.noploop blk.flush; do
			grep "\"bench\": *\"$bench\"" /tmp/samples | grep -q "\"arm\": *\"$arm\".*\"value\"" ||
				fail "no sample of $bench in $arm: $(tail -n 3 /tmp/samples)"
		done
	done
	contains "the arms" /tmp/samples "\"Linux $(uname -r)\""
	tinybench report --json /mnt/results >$out 2>$err </dev/null
	contains "the host's facts" $out '"kvm": "hardware (kvm_amd)"'
	contains "the host's facts" $out '"is_guest": true'
	rm -r /mnt/results && umount /mnt
}

it "tinybench measures natively, with a payload and with Linux, and says that it is nested" measures_in_vms

# The guest's memory is in 2 MiB pages here, and the benchmark's is in 2 MiB pages of the guest's.
measures_in_huge_pages() {
	make_build_directory
	reserved=/proc/sys/vm/nr_hugepages
	arms="vm:pages=2m linux-vm:pages=2m"
	set -- run --build $build --out /tmp/results --arms "$(echo "$arms" | tr ' ' ,)" \
		--bench mem.chase_64k --rounds 1 --samples 1 --min-ms 1 --timeout 900
	echo "(tinybench) $*" >/tmp/command
	tinybench "$@" >$out 2>$err </dev/null
	contains "without any" $out "0 free 2 MiB pages, 768 are needed; echo 768 > $reserved"
	rm -r /tmp/results
	echo 768 >$reserved
	same "2 MiB pages that could be reserved" "$(cat $reserved)" 768
	tinybench "$@" >$out 2>$err </dev/null
	same "tinybench's exit status" $? 0
	zcat /tmp/results/samples.jsonl.gz >/tmp/samples
	for arm in $arms; do
		grep -q "\"arm\": *\"$arm\".*\"value\"" /tmp/samples ||
			fail "no sample in $arm: $(tail -n 3 /tmp/samples)"
	done
	echo 0 >$reserved
	rm -r /tmp/results
}

it "tinybench measures with huge pages in the guest and behind it, and says how many are missing" \
	measures_in_huge_pages

# Four readings of two counters, in order: KVM says how they are related, and means it.
cuts_exits() {
	tinyvmm_run --kernel /payload/payload.elf --initrd /payload/bench.elf \
		--append "run trap.pio_out_way_out trap.mmio_write_handling trap.mmio_read_way_back samples=1 min_ms=1"
	same "the exit status" $status 0
	quiet
	same "parts of exits that add up" "$(grep -c '"event":"check".*"ok":true' $out)" 3
}

it "a payload's exits are cut by the time stamps of both sides" cuts_exits

# Ring 0 is native here, so this runs on the CPU and not in KVM's interpreter.
starts_as_linux_does() {
	tinyvmm_run --kernel /payload/payload.bzImage --initrd /payload/bench.elf --cpus 2 \
		--append "run cpu.hash cpus=2 samples=1 min_ms=1"
	same "the exit status" $status 0
	quiet
	contains "the console" $out '"event":"check","bench":"cpu.hash","ok":true'
}

it "the payload kernel starts as a bzImage, and starts the second CPU" starts_as_linux_does

# As the payload kernel does it: debug-exit 1 is status 3, and all that is on the console are lines of JSON.
failure_ends_with_status() {
	tinyvmm_run --kernel /kernel/cloud/bzImage --initrd /guest/bench.cpio \
		--append "console=ttyS0 quiet loglevel=1 -- $1"
	same "the exit status" $status "$2"
	quiet
	same "the console" "$(cat $out)" "$3"
}

it "a benchmark that fails in the linux-vm arm ends with the payload's status" failure_ends_with_status \
	"run no.such" 3 \
	'{"event":"error","bench":"","reason":"unknown benchmark; `list` names them: no.such"}'

# As tinybench does it: the guest's init takes the address, the same file on this side is the peer.
crosses_the_network() {
	tinyvmm_start --kernel /kernel/cloud/bzImage --initrd /guest/bench.cpio --net tap=tv0 --append \
		"console=ttyS0 quiet loglevel=1 -- run net.udp_rr_64 samples=1 min_ms=1 peer=10.0.0.1:7 address=10.0.0.2"
	await tv0: /proc/net/dev
	ip addr add 10.0.0.1/24 dev tv0
	ip link set tv0 up
	/payload/bench.elf serve address=10.0.0.1:7 >/tmp/peer &
	peer=$!
	finish
	kill $peer
	same "the exit status" $status 0
	quiet
	contains "the console" $out '"event":"sample","bench":"net.udp_rr_64"'
}

it "the linux-vm arm's guest reaches its peer over virtio-net" crosses_the_network
