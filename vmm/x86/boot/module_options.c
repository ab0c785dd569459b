/* SPDX-License-Identifier: MIT */
/* --module FILE[,ARGS] */
#include "vmm/x86/boot/module_options.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "vmm/core/parse.h"
#include "vmm/x86/boot/boot.h"

_Static_assert(MODULE_MAX + 1 == BOOT_MAX_MODULES, "all modules and an initrd fit");

int module_parse_options(const char *value, struct module_options *options, struct err *err)
{
	char *copy, *cursor, *path;

	if (options->nr == MODULE_MAX)
		return err_set(err, -EINVAL, "--module %s: there are %u already; give at most %u",
			       value, options->nr, MODULE_MAX);
	copy = strdup(value);
	if (copy == NULL)
		return err_set(err, -ENOMEM, "--module: out of memory");
	cursor = copy;
	parse_part(&cursor, &path);
	if (path[0] == '\0') {
		free(copy);
		return err_set(err, -EINVAL,
			       "--module %s: the file name is empty; write --module " MODULE_ARG,
			       value);
	}
	/* What is left, as it is: a kernel may want commas in it. */
	options->module[options->nr].path = path;
	options->module[options->nr].string = cursor;
	options->nr++;
	return 0;
}

void module_free_options(struct module_options *options)
{
	while (options->nr > 0)
		free(options->module[--options->nr].path);
}
