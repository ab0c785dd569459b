#!/bin/sh
# SPDX-License-Identifier: MIT
# Takes the vmlinux (ELF) out of a bzImage.
#
#	extract-vmlinux.sh BZIMAGE VMLINUX
#
# Linux Documentation/arch/x86/boot.rst: the setup header has its magic "HdrS" at 0x202; setup_sects
# at 0x1f1 says where the protected-mode part begins, payload_offset (0x248) and payload_length
# (0x24c) where in it the compressed ELF lies. The payload's last four bytes are the ELF's size: part
# of the format for gzip, appended by the kernel's build for the others.
set -eu
image=$1 to=$2

die() {
	echo "extract-vmlinux: $image: $*" >&2
	exit 1
}

# number OFFSET BYTES: a little-endian number in the image
number() {
	od -An -v -t "u$2" -j "$1" -N "$2" "$image" | tr -d ' '
}

# bytes OFFSET LENGTH
bytes() {
	tail -c "+$(($1 + 1))" "$image" | head -c "$2"
}

[ "$(bytes 514 4)" = HdrS ] || die "no bzImage (no HdrS at 0x202)"
setup_sects=$(number 497 1)
[ "$setup_sects" != 0 ] || setup_sects=4 # boot.rst: 0 means 4, for old loaders
start=$(((setup_sects + 1) * 512 + $(number 584 4)))
length=$(number 588 4)
size=$(number $((start + length - 4)) 4)

magic=$(bytes "$start" 4 | od -An -v -t x1 | tr -d ' \n')
case $magic in
1f8b*) bytes "$start" "$length" | gzip -dc >"$to" ;;
fd377a58) bytes "$start" $((length - 4)) | xz -dc >"$to" ;;
02214c18) bytes "$start" $((length - 4)) | lz4 -dcq >"$to" ;;
28b52ffd) bytes "$start" $((length - 4)) | zstd -dcq >"$to" ;;
*) die "compressed in an unknown way (its payload begins with $magic)" ;;
esac
# What follows the ELF (relocations, where the kernel has them) is packed with it and counted.
[ "$(stat -c %s "$to")" = "$size" ] || die "unpacked to $(stat -c %s "$to") bytes, not $size"
