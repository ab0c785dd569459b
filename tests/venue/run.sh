#!/bin/bash
# SPDX-License-Identifier: MIT
# make check-venue: what build/venue promises. Each boot takes some seconds, longer on a busy machine: nothing here
# depends on how long. Needs neither root nor /dev/kvm.
#
#	run.sh BUILD [REGEX]	the cases whose name matches
# shellcheck disable=SC2317 # functions that `it` calls
set -u
here=$(cd "$(dirname "$0")" && pwd)
build=$(cd "${1:?usage: run.sh BUILD [REGEX]}" && pwd)
only=${2:-}
WORK=$(mktemp -d)
trap 'rm -rf "$WORK"' EXIT
trap 'exit 130' INT TERM HUP
# shellcheck source=tests/results.sh
. "$here/../results.sh"
limit=300 # seconds for one boot and what is done there; a machine that froze is noticed sooner

# it NAME FUNCTION ARGUMENT...: the function, in a subshell, prints what is wrong; nothing is well
it() {
	local name=$1 wrong
	shift
	[[ $name =~ $only ]] || return 0
	rm -rf "${WORK:?}"/* && mkdir "$WORK/tmp"
	wrong=$(
		cd "$WORK" || exit
		export TMPDIR=$WORK/tmp
		"$@"
	)
	if [ -z "$wrong" ]; then
		ok "$name"
	else
		fail "$name" "$wrong"
	fi
}

# venue ARGUMENT...: stdin from ./in, if there is one; leaves ./out, ./err, $status
venue() {
	[ -e in ] || : >in
	status=0
	timeout $limit "$build/venue" "$@" <in >out 2>err || status=$?
}

# same WHAT GOT WANTED
same() {
	[ "$2" = "$3" ] || echo "$1 is \"$2\", not \"$3\" (stderr: $(excerpt err))."
}

# says FILE PATTERN
says() {
	grep -qE -- "$2" "$1" || echo "$1 is \"$(excerpt "$1")\", without $2."
}

# ---- the command ------------------------------------------------------------------------------------

passes_streams() {
	head -c 1000000 /dev/urandom >in
	# shellcheck disable=SC2016 # for the inner shell
	venue --kernel cloud -- sh -c 'cat; echo to stderr >&2; exit 7'
	same "the status" $status 7
	cmp in out 2>&1
	same "stderr" "$(cat err)" "to stderr"
}

runs() { # STATUS STDOUT STDERR_PATTERN ARGUMENT...
	local want=$1 text=$2 pattern=$3
	shift 3
	venue "$@"
	same "the status" $status "$want"
	same "stdout" "$(cat out)" "$text"
	[ -z "$pattern" ] || says err "$pattern"
	[ -n "$pattern" ] || same "stderr" "$(cat err)" ""
	same "what is left in TMPDIR" "$(ls tmp)" ""
}

cannot_execute() {
	: >data
	runs 126 "" "venue: ./data: Permission denied" --kernel cloud ./data
}

reads_shell() {
	echo 'echo from the shell; exit 5' >in
	runs 5 "from the shell" "" --kernel cloud
}

closes_outputs() {
	timeout $limit "$build/venue" --kernel cloud yes 2>err | head -n 1 >out
	same "the statuses" "${PIPESTATUS[*]}" "141 0"
	same "stdout" "$(cat out)" y
}

# ---- files ------------------------------------------------------------------------------------------

carries_files() {
	mkdir dir && echo one >dir/one && echo two >two && echo three >"a b:c"
	# shellcheck disable=SC2016
	runs 0 "one one two three" "" --kernel cloud --file dir --file dir/one:/somewhere/else --file "a b:c" \
		-- sh -c 'echo $(cat dir/one /somewhere/else "$1" "a b:c")' sh two
}

# 9p, beneath a layer: this machine's files are there, and what is written is not here afterwards.
shares_files() {
	mkdir "rw, share" ro && echo here >file
	# shellcheck disable=SC2016
	runs 0 "here here 2" "Read-only file system" --share "rw, share" --share ro,ro -- sh -c '
		echo gone >file2; echo $(cat file $1/file) $(ls $1 | grep -c "^file")
		echo kept >"rw, share/kept"; echo refused >ro/refused || true' sh "$PWD"
	same "the shared file" "$(cat "rw, share/kept")" kept
	same "what is left here" "$(echo file* ro/*)" "file ro/*"
}

# ---- ends -------------------------------------------------------------------------------------------

# Processes whose command line has this test's own directory in it.
processes() {
	local file
	for file in /proc/[0-9]*/cmdline; do
		grep -qsa "marker=$WORK" "$file" && basename "$(dirname "$file")"
	done
}

