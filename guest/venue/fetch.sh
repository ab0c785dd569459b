#!/bin/bash
# SPDX-License-Identifier: MIT
# Gets the Debian kernels that the venue runs and unpacks them; nothing is installed.
#
#	fetch.sh BUILD [KIND]...
#
# BUILD/kernel/KIND/ has then vmlinuz (bzImage), vmlinux (what is packed inside it) and lib/modules, for the
# KINDs `cloud` (linux-image-cloud-amd64) and `standard` (linux-image-amd64); both where no KIND is given.
#
# The packages stay in $XDG_CACHE_HOME/tinyvmm, ~/.cache/tinyvmm or, where neither can be written, BUILD/cache,
# so that neither `make clean` nor a second clone needs the network again. apt-get verifies what it downloads:
# the archive's signature covers each package's SHA256. A cached package is compared with the SHA256 that
# apt knows for its version, or, where apt no longer lists that version, knew when it was downloaded.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
build=$(cd "$1" && pwd)
shift

die() {
	echo "venue: $*" >&2
	exit 1
}

find_cache() {
	local base=${XDG_CACHE_HOME:-${HOME:+$HOME/.cache}}
	cache=$base/tinyvmm
	if [ -z "$base" ] || ! mkdir -p "$cache" 2>/dev/null || [ ! -w "$cache" ]; then
		cache=$build/cache
		mkdir -p "$cache"
	fi
}

# need TOOL PACKAGE
need() {
	command -v "$1" >/dev/null || die "$1 is missing; apt-get install --no-install-recommends $2"
}

# The versioned package that a meta package stands for today, as linux-image-6.1.0-56-cloud-amd64.
versioned() {
	apt-cache depends --important "$1" 2>/dev/null |
		sed -n 's/^ *Depends: \(linux-image-[0-9].*\)/\1/p' | head -n 1
}

# The SHA256 that apt has from the archive's signed lists for this file; nothing if apt does not list the version.
listed_sum() {
	local package version
	package=$(dpkg-deb -f "$1" Package 2>/dev/null) || return 0
	version=$(dpkg-deb -f "$1" Version)
	apt-cache show "$package=$version" 2>/dev/null | sed -n 's/^SHA256: //p' | head -n 1
}

# Whether a cached package is what the archive signed.
verify() {
	local sum
	sum=$(listed_sum "$1")
	[ -n "$sum" ] || sum=$(cat "$1.sha256" 2>/dev/null) || return 1
	[ "$(sha256sum <"$1")" = "$sum  -" ]
}

# The newest cached package whose name matches; the shell's order of versions will not do.
newest() {
	# shellcheck disable=SC2010,SC2012 # Debian file names hold no surprises
	ls -v "$cache" | grep -E "^$1.*\.deb\$" | tail -n 1
}

# APT's sandbox user may not reach the directory; as root, do without it. A package appears whole or not at all.
download() {
	local package dir deb
	package=$(versioned "$1")
	[ -n "$package" ] || return 1
	echo "venue: downloading $package" >&2
	dir=$(mktemp -d "$cache/new.XXXXXX")
	if (cd "$dir" && timeout 600 apt-get download -qq -o APT::Sandbox::User=root \
		-o APT::Get::AllowUnauthenticated=false "$package" >&2); then
		for deb in "$dir"/*.deb; do
			listed_sum "$deb" >"$deb.sha256"
			verify "$deb" || continue
			mv "$deb.sha256" "$deb" "$cache/"
		done
	fi
	rm -rf "$dir"
	[ -n "$(newest "$2")" ]
}

# A package list that is missing, or older than what the archive still has, is brought up to date.
refresh() {
	[ "$(id -u)" = 0 ] && timeout 300 apt-get update -qq >&2
}

# fetch KIND META PATTERN
fetch() {
	local kind=$1 meta=$2 pattern=$3 deb new=$build/kernel/$1.new
	[ ! -e "$build/kernel/$kind/.from" ] || return 0
	need dpkg-deb dpkg
	need apt-get apt
	need lz4 lz4
	need xz xz-utils
	find_cache
	deb=$(newest "$pattern") || true
	if [ -n "$deb" ] && ! verify "$cache/$deb"; then
		echo "venue: $cache/$deb is not what Debian signed; downloading it anew" >&2
		rm -f "$cache/$deb" "$cache/$deb.sha256"
		deb=
	fi
	if [ -z "$deb" ]; then
		download "$meta" "$pattern" || { refresh && download "$meta" "$pattern"; } ||
			die "cannot download what $meta depends on; check the network, and run apt-get update as root"
		deb=$(newest "$pattern")
	fi
	rm -rf "$build/kernel/$kind" "$new"
	dpkg-deb -x "$cache/$deb" "$new" || die "$cache/$deb cannot be unpacked"
	mv "$new"/boot/vmlinuz-* "$new/vmlinuz"
	"$here/extract-vmlinux.sh" "$new/vmlinuz" "$new/vmlinux"
	# For modprobe in level 1; not all machines have depmod, and busybox has one.
	busybox depmod -b "$new" "$(ls "$new/lib/modules")" 2>/dev/null || true
	echo "$deb" >"$new/.from"
	mv "$new" "$build/kernel/$kind"
}

[ $# -gt 0 ] || set -- cloud standard
missing=
for wanted in "$@"; do
	[ -e "$build/kernel/$wanted/.from" ] || missing=1
done
[ -n "$missing" ] || exit 0
mkdir -p "$build/kernel" || exit 1
[ -w "$build/kernel" ] || die "$build/kernel: cannot write there"
# One at a time, also of two venues that start together.
exec 9>"$build/kernel/.lock"
flock 9
for wanted in "$@"; do
	case $wanted in
	cloud) fetch cloud linux-image-cloud-amd64 'linux-image-[0-9][^_]*-cloud-amd64_' ;;
	standard) fetch standard linux-image-amd64 'linux-image-[0-9][^_]*[0-9]-amd64_' ;;
	*) die "--kernel $wanted: give cloud, standard, or a kernel's file" ;;
	esac
done
