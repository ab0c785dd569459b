# SPDX-License-Identifier: MIT
# shellcheck shell=sh disable=SC2154 # the caller sets root and modules_from
# How an initramfs is made; guest/linux/make.sh, the venue and the nested tests source it. Needs no root user. The
# caller sets $root, a directory to fill, and $modules_from, a directory with a kernel's modules somewhere in it.

# place FILE PATH_INSIDE
place() {
	mkdir -p "$root/$(dirname "$2")"
	cp -L "$1" "$root/$2"
}

# libraries PROGRAM: the shared objects that it needs, at the same places
libraries() {
	ldd "$1" 2>/dev/null | grep -o '/[^ ]*' | while read -r lib; do
		[ -e "$root/$lib" ] || place "$lib" "$lib"
	done
}

# modules NAME...: numbered in the order of loading; what this kernel has built in has no file and is
# left out
modules() {
	n=10
	mkdir -p "$root/modules"
	all=$(find "$modules_from" -name '*.ko' -o -name '*.ko.xz')
	for name in "$@"; do
		file=$(echo "$all" | grep -E "/$name\.ko(\.xz)?\$") || continue
		case $file in
		*.xz) xz -dc "$file" >"$root/modules/$n-$name.ko" ;;
		*) cp "$file" "$root/modules/$n-$name.ko" ;;
		esac
		n=$((n + 1))
	done
}

# pack CPIO: with what links point to, where there is something; uncompressed, since under emulation
# inflating costs more than copying
pack() {
	(cd "$root" && find -L . ! -type l | LC_ALL=C sort | cpio --quiet -oL -H newc -R 0:0) >"$1.new"
	mv "$1.new" "$1"
}
