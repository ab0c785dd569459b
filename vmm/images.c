/* SPDX-License-Identifier: MIT */
/* From the files that the options name to a guest memory that is ready to run. */
#include "vmm/images.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "vmm/x86/tables/acpi.h"
#include "vmm/x86/tables/fdt.h"

static int read_module(void *ctx, void *to, struct err *err)
{
	return image_read_to(ctx, to, err);
}

/* There is room for one more: the option counts them. */
static int add_module(struct images *images, const char *option, const char *path,
		      const char *string, struct err *err)
{
	unsigned int i = images->modules.nr;
	struct image_file *file = &images->file[i];
	int ret = image_open(file, option, path, err);

	if (ret < 0)
		return ret;
	images->module[i] = (struct boot_module){
		.option = option,
		.path = path,
		.is_initrd = strcmp(option, "--initrd") == 0,
		.string = string,
		.size_bytes = file->size_bytes,
		.read = read_module,
		.ctx = file,
	};
	images->modules.nr++;
	return 0;
}

int images_open(struct images *images, const struct config *config, struct err *err)
{
	int ret;

	*images = (struct images){.kernel.fd = -1, .keeps_kernel = config->restart_on_reset};
	images->modules.module = images->module;
	ret = image_open(&images->kernel, "--kernel", config->kernel, err);
	if (ret == 0 && config->initrd != NULL)
		ret = add_module(images, "--initrd", config->initrd, NULL, err);
	for (unsigned int i = 0; ret == 0 && i < config->modules.nr; i++)
		ret = add_module(images, "--module", config->modules.module[i].path,
				 config->modules.module[i].string, err);
	if (ret == 0)
		ret = image_read(&images->kernel, err);
	if (ret < 0)
		return ret;
	ret = boot_identify(images->kernel.bytes, images->kernel.len, &images->image, err);
	return ret < 0 ? err_prefix(err, ret, "--kernel %s", config->kernel) : 0;
}

void images_close(struct images *images)
{
	while (images->modules.nr > 0)
		image_close(&images->file[--images->modules.nr]);
	image_close(&images->kernel);
}

int images_plan(const struct images *images, const struct board *board, struct boot_plan *plan,
		struct err *err)
{
	return boot_plan(&images->image, board, &images->modules, fdt_size_max(board), plan, err);
}

/* Device tree and ACPI tables, once it is known where the initrd goes. */
static int write_tables(const struct images *images, const struct board *board,
			struct boot_plan *plan, struct gmem *mem, struct err *err)
{
	const struct boot_place *initrd = &plan->module[0];
	size_t max = plan->fdt.size_bytes;
	void *fdt = malloc(max);
	long size;
	int ret;

	if (fdt == NULL)
		return err_set(err, -ENOMEM, "out of memory");
	size = fdt_build_board(board, initrd->start, initrd->size_bytes, fdt, max);
	if (size < 0) {
		ret = err_set(err, (int)size, "device tree: %s", strerror((int)-size));
	} else {
		plan->fdt.size_bytes = (uint64_t)size;
		ret = gmem_write(mem, gpa(plan->fdt.start), fdt, (size_t)size);
		if (ret < 0)
			err_set(err, ret, "device tree: does not fit into guest RAM");
	}
	free(fdt);
	if (ret == 0 && images->image.wants_acpi)
		ret = acpi_build(board, mem, err);
	return ret;
}

int images_load(struct images *images, const struct board *board, struct gmem *mem,
		struct boot_entry *entry, struct err *err)
{
	struct boot_plan plan;
	int ret = images_plan(images, board, &plan, err);

	if (ret == 0)
		ret = write_tables(images, board, &plan, mem, err);
	if (ret == 0)
		ret = boot_load(&images->image, board, &images->modules, &plan, mem, entry, err);
	if (!images->keeps_kernel)
		image_drop(&images->kernel);
	return ret;
}