# await FILE TEXT: false if the venue ended before
await() {
	until grep -qs -- "$2" "$1"; do
		kill -0 $! 2>/dev/null || return 1
		sleep 0.1
	done
}

# Until there are no more processes, which after SIGKILL is the kernel's business.
await_none() {
	local i
	for ((i = 0; i < limit * 10; i++)); do
		[ -n "$(processes)" ] || return 0
		sleep 0.1
	done
	echo "processes are left: $(processes)."
}

# start ARGUMENT...: in the background, where a shell without job control ignores SIGINT
start() {
	env --default-signal "$build/venue" --kernel cloud --append "marker=$WORK" "$@" >out 2>err </dev/null &
}

ends_by() { # SIGNAL STATUS COMMAND
	start -- sh -c "$3"
	await out ready || echo "it ended before the signal (stderr: $(excerpt err))."
	kill "-$1" $!
	wait $!
	same "the status" $? "$2"
	await_none
	same "what is left in TMPDIR" "$(ls tmp)" ""
}

ends_while_booting() {
	start --qemu -S -- true
	until [ "$(processes | wc -l)" -ge 2 ] || ! kill -0 $! 2>/dev/null; do sleep 0.1; done
	kill -TERM $!
	wait $!
	same "the status" $? 143
	await_none
	same "what is left in TMPDIR" "$(ls tmp)" ""
}

# The command does not obey: the second signal ends all at once.
ends_by_second_signal() {
	start -- sh -c \
		'trap "echo no" TERM; echo ready; while :; do sleep 0.2; done'
	await out ready && kill -TERM $!
	await out no && kill -TERM $!
	wait $!
	same "the status" $? 143
	await_none
}

freezes() { # PATIENCE STDERR_PATTERN ARGUMENT...
	local patience=$1 pattern=$2
	shift 2
	runs 124 "" "$pattern" --kernel cloud --patience "$patience" "$@"
}

# ---- the terminal -----------------------------------------------------------------------------------

on_terminal() { # STATUS PATTERN PTY_OPTIONS ARGUMENT...
	local want=$1 pattern=$2
	local -a options
	read -ra options <<<"$3"
	shift 3
	status=0
	"$build/tests/kvm/pty_run" -r "${options[@]}" "$build/venue" --kernel cloud "$@" >out 2>err || status=$?
	same "the status" $status "$want"
	tr -d '\r' <out >shown
	says shown "$pattern"
}

# ---- what is missing --------------------------------------------------------------------------------

# A PATH without some programs.
lacks_tools() {
	local dir file
	mkdir bin
	for dir in /usr/local/bin /usr/bin /bin /usr/sbin /sbin; do
		for file in "$dir"/*; do
			case ${file##*/} in qemu-system-* | cpio) continue ;; esac
			[ -e "bin/${file##*/}" ] || ln -s "$file" bin/
		done
	done
	PATH=$PWD/bin venue true
	same "the status" $status 125
	says err "missing here: qemu-system-x86_64 cpio; .*apt-get install .* qemu-system-x86 cpio$"
}

# What apt lists neither now nor did when it was downloaded is not used.
verifies_packages() {
	local deb=cache/tinyvmm/linux-image-6.1.0-1-cloud-amd64_1_amd64.deb
	mkdir -p cache/tinyvmm bin build && echo "no package" >$deb
	printf '#!/bin/sh\nexit 1\n' >bin/apt-get && chmod +x bin/apt-get
	status=0
	PATH=$PWD/bin:$PATH XDG_CACHE_HOME=$PWD/cache "$here/../../guest/venue/fetch.sh" "$PWD/build" cloud 2>err || status=$?
	same "the status" $status 1
	says err "cloud-amd64_1_amd64.deb is not what Debian signed"
	says err "cannot download what linux-image-cloud-amd64 depends on"
	[ ! -e $deb ] || echo "the package is still there."
}

# ---- exact ------------------------------------------------------------------------------------------

