/* SPDX-License-Identifier: MIT */
/*
 * Any bytes as an image: inflated if they are gzip, identified, planned and loaded into a small
 * machine. Whatever was accepted must have gone to guest RAM and entered within the image.
 *
 * The first byte chooses the machine's size and what goes with the image; the rest is the file.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "vmm/x86/boot/boot.h"

#define RAM_MAX	     (64u << 20)
#define INFLATED_MAX (1u << 20)
#define MODULE_BYTES 5000u
#define FDT_BYTES    3000u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool condition)
{
	if (!condition)
		abort();
}

static bool overlaps(const struct boot_place *place, uint64_t start, uint64_t end)
{
	return place->size_bytes && place->start < end && start < place->start + place->size_bytes;
}

static int read_module(void *ctx, void *to, struct err *err)
{
	const struct boot_module *module = ctx;

	(void)err;
	memset(to, 'm', module->size_bytes);
	return 0;
}

/* An initrd, and for some two modules with it. */
static unsigned int make_modules(struct boot_module module[3], uint8_t options)
{
	static const char *const strings[] = {NULL, "a string", ""};
	unsigned int nr = options & 4 ? options & 16 ? 3 : 1 : 0;

	for (unsigned int i = 0; i < nr; i++)
		module[i] = (struct boot_module){
			.option = i ? "--module" : "--initrd",
			.path = "file",
			.is_initrd = i == 0,
			.string = strings[i],
			.size_bytes = MODULE_BYTES + i,
			.read = read_module,
			.ctx = &module[i],
		};
	return nr;
}

static void check_plan(const struct boot_image *image, const struct boot_modules *modules,
		       const struct boot_plan *plan, uint64_t ram_bytes)
{
	const struct boot_place *handover = &plan->handover;
	uint64_t end = image->end;

	check(!overlaps(handover, 0, MEMMAP_LOW_FREE));
	check(!overlaps(handover, MEMMAP_LOW_RAM_END, MEMMAP_IMAGE));
	check(!overlaps(handover, image->start, image->end));
	check(handover->start + handover->size_bytes <= ram_bytes);
	if (handover->start >= MEMMAP_IMAGE)
		end = handover->start + handover->size_bytes;
	for (unsigned int i = 0; i < modules->nr; i++) {
		const struct boot_place *place = &plan->module[i];

		check(place->start >= end && place->start >= MEMMAP_IMAGE);
		end = place->start + place->size_bytes;
		check(end <= ram_bytes && end - 1 <= image->initrd_max_addr);
	}
	check(!plan->fdt.size_bytes ||
	      (plan->fdt.start >= end && plan->fdt.start >= MEMMAP_IMAGE &&
	       plan->fdt.start % 8 == 0 && plan->fdt.start + plan->fdt.size_bytes <= ram_bytes));
}

static void boot_one(const uint8_t *bytes, size_t size, uint8_t options)
{
	const uint64_t ram_bytes = options & 1 ? RAM_MAX : 2u << 20;
	struct board board = {
		.nr_ranges = 3,
		.range = {{0, MEMMAP_ACPI, BOARD_RAM},
			  {MEMMAP_ACPI, MEMMAP_IMAGE - MEMMAP_ACPI, BOARD_ACPI},
			  {MEMMAP_IMAGE, ram_bytes - MEMMAP_IMAGE, BOARD_RAM}},
		.cmdline = options & 2 ? "console=ttyS0" : "",
	};
	struct boot_module module[3];
	struct boot_modules modules = {.nr = make_modules(module, options), .module = module};
	struct boot_image image;
	struct boot_entry entry;
	struct boot_plan plan;
	struct gmem mem = {0};
	struct err err;
	void *ram;

	if (boot_identify(bytes, size, &image, &err))
		return;
	check(image.start < image.end && image.entry >= image.start && image.entry < image.end);
	if (boot_plan(&image, &board, &modules, options & 8 ? FDT_BYTES : 0, &plan, &err))
		return;
	check_plan(&image, &modules, &plan, ram_bytes);
	ram = mmap(NULL, ram_bytes, PROT_READ | PROT_WRITE,
		   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	check(ram != MAP_FAILED && !gmem_add(&mem, gpa(0), ram_bytes, ram));
	/* What was planned fits, so it loads. */
	check(!boot_load(&image, &board, &modules, &plan, &mem, &entry, &err));
	check(entry.rip == image.entry);
	munmap(ram, ram_bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t *inflated;
	size_t inflated_size;
	struct err err;

	if (size == 0)
		return 0;
	switch (boot_gunzip(data + 1, size - 1, INFLATED_MAX, &inflated, &inflated_size, &err)) {
	case 0:
		boot_one(data + 1, size - 1, data[0]);
		break;
	case 1:
		boot_one(inflated, inflated_size, data[0]);
		munmap(inflated, inflated_size);
		break;
	default: /* refused, with a message */
		break;
	}
	return 0;
}
