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

struct pvh_info {
	struct pvh_start_info start;
	struct pvh_memmap_entry memmap[BOARD_MAX_RANGES];
};

_Static_assert(sizeof(struct pvh_start_info) == 56, "as in start_info.h");
_Static_assert(sizeof(struct pvh_module) == 32, "as in start_info.h");
_Static_assert(sizeof(struct pvh_memmap_entry) == 24, "as in start_info.h");

static int put_modules(struct boot_job *job, struct boot_handover *handover)
{
	int ret = 0;

	for (unsigned int i = 0; !ret && i < job->modules->nr; i++) {
		struct pvh_module module = {
			.paddr = job->plan->module[i].start,
			.size = job->plan->module[i].size_bytes,
		};

		ret = boot_handover_string(job, handover, i, &module.cmdline_paddr);
		if (!ret)
			ret = boot_put(job, handover->modules + i * sizeof(module), &module,
				       sizeof(module), "the PVH module list");
	}
	return ret;
}

static int put_start_info(struct boot_job *job, const struct boot_handover *handover)
{
	const struct board *board = job->board;
	struct pvh_info info = {
		.start =
			{
				.magic = PVH_MAGIC,
				.version = PVH_VERSION,
				.nr_modules = job->modules->nr,
				.modlist_paddr = job->modules->nr ? handover->modules : 0,
				.cmdline_paddr = handover->cmdline,
				.rsdp_paddr = MEMMAP_RSDP,
				.memmap_paddr = handover->start + offsetof(struct pvh_info, memmap),
				.memmap_entries = board->nr_ranges,
			},
	};

	for (unsigned int i = 0; i < board->nr_ranges; i++) {
		info.memmap[i] = (struct pvh_memmap_entry){
			.addr = board->range[i].start,
			.size = board->range[i].size_bytes,
			.type = board->range[i].type,
		};
	}
	return boot_put(job, handover->start, &info, sizeof(info), "the PVH start information");
}

static int load_pvh(struct boot_job *job)
{
	struct boot_handover handover;
	int ret = boot_elf_load_segments(job);

	if (!ret)
		ret = boot_handover_begin(job, &handover);
	if (!ret)
		ret = put_modules(job, &handover);
	if (!ret)
		ret = put_start_info(job, &handover);
	if (ret)
		return ret;
	job->entry->rbx = handover.start;
	return boot_enter_protected(job);
}

/* elf_note.c finds it. */
const struct boot_format boot_format_pvh = {
	.name = "PVH kernel",
	.load = load_pvh,
	.takes_modules = true,
	.handover_bytes = sizeof(struct pvh_info),
	.handover_module_bytes = sizeof(struct pvh_module),
	.argv0 = "",
};
