/* SPDX-License-Identifier: MIT */
/* What the samples say. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "guest/tinybench/base/alloc.h"
#include "guest/tinybench/data/summary.h"

/* The same seed for the same data, so that a report made again has the same figures. */
static uint64_t bootstrap_seed(const struct dataset *data)
{
	json_t *seed = json_object_get(json_array_get(data->runs, 0), "seed");

	return seed ? (uint64_t)json_integer_value(seed) : 1;
}

static void estimate_ratio(struct result *result, const struct dataset *data,
			   const struct rounds *rounds, uint64_t seed)
{
	struct dataset *names = (struct dataset *)data; /* looks up, adds nothing: it is there */
	struct rounds base;
	double *values, *bases;
	size_t i, j = 0, nr = 0;
	bool has_zero = false;

	dataset_rounds(data, result->bench, dataset_arm(names, SUMMARY_BASE), &base);
	values = xcalloc(rounds->nr + 1, sizeof(*values));
	bases = xcalloc(rounds->nr + 1, sizeof(*bases));
	for (i = 0; i < rounds->nr; i++) {
		while (j < base.nr && base.round[j] < rounds->round[i])
			j++;
		if (j == base.nr || base.round[j] != rounds->round[i])
			continue;
		has_zero = has_zero || base.value[j] <= 0;
		values[nr] = rounds->value[i];
		bases[nr++] = base.value[j];
	}
	/* Without the rounds in which native has 0, the others would say too much. */
	if (has_zero)
		result->no_ratio = "native has 0";
	else if (nr == 0 && base.nr)
		result->no_ratio = "native ran in other rounds";
	else
		stats_estimate_ratio(values, bases, nr, seed, &result->ratio);
	free(values);
	free(bases);
	rounds_free(&base);
}

static unsigned int count_failed(const struct dataset *data, const struct bench *bench,
				 const char *arm)
{
	unsigned int nr = 0;
	size_t i;

	for (i = 0; i < data->nr_notes; i++)
		nr += data->notes[i].error && data->notes[i].bench == bench &&
		      data->notes[i].arm == arm;
	return nr;
}

static void make_result(struct result *result, const struct dataset *data,
			const struct bench *bench, const char *arm)
{
	const struct note *note = dataset_note(data, bench, arm);
	uint64_t seed = bootstrap_seed(data);
	struct rounds rounds;

	memset(result, 0, sizeof(*result));
	result->bench = bench;
	result->arm = arm;
	dataset_rounds(data, bench, arm, &rounds);
	stats_estimate(rounds.value, rounds.nr, seed, &result->value);
	if (rounds.nr && strcmp(arm, SUMMARY_BASE) != 0 && names_have(&data->arms, SUMMARY_BASE))
		estimate_ratio(result, data, &rounds, seed);
	rounds_free(&rounds);
	if (note) {
		result->why_not = note->text;
		result->failed = note->error;
		result->nr_failed = count_failed(data, bench, arm);
	}
}

void summary_make(struct summary *summary, const struct dataset *data)
{
	struct result result;
	size_t i, j;

	memset(summary, 0, sizeof(*summary));
	for (i = 0; i < data->benches.nr; i++) {
		for (j = 0; j < data->arms.nr; j++) {
			make_result(&result, data, data->benches.at[i], data->arms.at[j]);
			if (result.value.nr == 0 && !result.why_not)
				continue; /* was not asked for */
			summary->at = xgrow(summary->at, summary->nr, &summary->capacity,
					    sizeof(*summary->at));
			summary->at[summary->nr++] = result;
		}
	}
}

void summary_free(struct summary *summary)
{
	free(summary->at);
	memset(summary, 0, sizeof(*summary));
}

const struct result *summary_find(const struct summary *summary, const char *bench, const char *arm)
{
	size_t i;

	for (i = 0; i < summary->nr; i++)
		if (strcmp(summary->at[i].bench->name, bench) == 0 &&
		    strcmp(summary->at[i].arm, arm) == 0)
			return &summary->at[i];
	return NULL;
}

double summary_widest(const struct result *result)
{
	const struct estimate *estimate = result->ratio.nr ? &result->ratio : &result->value;

	if (estimate->nr < STATS_MIN_VALUES)
		return INFINITY;
	if (estimate->hi - estimate->lo <= 0) /* of zero, too */
		return 0;
	return 50 * (estimate->hi - estimate->lo) / fabs(estimate->median);
}

void summary_format_percent(double percent, char *text, size_t size)
{
	(void)snprintf(text, size, fabs(percent) < 99.5 ? "%+.2g" : "%+.0f", percent);
}

static void say_ratio(const struct result *result, char *text, size_t size)
{
	const struct estimate *ratio = &result->ratio;
	enum verdict verdict = stats_verdict(ratio);
	double percent = 100 * (ratio->median - 1);
	char number[32];
	bool better;

	switch (verdict) {
	case VERDICT_TOO_FEW:
		(void)snprintf(text, size, "%zu round%s too few to say", ratio->nr,
			       ratio->nr == 1 ? " is" : "s are");
		break;
	case VERDICT_SAME:
		if (ratio->detectable <= 0) {
			(void)snprintf(text, size,
				       "no difference seen: the same figure in all %zu rounds",
				       ratio->nr);
			break;
		}
		summary_format_percent(100 * ratio->detectable, number, sizeof(number));
		(void)snprintf(text, size, "no difference seen, down to %s %%", number + 1);
		break;
	default:
		better = (verdict == VERDICT_HIGHER) == result->bench->higher_is_better;
		summary_format_percent(percent, number, sizeof(number));
		if (fabs(percent) >= 200)
			(void)snprintf(text, size, "%.3g times as much: %s", ratio->median,
				       better ? "better" : "worse");
		else
			(void)snprintf(text, size, "%s %%: %s", number,
				       better ? "better" : "worse");
	}
}

void summary_say(const struct result *result, char *text, size_t size)
{
	size_t length;

	text[0] = '\0';
	if (result->value.nr == 0) {
		(void)snprintf(text, size, "%s: %s", result->failed ? "failed" : "not measured",
			       result->why_not);
		return;
	}
	if (result->ratio.nr)
		say_ratio(result, text, size);
	else if (result->no_ratio)
		(void)snprintf(text, size, "no ratio: %s", result->no_ratio);
	length = strlen(text);
	if (result->failed)
		(void)snprintf(text + length, size - length, "%s%u other run%s failed: %s",
			       length ? "; " : "", result->nr_failed,
			       result->nr_failed == 1 ? "" : "s", result->why_not);
}
