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

/*
 * What a BIOS leaves in its data area as far as kernels look there: real-mode trampolines go
 * below the end of base memory. There is no extended BIOS data area, so its segment stays 0.
 */
static int put_bios_data(struct boot_job *job)
{
	uint16_t base_kib = (uint16_t)(board_ram_from(job->board, 0) >> 10);

	return boot_put(job, MEMMAP_BDA_BASE_KIB, &base_kib, sizeof(base_kib),
			"the BIOS data area");
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
		ret = put_bios_data(&job);
	if (!ret && image->is_linux)
		ret = put_reset_vector(&job);
	for (unsigned int i = 0; !ret && i < modules->nr; i++)
		ret = load_module(&job, i);
	return ret;
}
