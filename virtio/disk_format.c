/* SPDX-License-Identifier: MIT */
/*
 * The magic numbers of image formats that other programs use:
 *
 *	qcow, qcow2, QED	QEMU: docs/interop/qcow2.txt, qed_spec.txt; block/qcow.c
 *	VMDK			VMware: Virtual Disk Format 5.0; a sparse extent, or a text file
 *	VHD, VHDX		Microsoft: VHD Image Format Specification, [MS-VHDX]; a VHD of fixed
 *				size is raw, but for its footer in the last sector
 *	VDI			VirtualBox: VDICore.h
 *	Parallels		QEMU: docs/interop/parallels.txt
 */
#include "virtio/disk_format.h"

#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#include "vmm/core/array.h"

#define BLOCK_BYTES  4096u
#define FOOTER_BYTES 512u

struct magic {
	const char *name;
	unsigned int offset;
	const char *bytes;
	unsigned int len;
};

#define MAGIC(name, offset, bytes)                     \
	{                                              \
		name, offset, bytes, sizeof(bytes) - 1 \
	}

static const struct magic at_start[] = {
	MAGIC("qcow", 0, "QFI\xfb\0\0\0\1"),
	MAGIC("qcow2", 0, "QFI\xfb"),
	MAGIC("QED", 0, "QED\0"),
	MAGIC("VMDK", 0, "KDMV"),
	MAGIC("VMDK", 0, "COWD"),
	MAGIC("VMDK", 0, "# Disk DescriptorFile"),
	MAGIC("VHD", 0, "conectix"),
	MAGIC("VHDX", 0, "vhdxfile"),
	MAGIC("VDI", 0x40, "\x7f\x10\xda\xbe"),
	MAGIC("Parallels", 0, "WithoutFreeSpace"),
	MAGIC("Parallels", 0, "WithouFreSpacExt"),
};

static const struct magic vhd_footer = MAGIC("VHD", 0, "conectix");

/* Is the magic number in the `len` bytes of `block`, counted from `at`? */
static bool matches(const struct magic *magic, size_t at, const uint8_t *block, size_t len)
{
	at += magic->offset;
	return at <= len && magic->len <= len - at &&
	       memcmp(block + at, magic->bytes, magic->len) == 0;
}

/* Reads the block at `offset`, as much of it as there is. */
static size_t read_block(int fd, uint64_t offset, uint8_t *block)
{
	ssize_t n = pread(fd, block, BLOCK_BYTES, (off_t)offset);

	return n < 0 ? 0 : (size_t)n;
}

const char *disk_format_name(int fd, uint64_t size_bytes)
{
	_Alignas(BLOCK_BYTES) uint8_t block[BLOCK_BYTES];
	size_t len = read_block(fd, 0, block);
	uint64_t footer;

	for (size_t i = 0; i < NR_OF(at_start); i++) {
		if (matches(&at_start[i], 0, block, len))
			return at_start[i].name;
	}
	if (size_bytes < FOOTER_BYTES)
		return NULL;
	footer = size_bytes - FOOTER_BYTES;
	len = read_block(fd, footer - footer % BLOCK_BYTES, block);
	return matches(&vhd_footer, footer % BLOCK_BYTES, block, len) ? vhd_footer.name : NULL;
}
