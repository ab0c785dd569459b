/* SPDX-License-Identifier: MIT */
/*
 * Multiboot 0.6.96, as kvm-unit-tests and small kernels use it.
 *
 * The header is somewhere in the first 8 KiB. It may carry load addresses of its own (then the file
 * need not have a format), or leave them to ELF. The command line that the kernel sees begins with
 * a word for the kernel itself, as GRUB legacy and QEMU have it: kvm-unit-tests takes that word for
 * argv[0].
 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "vmm/x86/boot/internal.h"

#define SEARCH_BYTES	 8192u /* 3.1: the header is contained in these */
#define SEARCH_ALIGNMENT 4u
#define HEADER_MAGIC	 0x1badb002u
#define LOADER_MAGIC	 0x2badb002u /* 3.2: in eax */
#define ARGV0		 "kernel "

/* 3.1.2: of bits 0 to 15, which must be understood, modules are always page-aligned here. */
#define HEADER_ALIGN_MODULES (1u << 0)
#define HEADER_MEMORY_INFO   (1u << 1)
#define HEADER_VIDEO	     (1u << 2)
#define HEADER_REQUIRED	     0xffffu
#define HEADER_ADDRESSES     (1u << 16)

struct multiboot_header {
	uint32_t magic, flags, checksum;
	/* 3.1.3, with HEADER_ADDRESSES only */
	uint32_t header_addr, load_addr, load_end_addr, bss_end_addr, entry_addr;
};

#define HEADER_SIZE_MIN offsetof(struct multiboot_header, header_addr)

#define INFO_MEMORY	 (1u << 0)
#define INFO_CMDLINE	 (1u << 2)
#define INFO_MODULES	 (1u << 3)
#define INFO_MMAP	 (1u << 6)
#define INFO_LOADER_NAME (1u << 9)

/* 3.3: what ebx points at, as far as there is something to say. */
struct multiboot_info {
	uint32_t flags;
	uint32_t mem_lower_kib, mem_upper_kib;
	uint32_t boot_device;
	uint32_t cmdline;
	uint32_t mods_count, mods_addr;
	uint32_t symbols[4];
	uint32_t mmap_length, mmap_addr;
	uint32_t drives_length, drives_addr;
	uint32_t config_table;
	uint32_t boot_loader_name;
	uint32_t apm_table;
	uint32_t video[11]; /* 3.3, VBE and framebuffer: to offset 116 */
};

struct multiboot_module {
	uint32_t start, end, string, reserved;
};

struct multiboot_mmap_entry {
	uint32_t size; /* of what follows */
	uint64_t addr, len;
	uint32_t type;
} __attribute__((packed));

struct multiboot_area {
	struct multiboot_info info;
	struct multiboot_mmap_entry mmap[BOARD_MAX_RANGES];
	char loader_name[8];
	uint32_t padding;
};

_Static_assert(sizeof(struct multiboot_info) == 116, "as in 3.3");
_Static_assert(sizeof(struct multiboot_mmap_entry) == 24, "as in 3.3");
_Static_assert(sizeof(struct multiboot_area) % 8 == 0, "the module list behind it is aligned");

/* Finds the header and copies as much of it as the file has. */
static bool find_header(const uint8_t *bytes, size_t size, struct multiboot_header *header,
			size_t *offset)
{
	size_t search = size < SEARCH_BYTES ? size : SEARCH_BYTES;

	for (size_t at = 0; at + HEADER_SIZE_MIN <= search; at += SEARCH_ALIGNMENT) {
		size_t left = size - at;

		memset(header, 0, sizeof(*header));
		memcpy(header, bytes + at, HEADER_SIZE_MIN);
		if (header->magic != HEADER_MAGIC ||
		    header->magic + header->flags + header->checksum != 0)
			continue;
		memcpy(header, bytes + at, left < sizeof(*header) ? left : sizeof(*header));
		*offset = at;
		return true;
	}
	return false;
}

bool boot_multiboot_matches(const uint8_t *bytes, size_t size)
{
	struct multiboot_header header;
	size_t offset;

	return find_header(bytes, size, &header, &offset);
}

