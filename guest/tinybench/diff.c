/* SPDX-License-Identifier: MIT */
/* `tinybench diff DIR1 DIR2`: what changed from one result to the other. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "guest/tinybench/base/status.h"
#include "guest/tinybench/base/text.h"
#include "guest/tinybench/data/summary.h"
#include "guest/tinybench/diff.h"
#include "guest/tinybench/report/table.h"
#include "vmm/core/array.h"

struct side {
	struct dataset data;
	struct summary summary;
};

static int load_side(struct side *side, const char *dir, struct err *err)
{
	int ret;

	dataset_init(&side->data);
	ret = dataset_load_result(&side->data, dir, err);
	if (!ret)
		summary_make(&side->summary, &side->data);
	return ret;
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
	char *a, *b;
	size_t i;

	for (i = 0; i < NR_OF(facts); i++) {
		a = text_shown(fact(before, facts[i][0], facts[i][1]));
		b = text_shown(fact(after, facts[i][0], facts[i][1]));
		if (strcmp(a, b) != 0)
			printf("differs: %s: %s, then %s\n", facts[i][1], a, b);
		free(a);
		free(b);
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
	stats_estimate_unpaired(&before->value, &after->value, &change.ratio);
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

static void print_all(const struct side *before, const struct side *after)
{
	const struct result *result, *old;
	size_t i;

	printf("%-22s %-14s %10s %10s %-7s %s\n", "benchmark", "arm", "before", "after", "unit",
	       "after / before");
	for (i = 0; i < after->summary.nr; i++) {
		result = &after->summary.at[i];
		old = summary_find(&before->summary, result->bench->name, result->arm);
		if (old)
			print_change(old, result);
		else
			print_lonely(result, "after only");
	}
	for (i = 0; i < before->summary.nr; i++) {
		result = &before->summary.at[i];
		if (!summary_find(&after->summary, result->bench->name, result->arm))
			print_lonely(result, "before only");
	}
	print_differences(before, after);
}

int diff_command(const struct settings *settings, struct err *err)
{
	struct side before = {0}, after = {0};
	int ret = load_side(&before, settings->dirs[0], err);

	if (!ret)
		ret = load_side(&after, settings->dirs[1], err);
	if (!ret)
		print_all(&before, &after);
	free_side(&before);
	free_side(&after);
	return bench_status(ret);
}
