/* SPDX-License-Identifier: MIT */
/*
 * The PVH boot ABI (Xen's docs/misc/pvh.pandoc): an ELF kernel entered in 32-bit protected mode,
 * ebx pointing at the start information of Xen's public/arch-x86/hvm/start_info.h, version 1.
 */
#include <string.h>

#include "vmm/x86/boot/internal.h"

#define PVH_MAGIC   0x336ec578u /* "xEn3" with bit 7 of the E set */
#define PVH_VERSION 1u		/* the one that has a memory map */

struct pvh_start_info {
	uint32_t magic;
	uint32_t version;
	uint32_t flags;
	uint32_t nr_modules;
	uint64_t modlist_paddr;
	uint64_t cmdline_paddr;
	uint64_t rsdp_paddr;
	uint64_t memmap_paddr;
	uint32_t memmap_entries;
	uint32_t reserved;
};

struct pvh_module {
	uint64_t paddr;
	uint64_t size;
	uint64_t cmdline_paddr;
	uint64_t reserved;
};

struct pvh_memmap_entry {
	uint64_t addr;
	uint64_t size;
	uint32_t type;
	uint32_t reserved;
};

/* All of it in one piece, so that it is written at once; fits the page that memmap.h gives it. */
struct pvh_info {
	struct pvh_start_info start;
	struct pvh_module module;
	struct pvh_memmap_entry memmap[BOARD_MAX_RANGES];
};

_Static_assert(sizeof(struct pvh_start_info) == 56, "as in start_info.h");
_Static_assert(sizeof(struct pvh_module) == 32, "as in start_info.h");
_Static_assert(sizeof(struct pvh_memmap_entry) == 24, "as in start_info.h");
_Static_assert(MEMMAP_START_INFO + sizeof(struct pvh_info) <= MEMMAP_ZERO_PAGE, "fits its page");

static int put_start_info(struct boot_job *job)
{
	const struct boot_plan *plan = job->plan;
	const struct board *board = job->board;
	struct pvh_info info = {
		.start =
			{
				.magic = PVH_MAGIC,
				.version = PVH_VERSION,
				.cmdline_paddr = MEMMAP_CMDLINE,
				.rsdp_paddr = MEMMAP_RSDP,
				.memmap_paddr =
					MEMMAP_START_INFO + offsetof(struct pvh_info, memmap),
				.memmap_entries = board->nr_ranges,
			},
	};

	if (plan->initrd_size) {
		info.start.nr_modules = 1;
		info.start.modlist_paddr = MEMMAP_START_INFO + offsetof(struct pvh_info, module);
		info.module.paddr = plan->initrd_start;
		info.module.size = plan->initrd_size;
	}
	for (unsigned int i = 0; i < board->nr_ranges; i++) {
		info.memmap[i] = (struct pvh_memmap_entry){
			.addr = board->range[i].start,
			.size = board->range[i].size_bytes,
			.type = board->range[i].type,
		};
	}
	return boot_put(job, MEMMAP_START_INFO, &info, sizeof(info), "the PVH start information");
}

int boot_pvh_load(struct boot_job *job)
{
	int ret = boot_elf_load_segments(job);

	if (!ret)
		ret = boot_put_cmdline(job, "");
	if (!ret)
		ret = put_start_info(job);
	if (ret)
		return ret;
	job->entry->rbx = MEMMAP_START_INFO;
	return boot_enter_protected(job);
}
