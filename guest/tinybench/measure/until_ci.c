/* SPDX-License-Identifier: MIT */
/* --until-ci: which benchmarks are known well enough. */
#include <string.h>

#include "guest/tinybench/measure/rounds.h"

/* What has no figure yet, as after the warm-up, is not known. */
static bool is_narrow(const struct run *run, const struct result *result)
{
	return result && summary_widest(result) <= run->settings.until_ci;
}

/* Native's own interval does not matter where others are compared with it. */
static bool is_known(const struct run *run, const struct summary *summary, size_t bench_index)
{
	const struct session *session = &run->session;
	const char *bench = session->bench[bench_index]->name;
	bool others = false, native_is_known = true;
	size_t i;

	for (i = 0; i < session->arm_names.nr; i++) {
		const char *arm = session->arm_names.at[i];
		bool known = rounds_given_up(run, bench_index, i) ||
			     is_narrow(run, summary_find(summary, bench, arm));

		if (strcmp(arm, SUMMARY_BASE) == 0)
			native_is_known = known;
		else if (!known)
			return false;
		else
			others = others || !rounds_given_up(run, bench_index, i);
	}
	return others || native_is_known;
}

bool until_ci_reached(struct run *run, unsigned int round)
{
	const struct session *session = &run->session;
	struct summary summary;
	bool all = true;
	size_t i;

	if (run->settings.until_ci <= 0)
		return false;
	summary_make(&summary, &session->data);
	for (i = 0; i < session->nr_bench; i++) {
		run->done[i] = rounds_enough(run, own_find(session->bench[i]->name), round + 1) ||
			       is_known(run, &summary, i);
		all = all && run->done[i];
	}
	summary_free(&summary);
	return all;
}
