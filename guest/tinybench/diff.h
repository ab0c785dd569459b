/* SPDX-License-Identifier: MIT */
/* `tinybench diff` and `tinybench aa`: two results, and one arm against itself. */
#ifndef GUEST_TINYBENCH_DIFF_H
#define GUEST_TINYBENCH_DIFF_H

#include "guest/tinybench/base/settings.h"
#include "guest/tinybench/data/stats.h"

/*
 * The ratio of two medians that were not measured in the same rounds: its interval from the two
 * standard errors (delta method), so wider than one of paired rounds. nr is the smaller of both.
 */
void diff_estimate(const struct estimate *before, const struct estimate *after,
		   struct estimate *ratio);

/* Both return the exit status. */
int diff_command(const struct settings *settings);
int aa_command(const struct settings *settings);

#endif
