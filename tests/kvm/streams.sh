# SPDX-License-Identifier: MIT
# Bytes through the consoles, more than any buffer holds; part of run.sh.
# shellcheck shell=sh disable=SC2154 # run.sh and lib.sh set what is used here

same_bytes() { # NAME WANTED STATUS
	cp "$2" "$WORK/want"
	judge "$1" "${3:-0}" ""
}

# All 256 byte values, in the order that serial_out.c sends them.
i=0
while [ $i -lt 256 ]; do
	printf '%b' "\\0$(printf %o $i)"
	i=$((i + 1))
done >"$WORK/all_bytes"
: >"$WORK/in"
cat "$WORK/all_bytes" "$WORK/all_bytes" >"$WORK/all_bytes_twice"
for ring in ring0 ring3; do
	run_tinyvmm --kernel "$GUESTS/serial_out.$ring.elf" --append count=2
	same_bytes "every byte value out of the serial port ($ring)" "$WORK/all_bytes_twice"
done

# The host offers everything at once, and the guest takes it at its own pace.
head -c 65536 /dev/urandom >"$WORK/random"
cp "$WORK/random" "$WORK/in"
run_tinyvmm --kernel "$GUESTS/serial_echo.ring0.elf" --append count=65536
same_bytes "64 KiB through the serial port and back (ring0)" "$WORK/random"
head -c 16384 "$WORK/random" >"$WORK/in"
cp "$WORK/in" "$WORK/random"
run_tinyvmm --kernel "$GUESTS/serial_echo.ring3.elf" --append count=16384
same_bytes "16 KiB through the serial port and back (ring3)" "$WORK/random"

# A reader that dawdles: the pipe is full long before the guest is done.
{
	status=0
	timeout "$TIMEOUT" "$TINYVMM" --kernel "$GUESTS/serial_out.ring0.elf" \
		--append count=1024 </dev/null 2>"$WORK/err" || status=$?
	echo $status >"$WORK/status"
} | { sleep 1 && cat; } >"$WORK/out"
status=$(cat "$WORK/status")
cp "$WORK/all_bytes" "$WORK/want"
i=0
while [ $i -lt 10 ]; do # doubled ten times
	cat "$WORK/want" "$WORK/want" >"$WORK/want2"
	mv "$WORK/want2" "$WORK/want"
	i=$((i + 1))
done
judge "256 KiB to a slow reader" 0 ""

# The reader is gone: the guest has lost its console, and ends.
{
	status=0
	timeout "$TIMEOUT" "$TINYVMM" --kernel "$GUESTS/serial_out.ring0.elf" \
		--append count=10000000 </dev/null 2>"$WORK/err" || status=$?
	echo $status >"$WORK/status"
} | head -c 1000 >"$WORK/out"
status=$(cat "$WORK/status")
cat "$WORK/all_bytes_twice" "$WORK/all_bytes_twice" | head -c 1000 >"$WORK/want"
judge "the reader goes away" 0 ""

{
	printf 'one instruction, many bytes\n'
	for c in a b c d e f g h i j k l m n o p q r s t; do
		i=0
		while [ $i -lt 8 ]; do
			printf '%063d\n' 0 | tr 0 $c
			i=$((i + 1))
		done
	done
} >"$WORK/strings"
: >"$WORK/in"
for ring in ring0 ring3; do
	run_tinyvmm --kernel "$GUESTS/string_io.$ring.elf"
	same_bytes "string instructions ($ring)" "$WORK/strings"
done

# The other places a console can be.
run_tinyvmm --kernel "$GUESTS/serial_out.ring0.elf" --append count=2 --console "file=$WORK/file"
: >"$WORK/want"
judge "--console file: nothing on stdout" 0 ""
cp "$WORK/file" "$WORK/out"
same_bytes "--console file: everything in the file" "$WORK/all_bytes_twice"
run_tinyvmm --kernel "$GUESTS/serial_out.ring0.elf" --append count=2 --console none
: >"$WORK/want"
judge "--console none" 0 ""

# A pseudo-terminal: tinyvmm says which, and a program that opens it talks to the guest.
timeout "$TIMEOUT" "$TINYVMM" --kernel "$GUESTS/reset.ring0.elf" --console pty \
	</dev/null >"$WORK/out" 2>"$WORK/err" &
background=$!
await grep -q '/dev/pts/[0-9]' "$WORK/err"
pty=$(grep -o '/dev/pts/[0-9]*' "$WORK/err")
line=
if [ -c "$pty" ]; then
	exec 5<>"$pty"
	IFS= read -r line <&5
	printf q >&5
	exec 5>&-
fi
status=0
wait $background || status=$?
if [ "$status" = 0 ] && [ "$line" = boot ] && [ ! -s "$WORK/out" ]; then
	ok "--console pty"
else
	fail "--console pty" "status $status; $pty said '$line'; stderr: $(excerpt "$WORK/err")"
fi

# Lost output is a failure of the host, not of the guest.
status=0
timeout "$TIMEOUT" "$TINYVMM" --kernel "$GUESTS/serial_out.ring0.elf" --append count=2 \
	<"$WORK/in" >/dev/full 2>"$WORK/err" || status=$?
: >"$WORK/out"
judge "standard output is full" 12 "cannot write to standard output: No space left"

# A file that may not grow (setrlimit(2), RLIMIT_FSIZE) is an error, and not a SIGXFSZ that kills.
status=0
timeout "$TIMEOUT" sh -c 'ulimit -f 8 && exec "$@"' - "$TINYVMM" \
	--kernel "$GUESTS/serial_out.ring0.elf" --append count=64 --console "file=$WORK/file" \
	<"$WORK/in" >"$WORK/out" 2>"$WORK/err" || status=$?
judge "the console's file reaches ulimit -f" 12 "cannot write to .*/file: File too large"

# With its standard descriptors closed, tinyvmm must not take the next file it opens for the console.
yes tinyvmm | head -c 4096 >"$WORK/disk.img"
cp "$WORK/disk.img" "$WORK/want"
status=0
timeout "$TIMEOUT" "$TINYVMM" --kernel "$GUESTS/serial_out.ring0.elf" --append count=2 \
	--disk "$WORK/disk.img" <&- >&- 2>&- || status=$?
cp "$WORK/disk.img" "$WORK/out"
: >"$WORK/err"
judge "closed standard descriptors do not become the disk" 0 ""
