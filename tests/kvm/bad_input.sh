# SPDX-License-Identifier: MIT
# What tinyvmm refuses before the guest starts: status 2, nothing on stdout, and one line that
# names the option, the value and the remedy. Part of run.sh.
# shellcheck shell=sh disable=SC2154 # run.sh and lib.sh set what is used here

bad=$WORK/bad # of files; readable to other users, who play a part below
mkdir -p "$bad"
chmod 755 "$WORK" "$bad"
cp "$TINYVMM" "$GUESTS/three.elf" "$bad/"
three=$bad/three.elf
: >"$WORK/in"
: >"$WORK/want"

refused() { # NAME PATTERN COMMAND...
	name="refused: $1" pattern=$2
	shift 2
	status=0
	timeout "$TIMEOUT" "$@" <"$WORK/in" >"$WORK/out" 2>"$WORK/err" || status=$?
	if [ "$(grep -c . "$WORK/err")" != 1 ] || ! grep -q '^tinyvmm: ' "$WORK/err"; then
		fail "$name" "status $status; stderr is not one line of tinyvmm's: $(excerpt "$WORK/err")"
	else
		judge "$name" 2 "$pattern"
	fi
}

# ---- images
: >"$bad/empty"
echo 'just a text' >"$bad/text"
head -c 40 "$three" >"$bad/cut_header"
head -c 1028 "$three" >"$bad/cut_segment"
gzip -c "$three" | head -c 300 >"$bad/cut.gz"
{ gzip -c "$three" | head -c 100 && printf garbage && gzip -c "$three" | tail -c +108; } >"$bad/corrupt.gz"
{ head -c 18 "$three" && printf '\267' && tail -c +20 "$three"; } >"$bad/aarch64" # e_machine 183
{ head -c 514 /dev/zero && printf 'HdrS'; } >"$bad/cut_bzimage"
truncate -s 100M "$bad/big"
# shellcheck disable=SC2034 # for the table
long=$(head -c 70000 /dev/zero | tr '\0' x)
# shellcheck disable=SC2034 # for the table
modules=$(for i in $(seq 16); do echo "--module $bad/text"; done)

# ---- disks and the like
truncate -s 1000 "$bad/odd.img"
truncate -s 1M "$bad/disk.img" "$bad/private.img" "$bad/qcow2.img"
printf 'QFI\373' | dd of="$bad/qcow2.img" conv=notrunc 2>/dev/null
: >"$bad/empty.img"
chmod 600 "$bad/private.img"
cpus=$(nproc)
free_huge=$(cat /sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages 2>/dev/null || echo 0)

# name | arguments after the program | pattern
while IFS='|' read -r name args pattern; do
	trim "$name" && name=$trimmed
	trim "$pattern" && pattern=$trimmed
	case $name in '' | '#'*) continue ;; esac
	eval "set -- \"\$name\" \"\$pattern\" \"\$TINYVMM\" $args"
	refused "$@"
	cp "$WORK/err" "$WORK/as_run"
	shift 2
	status=0
	timeout "$TIMEOUT" "$@" --dry-run <"$WORK/in" >"$WORK/out" 2>"$WORK/err" || status=$?
	if [ $status = 2 ] && cmp -s "$WORK/as_run" "$WORK/err"; then
		ok "refused by a dry run in the same words: ${name#refused: }"
	else
		fail "refused by a dry run in the same words: ${name#refused: }" \
			"status $status: $(excerpt "$WORK/err"), but a run said $(excerpt "$WORK/as_run")"
	fi
done <<'EOT'
# ---- the image
no image                     | --mem 64M                              | --kernel
image missing                | -k $bad/nowhere                        | --kernel .*nowhere.*No such file
image is a directory         | -k $bad                                | --kernel .*/bad: not a regular file
image empty                  | -k $bad/empty                          | --kernel .*/empty.*empty
image foreign                | -k $bad/text                           | --kernel .*/text.*(ELF|bzImage)
image truncated in its header | -k $bad/cut_header                    | --kernel .*/cut_header
image truncated in a segment | -k $bad/cut_segment                    | --kernel .*/cut_segment
bzImage truncated            | -k $bad/cut_bzimage                    | --kernel .*/cut_bzimage
gzip truncated               | -k $bad/cut.gz                         | --kernel .*/cut.gz
gzip corrupt                 | -k $bad/corrupt.gz                     | --kernel .*/corrupt.gz
image of another machine     | -k $bad/aarch64                        | --kernel .*/aarch64
initrd missing               | -k $GUESTS/pvh.elf -i $bad/nowhere     | --initrd .*nowhere.*No such file
initrd does not fit          | -k $GUESTS/pvh.elf -i $bad/big -m 64M  | --initrd .*--mem
module missing               | -k $GUESTS/pvh.elf --module $bad/nowhere,a | --module .*/nowhere: cannot open
module empty                 | -k $GUESTS/pvh.elf --module $bad/empty  | --module .*/empty: the file is empty
module for a payload         | -k $three --module $bad/text            | --module .*/text: this tinyvmm payload takes no modules.*--initrd
too many modules             | -k $GUESTS/pvh.elf $modules             | --module .*at most 15
command line does not fit    | -k $GUESTS/pvh.elf -a $long            | --append
initrd and bzImage do not fit | -k $build/guest/payload.bzImage -i $bad/big -m 64M | --initrd .*--mem
command line of Linux        | -k $build/guest/payload.bzImage -a $long | --append
image does not fit           | -k $three -m 1M                        | --mem

