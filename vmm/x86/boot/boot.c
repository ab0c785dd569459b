/* SPDX-License-Identifier: MIT */
/* The table of image formats: telling them apart, and the order of loading. */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "vmm/core/array.h"
#include "vmm/x86/boot/internal.h"

/* In the order in which they are tried. */
static const struct boot_format *const formats[] = {
	[BOOT_LINUX64] = &boot_format_linux64, [BOOT_LINUX32] = &boot_format_linux32,
	[BOOT_PVH] = &boot_format_pvh,	       [BOOT_TINYVMM] = &boot_format_tinyvmm,
	[BOOT_ELF64] = &boot_format_elf64,     [BOOT_MULTIBOOT] = &boot_format_multiboot,
};

const struct boot_format *boot_format(enum boot_protocol protocol)
{
	return formats[protocol];
}

const char *boot_protocol_name(enum boot_protocol protocol)
{
	return formats[protocol]->name;
}

int boot_identify(const uint8_t *bytes, size_t size, struct boot_image *image, struct err *err)
{
	*image = (struct boot_image){.bytes = bytes, .size = size};

	for (size_t i = 0; i < NR_OF(formats); i++) {
		if (formats[i]->matches != NULL && formats[i]->matches(bytes, size))
			return formats[i]->identify(image, err);
	}
	return boot_refuse_foreign(bytes, size, err);
}

static int load_module(struct boot_job *job, unsigned int i)
{
	const struct boot_module *module = &job->modules->module[i];
	const struct boot_place *place = &job->plan->module[i];
	void *to = gmem_ptr(job->mem, gpa(place->start), place->size_bytes);

	if (to == NULL)
		return err_set(job->err, -EFAULT,
			       "%s %s cannot be placed at 0x%" PRIx64
			       ": not guest RAM; use more --mem",
			       module->option, module->path, place->start);
	return module->read(module->ctx, to, job->err);
}

int boot_load(const struct boot_image *image, const struct board *board,
	      const struct boot_modules *modules, const struct boot_plan *plan, struct gmem *mem,
	      struct boot_entry *entry, struct err *err)
{
	struct boot_job job = {
		.image = image,
		.board = board,
		.modules = modules,
		.plan = plan,
		.mem = mem,
		.entry = entry,
		.err = err,
	};
	int ret;

	*entry = (struct boot_entry){0};
	ret = formats[image->protocol]->load(&job);
	if (!ret && image->wants_acpi)
		ret = boot_put_bios(&job);
	for (unsigned int i = 0; !ret && i < modules->nr; i++)
		ret = load_module(&job, i);
	return ret;
}
