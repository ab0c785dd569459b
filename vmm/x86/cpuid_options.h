/* SPDX-License-Identifier: MIT */
/* --cpuid: features that the user forces or hides. */
#ifndef X86_CPUID_OPTIONS_H
#define X86_CPUID_OPTIONS_H

#include <stdbool.h>

#include "vmm/core/err.h"

#define CPUID_MAX_EDITS 64

#define CPUID_ARG  "+NAME,-NAME,..."
#define CPUID_HELP "force or hide CPUID features by their names in Linux's /proc/cpuinfo"

/* One +NAME or -NAME. */
struct cpuid_edit {
	char *name; /* owned; not checked here, cpuid_set_feature() knows the names */
	bool force; /* + */
};

struct cpuid_options {
	unsigned int nr;
	struct cpuid_edit edit[CPUID_MAX_EDITS];
};

/* Adds to *options. 0, or -EINVAL or -ENOMEM with a message that begins with "--cpuid". */
int cpuid_parse_options(const char *value, struct cpuid_options *options, struct err *err);
void cpuid_free_options(struct cpuid_options *options);

#endif
