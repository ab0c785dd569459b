/* SPDX-License-Identifier: MIT */
/* From what a machine has left in its directory to the result of a job. */
#ifndef GUEST_TINYBENCH_EXACT_ANALYSIS_H
#define GUEST_TINYBENCH_EXACT_ANALYSIS_H

#include "guest/tinybench/exact/machine.h"
#include "guest/tinybench/exact/result.h"

/*
 * The result of the job, with its reason if there is nothing to count. Where `listing_path` is
 * given, the operation's instructions go there, a line each. The caller owns what is returned.
 */
json_t *analyse(const struct machine *machine, const struct insns *insns,
		const struct plan_job *job, const char *listing_path);

#endif
