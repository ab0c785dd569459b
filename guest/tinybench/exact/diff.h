/* SPDX-License-Identifier: MIT */
/* Two results compared: columns, events and functions, by weight. */
#ifndef GUEST_TINYBENCH_EXACT_DIFF_H
#define GUEST_TINYBENCH_EXACT_DIFF_H

#include <jansson.h>
#include <stdio.h>

#include "vmm/core/err.h"

/*
 * Compares each result of `before` with the one of the same benchmark in `after`: of the same arm,
 * or, where each has only one arm, with that. Returns how many were compared. What the results
 * depend on is said first where it differs.
 */
size_t diff_results(FILE *file, const json_t *before, const json_t *after);

/* The results of two directories, or of two arms in them (DIR/ARM); tinybench's exit status. */
int diff_directories(FILE *file, const char *before, const char *after, struct err *err);

#endif
