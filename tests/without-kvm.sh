#!/bin/sh
# SPDX-License-Identifier: MIT
# Runs a command on this machine as if it had no /dev/kvm: in a mount namespace of its own, whose /dev has all else.
# Needs root.
#
#	without-kvm.sh COMMAND [ARG]...
set -eu
[ "${1-}" = --inside ] || exec unshare --mount "$0" --inside "$@"
shift
new=$(mktemp -d)
mount -t tmpfs -o mode=755 dev "$new"
for file in /dev/*; do
	to=$new/${file##*/}
	if [ "$file" = /dev/kvm ]; then
		continue
	elif [ "$file" = /dev/ptmx ]; then
		ln -s pts/ptmx "$to" # a bound one does not find the pts beside it
	elif [ -L "$file" ]; then
		cp -d "$file" "$to"
	elif [ -d "$file" ]; then
		mkdir "$to"
		mount --rbind "$file" "$to"
	else
		: >"$to"
		mount --bind "$file" "$to"
	fi
done
mount --move "$new" /dev
rmdir "$new"
exec "$@"
