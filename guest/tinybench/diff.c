/* SPDX-License-Identifier: MIT */
/* `tinybench diff DIR1 DIR2`: what changed from one result to the other. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "guest/tinybench/diff.h"
#include "guest/tinybench/run.h"
#include "guest/tinybench/data/summary.h"
#include "guest/tinybench/report/table.h"
#include "vmm/core/array.h"

void diff_estimate(const struct estimate *before, const struct estimate *after,
		   struct estimate *ratio)
{
	double relative_before, relative_after, t;

	memset(ratio, 0, sizeof(*ratio));
	ratio->detectable = NAN;
	if (before->nr == 0 || after->nr == 0 || before->median <= 0)
		return;
	ratio->nr = before->nr < after->nr ? before->nr : after->nr;
	relative_before = before->std_error / before->median;
	relative_after = after->median > 0 ? after->std_error / after->median : 0;
	ratio->median = after->median / before->median;
	ratio->std_error = ratio->median * hypot(relative_before, relative_after);
	t = ratio->nr > 1 ? stats_t975(ratio->nr - 1) : 0;
	ratio->lo = ratio->median - t * ratio->std_error;
	ratio->hi = ratio->median + t * ratio->std_error;
	if (ratio->nr >= STATS_MIN_VALUES)
		ratio->detectable = (t + STATS_Z_POWER_80) * ratio->std_error;
}

struct side {
	struct dataset data;
	struct summary summary;
};

static int load_side(struct side *side, const char *dir, struct reason *reason)
{
	int error;

	dataset_init(&side->data);
	error = dataset_load(&side->data, dir, reason);
	if (!error && json_array_size(side->data.runs) == 0)
		error = reason_set(reason, -EINVAL, "%s has no results (" DATASET_FILE ")", dir);
	if (!error)
		summary_make(&side->summary, &side->data);
	return error;
}

static void free_side(struct side *side)
{
	summary_free(&side->summary);
	dataset_free(&side->data);
}

static const char *fact(const struct side *side, const char *part, const char *key)
{
	json_t *run = json_array_get(side->data.runs, 0);
	const char *text = json_string_value(json_object_get(json_object_get(run, part), key));

	return text ? text : "unknown";
}

/* What makes two results less comparable than they look. */
static void print_differences(const struct side *before, const struct side *after)
{
	static const char *const facts[][2] = {{"bench_file", "sha256"}, {"host", "cpu"},
					       {"host", "kernel"},	 {"host", "kvm"},
					       {"host", "governor"},	 {"host", "tinyvmm"},
					       {"host", "tinyvmm_build"}};
	const char *a, *b;
	size_t i;

	for (i = 0; i < NR_OF(facts); i++) {
		a = fact(before, facts[i][0], facts[i][1]);
		b = fact(after, facts[i][0], facts[i][1]);
		if (strcmp(a, b) != 0)
			printf("differs: %s: %s, then %s\n", facts[i][1], a, b);
	}
}

static void print_change(const struct result *before, const struct result *after)
{
	struct result change = {.bench = after->bench, .arm = after->arm, .value = after->value};
	char from[32], to[32], ratio[80] = "", text[300];

	if (before->value.nr == 0 || after->value.nr == 0) {
		summary_say(after->value.nr ? before : after, text, sizeof(text));
		printf("%-22s %-14s %s: %s\n", after->bench->name, after->arm,
		       after->value.nr ? "before" : "after", text);
		return;
	}
	diff_estimate(&before->value, &after->value, &change.ratio);
	if (change.ratio.nr == 0)
		change.no_ratio = "it was 0 before";
	summary_say(&change, text, sizeof(text));
	table_format_number(before->value.median, from, sizeof(from));
	table_format_number(after->value.median, to, sizeof(to));
	if (change.ratio.nr)
		(void)snprintf(ratio, sizeof(ratio), "%.4f (%.4f .. %.4f)", change.ratio.median,
			       change.ratio.lo, change.ratio.hi);
	printf("%-22s %-14s %10s %10s %-7s %-26s %s\n", after->bench->name, after->arm, from, to,
	       after->bench->unit, ratio, text);
}

static void print_lonely(const struct result *result, const char *where)
{
	printf("%-22s %-14s %s\n", result->bench->name, result->arm, where);
}

int diff_command(const struct settings *settings)
{
	struct side before = {0}, after = {0};
	const struct result *result, *old;
	struct reason reason;
	int error = load_side(&before, settings->dirs[0], &reason);
	size_t i;

	if (!error)
		error = load_side(&after, settings->dirs[1], &reason);
	if (error) {
		fprintf(stderr, "tinybench: %s\n", reason.text);
		goto out;
	}
	printf("%-22s %-14s %10s %10s %-7s %s\n", "benchmark", "arm", "before", "after", "unit",
	       "after / before");
	for (i = 0; i < after.summary.nr; i++) {
		result = &after.summary.at[i];
		old = summary_find(&before.summary, result->bench->name, result->arm);
		if (old)
			print_change(old, result);
		else
			print_lonely(result, "after only");
	}
	for (i = 0; i < before.summary.nr; i++) {
		result = &before.summary.at[i];
		if (!summary_find(&after.summary, result->bench->name, result->arm))
			print_lonely(result, "before only");
	}
	print_differences(&before, &after);
out:
	free_side(&before);
	free_side(&after);
	return error == -EINVAL ? EXIT_STATUS_USAGE : error ? EXIT_STATUS_FAILED : EXIT_STATUS_WELL;
}
