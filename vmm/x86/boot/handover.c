/* SPDX-License-Identifier: MIT */
/*
 * What a PVH or Multiboot kernel is told, as far as the two have it in common: one piece of memory
 * with the format's structures, the module list, the command line and the modules' strings.
 */
#include <string.h>

#include "vmm/x86/boot/internal.h"

uint64_t boot_handover_size(const struct boot_image *image, const struct board *board,
			    const struct boot_modules *modules)
{
	const struct boot_format *format = boot_format(image->protocol);
	uint64_t size = format->handover_bytes;

	if (size == 0)
		return 0;
	size += strlen(format->argv0) + strlen(board->cmdline) + 1;
	for (unsigned int i = 0; i < modules->nr; i++) {
		size += format->handover_module_bytes;
		if (modules->module[i].string != NULL)
			size += strlen(modules->module[i].string) + 1;
	}
	return size;
}

static int put_string(struct boot_job *job, const char *string, uint64_t to)
{
	return boot_put(job, to, string, strlen(string) + 1, "a string for the image");
}

int boot_handover_begin(struct boot_job *job, struct boot_handover *handover)
{
	const struct boot_format *format = boot_format(job->image->protocol);
	size_t argv0_len = strlen(format->argv0);
	int ret;

	handover->start = job->plan->handover.start;
	handover->modules = handover->start + format->handover_bytes;
	handover->cmdline = handover->modules + job->modules->nr * format->handover_module_bytes;
	handover->next_string = handover->cmdline + argv0_len + strlen(job->board->cmdline) + 1;
	ret = put_string(job, format->argv0, handover->cmdline);
	return ret ? ret : put_string(job, job->board->cmdline, handover->cmdline + argv0_len);
}

int boot_handover_string(struct boot_job *job, struct boot_handover *handover, unsigned int i,
			 uint64_t *at)
{
	const char *string = job->modules->module[i].string;

	*at = 0;
	if (string == NULL)
		return 0;
	*at = handover->next_string;
	handover->next_string += strlen(string) + 1;
	return put_string(job, string, *at);
}
