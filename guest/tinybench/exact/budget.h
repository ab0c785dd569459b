/* SPDX-License-Identifier: MIT */
/*
 * A budget of instructions: what an operation may take of the VMM and its libraries. A table for
 *people (tests/exact/budget):
 *
 *	# comment
 *	built with LIBC COMPILER	what the figures hold for
 *	ARM BENCH INSTRUCTIONS SLACK%	the sum of the columns vmm and libraries
 *	  INSTRUCTIONS FUNCTION		of the row above with 1/500 of it or more: where growth is
 *
 * Growth beyond the slack fails; getting better asks for a smaller budget.
 */
#ifndef GUEST_TINYBENCH_EXACT_BUDGET_H
#define GUEST_TINYBENCH_EXACT_BUDGET_H

#include <jansson.h>
#include <stdio.h>

#include "vmm/core/err.h"

/*
 * Compares each row with the results, prints what was found, and returns tinybench's exit status.
 * Rows of benchmarks or arms that the results lack are passed over; one without figures fails.
 * Figures of other versions are not compared: that is said, and no failure.
 */
int budget_check(FILE *file, const char *path, const json_t *results, struct err *err);

/* The same for the text of a table. */
int budget_check_text(FILE *file, const char *text, const json_t *results, struct err *err);

/* Writes the table for these results: exits with a slack of 0 %, all else of 1 %. */
void budget_print(FILE *file, const json_t *results);

#endif
