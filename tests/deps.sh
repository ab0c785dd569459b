#!/bin/sh
# SPDX-License-Identifier: MIT
# Installs the Debian packages that building, testing and the demonstration need; does nothing
# where all of them are there.
set -eu
packages="gcc make libc6-dev libfdt-dev libaio-dev zlib1g-dev libcmocka-dev acpica-tools
	device-tree-compiler qemu-system-x86 busybox-static cpio e2fsprogs iproute2 xz-utils lz4 zstd
	jq libjansson-dev gnuplot-nox runc bubblewrap chromium"
missing=
for p in $packages; do
	status=$(dpkg-query -W -f '${db:Status-Status}' "$p" 2>/dev/null || true)
	[ "$status" = installed ] || missing="$missing $p"
done
[ -n "$missing" ] || exit 0
if [ "$(id -u)" != 0 ]; then
	echo "deps: missing packages:$missing" >&2
	echo "deps: run as root, or: sudo apt-get install --no-install-recommends$missing" >&2
	exit 1
fi
echo "deps: installing$missing"
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq
# shellcheck disable=SC2086 # a list of names
apt-get install -y -qq --no-install-recommends $missing >/dev/null
