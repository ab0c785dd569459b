# SPDX-License-Identifier: MIT
# shellcheck shell=sh disable=SC2154 # the caller sets root and kernel
# How an initramfs is made; sourced by those who make one, also by tests/nested/make-initramfs.sh. Needs no
# root. The caller sets $root, a directory to fill, and $kernel, an unpacked kernel package.

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
	for name in "$@"; do
		file=$(find "$kernel/lib/modules" -name "$name.ko")
		[ -n "$file" ] || continue
		cp "$file" "$root/modules/$n-$name.ko"
		n=$((n + 1))
	done
}

# pack CPIO: uncompressed, since under emulation inflating costs more than copying
pack() {
	(cd "$root" && find . | LC_ALL=C sort | cpio --quiet -o -H newc -R 0:0) >"$1.new"
	mv "$1.new" "$1"
}
