/* SPDX-License-Identifier: MIT */
/* What all image formats share: telling them apart, placing things, and the order of loading. */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include <asm/bootparam.h>

#include "vmm/core/array.h"
#include "vmm/x86/boot/internal.h"

const char *boot_protocol_name(enum boot_protocol protocol)
{
	switch (protocol) {
	case BOOT_LINUX64:
		return "Linux bzImage (64-bit entry)";
	case BOOT_LINUX32:
		return "Linux bzImage (32-bit entry)";
	case BOOT_PVH:
		return "PVH kernel";
	case BOOT_TINYVMM:
		return "tinyvmm payload";
	case BOOT_ELF64:
		return "64-bit ELF";
	case BOOT_MULTIBOOT:
		return "Multiboot image";
	}
	return "unknown";
}

int boot_check_area(uint64_t start, uint64_t size, const char *what, struct err *err)
{
	static const struct {
		uint64_t start, end;
		const char *what;
	} taken[] = {
		{0, MEMMAP_CMDLINE + MEMMAP_CMDLINE_MAX,
		 "the boot structures, page tables and command line"},
		{MEMMAP_ACPI, MEMMAP_IMAGE, "the ACPI tables"},
		{MEMMAP_HOLE_START, UINT64_MAX, "devices and RAM that no image can use"},
	};

	if (size > UINT64_MAX - start)
		return err_set(err, -ENOEXEC,
			       "%s at 0x%" PRIx64 " wraps around: 0x%" PRIx64 " bytes", what, start,
			       size);
	for (size_t i = 0; i < NR_OF(taken); i++) {
		if (start < taken[i].end && start + size > taken[i].start)
			return err_set(err, -ENOEXEC,
				       "%s at 0x%" PRIx64 "-0x%" PRIx64 " lies on 0x%" PRIx64
				       "-0x%" PRIx64
				       ", which is for %s; link it between 1 MiB and 3 GiB",
				       what, start, start + size, taken[i].start, taken[i].end,
				       taken[i].what);
	}
	return 0;
}

int boot_identify(const uint8_t *bytes, size_t size, struct boot_image *image, struct err *err)
{
	*image = (struct boot_image){.bytes = bytes, .size = size};

	if (boot_linux_matches(bytes, size))
		return boot_linux_identify(image, err);
	if (boot_elf_matches(bytes, size))
		return boot_elf_identify(image, err);
	if (boot_multiboot_matches(bytes, size))
		return boot_multiboot_identify(image, err);
	return boot_refuse_foreign(bytes, size, err);
}

/* End of the RAM that images can use: that below the 32-bit hole. */
static uint64_t low_ram_end(const struct board *board)
{
	uint64_t end = 0;

	for (unsigned int i = 0; i < board->nr_ranges; i++) {
		const struct board_range *r = &board->range[i];

		if (r->type == BOARD_RAM && r->start < MEMMAP_HOLE_START)
			end = r->start + r->size_bytes;
	}
	return end < MEMMAP_HOLE_START ? end : MEMMAP_HOLE_START;
}

/* The smallest power of two of MiB that has `bytes`: a --mem that people would type. */
static uint64_t suggested_mib(uint64_t bytes)
{
	uint64_t mib = 1;

	while (mib << 20 < bytes)
		mib *= 2;
	return mib;
}

static uint64_t to_mib(uint64_t bytes)
{
	return (bytes >> 20) + ((bytes & ((1u << 20) - 1)) != 0);
}

/*
 * Says that `needed` bytes of low RAM are more than there are. A guest that has RAM above the hole
 * has all 3 GiB below it, so where more helps, low RAM is what --mem gave.
 */
static int too_small(const struct board *board, uint64_t needed, const char *what, struct err *err)
{
	if (needed > MEMMAP_HOLE_START)
		return err_set(err, -ENOMEM,
			       "this %s needs %" PRIu64
			       " MiB of RAM below 3 GiB, which no --mem gives",
			       what, to_mib(needed));
	return err_set(err, -ENOMEM,
		       "--mem %" PRIu64 "M: this %s needs %" PRIu64 " MiB; use --mem %" PRIu64
		       "M or more",
		       low_ram_end(board) >> 20, what, to_mib(needed), suggested_mib(needed));
}

static int check_cmdline(const struct boot_image *image, const struct board *board, struct err *err)
{
	size_t len = strlen(board->cmdline);

	if (len > image->cmdline_max)
		return err_set(
			err, -E2BIG,
			"--append: the command line has %zu bytes, this %s takes at most %" PRIu32
			"; shorten it",
			len, boot_protocol_name(image->protocol), image->cmdline_max);
	return 0;
}

/*
 * Takes `size` bytes, page-aligned, off the top of [floor, *top). The caller has checked that `top`
 * is not below `floor`.
 */
static bool take_top(uint64_t floor, uint64_t *top, uint64_t size)
{
	if (size > *top - floor || boot_align_down(*top - size, BOOT_PAGE_SIZE) < floor)
		return false;
	*top = boot_align_down(*top - size, BOOT_PAGE_SIZE);
	return true;
}