static int check_flags(const struct multiboot_header *header, struct err *err)
{
	uint32_t known = HEADER_ALIGN_MODULES | HEADER_MEMORY_INFO;

	if (header->flags & HEADER_VIDEO)
		return err_set(
			err, -ENOEXEC,
			"a Multiboot image that requires a video mode (header flags 0x%x); this "
			"machine has no display",
			header->flags);
	if (header->flags & HEADER_REQUIRED & ~known)
		return err_set(
			err, -ENOEXEC,
			"a Multiboot image that requires unknown features (header flags 0x%x)",
			header->flags);
	return 0;
}

/* What 3.1.3's addresses say about the file. */
struct flat_load {
	size_t file_offset;
	size_t file_bytes;
	uint64_t addr;
	uint64_t mem_bytes; /* with the bss */
};

static int corrupt(const struct multiboot_header *header, struct err *err)
{
	return err_set(err, -ENOEXEC,
		       "corrupt Multiboot header: header 0x%x, load 0x%x-0x%x, bss end 0x%x",
		       header->header_addr, header->load_addr, header->load_end_addr,
		       header->bss_end_addr);
}

static int plan_flat(const struct multiboot_header *header, size_t header_offset, size_t size,
		     struct flat_load *load, struct err *err)
{
	/* What is loaded begins this far before the header. */
	uint32_t before = header->header_addr - header->load_addr;
	uint64_t end = header->load_end_addr;

	if (header->load_addr > header->header_addr || before > header_offset)
		return corrupt(header, err);
	load->file_offset = header_offset - before;
	load->addr = header->load_addr;
	if (end == 0) /* to the end of the file */
		end = load->addr + (size - load->file_offset);
	if (end <= load->addr)
		return corrupt(header, err);
	if (end - load->addr > size - load->file_offset)
		return err_set(err, -ENOEXEC,
			       "truncated Multiboot image: 0x%" PRIx64
			       " bytes are to be loaded, the file has 0x%zx",
			       end - load->addr, size - load->file_offset);
	load->file_bytes = (size_t)(end - load->addr);
	load->mem_bytes = load->file_bytes;
	if (header->bss_end_addr) {
		if (header->bss_end_addr < end)
			return corrupt(header, err);
		load->mem_bytes = header->bss_end_addr - load->addr;
	}
	return 0;
}

static int identify_flat(struct boot_image *image, const struct multiboot_header *header,
			 size_t header_offset, struct err *err)
{
	struct flat_load load;
	int ret;

	if (image->size - header_offset < sizeof(*header))
		return err_set(err, -ENOEXEC, "truncated Multiboot header");
	ret = plan_flat(header, header_offset, image->size, &load, err);
	if (!ret)
		ret = boot_check_area(image, load.addr, load.mem_bytes, "Multiboot image", err);
	if (ret)
		return ret;
	image->start = load.addr;
	image->end = load.addr + load.mem_bytes;
	image->entry = header->entry_addr;
	if (image->entry < image->start || image->entry >= image->end)
		return err_set(err, -ENOEXEC,
			       "Multiboot entry 0x%" PRIx64 " lies outside of the image (0x%" PRIx64
			       "-0x%" PRIx64 ")",
			       image->entry, image->start, image->end);
	return 0;
}

static int identify_elf(struct boot_image *image, struct err *err)
{
	struct elf_file elf;
	int ret;

	if (!boot_elf_matches(image->bytes, image->size))
		return err_set(
			err, -ENOEXEC,
			"a Multiboot image that is not ELF and whose header has no load addresses "
			"(flags bit 16)");
	ret = boot_elf_open(image, &elf, err);
	if (ret)
		return ret;
	image->entry = elf.entry;
	return boot_elf_check_segments(image, err);
}

int boot_multiboot_identify(struct boot_image *image, struct err *err)
{
	struct multiboot_header header;
	size_t offset;
	int ret;

	if (!find_header(image->bytes, image->size, &header, &offset))
		return err_set(err, -ENOEXEC, "no Multiboot header");
	ret = check_flags(&header, err);
	if (ret)
		return ret;
	image->protocol = BOOT_MULTIBOOT;
	image->wants_irqchip = true;
	image->wants_acpi = true;
	image->cmdline_max = MEMMAP_CMDLINE_MAX - 1 - strlen(ARGV0);
	image->initrd_max_addr = UINT32_MAX;
	/* 3.1.2: with bit 16 the addresses count, whatever else the file is. */
	if (header.flags & HEADER_ADDRESSES)
		return identify_flat(image, &header, offset, err);
	return identify_elf(image, err);
}

