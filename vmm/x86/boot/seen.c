/* SPDX-License-Identifier: MIT */
/*
 * Tells a user what the file is that cannot be booted. The magic numbers are those of the formats'
 * own documents (the kernel's Documentation/arch/{arm64,riscv}, RFC 1952, 8878 and so on).
 */
#include <errno.h>
#include <string.h>

#include "vmm/core/array.h"
#include "vmm/x86/boot/internal.h"

struct foreign_magic {
	size_t offset;
	size_t len;
	const char *magic;
	const char *seen;
};

#define MAGIC(offset, magic, seen)                     \
	{                                              \
		offset, sizeof(magic) - 1, magic, seen \
	}

/* The first match wins, so what is more specific stands before what is less. */
static const struct foreign_magic foreign[] = {
	MAGIC(0x38, "ARM\x64", "an arm64 Linux Image"),
	MAGIC(0x38, "RSC\x05", "a RISC-V Linux Image"),
	MAGIC(0x24, "\x18\x28\x6f\x01", "a 32-bit Arm Linux zImage"),
	MAGIC(4, "zimg", "an EFI zboot Linux image, which only EFI firmware can start"),
	MAGIC(0, "MZ", "a PE/COFF (EFI or Windows) program without a Linux boot header"),
	MAGIC(0, "\x1f\x8b", "a gzip-compressed file inside another one"),
	MAGIC(0, "\x28\xb5\x2f\xfd", "a zstd-compressed file; decompress it with unzstd"),
	MAGIC(0,
	      "\xfd"
	      "7zXZ",
	      "an xz-compressed file; decompress it with unxz"),
	MAGIC(0, "BZh", "a bzip2-compressed file; decompress it with bunzip2"),
	MAGIC(0, "\x02\x21\x4c\x18", "an lz4-compressed file; decompress it with unlz4"),
	MAGIC(0, "\x04\x22\x4d\x18", "an lz4-compressed file; decompress it with unlz4"),
	MAGIC(0, "\x89LZO", "an lzop-compressed file; decompress it with lzop -d"),
	MAGIC(0, "PK\x03\x04", "a zip archive"),
	MAGIC(0, "070701", "a cpio archive, which is what an initrd looks like"),
	MAGIC(0, "070702", "a cpio archive, which is what an initrd looks like"),
	MAGIC(0, "070707", "a cpio archive, which is what an initrd looks like"),
	MAGIC(257, "ustar", "a tar archive"),
	MAGIC(0, "!<arch>\n", "an ar archive (a static library or a Debian package)"),
	MAGIC(0, "QFI\xfb", "a qcow2 disk image"),
	MAGIC(0, "KDMV", "a VMDK disk image"),
	MAGIC(0x8001, "CD001", "an ISO 9660 image; take the kernel out of it"),
	MAGIC(0x438, "\x53\xef", "an ext2, ext3 or ext4 file system"),
	MAGIC(0, "hsqs", "a squashfs file system"),
	MAGIC(0, "\xd0\x0d\xfe\xed", "a flattened device tree"),
	MAGIC(0, "\x27\x05\x19\x56", "a U-Boot uImage"),
	MAGIC(0, "\xcf\xfa\xed\xfe", "a Mach-O program"),
	MAGIC(0, "#!", "a script"),
	MAGIC(510, "\x55\xaa", "a boot sector or a disk image"),
};

/* Plain ASCII at the beginning is text; a kernel has none of these formats' bytes there. */
static bool looks_like_text(const uint8_t *bytes, size_t size)
{
	size_t n = size < 256 ? size : 256;

	for (size_t i = 0; i < n; i++) {
		bool space = bytes[i] >= '\t' && bytes[i] <= '\r';

		if (!space && (bytes[i] < ' ' || bytes[i] > '~'))
			return false;
	}
	return true;
}

static const char *foreign_name(const uint8_t *bytes, size_t size)
{
	if (size == 0)
		return "an empty file";
	for (size_t i = 0; i < NR_OF(foreign); i++) {
		const struct foreign_magic *f = &foreign[i];

		if (size >= f->offset + f->len && !memcmp(bytes + f->offset, f->magic, f->len))
			return f->seen;
	}
	for (size_t i = 0; i < size && bytes[i] == 0; i++) {
		if (i == size - 1)
			return "a file of zeroes";
	}
	if (looks_like_text(bytes, size))
		return "a text file";
	return "of no known format";
}

int boot_refuse_foreign(const uint8_t *bytes, size_t size, struct err *err)
{
	return err_set(err, -ENOEXEC,
		       "this is %s; accepted are a Linux bzImage, an x86-64 ELF, an ELF with a PVH "
		       "note and a Multiboot 1 image, each may be gzip-compressed",
		       foreign_name(bytes, size));
}
