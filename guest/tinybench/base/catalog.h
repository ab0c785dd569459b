/* SPDX-License-Identifier: MIT */
/* The benchmarks: those in the benchmark file, which names them itself, and tinybench's own. */
#ifndef GUEST_TINYBENCH_BASE_CATALOG_H
#define GUEST_TINYBENCH_BASE_CATALOG_H

#include <stdbool.h>
#include <stddef.h>

#include "vmm/core/err.h"

struct bench {
	char *name; /* group.name */
	char *unit;
	char *text; /* one sentence */
	bool higher_is_better;
};

struct catalog {
	struct bench **at; /* pointers, so that entries stay where they are */
	size_t nr, capacity;
};

/* Adds a benchmark, or returns the one that has this name already. */
const struct bench *catalog_add(struct catalog *catalog, const char *name, const char *unit,
				bool higher_is_better, const char *text);
const struct bench *catalog_find(const struct catalog *catalog, const char *name);
void catalog_free(struct catalog *catalog);

/* Adds what `bench list` prints. 0, or -errno with a reason. */
int catalog_load(struct catalog *catalog, const char *bench_file, struct err *err);

/* Length of the group's name in "group.name". */
size_t catalog_group_length(const char *name);

#endif
