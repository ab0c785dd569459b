/* SPDX-License-Identifier: MIT */
/* What goes where in guest memory, and whether all of it fits. */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include <asm/bootparam.h>

#include "vmm/core/array.h"
#include "vmm/x86/boot/internal.h"

/* Where no image may lie, whatever its format. */
static const struct boot_reserved always_reserved[] = {
	{0, MEMMAP_LOW_FREE, "the interrupt vectors, the BIOS data area and the GDT"},
	{MEMMAP_ACPI, MEMMAP_IMAGE, "the ACPI tables"},
	{MEMMAP_HOLE_START, UINT64_MAX, "devices and RAM that no image can use"},
};

/* The caller has seen that start + size does not wrap around. */
static int check_against(const struct boot_reserved *reserved, uint64_t start, uint64_t size,
			 const char *what, struct err *err)
{
	if (start >= reserved->end || start + size <= reserved->start)
		return 0;
	return err_set(err, -ENOEXEC,
		       "%s at 0x%" PRIx64 "-0x%" PRIx64 " lies on 0x%" PRIx64 "-0x%" PRIx64
		       ", which is for %s; link it between 1 MiB and 3 GiB",
		       what, start, start + size, reserved->start, reserved->end, reserved->what);
}

int boot_check_area(const struct boot_image *image, uint64_t start, uint64_t size, const char *what,
		    struct err *err)
{
	int ret = 0;

	if (size > UINT64_MAX - start)
		return err_set(err, -ENOEXEC,
			       "%s at 0x%" PRIx64 " wraps around: 0x%" PRIx64 " bytes", what, start,
			       size);
	for (size_t i = 0; ret == 0 && i < NR_OF(always_reserved); i++)
		ret = check_against(&always_reserved[i], start, size, what, err);
	if (ret == 0)
		ret = check_against(&boot_format(image->protocol)->reserved, start, size, what,
				    err);
	return ret;
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

/* The smallest power of two of MiB that has `bytes`: a --mem that a user would type. */
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

static int check_modules(const struct boot_image *image, const struct boot_modules *modules,
			 struct err *err)
{
	for (unsigned int i = 0; i < modules->nr; i++) {
		const struct boot_module *module = &modules->module[i];

		if (!module->is_initrd && !boot_format(image->protocol)->takes_modules)
			return err_set(err, -EINVAL,
				       "%s %s: this %s takes no modules, only PVH and Multiboot "
				       "images do; use --initrd",
				       module->option, module->path,
				       boot_protocol_name(image->protocol));
		if (module->size_bytes > MEMMAP_HOLE_START)
			return err_set(err, -E2BIG,
				       "%s %s: %" PRIu64
				       " MiB are more than fit below 3 GiB; use a smaller file",
				       module->option, module->path, to_mib(module->size_bytes));
	}
	return 0;
}

/*
 * A place within [from, to) for `size` bytes that keeps off the image: its beginning, or else
 * behind the image. 0: there is none, which is no place for anything. What is added here is below 4
 * GiB.
 */
static uint64_t place_beside_image(const struct boot_image *image, uint64_t from, uint64_t to,
				   uint64_t size)
{
	bool is_free = image->start >= from + size || image->end <= from;
	uint64_t at = is_free ? from : boot_align_up(image->end, BOOT_PAGE_SIZE);

	return at + size <= to ? at : 0;
}

/*
 * Kernels expect what they are told below 1 MiB, where PC loaders have it, preferably at
 * MEMMAP_CMDLINE; one that lies in base memory itself gets it in what is left of that, or behind
 * its end. `*floor` is the end of image and start information.
 */
static void place_handover(const struct boot_image *image, struct boot_place *handover,
			   uint64_t *floor)
{
	uint64_t size = handover->size_bytes;

	handover->start = place_beside_image(image, MEMMAP_CMDLINE, MEMMAP_LOW_RAM_END, size);
	if (handover->start == 0)
		handover->start = place_beside_image(image, MEMMAP_LOW_FREE, MEMMAP_CMDLINE, size);
	if (handover->start != 0)
		return;
	handover->start = *floor;
	*floor = boot_align_up(*floor + size, BOOT_PAGE_SIZE);
}

/* Takes `size` bytes, at most 3 GiB, off the top of [floor, *top), on pages of their own. */
static bool take_top(uint64_t floor, uint64_t *top, uint64_t size)
{
	if (floor + size > *top)
		return false;
	*top = boot_align_down(*top - size, BOOT_PAGE_SIZE);
	return true;
}

/* Says which of the image's limit and the guest's RAM keeps module `i` out. */
static int no_place_for_module(const struct boot_image *image, const struct board *board,
			       const struct boot_modules *modules, unsigned int i, uint64_t floor,
			       uint64_t fdt_bytes, struct err *err)
{
	uint64_t limit = boot_align_down(image->initrd_max_addr + 1, BOOT_PAGE_SIZE);
	const struct boot_module *module = &modules->module[i];
	uint64_t needed = floor + fdt_bytes + BOOT_PAGE_SIZE;
	uint64_t all = 0;

	for (unsigned int m = 0; m < modules->nr; m++)
		all += boot_align_up(modules->module[m].size_bytes, BOOT_PAGE_SIZE);
	if (floor + all > limit)
		return err_set(
			err, -E2BIG,
			"%s %s: %" PRIu64 " MiB do not fit between the image's end 0x%" PRIx64
			" and 0x%" PRIx64 ", where this %s wants %s; use a smaller file",
			module->option, module->path, to_mib(all), floor, limit,
			boot_protocol_name(image->protocol), modules->nr > 1 ? "them" : "it");
	return too_small(board, needed + all,
			 module->is_initrd && modules->nr == 1 ? "image with its --initrd"
							       : "image with its modules",
			 err);
}

/* In ascending order, as kernels like it, so the last one first from the top. */
static int place_modules(const struct boot_image *image, const struct board *board,
			 const struct boot_modules *modules, uint64_t floor, uint64_t top,
			 struct boot_plan *plan, struct err *err)
{
	uint64_t limit = boot_align_down(image->initrd_max_addr + 1, BOOT_PAGE_SIZE);
	uint64_t fdt_bytes = low_ram_end(board) - top;

