/* SPDX-License-Identifier: MIT */
/* --module: files for a PVH or Multiboot kernel, each with its string. */
#ifndef VMM_X86_BOOT_MODULE_OPTIONS_H
#define VMM_X86_BOOT_MODULE_OPTIONS_H

#include "vmm/core/err.h"

#define MODULE_MAX 15 /* and the initrd: BOOT_MAX_MODULES */

#define MODULE_ARG "FILE[,ARGS]"
#define MODULE_HELP                                                                               \
	"module for a PVH or Multiboot kernel, and its string: all that stands behind the first " \
	"comma; \",,\" is a comma in FILE; repeatable"

struct module_options {
	unsigned int nr;
	struct {
		char *path;	    /* owned */
		const char *string; /* within the same piece of memory, or NULL */
	} module[MODULE_MAX];
};

/* Adds one. 0, or -EINVAL or -ENOMEM with a message that begins with "--module". */
int module_parse_options(const char *value, struct module_options *options, struct err *err);
void module_free_options(struct module_options *options);

#endif
