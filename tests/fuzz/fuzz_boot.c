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
#define INITRD_BYTES 5000u
#define FDT_BYTES    3000u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool condition)
{
	if (!condition)
		abort();
}

static void boot_one(const uint8_t *bytes, size_t size, uint8_t options)
{
	static const uint8_t initrd[INITRD_BYTES];
	const uint64_t ram_bytes = options & 1 ? RAM_MAX : 2u << 20;
	struct board board = {
		.nr_ranges = 3,
		.range = {{0, MEMMAP_ACPI, BOARD_RAM},
			  {MEMMAP_ACPI, MEMMAP_IMAGE - MEMMAP_ACPI, BOARD_ACPI},
			  {MEMMAP_IMAGE, ram_bytes - MEMMAP_IMAGE, BOARD_RAM}},
		.cmdline = options & 2 ? "console=ttyS0" : "",
	};
	struct boot_image image;
	struct boot_entry entry;
	struct boot_plan plan;
	struct gmem mem = {0};
	struct err err;
	void *ram;

	if (boot_identify(bytes, size, &image, &err))
		return;
	check(image.start < image.end && image.entry >= image.start && image.entry < image.end);
	if (boot_plan(&image, &board, options & 4 ? INITRD_BYTES : 0, options & 8 ? FDT_BYTES : 0,
		      &plan, &err))
		return;
	check(!plan.initrd_size ||
	      (plan.initrd_start >= image.end &&
	       plan.initrd_start + plan.initrd_size <= ram_bytes &&
	       plan.initrd_start + plan.initrd_size - 1 <= image.initrd_max_addr));
	check(!plan.fdt_size || (plan.fdt_start >= image.end && plan.fdt_start % 8 == 0 &&
				 plan.fdt_start + plan.fdt_size <= ram_bytes));
	ram = mmap(NULL, ram_bytes, PROT_READ | PROT_WRITE,
		   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	check(ram != MAP_FAILED && !gmem_add(&mem, gpa(0), ram_bytes, ram));
	/* What was planned fits, so it loads. */
	check(!boot_load(&image, &board, &plan, initrd, &mem, &entry, &err));
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