/* An initrd that the image's limit, not the guest's RAM, keeps out is told apart. */
static int plan_initrd(const struct boot_image *image, const struct board *board, uint64_t floor,
		       uint64_t top, struct boot_plan *plan, struct err *err)
{
	uint64_t limit = boot_align_down(image->initrd_max_addr + 1, BOOT_PAGE_SIZE);
	uint64_t fdt_bytes = low_ram_end(board) - top;

	if (top > limit)
		top = limit;
	if (top >= floor && take_top(floor, &top, plan->initrd_size)) {
		plan->initrd_start = top;
		return 0;
	}
	if (plan->initrd_size > MEMMAP_HOLE_START)
		return err_set(err, -E2BIG,
			       "--initrd: %" PRIu64
			       " MiB are more than fit below 3 GiB; use a smaller one",
			       to_mib(plan->initrd_size));
	if (limit < floor || plan->initrd_size > limit - floor)
		return err_set(err, -E2BIG,
			       "--initrd: %" PRIu64
			       " MiB do not fit between the image's end 0x%" PRIx64
			       " and 0x%" PRIx64 ", where this %s wants it; use a smaller one",
			       to_mib(plan->initrd_size), floor, limit,
			       boot_protocol_name(image->protocol));
	return too_small(board, floor + plan->initrd_size + BOOT_PAGE_SIZE + fdt_bytes,
			 "image with its --initrd", err);
}

int boot_plan(const struct boot_image *image, const struct board *board, uint64_t initrd_size,
	      uint64_t fdt_size, struct boot_plan *plan, struct err *err)
{
	/*
	 * Room for a setup_data header before the tree, whoever reads it; keeps it 8-byte aligned.
	 */
	const uint64_t fdt_bytes = fdt_size ? sizeof(struct setup_data) + fdt_size : 0;
	uint64_t floor = boot_align_up(image->end, BOOT_PAGE_SIZE);
	uint64_t top = boot_align_down(low_ram_end(board), BOOT_PAGE_SIZE);
	int ret;

	*plan = (struct boot_plan){.initrd_size = initrd_size, .fdt_size = fdt_size};
	ret = check_cmdline(image, board, err);
	if (ret)
		return ret;
	/* An image may lie in low memory; the initrd and the tree never do, to keep off ACPI. */
	if (floor < MEMMAP_IMAGE)
		floor = MEMMAP_IMAGE;
	if (floor > top)
		return too_small(board, floor, boot_protocol_name(image->protocol), err);
	if (!take_top(floor, &top, fdt_bytes))
		return too_small(board, floor + fdt_bytes + BOOT_PAGE_SIZE,
				 "image with its device tree", err);
	if (fdt_size)
		plan->fdt_start = top + sizeof(struct setup_data);
	return initrd_size ? plan_initrd(image, board, floor, top, plan, err) : 0;
}

static int load_image(struct boot_job *job)
{
	switch (job->image->protocol) {
	case BOOT_LINUX64:
	case BOOT_LINUX32:
		return boot_linux_load(job);
	case BOOT_PVH:
		return boot_pvh_load(job);
	case BOOT_TINYVMM:
	case BOOT_ELF64:
		return boot_elf_load(job);
	case BOOT_MULTIBOOT:
		return boot_multiboot_load(job);
	}
	return err_set(job->err, -EINVAL, "image of an unknown protocol");
}

/*
 * On hardware-reduced ACPI, Linux (arch/x86/kernel/reboot.c, reboot_init()) prefers to reset
 * through EFI, and without EFI "through the BIOS": it goes back to real mode and jumps to
 * F000:FFF0. So there is code there, which resets as the FADT says.
 */
static int put_reset_vector(struct boot_job *job)
{
	const uint16_t port = PORT_POWER + POWER_RESET;
	const uint8_t code[] = {
		0xba,	   port & 0xff,
		port >> 8,		      /* mov $port, %dx */
		0xb0,	   POWER_RESET_VALUE, /* mov $value, %al */
		0xee,			      /* out %al, %dx */
		0xfa,			      /* cli */
		0xf4,			      /* 1: hlt */
		0xeb,	   0xfd,	      /* jmp 1b */
	};

	return boot_put(job, MEMMAP_RESET_VECTOR, code, sizeof(code), "the reset vector");
}

int boot_load(const struct boot_image *image, const struct board *board,
	      const struct boot_plan *plan, const uint8_t *initrd, struct gmem *mem,
	      struct boot_entry *entry, struct err *err)
{
	struct boot_job job = {
		.image = image,
		.board = board,
		.plan = plan,
		.mem = mem,
		.entry = entry,
		.err = err,
	};
	int ret;

	*entry = (struct boot_entry){0};
	ret = load_image(&job);
	if (!ret && image->is_linux)
		ret = put_reset_vector(&job);
	if (ret || !plan->initrd_size)
		return ret;
	return boot_put(&job, plan->initrd_start, initrd, plan->initrd_size, "the initrd");
}
