/* SPDX-License-Identifier: MIT */
/* Runs the jobs of a plan in machines, several at once, and collects the results. */
#ifndef GUEST_TINYBENCH_EXACT_BATCH_H
#define GUEST_TINYBENCH_EXACT_BATCH_H

#include "guest/tinybench/exact/options.h"
#include "guest/tinybench/exact/plan.h"
#include "guest/tinybench/exact/result.h"

/*
 * Fills in results in the plan's order, one for each job; jobs of a machine that failed have its
 * reason. `versions` gets which kernel ran. 0, or -errno with a message if it could not begin, or
 * was interrupted (-EINTR), which leaves the results that were there.
 */
int batch_run(const struct plan *plan, const struct exact_options *options, const char *build_dir,
	      json_t *versions, json_t **results, struct err *err);

#endif
