# SPDX-License-Identifier: MIT
# What a guest does to a disk, looked at from the host; part of run.sh.
# shellcheck shell=sh disable=SC2154 # run.sh and lib.sh set what is used here

: >"$WORK/in"
sectors=2048

new_disk() {
	yes tinyvmm | head -c $((sectors * 512)) >"$1"
}

new_disk "$WORK/untouched.img"
new_disk "$WORK/written.img" # as it should be afterwards: sector 1 holds letters
i=0
while [ $i -lt 512 ]; do
	printf '%s' abcdefghijklmnopqrstuvwxyz
	i=$((i + 26))
done | head -c 512 | dd of="$WORK/written.img" bs=512 seek=1 conv=notrunc 2>/dev/null
printf 'id disk\n' >"$WORK/want"

disk_case() { # NAME RING DISK_OPTIONS APPEND EXPECTED_IMAGE MORE_ARGUMENTS...
	name="$1 ($2)" ring=$2 options=$3 append=$4 expected=$5
	shift 5
	new_disk "$WORK/disk.img"
	run_tinyvmm --kernel "$GUESTS/blk.$ring.elf" --append "sectors=$sectors $append" \
		--disk "$WORK/disk.img,id=disk$options" "$@"
	if cmp -s "$WORK/disk.img" "$expected"; then
		judge "$name" 0 ""
	else
		fail "$name" "the image is not as it should be; status $status; stdout:" \
			"$(excerpt "$WORK/out") stderr: $(excerpt "$WORK/err")"
	fi
}

# Writing past RLIMIT_FSIZE raises SIGXFSZ, which no guest must bring upon us.
new_disk "$WORK/disk.img"
# shellcheck disable=SC2016 # for the inner shell
timeout "$TIMEOUT" sh -c 'ulimit -f 1 && exec "$@"' - "$TINYVMM" --kernel "$GUESTS/blk.ring0.elf" \
	--append "sectors=$sectors" --disk "$WORK/disk.img,id=disk" <"$WORK/in" 2>&1 | cat >"$WORK/out"
if grep -q "File too large" "$WORK/out" && grep -q "^line .*T_OUT" "$WORK/out"; then
	ok "a disk that may not grow is an I/O error"
else
	fail "a disk that may not grow is an I/O error" "$(excerpt "$WORK/out")"
fi

for ring in ring0 ring3; do
	disk_case "disk" "$ring" "" "" "$WORK/written.img"
	disk_case "disk, with irqchip" "$ring" "" "" "$WORK/written.img" --irqchip kernel
	disk_case "disk, cache=none" "$ring" ",cache=none" "" "$WORK/written.img"
	disk_case "disk, cache=writeback" "$ring" ",cache=writeback" "" "$WORK/written.img"
	disk_case "disk, read-only" "$ring" ",ro" "ro=1" "$WORK/untouched.img"
done

# A block device that is read-only opens for writing all the same; the guest's writes would be lost.
name="a read-only block device needs ro"
new_disk "$WORK/disk.img"
if loop=$(losetup -r -f --show "$WORK/disk.img" 2>/dev/null) && [ -b "$loop" ]; then
	run_tinyvmm --kernel "$GUESTS/blk.ring0.elf" --append "sectors=$sectors ro=1" \
		--disk "$loop,id=disk"
	mv "$WORK/want" "$WORK/want.ro"
	: >"$WORK/want"
	judge "$name" 2 "--disk $loop: the device is read-only.*\",ro\""
	mv "$WORK/want.ro" "$WORK/want"
	run_tinyvmm --kernel "$GUESTS/blk.ring0.elf" --append "sectors=$sectors ro=1" \
		--disk "$loop,id=disk,ro"
	judge "$name, and works with it" 0 ""
	losetup -d "$loop"
	loop=
else
	skip "$name" "losetup takes root and a loop device"
fi

# Half a terabyte in one doorbell; without bounds it takes a minute until the signal is seen.
truncate -s 4G "$WORK/large.img"
for cache in writeback none; do
	rm -f "$WORK/out" # or else the word of the guest before would count as this guest's
	# It hands the signal on, and kills what has not ended then.
	timeout -k "$TIMEOUT" 300 "$TINYVMM" --kernel "$GUESTS/blk_flood.ring0.elf" \
		--irqchip kernel --disk "$WORK/large.img,cache=$cache" \
		<"$WORK/in" >"$WORK/out" 2>"$WORK/err" &
	started=$!
	tries=0
	while ! grep -q flood "$WORK/out" 2>/dev/null && [ "$tries" -lt 200 ]; do
		sleep 0.05
		tries=$((tries + 1))
	done
	kill -TERM $started
	status=0
	wait $started 2>/dev/null || status=$? # where the shell says that it was terminated
	printf 'flood\n' >"$WORK/want"
	judge "SIGTERM while half a terabyte is read, cache=$cache" 143 ''
done
rm "$WORK/large.img"