	if (top > limit)
		top = limit;
	for (unsigned int i = modules->nr; i-- > 0;) {
		uint64_t size = modules->module[i].size_bytes;

		if (!take_top(floor, &top, size))
			return no_place_for_module(image, board, modules, i, floor, fdt_bytes, err);
		plan->module[i] = (struct boot_place){top, size};
	}
	return 0;
}

int boot_plan(const struct boot_image *image, const struct board *board,
	      const struct boot_modules *modules, uint64_t fdt_size, struct boot_plan *plan,
	      struct err *err)
{
	/* Room for a setup_data header before the tree also where none is put; keeps it 8-aligned.
	 */
	const uint64_t fdt_bytes = fdt_size ? sizeof(struct setup_data) + fdt_size : 0;
	uint64_t floor = boot_align_up(image->end, BOOT_PAGE_SIZE);
	uint64_t top = boot_align_down(low_ram_end(board), BOOT_PAGE_SIZE);
	int ret;

	*plan = (struct boot_plan){
		.fdt.size_bytes = fdt_size,
		.handover.size_bytes = boot_handover_size(image, board, modules),
	};
	ret = check_cmdline(image, board, err);
	if (ret == 0)
		ret = check_modules(image, modules, err);
	if (ret)
		return ret;
	/* An image may lie in low memory; modules and the tree never do, to keep off ACPI. */
	if (floor < MEMMAP_IMAGE)
		floor = MEMMAP_IMAGE;
	if (plan->handover.size_bytes)
		place_handover(image, &plan->handover, &floor);
	if (floor > top)
		return too_small(board, floor, boot_protocol_name(image->protocol), err);
	if (!take_top(floor, &top, fdt_bytes))
		return too_small(board, floor + fdt_bytes + BOOT_PAGE_SIZE,
				 "image with its device tree", err);
	if (fdt_size)
		plan->fdt.start = top + sizeof(struct setup_data);
	return place_modules(image, board, modules, floor, top, plan, err);
}