counts_instructions() {
	local -a counts
	for i in 1 2; do
		venue --exact "$build/tests/venue/count"
		same "the status" $status 0
		counts+=("$(cat out)")
	done
	same "the second count" "${counts[1]}" "${counts[0]}"
	# Two instructions a turn, and those that read the clock.
	[ "${counts[0]:-0}" -ge 20000 ] && [ "${counts[0]}" -lt 20020 ] || echo "the count is ${counts[0]}."
}

it "an unknown option is named" runs 125 "" "unknown option --cpu; venue --help" --cpu 2
it "a wrong value names its option" runs 125 "" "--mem lots: give a size" --mem lots true
it "a file that is not there is named" runs 125 "" "--file nosuch: not found" --kernel cloud --file nosuch true
it "--share says which kernel can" runs 125 "" "no 9p; use --kernel standard" --kernel cloud --share . true
it "what is missing is named, with its package" lacks_tools
it "a cached package that Debian did not sign is not used" verifies_packages

for tool in qemu-system-x86_64 busybox cpio xz lz4; do
	command -v $tool >/dev/null && continue
	skip "the venue" "$tool is not installed; tests/deps.sh demo installs it"
	results
	exit
done

it "stdin, stdout and stderr pass apart and unchanged, and so does the status" passes_streams
it "a command that is not there is status 127" runs 127 "" "venue: nosuch: not found in level 1" --kernel cloud nosuch
it "a command that cannot be executed is status 126" cannot_execute
it "a command that a signal ends is status 128 + N" runs 137 "" "" --kernel cloud -- sh -c 'kill -9 $$'
it "without a command there is a shell" reads_shell
it "a command whose reader has gone ends by SIGPIPE" closes_outputs
it "files come by name, as arguments, with --file, and into other places" carries_files
it "this machine's files are there, and only a share is written through" shares_files
it "tinyvmm runs on the real kvm_amd" runs 0 $'hello from ring 0\nhello from ring 3\nbye' "on kvm_amd: 1 vCPU" \
	tinyvmm -k "$build/guest/hello.elf" --stats
# A bzImage, with the modules of its version in lib/modules beside it.
it "a kernel file brings its modules" runs 0 "kvm_amd here" "" --kernel "$build/kernel/cloud/vmlinuz" \
	-- sh -c 'test -c /dev/kvm && grep -q "^kvm_amd" /proc/modules && echo kvm_amd here'
for signal in HUP:129 INT:130 TERM:143; do
	it "SIG${signal%:*} ends the command and leaves nothing" ends_by "${signal%:*}" "${signal#*:}" \
		'echo ready; exec sleep 1000'
done
it "SIGKILL leaves no QEMU" ends_by KILL 137 'echo ready; exec sleep 1000'
it "a signal while level 1 boots ends it and leaves nothing" ends_while_booting
it "a second signal ends a command that does not obey" ends_by_second_signal
it "a level 1 that does not boot is given up" freezes 2 "no sign of life for 2 s while it booted" --qemu -S -- true
it "a level 1 that freezes is given up, with its last words" freezes 20 "sysrq triggered crash" --append panic=0 \
	-- sh -c 'echo c >/proc/sysrq-trigger; sleep 1000'
it "a level 1 that panics has ended, and is not frozen" runs 125 "" "level 1 ended before the command did" --kernel cloud \
	-- sh -c 'echo c >/proc/sysrq-trigger; sleep 1000'
it "a silent command is not given up" runs 0 "" "" --kernel cloud --patience 15 -- sleep 18
it "the terminal's size is inside, and the terminal is as before" on_terminal 5 '33 99' '-z 33x99 -w ready' \
	-- sh -c 'echo ready; stty size; exit 5'
it "the terminal's keys are the command's, also Ctrl-C" on_terminal 130 '^ready' '-w ready -k ^c' \
	-- sh -c 'echo ready; exec sleep 1000'
it "Ctrl-] x leaves" on_terminal 130 '^ready' '-w ready -k ^]x' -- sh -c 'echo ready; exec sleep 1000'
it "SIGTERM leaves the terminal as it was" on_terminal 143 '^ready' '-w ready -s 15' -- sh -c 'echo ready; exec sleep 1000'
it "--exact counts instructions, the same in each boot" counts_instructions

results