# ---- memory
memory without a number      | -k $three -m lots                      | --mem lots
memory with an unknown unit  | -k $three -m 64Q                       | --mem 64Q
memory of nothing            | -k $three -m 0                         | --mem 0
memory that no host has      | -k $three -m 900000G                   | --mem
memory that no KVM maps      | -k $three -m 64T                       | --mem 64T.*ask for less
huge pages: 1 GiB pages, half of one | -k $three -m 512M,pages=1g     | --mem .*1g
host node that is not there  | -k $three -m 64M,node=77               | --mem .*77
unknown kind of pages        | -k $three -m 64M,pages=3k              | --mem .*3k

# ---- CPUs
no CPUs                      | -k $three -c 0                         | --cpus 0
more CPUs than KVM offers    | -k $three -c 1000000                   | --cpus 1000000
topology too small           | -k $three -c 4,sockets=1,cores=1,threads=2 | --cpus 4
CPU to pin to does not exist | -k $three -p4000                       | --pin.*4000
pin list is shorter than the vCPUs | -k $three -c 2 -p0               | --pin.*0
more vCPUs than allowed CPUs | -k $three -c $((cpus + 1)) -p          | --pin: .* vCPUs, .* CPUs only.*--cpus
pin list that makes no sense | -k $three -p1-0                        | --pin.*1-0
unknown CPUID feature        | -k $three --cpuid +warp                | --cpuid .*warp

# ---- disks
two disks with one id         | -k $three -d $bad/disk.img,id=x -d $bad/private.img,id=x | --disk .*private.img: id=x
disk missing                 | -k $three -d $bad/nowhere.img          | --disk .*nowhere.img: no such file
disk of 1000 bytes           | -k $three -d $bad/odd.img              | --disk .*odd.img.*512
disk is a qcow2 image        | -k $three -d $bad/qcow2.img            | --disk .*qcow2.img: looks like a qcow2 image.*format=raw
disk is a directory          | -k $three -d $bad                      | --disk .*/bad: neither a file nor
unknown disk option          | -k $three -d $bad/disk.img,fast        | --disk .*fast

# ---- networks, console and the rest
one TAP twice                | -k $three -n tap=vm7 -n tap=vm7        | --net tap=vm7: given twice
network of no known kind     | -k $three -n carrier-pigeon            | --net carrier-pigeon
interface name too long      | -k $three -n tap=abcdefghijklmnopq     | --net .*abcdefghijklmnopq
multicast MAC address        | -k $three -n tap,mac=01:00:00:00:00:01 | --net .*01:00:00:00:00:01
console of no known kind     | -k $three --console tape               | --console tape
console file cannot be made  | -k $three --console file=$bad/no/where | --console .*no/where.*No such file
counters into the kernel     | -k $three --stats=$three               | --stats=.*three.elf: is the same file as --kernel
console into a disk          | -k $three -d $bad/disk.img --console file=$bad/disk.img | --console file=.*disk.img: is the same file as --disk
console and counters into one file | -k $three --console file=$bad/log --stats=$bad/log | --stats=.*log: is the same file as --console
the kernel as a disk to write | -k $three -d $three                    | --disk .*three.elf: .*a multiple of 512|same file as --kernel
counters cannot be written   | -k $three --stats=$bad/no/where        | --stats.*no/where.*No such file
unknown log level            | -k $three --log chatty                 | --log chatty
unknown option               | -k $three --fast                       | --fast
stray argument               | -k $three stray                        | stray
EOT

refused "one disk twice" "--disk .*disk.img: locked by another tinyvmm .or given twice" \
	"$TINYVMM" -k "$three" -d "$bad/disk.img" -d "$bad/disk.img"
# Which takes no lock.
refused "one disk twice, by a dry run" "--disk .*disk.img: is the same file as --disk" \
	"$TINYVMM" -k "$three" -d "$bad/disk.img" -d "$bad/disk.img" --dry-run

for print in --help "--kernel $three --dry-run"; do
	# shellcheck disable=SC2016,SC2086 # for the inner shell; words
	refused "no room for what ${print##* } prints" "standard output: No space left" \
		sh -c 'exec "$@" >/dev/full' - "$TINYVMM" $print
done

if [ "$free_huge" = 0 ]; then
	refused "no huge pages reserved" "--mem .*2m.*nr_hugepages" \
		"$TINYVMM" -k "$three" -m 64M,pages=2m