static int put_modules(struct boot_job *job, struct boot_handover *handover)
{
	int ret = 0;

	for (unsigned int i = 0; !ret && i < job->modules->nr; i++) {
		const struct boot_place *place = &job->plan->module[i];
		struct multiboot_module module = {
			.start = (uint32_t)place->start,
			.end = (uint32_t)(place->start + place->size_bytes),
		};
		uint64_t string;

		ret = boot_handover_string(job, handover, i, &string);
		module.string = (uint32_t)string;
		if (!ret)
			ret = boot_put(job, handover->modules + i * sizeof(module), &module,
				       sizeof(module), "the Multiboot module list");
	}
	return ret;
}

static int put_info(struct boot_job *job, const struct boot_handover *handover)
{
	const struct board *board = job->board;
	const uint32_t start = (uint32_t)handover->start;
	struct multiboot_area area = {
		.info =
			{
				.flags = INFO_MEMORY | INFO_CMDLINE | INFO_MMAP | INFO_LOADER_NAME,
				/* 3.3: lower memory from 0, upper from 1 MiB to the first hole */
				.mem_lower_kib = (uint32_t)(board_ram_from(board, 0) >> 10),
				.mem_upper_kib =
					(uint32_t)(board_ram_from(board, MEMMAP_IMAGE) >> 10),
				.cmdline = (uint32_t)handover->cmdline,
				.mmap_addr = start + offsetof(struct multiboot_area, mmap),
				.boot_loader_name =
					start + offsetof(struct multiboot_area, loader_name),
			},
		.loader_name = "tinyvmm",
	};

	if (job->modules->nr) {
		area.info.flags |= INFO_MODULES;
		area.info.mods_count = job->modules->nr;
		area.info.mods_addr = (uint32_t)handover->modules;
	}
	for (unsigned int i = 0; i < board->nr_ranges; i++) {
		area.mmap[i] = (struct multiboot_mmap_entry){
			.size = sizeof(area.mmap[i]) - sizeof(area.mmap[i].size),
			.addr = board->range[i].start,
			.len = board->range[i].size_bytes,
			.type = board->range[i].type,
		};
		area.info.mmap_length += (uint32_t)sizeof(area.mmap[i]);
	}
	return boot_put(job, start, &area, sizeof(area), "the Multiboot information");
}

static int load_flat(struct boot_job *job, const struct multiboot_header *header, size_t offset)
{
	const struct boot_image *image = job->image;
	struct flat_load load;
	int ret = plan_flat(header, offset, image->size, &load, job->err);

	if (ret)
		return ret;
	return boot_put(job, load.addr, image->bytes + load.file_offset, load.file_bytes,
			"the Multiboot image");
}

static int load_multiboot(struct boot_job *job)
{
	struct multiboot_header header;
	struct boot_handover handover;
	size_t offset;
	int ret;

	if (!find_header(job->image->bytes, job->image->size, &header, &offset))
		return err_set(job->err, -ENOEXEC, "no Multiboot header");
	if (header.flags & HEADER_ADDRESSES)
		ret = load_flat(job, &header, offset);
	else
		ret = boot_elf_load_segments(job);
	if (!ret)
		ret = boot_handover_begin(job, &handover);
	if (!ret)
		ret = put_modules(job, &handover);
	if (!ret)
		ret = put_info(job, &handover);
	if (ret)
		return ret;
	job->entry->rax = LOADER_MAGIC;
	job->entry->rbx = handover.start;
	return boot_enter_protected(job);
}

const struct boot_format boot_format_multiboot = {
	.name = "Multiboot image",
	.matches = boot_multiboot_matches,
	.identify = boot_multiboot_identify,
	.load = load_multiboot,
	.takes_modules = true,
	.handover_bytes = sizeof(struct multiboot_area),
	.handover_module_bytes = sizeof(struct multiboot_module),
	.argv0 = ARGV0,
};
