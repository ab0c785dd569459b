#!/bin/bash
# SPDX-License-Identifier: MIT
# build/venue: runs a command on a KVM host, on any machine. QEMU's software CPU emulates AMD's SVM, and a Debian
# kernel with the real kvm_amd runs on it (level 1). `venue --help` and docs/venue.md have the options.
#
# This file reads the options, makes level 1's initramfs, and becomes the relay (relay.c), which starts QEMU.
# Its parts are in guest/venue beside it, in the build directory.
set -eu
build=$(dirname "$(readlink -f "$0")")
parts=$build/guest/venue

usage() {
	cat <<'END'
usage: venue [OPTION]... [--] [COMMAND [ARG]...]

Boots a KVM host on QEMU's software CPU, in some seconds, and runs COMMAND there, or a shell. COMMAND has this
terminal or these streams; its exit status is that of venue.

  --cpus N            CPUs of the host (2), or as QEMU's -smp takes them: 8,sockets=2
  --mem SIZE          its memory (2G)
  --share DIR[,ro]    what is written to DIR inside is written here; repeatable
  --file FILE[:PATH]  copies a file or a directory into the host, at the same path or at PATH; repeatable
  --kernel KERNEL     standard (Debian's; the default), cloud (Debian's for clouds), or a bzImage or vmlinux
  --exact             one CPU whose clock counts instructions; implies --kernel cloud
  --patience SECONDS  how long the host may show no sign of life (90)
  --console FILE      writes what the host's kernel prints to FILE
  --append WORDS      more words for the host's kernel command line
  --qemu ARG          one more argument for QEMU; repeatable
  --help              this text

With the standard kernel the host has this machine's files, read-only beneath a layer in memory that is thrown away
at the end; --share lets writes to a directory through. The cloud kernel has no 9p, so there the host has busybox,
COMMAND with its libraries, the files that its arguments name, and what --file brings.

Status 124: the host froze; 125: the venue itself failed; 126, 127: COMMAND cannot be run, was not found.
Ctrl-] x ends the venue from a terminal.
END
}

die() {
	echo "venue: $*" >&2
	exit 125
}

# ---- options --------------------------------------------------------------------------------------

cpus='' mem=2G wanted='' exact='' patience=90 console='' append=''
shares=() files=() qemu_more=()

# value OPTION [VALUE]...: fails unless there is one
value() {
	[ $# -ge 2 ] || die "$1 needs a value; venue --help explains it"
}

take_option() {
	case $1 in
	--cpus) cpus=$2 ;;
	--mem) mem=$2 ;;
	--share) shares+=("$2") ;;
	--file) files+=("$2") ;;
	--kernel) wanted=$2 ;;
	--patience) patience=$2 ;;
	--console) console=$2 ;;
	--append) append=$2 ;;
	--qemu) qemu_more+=("$2") ;;
	*) die "unknown option $1; venue --help lists them" ;;
	esac
}

while [ $# -gt 0 ]; do
	case $1 in
	--help) usage && exit 0 ;;
	--exact) exact=1 ;;
	--) shift && break ;;
	--*=*) take_option "${1%%=*}" "${1#*=}" ;;
	-*)
		value "$@"
		take_option "$1" "$2"
		shift
		;;
	*) break ;;
	esac
	shift
done
[[ $patience =~ ^[1-9][0-9]{0,5}$ ]] || die "--patience $patience: give a number of seconds, at least 1"
[[ ${cpus:-2} =~ ^[1-9][0-9]*(,[a-z]+=[0-9]+)*$ ]] || die "--cpus $cpus: give a number, as in 4, or as in 8,sockets=2"
[[ $mem =~ ^[1-9][0-9]*[MG]$ ]] || die "--mem $mem: give a size, as in 2G or 512M"
[ -z "$exact" ] || [ "${cpus:-1}" = 1 ] || die "--cpus $cpus: --exact has one CPU; leave out one of the two options"
: "${cpus:=$([ -n "$exact" ] && echo 1 || echo 2)}" "${wanted:=$([ -n "$exact" ] && echo cloud || echo standard)}"

# ---- what is needed ---------------------------------------------------------------------------------

