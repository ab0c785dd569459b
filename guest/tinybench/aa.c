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

#include "guest/tinybench/base/alloc.h"
#include "guest/tinybench/diff.h"
#include "guest/tinybench/base/file.h"
#include "guest/tinybench/base/prng.h"
#include "guest/tinybench/measure/progress.h"
#include "guest/tinybench/run.h"
#include "guest/tinybench/measure/session.h"
#include "guest/tinybench/data/stats.h"

#define ALLOWED_PERCENT 5

struct aa {
	struct session session;
	struct progress progress;
	struct prng prng;
	uint64_t seed;
	unsigned int made, flagged, failed;
};

/* The median of the samples that a run of the benchmark gave; 0 if it failed. */
static double take(struct aa *aa, const struct bench *bench, bool *goes_on)
{
	struct dataset *data = &aa->session.data;
	struct rounds rounds;
	double value = 0;

	data->nr_samples = 0; /* one comparison after the other: nothing is kept */
	*goes_on = !session_interrupted(&aa->session) &&
		   session_run_cell(&aa->session, &aa->session.arms[0], bench, 1, false);
	if (!*goes_on)
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
	bool goes_on = true;
	size_t swap, nr = 0;
	unsigned int i;

	for (i = 0; goes_on && i < nr_rounds; i++) {
		first = take(aa, bench, &goes_on);
		second = goes_on ? take(aa, bench, &goes_on) : 0;
		if (first <= 0 || second <= 0)
			continue;
		swap = prng_below(&aa->prng, 2); /* which of them is called A */
		side[swap][nr] = first;
		side[1 - swap][nr++] = second;
	}
	if (goes_on && nr >= STATS_MIN_VALUES) {
		stats_estimate_ratio(side[0], side[1], nr, prng_next(&aa->prng), &ratio);
		aa->made++;
		aa->flagged += stats_verdict(&ratio) != VERDICT_SAME;
	} else if (goes_on) {
		aa->failed++;
	}
	free(values);
	return goes_on;
}

/* The exit status. */
static int report(const struct aa *aa, bool interrupted)
{
	const struct dataset *data = &aa->session.data;
	double percent = aa->made ? 100.0 * aa->flagged / aa->made : 0;

	printf("%u of %u comparisons of %s with itself (%.1f %%) showed a difference that is not "
	       "there; up to %d %% are to be expected (--seed %" PRIu64 ")\n",
	       aa->flagged, aa->made, aa->session.arms[0].name, percent, ALLOWED_PERCENT, aa->seed);
	if (aa->failed)
		fprintf(stderr, "tinybench: %u comparisons failed: %s\n", aa->failed,
			data->nr_notes ? data->notes[data->nr_notes - 1].text : "too few rounds");
	if (interrupted)
		return EXIT_STATUS_INTERRUPTED;
	return aa->failed || percent > ALLOWED_PERCENT ? EXIT_STATUS_FAILED : EXIT_STATUS_WELL;
}

static int prepare(struct aa *aa, const struct settings *settings, struct reason *reason)
{
	int error = settings->rounds < STATS_MIN_VALUES
			    ? reason_set(reason, -EINVAL, "--rounds %u: aa needs %d at least",
					 settings->rounds, STATS_MIN_VALUES)
			    : 0;

	if (!error)
		error = session_open(&aa->session, settings, reason);
	if (!error)
		error = file_make_directory(settings->out, reason);
	if (!error)
		error = session_prepare(&aa->session, settings->out, reason);
	if (!error && !aa->session.arms[0].ready)
		error = reason_set(reason, -ENOENT, "--arms %s: %s", aa->session.arms[0].name,
				   aa->session.arms[0].why_not.text);
	aa->seed = settings->has_seed ? settings->seed : (uint64_t)spawn_now_ns();
	aa->prng.state = aa->seed;
	return error;
}

int aa_command(const struct settings *settings)
{
	struct aa aa = {0};
	struct reason reason;
	const struct bench *bench;
	int status, error = prepare(&aa, settings, &reason);
	bool goes_on = true;
	unsigned int i;

	if (error) {
		fprintf(stderr, "tinybench: %s\n", reason.text);
		status = error == -EINVAL ? EXIT_STATUS_USAGE : EXIT_STATUS_FAILED;
		goto out;
	}
	progress_start(&aa.progress, settings->comparisons);
	for (i = 0; goes_on && i < settings->comparisons; i++) {
		bench = aa.session.bench[i % aa.session.nr_bench];
		progress_cell(&aa.progress, i, bench->name, aa.session.arms[0].name);
		goes_on = compare(&aa, bench, settings->rounds);
		progress_cell_done(&aa.progress);
		if (i % 20 == 19)
			progress_round(&aa.progress, "20 more comparisons");
	}
	progress_end(&aa.progress);
	status = report(&aa, !goes_on);
out:
	session_close(&aa.session);
	return status;
}
