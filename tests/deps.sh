#!/bin/sh
# SPDX-License-Identifier: MIT
# Installs the Debian packages that parts of this tree need; does nothing where all of them are there.
#
#	deps.sh PART...
#
# PART is `build`, what make needs; `demo`, what the venue and a report need on top; `check`, what all tests need
# on top of `build`. Where it cannot install, it says what is missing and how to get it.
set -eu
venue="qemu-system-x86 busybox-static cpio xz-utils lz4 gnuplot-nox"
packages=
for part in "$@"; do
	case $part in
	build) packages="$packages gcc make libc6-dev libfdt-dev libaio-dev zlib1g-dev libjansson-dev" ;;
	demo) packages="$packages $venue" ;;
	check) packages="$packages $venue libcmocka-dev acpica-tools device-tree-compiler e2fsprogs iproute2 zstd jq
		runc bubblewrap chromium" ;;
	*)
		echo "deps: $part: the parts are build, demo and check" >&2
		exit 2
		;;
	esac
done

if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
	echo "deps: no Debian, so nothing is checked or installed; needed is what these packages of Debian hold:" >&2
	# shellcheck disable=SC2086 # a list of names
	printf '%s\n' $packages | sort -u | tr '\n' ' ' >&2
	echo >&2
	exit 0
fi

# Sets $missing.
look() {
	missing=
	# shellcheck disable=SC2086 # a list of names
	for p in $(printf '%s\n' $packages | sort -u); do
		status=$(dpkg-query -W -f '${db:Status-Status}' "$p" 2>/dev/null || true)
		[ "$status" = installed ] || missing="$missing $p"
	done
}

look
[ -n "$missing" ] || exit 0
if [ "$(id -u)" != 0 ]; then
	echo "deps: missing packages:$missing" >&2
	echo "deps: run as root, or: sudo apt-get install --no-install-recommends$missing" >&2
	exit 1
fi
echo "deps: installing$missing"
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq || echo "deps: apt-get update failed (see above); trying with the lists that are there" >&2
# shellcheck disable=SC2086 # a list of names
apt-get install -y -qq --no-install-recommends $missing >/dev/null || true
look
if [ -n "$missing" ]; then
	echo "deps: still missing, because apt-get could not install them (see above):$missing" >&2
	exit 1
fi