check_tools() {
	local missing='' packages='' tool
	for tool in qemu-system-x86_64:qemu-system-x86 busybox:busybox-static cpio:cpio flock:util-linux \
		ldd:libc-bin; do
		command -v "${tool%%:*}" >/dev/null && continue
		missing+=" ${tool%%:*}" packages+=" ${tool#*:}"
	done
	[ -z "$missing" ] ||
		die "missing here:$missing; as root: apt-get install --no-install-recommends$packages"
	for tool in relay agent hold_keys tsc_khz init.sh modprobe.sh fetch.sh; do
		[ -e "$parts/$tool" ] || die "$parts/$tool is missing; make builds it"
	done
}

# The version of the kernel in a file, a bzImage (boot.rst: kernel_version at 0x20e) or an ELF.
kernel_version() {
	local at
	if [ "$(od -An -v -t x1 -N 4 "$1")" = " 7f 45 4c 46" ]; then
		grep -aom1 'Linux version [^ ]*' "$1" | sed 's/Linux version //'
	elif [ "$(od -An -v -t x1 -j 514 -N 4 "$1" 2>/dev/null)" = " 48 64 72 53" ]; then # "HdrS"
		at=$(od -An -v -t u2 -j $((0x20e)) -N 2 "$1" | tr -d ' ')
		tail -c +$((at + 513)) "$1" | head -c 100 | tr '\0' '\n' | sed -n '1s/ .*//p'
	fi
}

# Sets $image, $modules_from (the directory of its version, or nothing) and $files_from: `host` where this
# machine's files can be level 1's, else `memory`.
choose_kernel() {
	local version dir
	case $wanted in
	cloud | standard)
		"$parts/fetch.sh" "$build" "$wanted" || exit 125
		image=$build/kernel/$wanted/vmlinux
		modules_from=$(echo "$build/kernel/$wanted/lib/modules"/*)
		;;
	*)
		[ -f "$wanted" ] || die "--kernel $wanted: not found; give standard, cloud, or a kernel's file"
		image=$(readlink -f "$wanted") modules_from=''
		version=$(kernel_version "$image") || true
		for dir in "$(dirname "$image")/lib/modules" /lib/modules; do
			[ -z "$version" ] || [ -n "$modules_from" ] || [ ! -d "$dir/$version" ] ||
				modules_from=$dir/$version
		done
		;;
	esac
	files_from=host
	# Without modules, all is taken to be built in.
	[ -z "$modules_from" ] || [ -n "$(find "$modules_from" -name '9p.ko*')" ] ||
		grep -qs '/9p\.ko' "$modules_from/modules.builtin" || files_from=memory
}

# ---- level 1's files ----------------------------------------------------------------------------------

# The part of a path that names a program; nothing if it is not to be carried.
find_program() {
	case $1 in
	*/*) echo "$1" ;;
	*)
		if [ -x "$build/$1" ]; then
			echo "$build/$1"
		elif ! busybox --list | grep -qxF -- "$1"; then
			command -v -- "$1" || true
		fi
		;;
	esac
}

# carry FILE [PATH]: a file with its libraries, or a directory. Links will do, because pack() follows them.
carry() {
	local path=${2:-$(realpath -s -- "$1")}
	[ -e "$1" ] || die "--file $1: not found"
	mkdir -p "$root$(dirname "$path")"
	cp -rsf -- "$(realpath -s -- "$1")" "$root$path"
	[ ! -f "$1" ] || [ ! -x "$1" ] || libraries "$1"
}

