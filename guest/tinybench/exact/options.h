/* SPDX-License-Identifier: MIT */
/* The command line of `tinybench exact`. */
#ifndef GUEST_TINYBENCH_EXACT_OPTIONS_H
#define GUEST_TINYBENCH_EXACT_OPTIONS_H

#include <stdbool.h>

#include "vmm/core/err.h"

struct exact_options {
	const char *bench, *arms, *out, *kernel_words;
	const char *build_dir; /* NULL: where tinybench is */
	const char *budget;    /* a file to compare with, or NULL */
	const char *diff[2];   /* directories, or NULL */
	unsigned int jobs;     /* machines at once */
	bool anatomy, listing, versions, help;
};

/* 0, or -EINVAL with a reason. Strings point into argv. */
int exact_options_parse(struct exact_options *options, int argc, char **argv, struct err *err);

/* Prints what --help shows. */
void exact_options_help(void);

#endif
