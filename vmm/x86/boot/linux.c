/* SPDX-License-Identifier: MIT */
/*
 * Linux bzImage, by Documentation/arch/x86/boot.rst and zero-page.rst of the kernel.
 *
 * The file is a boot sector and real-mode setup code (which only a BIOS loader runs), then the
 * protected-mode kernel, which decompresses itself. What the loader and the kernel agree on is in
 * the setup header, at 0x1f1 of the file, copied with our answers into the zero page.
 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include <asm/bootparam.h>

#include "vmm/x86/boot/internal.h"

#define HEADER_OFFSET	0x1f1u /* of struct setup_header, in the file and in the zero page */
#define HEADER_MAGIC_AT 0x202u
#define HEADER_MAGIC	0x53726448u /* "HdrS" */
#define BOOT_FLAG_AT	0x1feu
#define BOOT_FLAG	0xaa55u
#define HEADER_JUMP_AT	0x201u /* boot.rst: the header ends at 0x202 plus this byte */
#define HEADER_MAX_END	0x290u /* what follows it in the zero page */

/* 2.10 (Linux 2.6.31) brought init_size, without which it is not known how much memory is enough.
 */
#define PROTOCOL_MIN	    0x020au
#define PROTOCOL_XLOADFLAGS 0x020cu
#define LOADER_UNDEFINED    0xffu /* type_of_loader without an assigned number */
#define SECTOR_SIZE	    512u
#define PARAGRAPH_SIZE	    16u
#define ENTRY64_OFFSET	    0x200u /* boot.rst, "64-bit Boot Protocol" */
#define VID_MODE_NORMAL	    0xffffu

_Static_assert(sizeof(struct boot_params) == BOOT_PAGE_SIZE, "the zero page is a page");
_Static_assert(offsetof(struct boot_params, hdr) == HEADER_OFFSET, "as in boot.rst");

static bool linux_matches(const uint8_t *bytes, size_t size)
{
	uint32_t magic;
	uint16_t flag;

	if (size < HEADER_MAGIC_AT + sizeof(magic))
		return false;
	memcpy(&magic, bytes + HEADER_MAGIC_AT, sizeof(magic));
	memcpy(&flag, bytes + BOOT_FLAG_AT, sizeof(flag));
	return magic == HEADER_MAGIC && flag == BOOT_FLAG;
}

/* Copies the file's setup header, as long as this kernel's is; what an older one lacks is zero. */
static void read_header(const struct boot_image *image, struct setup_header *header)
{
	size_t end = HEADER_MAGIC_AT + image->bytes[HEADER_JUMP_AT];
	size_t len = end - HEADER_OFFSET;

	memset(header, 0, sizeof(*header));
	memcpy(header, image->bytes + HEADER_OFFSET, len < sizeof(*header) ? len : sizeof(*header));
	if (header->version < PROTOCOL_XLOADFLAGS)
		header->xloadflags = 0;
}

/* Bytes of the file before the protected-mode kernel. */
static size_t setup_bytes(const struct setup_header *header)
{
	/* boot.rst, setup_sects: for backwards compatibility 0 means 4. */
	return (1 + (header->setup_sects ? header->setup_sects : 4u)) * (size_t)SECTOR_SIZE;
}

static int check_file(const struct boot_image *image, const struct setup_header *header,
		      struct err *err)
{
	size_t setup = setup_bytes(header);
	/* boot.rst, syssize: in paragraphs, of which the last one need not be whole. */
	uint64_t paragraphs = header->syssize;
	uint64_t needed = setup + (paragraphs ? (paragraphs - 1) * PARAGRAPH_SIZE + 1 : 0);

	if (header->version < PROTOCOL_MIN)
		return err_set(
			err, -ENOEXEC,
			"Linux kernel of boot protocol %u.%02u; 2.10 (Linux 2.6.31) or later "
			"is needed",
			header->version >> 8, header->version & 0xff);
	if (!(header->loadflags & LOADED_HIGH))
		return err_set(err, -ENOEXEC,
			       "a Linux zImage, which loads below 1 MiB; a bzImage is needed");
	if (image->size < needed)
		return err_set(err, -ENOEXEC,
			       "truncated Linux kernel: its header promises at least %" PRIu64
			       " bytes, the file has %zu",
			       needed, image->size);
	if (image->size - setup <= ENTRY64_OFFSET)
		return err_set(err, -ENOEXEC,
			       "Linux setup code without a kernel behind it (%zu bytes)",
			       image->size);
	return 0;
}

