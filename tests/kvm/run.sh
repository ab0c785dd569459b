#!/bin/sh
# SPDX-License-Identifier: MIT
# Runs tinyvmm on this machine's /dev/kvm: run.sh BUILD_DIRECTORY. The last line counts the cases;
# status 0 if none failed.
set -u
here=$(cd "$(dirname "$0")" && pwd)
build=$(cd "${1:?usage: run.sh BUILD_DIRECTORY}" && pwd)
TINYVMM=$build/tinyvmm
GUESTS=$build/tests/kvm
WORK=$(mktemp -d)
tap='' # an interface that a part has made
loop='' # a loop device that one has made
cleanup() {
	# shellcheck disable=SC2046 # a list of ids: those of our own children that still run
	kill $(jobs -p) 2>/dev/null
	[ -z "$tap" ] || ip tuntap del dev "$tap" mode tap
	[ -z "$loop" ] || losetup -d "$loop"
	rm -rf "$WORK"
}
trap cleanup EXIT
trap 'exit 130' INT TERM HUP
# shellcheck source=tests/results.sh
. "$here/../results.sh"
# shellcheck source=tests/kvm/lib.sh
. "$here/lib.sh"

if [ ! -e /dev/kvm ]; then
	why="this machine has no /dev/kvm"
elif [ ! -r /dev/kvm ] || [ ! -w /dev/kvm ]; then
	why="no permission to open /dev/kvm; run as a member of group $(stat -c %G /dev/kvm)"
elif "$build/tests/bench/floor" "$GUESTS/three.elf" >"$WORK/out" 2>&1; then
	why=
else
	why="/dev/kvm does not work here: $(excerpt "$WORK/out")"
fi
if [ -n "$why" ]; then
	skip check-kvm "$why"
	results
	exit
fi

printf 'sixteen letters.and more' >"$GUESTS/module"
printf 'SIXTEEN LETTERS.AND MORE' >"$GUESTS/my,module"
gzip -c "$GUESTS/three.elf" >"$GUESTS/three.elf.gz"
gzip -c "$GUESTS/pvh.elf" >"$GUESTS/pvh.elf.gz"

run_table <"$here/cases"
for part in counters streams resets disks networks payload netbench bad_input dry_run signals leaks; do
	# shellcheck source=/dev/null
	. "$here/$part.sh"
done

results
