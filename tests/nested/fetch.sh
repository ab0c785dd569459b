#!/bin/sh
# SPDX-License-Identifier: MIT
# Gets the Debian kernels that the nested venue runs and unpacks them; nothing is installed.
#
#	fetch.sh DIR [KIND]...
#
# DIR/cache/*.deb	the packages: kept, so that a second run needs no network
# DIR/kernel/KIND/	vmlinuz (bzImage), vmlinux (what is packed inside it) and lib/modules, for the
#			KINDs `cloud` (linux-image-cloud-amd64) and `standard` (linux-image-amd64); both, unless
#			told which
set -eu
here=$(cd "$(dirname "$0")" && pwd)
dir=$1
shift
mkdir -p "$dir/cache" "$dir/kernel"

die() {
	echo "fetch: $*" >&2
	exit 1
}

# The versioned package that a meta package stands for today, as linux-image-6.1.0-56-cloud-amd64.
versioned() {
	apt-cache depends --important "$1" 2>/dev/null |
		sed -n 's/^ *Depends: \(linux-image-[0-9].*\)/\1/p' | head -n 1
}

# The newest cached package whose name matches; the shell's order of versions will not do.
cached() {
	# shellcheck disable=SC2010,SC2012 # Debian file names hold no surprises
	ls -v "$dir/cache/" | grep -E "^$1.*\.deb\$" | tail -n 1
}

# APT's sandbox user may not reach a build directory; as root, do without it.
download() {
	package=$(versioned "$1")
	[ -n "$package" ] || return 1
	echo "fetch: $package"
	(cd "$dir/cache" && timeout 300 apt-get download -qq -o APT::Sandbox::User=root "$package")
}

# A package list that is missing, or older than what the archive still has, is brought up to date.
refresh() {
	[ "$(id -u)" = 0 ] && timeout 300 apt-get update -qq
}

# fetch KIND META PATTERN
fetch() {
	kind=$1 meta=$2 pattern=$3
	deb=$(cached "$pattern")
	if [ -z "$deb" ]; then
		download "$meta" || { refresh && download "$meta"; } ||
			die "cannot download what $meta depends on; check the network, run apt-get update as root"
		deb=$(cached "$pattern")
	fi
	[ "$(cat "$dir/kernel/$kind/.from" 2>/dev/null)" = "$deb" ] && return
	rm -rf "$dir/kernel/$kind" "$dir/kernel/$kind.new"
	dpkg -x "$dir/cache/$deb" "$dir/kernel/$kind.new" ||
		die "$dir/cache/$deb is damaged; delete it and try again"
	mv "$dir/kernel/$kind.new"/boot/vmlinuz-* "$dir/kernel/$kind.new/vmlinuz"
	"$here/extract-vmlinux.sh" "$dir/kernel/$kind.new/vmlinuz" "$dir/kernel/$kind.new/vmlinux"
	echo "$deb" >"$dir/kernel/$kind.new/.from"
	mv "$dir/kernel/$kind.new" "$dir/kernel/$kind"
}

for wanted in ${*:-cloud standard}; do
	case $wanted in
	cloud) fetch cloud linux-image-cloud-amd64 'linux-image-[0-9.-]+-cloud-amd64_' ;;
	standard) fetch standard linux-image-amd64 'linux-image-[0-9.-]+-amd64_' ;;
	*) die "$wanted: there are only cloud and standard" ;;
	esac
done
