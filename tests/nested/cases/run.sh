# SPDX-License-Identifier: MIT
# shellcheck shell=sh
# What run.sh starts in level 1, with busybox's sh: runs the files of cases that its arguments name. $from, a
# file:case, says where to begin: with this file, and behind so many of its cases. $only is for `it` in lib.sh.
cd /
dmesg -n 1
[ "$1" != shell ] || {
	sed 's/^/# /' /cases/shell-hints
	exec sh
}
# Each file is alone in a network namespace; sysfs shows that of the process that mounted it.
for name in "$@"; do
	[ -z "${from%:*}" ] || [ "${from%:*}" = "$name" ] || continue
	export done_before="${from#*:}"
	from=
	echo "@@ file $name"
	unshare -n -m sh -c 'mount -t sysfs sys /sys; ip link set lo up; . /cases/lib.sh; . "$1"' sh "/cases/$name.sh"
done
echo "@@ end"