# With files in memory only: the program, and the files that arguments name, as FILE, FILE,..., or ...=FILE.
carry_command() {
	local program arg part
	[ $# -gt 0 ] || return 0
	program=$(find_program "$1")
	[ ! -f "$program" ] || carry "$program"
	shift
	for arg in "$@"; do
		for part in "$arg" "${arg%%,*}" "${arg#*=}"; do
			[ ! -f "$part" ] || carry "$part"
		done
	done
}

# Fills $root, level 1's initramfs.
fill_root() {
	local file
	mkdir -p "$root/venue" "$root/modules" "$root$PWD" "$root/mnt" "$root/root"
	place "$(command -v busybox)" bin/busybox
	libraries "$(command -v busybox)"
	place "$parts/init.sh" init
	for file in agent hold_keys modprobe.sh; do
		place "$parts/$file" venue/$file
	done
	[ -z "$modules_from" ] || modules virtio_ring virtio virtio_pci_modern_dev virtio_pci_legacy_dev virtio_pci \
		virtio_blk virtio_console netfs fscache 9pnet 9pnet_virtio 9p overlay irqbypass kvm ccp kvm-amd tun
	for file in "${files[@]}"; do
		if [[ $file == *:/* && ! -e $file ]]; then
			carry "${file%%:/*}" "/${file#*:/}"
		else
			carry "$file"
		fi
	done
	[ "$files_from" = host ] || carry_command "$@"
	printf '%s=%q\n' files_from "$files_from" modules_from "$modules_from" \
		hold "$([ -n "$exact" ] || echo 1)" >"$root/venue/settings"
}

# Adds to $qemu, and to level 1's list of mounts.
add_shares() {
	local share dir mode n=0
	: >"$root/venue/shares"
	[ ${#shares[@]} = 0 ] || [ "$files_from" = host ] ||
		die "--share: this kernel has no 9p; use --kernel standard, or --file, which copies files"
	[ "$files_from" != host ] || add_9p root / readonly=on
	for share in "${shares[@]}"; do
		dir=$share mode=rw
		[[ $share != *,ro ]] || dir=${share%,ro} mode=ro
		[ -d "$dir" ] || die "--share $share: not a directory"
		dir=$(realpath -- "$dir")
		add_9p share$n "$dir" "readonly=$([ $mode = ro ] && echo on || echo off)"
		echo "share$n $mode $dir" >>"$root/venue/shares"
		n=$((n + 1))
	done
}

# add_9p TAG PATH READONLY; for QEMU a comma in a path is written as two
add_9p() {
	qemu+=(-fsdev "local,id=$1,path=${2//,/,,},security_model=none,multidevs=remap,$3"
		-device "virtio-9p-pci,fsdev=$1,mount_tag=$1")
}

# ---- QEMU ---------------------------------------------------------------------------------------------

# EPYC has features that this emulation lacks; QEMU has a warning for each of them that is not switched off.
cpu=EPYC,+svm,-rdseed,-sha-ni,-fxsr-opt,-misalignsse,-3dnowprefetch,-osvw,-topoext,-nrip-save,-xsavec

# What makes level 1 faster and steadier under emulation, and changes nothing that its programs see; tsc_khz.c
# says why its kernel gets the TSC's frequency.
describe_machine() {
	local words="console=ttyS0 panic=-1 quiet mitigations=off cryptomgr.notests no_timer_check tsc=reliable"
	qemu=("$(command -v qemu-system-x86_64)" -M q35 -cpu "$cpu" -smp "$cpus" -m "$mem" -nodefaults
		-no-user-config -display none -no-reboot -kernel "$image" -initrd /proc/self/fd/7)
	if [ -n "$exact" ]; then
		qemu+=(-accel "tcg,thread=single" -icount "shift=0,sleep=off")
		words+=" tsc_early_khz=1000000 nokaslr norandmaps"
	else
		qemu+=(-accel "tcg,thread=multi")
		words+=" tsc_early_khz=$("$parts/tsc_khz")"
	fi
	qemu+=(-append "$words $append")
}

check_tools
choose_kernel
work=$(mktemp -d "${TMPDIR:-/tmp}/venue.XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
trap 'exit 129' HUP
root=$work/root # for initramfs.sh
# shellcheck source=guest/linux/initramfs.sh
. "$build/guest/linux/initramfs.sh"
export PATH=$build:$PATH:/bin VENUE=1
describe_machine
fill_root "$@"
add_shares
qemu+=("${qemu_more[@]}")
pack "$work/initramfs"
exec 7<"$work/initramfs"
rm -rf "$work"
trap - EXIT INT TERM HUP
if [ $# = 0 ]; then
	[ ! -t 0 ] || echo "venue: a shell on a KVM host ($wanted kernel, $cpus CPUs, $mem); exit leaves it" >&2
	set -- /bin/sh
	[ "$files_from" = memory ] || set -- "${SHELL:-/bin/sh}"
fi
exec "$parts/relay" "$patience" "$([ -n "$exact" ] && echo 0 || echo 5)" "$console" ${#qemu[@]} "${qemu[@]}" "$@"