else
	skip "refused: no huge pages reserved" "$free_huge are free"
fi

# shellcheck disable=SC2016 # for the inner shell
refused "too many open files" "--cpus 100: .*Too many open files; .*ulimit -n" \
	sh -c 'ulimit -n 20 && exec "$@"' - "$TINYVMM" -k "$three" -c 100

# The least that a start needs leaves none for doorbells and interrupt lines, which are made when the
# driver first uses them: what that costs is said.
files=10
while
	files=$((files + 1)) status=0
	# shellcheck disable=SC2016 # for the inner shell
	sh -c 'ulimit -n "$1" && shift && exec "$@"' - $files timeout 2 "$TINYVMM" \
		-k "$GUESTS/rng_irq.ring0.elf" --rng -a rounds=1 </dev/null >"$WORK/out" 2>"$WORK/err" || status=$?
	[ $status = 2 ] && [ $files -lt 40 ]
do
	:
done
judge "no open file left for a doorbell" 124 "virtio-rng: no doorbell for queue 0: Too many"
judge "no open file left for an interrupt" 124 "interrupt line 10 .*: Too many open files; .*ulimit -n"

if command -v taskset >/dev/null && [ "$cpus" -gt 1 ]; then
	refused "CPU outside the allowed set" "--pin.*1" taskset -c 0 "$TINYVMM" -k "$three" -p1
	refused "fewer CPUs allowed than there are" "--pin" taskset -c 0 "$TINYVMM" -k "$three" -c 2 -p
else
	skip "refused: CPU outside the allowed set" "needs taskset and two CPUs"
fi

# A disk that another tinyvmm uses: the first one waits for input.
mkfifo "$WORK/fifo"
"$TINYVMM" -k "$GUESTS/reset.ring0.elf" -d "$bad/disk.img" <"$WORK/fifo" >"$WORK/other" 2>&1 &
other=$!
exec 4>"$WORK/fifo"
await grep -q boot "$WORK/other"
refused "disk locked by another tinyvmm" "--disk .*disk.img.*(lock|use)" \
	"$TINYVMM" -k "$three" -d "$bad/disk.img"
refused "disk locked, although read-only" "--disk .*disk.img.*(lock|use)" \
	"$TINYVMM" -k "$three" -d "$bad/disk.img,ro"
printf q >&4
exec 4>&-
wait $other
rm "$WORK/fifo"

# ---- permissions, which only root can give up
if [ "$(id -u)" != 0 ] || ! command -v setpriv >/dev/null; then
	skip "refused: permissions" "needs root and setpriv"
	return
fi
as_other_user="setpriv --reuid=65534 --regid=65534 --clear-groups"
if $as_other_user test -w /dev/kvm; then
	skip "refused: /dev/kvm without permission" "every user may open it here"
	# shellcheck disable=SC2086 # words
	refused "disk without permission" "--disk .*private.img.*Permission denied" \
		$as_other_user "$bad/tinyvmm" -k "$three" -d "$bad/private.img"
else
	# shellcheck disable=SC2086 # words
	refused "/dev/kvm without permission" "/dev/kvm.*Permission denied.*group.*build/venue tinyvmm" \
		$as_other_user "$bad/tinyvmm" -k "$three"
fi
refused "TAP without permission" "--net tap.*(permitted|permission)" \
	setpriv --bounding-set -net_admin --inh-caps -net_admin "$TINYVMM" -k "$three" -n tap
if unshare -m true 2>/dev/null; then
	# The first vCPU runs when the second one's thread is refused: this is not bad input. A user
	# of its own, because the limit counts its threads and does not hold for root.
	cp "$GUESTS/smp.ring0.elf" "$bad/"
	status=0
	# shellcheck disable=SC2016 # for the inner shell
	timeout "$TIMEOUT" unshare -m sh -c 'cd "$0" && mknod -m 666 kvm c 10 232 &&
		mount --bind kvm /dev/kvm && exec setpriv --reuid=64999 --regid=64999 \
			--clear-groups prlimit --nproc=2 ./tinyvmm -k smp.ring0.elf -c 2 "$@"' \
		"$bad" -a "cpus=2 rounds=1" <"$WORK/in" >"$WORK/out" 2>"$WORK/err" || status=$?
	judge "no thread left for the second vCPU" 12 "--cpus 2: .* thread of vCPU 1: .*ulimit -u"
	refused "no /dev/kvm" "/dev/kvm.*No such file.*build/venue tinyvmm" unshare -m sh -c \
		'mount -t tmpfs none /dev && exec "$@"' - "$TINYVMM" -k "$three"
	refused "something else at /dev/kvm" "/dev/kvm" unshare -m sh -c \
		'mount --bind /dev/null /dev/kvm && exec "$@"' - "$TINYVMM" -k "$three"
else
	skip "refused: no /dev/kvm" "cannot make a mount namespace"
fi