/*
 * Where the file's kernel is put and what it will occupy until it can read the memory map.
 *
 * A relocatable kernel runs where it is loaded, but never below pref_address (the decompressor sees
 * to that), so that is the place for it. Others are loaded at 1 MiB, where all of them work, and
 * move themselves to pref_address. Either way init_size counts from where they run.
 */
static int place(struct boot_image *image, const struct setup_header *header, struct err *err)
{
	uint64_t alignment = header->kernel_alignment;
	uint64_t run = header->pref_address;
	uint64_t file_bytes = image->size - setup_bytes(header);

	if (run < MEMMAP_IMAGE)
		run = MEMMAP_IMAGE;
	if (run >= MEMMAP_HOLE_START)
		return err_set(err, -ENOEXEC,
			       "Linux kernel that prefers address 0x%" PRIx64
			       ", which is not below 3 GiB",
			       run);
	image->start = MEMMAP_IMAGE;
	if (header->relocatable_kernel) {
		if (!alignment || (alignment & (alignment - 1)))
			return err_set(err, -ENOEXEC,
				       "corrupt Linux header: kernel_alignment 0x%" PRIx64
				       " is not a power of two",
				       alignment);
		run = boot_align_up(run, alignment);
		image->start = run;
	}
	image->init_size_align = (uint32_t)alignment;
	image->end = run + header->init_size;
	if (image->end < image->start + file_bytes)
		image->end = image->start + file_bytes;
	return 0;
}

static int identify_linux(struct boot_image *image, struct err *err)
{
	struct setup_header header;
	size_t header_end = HEADER_MAGIC_AT + image->bytes[HEADER_JUMP_AT];
	int ret;

	if (image->size < header_end)
		return err_set(
			err, -ENOEXEC,
			"truncated Linux kernel: its header ends at %zu, the file has %zu bytes",
			header_end, image->size);
	read_header(image, &header);
	ret = check_file(image, &header, err);
	if (ret)
		return ret;
	ret = place(image, &header, err);
	if (ret)
		return ret;

	image->protocol = header.xloadflags & XLF_KERNEL_64 ? BOOT_LINUX64 : BOOT_LINUX32;
	image->entry = image->start;
	if (image->protocol == BOOT_LINUX64)
		image->entry += ENTRY64_OFFSET;
	image->wants_irqchip = true;
	image->wants_acpi = true;
	image->is_linux = true;
	image->cmdline_max = MEMMAP_CMDLINE_MAX - 1;
	if (header.cmdline_size < image->cmdline_max)
		image->cmdline_max = header.cmdline_size;
	/* A kernel with this flag takes the initrd anywhere, whatever initrd_addr_max says. */
	image->initrd_max_addr = UINT32_MAX;
	if (!(header.xloadflags & XLF_CAN_BE_LOADED_ABOVE_4G))
		image->initrd_max_addr = header.initrd_addr_max;
	return 0;
}

static void fill_e820(struct boot_params *params, const struct board *board)
{
	_Static_assert(BOARD_MAX_RANGES <= E820_MAX_ENTRIES_ZEROPAGE, "the map fits");

	for (unsigned int i = 0; i < board->nr_ranges; i++) {
		params->e820_table[i] = (struct boot_e820_entry){
			.addr = board->range[i].start,
			.size = board->range[i].size_bytes,
			.type = board->range[i].type,
		};
	}
	params->e820_entries = (uint8_t)board->nr_ranges;
}

/*
 * The ACPI tables and the device tree tell of the same machine, and a kernel with CONFIG_OF that
 * reads both registers each processor and each virtio-mmio slot twice. So the tree is for one that
 * was told to leave ACPI alone.
 */
