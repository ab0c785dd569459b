/* SPDX-License-Identifier: MIT */
/*
 * `tinybench aa`: the first arm is compared with itself, many times, exactly as two arms would be.
 * Each difference that is found is a false one; more than 5 % of them mean that this machine, or
 * this tool, sees differences that are not there.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "guest/tinybench/aa.h"
#include "guest/tinybench/base/alloc.h"
#include "guest/tinybench/base/prng.h"
#include "guest/tinybench/base/status.h"
#include "guest/tinybench/data/stats.h"
#include "guest/tinybench/measure/progress.h"
#include "guest/tinybench/measure/session.h"

#define ALLOWED_PERCENT 5

struct aa {
	struct session session;
	struct progress progress;
	struct prng prng;
	uint64_t seed;
	unsigned int made, flagged, failed;
};

/* The median of the samples that a run of the benchmark gave; 0 if it failed. */
static double take(struct aa *aa, const struct bench *bench, bool *continues)
{
	struct dataset *data = &aa->session.data;
	struct rounds rounds;
	double value = 0;

	data->nr_samples = 0; /* one comparison after the other: nothing is kept */
	*continues = !session_interrupted(&aa->session) &&
		     session_run_cell(&aa->session, &aa->session.arms[0], bench, 1, false);
	if (!*continues)
		return 0;
	dataset_rounds(data, catalog_find(&data->benches, bench->name),
		       dataset_arm(data, aa->session.arms[0].name), &rounds);
	if (rounds.nr)
		value = rounds.value[0];
	rounds_free(&rounds);
	return value;
}

/* False if interrupted. */
static bool compare(struct aa *aa, const struct bench *bench, unsigned int nr_rounds)
{
	double *values = xcalloc(2 * (size_t)nr_rounds, sizeof(*values));
	double *side[2] = {values, values + nr_rounds}, first, second;
	struct estimate ratio;
	bool continues = true;
	size_t swap, nr = 0;
	unsigned int i;

	for (i = 0; continues && i < nr_rounds; i++) {
		first = take(aa, bench, &continues);
		second = continues ? take(aa, bench, &continues) : 0;
		if (first <= 0 || second <= 0)
			continue;
		swap = prng_below(&aa->prng, 2); /* which of them is called A */
		side[swap][nr] = first;
		side[1 - swap][nr++] = second;
	}
	if (continues && nr >= STATS_MIN_VALUES) {
		stats_estimate_ratio(side[0], side[1], nr, prng_next(&aa->prng), &ratio);
		aa->made++;
		aa->flagged += stats_verdict(&ratio) != VERDICT_SAME;
	} else if (continues) {
		aa->failed++;
	}
	free(values);
	return continues;
}

/* The exit status. */
static int report(const struct aa *aa, bool interrupted, struct err *err)
{
	const struct dataset *data = &aa->session.data;
	double percent = aa->made ? 100.0 * aa->flagged / aa->made : 0;

	printf("%u of %u comparisons of %s with itself (%.1f %%) showed a difference that is not "
	       "there; up to %d %% are to be expected (--seed %" PRIu64 ")\n",
	       aa->flagged, aa->made, aa->session.arms[0].name, percent, ALLOWED_PERCENT, aa->seed);
	if (aa->failed)
		err_set(err, -EIO, "%u comparisons failed: %s", aa->failed,
			data->nr_notes ? data->notes[data->nr_notes - 1].text : "too few rounds");
	if (interrupted)
		return BENCH_STATUS_INTERRUPTED;
	return aa->failed || percent > ALLOWED_PERCENT ? BENCH_STATUS_FAILED : BENCH_STATUS_OK;
}

static int prepare(struct aa *aa, const struct settings *settings, struct err *err)
{
	int ret = settings->rounds < STATS_MIN_VALUES
			  ? err_set(err, -EINVAL, "--rounds %u: aa needs %d at least",
				    settings->rounds, STATS_MIN_VALUES)
			  : 0;

	if (!ret)
		ret = session_open(&aa->session, settings, err);
	if (!ret)
		ret = session_claim(&aa->session, settings->out, err);
	if (!ret)
		ret = session_prepare(&aa->session, err);
	if (!ret && !aa->session.arms[0].ready)
		ret = err_set(err, -ENOENT, "--arms %s: %s", aa->session.arms[0].name,
			      aa->session.arms[0].why_not.text);
	aa->seed = settings->has_seed ? settings->seed : (uint64_t)spawn_now_ns();
	aa->prng.state = aa->seed;
	return ret;
}

static bool compare_all(struct aa *aa, const struct settings *settings)
{
	const struct bench *bench;
	bool continues = true;
	unsigned int i;

	progress_start(&aa->progress, settings->comparisons);
	for (i = 0; continues && i < settings->comparisons; i++) {
		bench = aa->session.bench[i % aa->session.nr_bench];
		progress_cell(&aa->progress, i, bench->name, aa->session.arms[0].name);
		continues = compare(aa, bench, settings->rounds);
		progress_cell_done(&aa->progress);
		if (i % 20 == 19)
			progress_round(&aa->progress, "20 more comparisons");
	}
	progress_end(&aa->progress);
	return continues;
}

int aa_command(const struct settings *given, struct err *err)
{
	struct settings settings;
	struct aa aa = {0};
	int status, ret;

	settings_copy(&settings, given);
	settings_fill_defaults(&settings);
	ret = prepare(&aa, &settings, err);
	if (ret)
		status = bench_status(ret);
	else
		status = report(&aa, !compare_all(&aa, &settings), err);
	session_close(&aa.session);
	settings_free(&settings);
	return status;
}
