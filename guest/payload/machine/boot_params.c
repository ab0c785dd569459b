/* SPDX-License-Identifier: MIT */
/*
 * What a Linux boot loader hands over: struct boot_params, the "zero page" (boot.rst and
 * zero-page.rst in the kernel's Documentation/arch/x86/).
 */
#include <asm/bootparam.h>

#include "guest/payload/kernel/kernel.h"

#define E820_RAM     1u
#define HEADER_MAGIC 0x53726448u /* "HdrS" */

bool boot_params_match(const void *boot)
{
	return ((const struct boot_params *)boot)->hdr.header == HEADER_MAGIC;
}

void boot_params_read(const void *boot, struct handover *handover, struct payload_info *info)
{
	const struct boot_params *params = boot;

	for (unsigned int i = 0; i < params->e820_entries && i < E820_MAX_ENTRIES_ZEROPAGE; i++)
		if (params->e820_table[i].type == E820_RAM)
			handover_add_ram(handover, params->e820_table[i].addr,
					 params->e820_table[i].size);
	if (params->hdr.ramdisk_size > 0) {
		handover->program = (const uint8_t *)(uintptr_t)params->hdr.ramdisk_image;
		handover->program_size = params->hdr.ramdisk_size;
	}
	handover->rsdp = params->acpi_rsdp_addr;
	handover_keep_out(handover, (uint64_t)(uintptr_t)params);
	handover_take_cmdline(handover, params->hdr.cmd_line_ptr, info);
}