static bool gives_device_tree(const struct boot_job *job)
{
	static const char word[] = "acpi=off";
	const char *cmdline = job->board->cmdline;
	const char *at = cmdline;

	if (job->plan->fdt.size_bytes == 0)
		return false;
	for (; (at = strstr(at, word)) != NULL; at += strlen(word)) {
		char after = at[strlen(word)];

		if ((at == cmdline || at[-1] == ' ') && (after == ' ' || after == '\0'))
			return true;
	}
	return false;
}

static void fill_header(struct boot_params *params, const struct boot_job *job)
{
	const struct boot_plan *plan = job->plan;
	const struct boot_place *initrd = &plan->module[0];
	struct setup_header *header = &params->hdr;

	header->type_of_loader = LOADER_UNDEFINED;
	header->code32_start = (uint32_t)job->image->start;
	header->vid_mode = VID_MODE_NORMAL;
	/* heap_end_ptr stays: the heap is the real-mode setup code's, which does not run. */
	header->loadflags &= (uint8_t) ~(KEEP_SEGMENTS | CAN_USE_HEAP);
	header->cmd_line_ptr = MEMMAP_CMDLINE;
	header->ramdisk_image = (uint32_t)initrd->start;
	header->ramdisk_size = (uint32_t)initrd->size_bytes;
	params->ext_ramdisk_image = (uint32_t)(initrd->start >> 32);
	params->ext_ramdisk_size = (uint32_t)(initrd->size_bytes >> 32);
	header->setup_data =
		gives_device_tree(job) ? plan->fdt.start - sizeof(struct setup_data) : 0;
	if (job->image->wants_acpi)
		params->acpi_rsdp_addr = MEMMAP_RSDP;
}

/* boot.rst, setup_data: the node's header stands directly before its data, here the device tree. */
static int put_setup_data(struct boot_job *job)
{
	const struct boot_plan *plan = job->plan;
	struct setup_data node = {.type = SETUP_DTB, .len = (uint32_t)plan->fdt.size_bytes};

	if (!gives_device_tree(job))
		return 0;
	return boot_put(job, plan->fdt.start - sizeof(node), &node, sizeof(node),
			"the device tree's setup_data");
}

static int put_zero_page(struct boot_job *job)
{
	const struct boot_image *image = job->image;
	size_t end = HEADER_MAGIC_AT + image->bytes[HEADER_JUMP_AT];
	struct boot_params params = {0};

	/* The whole header, also fields that are newer than this program's idea of it. */
	if (end > HEADER_MAX_END)
		end = HEADER_MAX_END;
	memcpy((uint8_t *)&params + HEADER_OFFSET, image->bytes + HEADER_OFFSET,
	       end - HEADER_OFFSET);
	fill_header(&params, job);
	fill_e820(&params, job->board);
	return boot_put(job, MEMMAP_ZERO_PAGE, &params, sizeof(params), "the zero page");
}

static int put_cmdline(struct boot_job *job)
{
	const char *cmdline = job->board->cmdline;

	return boot_put(job, MEMMAP_CMDLINE, cmdline, strlen(cmdline) + 1, "the command line");
}

static int load_linux(struct boot_job *job)
{
	const struct boot_image *image = job->image;
	struct setup_header header;
	size_t setup;
	int ret;

	read_header(image, &header);
	setup = setup_bytes(&header);
	ret = boot_put(job, image->start, image->bytes + setup, image->size - setup,
		       "the Linux kernel");
	if (ret)
		return ret;
	ret = put_cmdline(job);
	if (ret)
		return ret;
	ret = put_setup_data(job);
	if (ret)
		return ret;
	ret = put_zero_page(job);
	if (ret)
		return ret;

	/* Both entries take the zero page in esi; ebp, edi and ebx are zero (boot.rst). */
	job->entry->rsi = MEMMAP_ZERO_PAGE;
	return image->protocol == BOOT_LINUX64 ? boot_enter_long(job) : boot_enter_protected(job);
}

/* Linux is placed at 1 MiB or above, so nothing below that has to be kept from it. */
const struct boot_format boot_format_linux64 = {
	.name = "Linux bzImage (64-bit entry)",
	.matches = linux_matches,
	.identify = identify_linux,
	.load = load_linux,
};

const struct boot_format boot_format_linux32 = {
	.name = "Linux bzImage (32-bit entry)",
	.load = load_linux,
};
