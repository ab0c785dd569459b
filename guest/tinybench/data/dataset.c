/* SPDX-License-Identifier: MIT */
/* All that was measured, in memory. */
#include <stdlib.h>
#include <string.h>

#include "guest/tinybench/base/alloc.h"
#include "guest/tinybench/base/text.h"
#include "guest/tinybench/data/dataset.h"
#include "guest/tinybench/data/stats.h"
#include "vmm/core/array.h"

void dataset_init(struct dataset *data)
{
	memset(data, 0, sizeof(*data));
	data->runs = json_array();
	data->series = json_array();
}

void dataset_free(struct dataset *data)
{
	size_t i;

	for (i = 0; i < data->nr_notes; i++)
		free(data->notes[i].text);
	free(data->notes);
	free(data->samples);
	names_free(&data->arms);
	catalog_free(&data->benches);
	json_decref(data->runs);
	json_decref(data->series);
	memset(data, 0, sizeof(*data));
}

const char *dataset_arm(struct dataset *data, const char *name)
{
	size_t i;

	for (i = 0; i < data->arms.nr; i++)
		if (strcmp(data->arms.at[i], name) == 0)
			return data->arms.at[i];
	names_add(&data->arms, name);
	return data->arms.at[data->arms.nr - 1];
}

void dataset_add_sample(struct dataset *data, const struct sample *sample)
{
	data->samples = xgrow(data->samples, data->nr_samples, &data->samples_capacity,
			      sizeof(*data->samples));
	data->samples[data->nr_samples++] = *sample;
}

void dataset_add_note(struct dataset *data, const struct bench *bench, const char *arm,
		      unsigned int round, bool error, const char *text)
{
	struct note note = {bench, arm, round, error, text_printable(text)};

	data->notes =
		xgrow(data->notes, data->nr_notes, &data->notes_capacity, sizeof(*data->notes));
	data->notes[data->nr_notes++] = note;
}

void dataset_forget_arm_notes(struct dataset *data, const char *arm)
{
	size_t i, kept = 0;

	for (i = 0; i < data->nr_notes; i++) {
		if (!data->notes[i].bench && data->notes[i].arm == arm)
			free(data->notes[i].text);
		else
			data->notes[kept++] = data->notes[i];
	}
	data->nr_notes = kept;
}

const struct note *dataset_note(const struct dataset *data, const struct bench *bench,
				const char *arm)
{
	const struct note *note;
	size_t i;

	for (i = data->nr_notes; i > 0; i--) {
		note = &data->notes[i - 1];
		if (note->arm == arm && note->bench == bench)
			return note;
	}
	return NULL;
}

bool dataset_has(const struct dataset *data, const struct bench *bench, const char *arm)
{
	size_t i;

	for (i = 0; i < data->nr_samples; i++)
		if (data->samples[i].arm == arm && data->samples[i].bench == bench)
			return true;
	return dataset_note(data, bench, arm) != NULL;
}

unsigned int dataset_next_round(const struct dataset *data)
{
	unsigned int next = 0;
	size_t i;

	for (i = 0; i < data->nr_samples; i++)
		if (data->samples[i].round >= next)
			next = data->samples[i].round + 1;
	for (i = 0; i < data->nr_notes; i++)
		if (data->notes[i].bench && data->notes[i].round >= next)
			next = data->notes[i].round + 1;
	return next;
}

static int compare_rounds(const void *a, const void *b)
{
	const struct sample *x = a, *y = b;

	return (x->round > y->round) - (x->round < y->round);
}

/* Those of one benchmark in one arm that are no warm-up, by round; how many. */
static size_t pick_samples(const struct dataset *data, const struct bench *bench, const char *arm,
			   struct sample *picked)
{
	const struct sample *sample;
	size_t nr = 0;

	for (sample = data->samples; sample < data->samples + data->nr_samples; sample++)
		if (sample->arm == arm && sample->bench == bench && !sample->warmup)
			picked[nr++] = *sample;
	qsort(picked, nr, sizeof(*picked), compare_rounds);
	return nr;
}

void dataset_rounds(const struct dataset *data, const struct bench *bench, const char *arm,
		    struct rounds *rounds)
{
	struct sample *picked = xcalloc(data->nr_samples + 1, sizeof(*picked));
	size_t nr = pick_samples(data, bench, arm, picked), first, end, i;
	double *values = xcalloc(nr + 1, sizeof(*values));

	rounds->nr = 0;
	rounds->round = xcalloc(nr + 1, sizeof(*rounds->round));
	rounds->value = xcalloc(nr + 1, sizeof(*rounds->value));
	for (first = 0; first < nr; first = end) {
		for (end = first; end < nr && picked[end].round == picked[first].round; end++)
			;
		for (i = first; i < end; i++)
			values[i - first] = picked[i].value;
		rounds->round[rounds->nr] = picked[first].round;
		rounds->value[rounds->nr++] = stats_median(values, end - first);
	}
	free(values);
	free(picked);
}

void rounds_free(struct rounds *rounds)
{
	free(rounds->round);
	free(rounds->value);
	memset(rounds, 0, sizeof(*rounds));
}

json_t *dataset_run_arms(const struct dataset *data)
{
	json_t *arms = json_object();

	for (size_t i = 0; i < json_array_size(data->runs); i++)
		json_object_update(arms, json_object_get(json_array_get(data->runs, i), "arms"));
	return arms;
}

static bool has_text(const json_t *array, const json_t *text)
{
	for (size_t i = 0; i < json_array_size(array); i++)
		if (json_equal(json_array_get(array, i), text))
			return true;
	return false;
}

static const json_t *host_fact(const struct dataset *data, size_t run, const char *key)
{
	return json_object_get(json_object_get(json_array_get(data->runs, run), "host"), key);
}

/* Rounds of two machines in one result are no rounds of one machine. */
static void warn_of_other_hosts(json_t *warnings, const struct dataset *data)
{
	static const char *const keys[] = {"cpu", "kernel", "kvm", "tinyvmm", "tinyvmm_build"};
	const char *first, *other;

	for (size_t i = 1; i < json_array_size(data->runs); i++)
		for (size_t j = 0; j < NR_OF(keys); j++) {
			first = json_string_value(host_fact(data, i - 1, keys[j]));
			other = json_string_value(host_fact(data, i, keys[j]));
			if (first && other && strcmp(first, other) != 0)
				json_array_append_new(
					warnings,
					json_sprintf("the rounds are of runs that differ in %s: "
						     "\"%s\", then \"%s\"",
						     keys[j], first, other));
		}
}

json_t *dataset_run_warnings(const struct dataset *data)
{
	json_t *all = json_array(), *warnings, *text;

	for (size_t i = 0; i < json_array_size(data->runs); i++) {
		warnings = json_object_get(json_array_get(data->runs, i), "warnings");
		for (size_t j = 0; j < json_array_size(warnings); j++) {
			text = json_array_get(warnings, j);
			if (!has_text(all, text))
				json_array_append(all, text);
		}
	}
	warn_of_other_hosts(all, data);
	return all;
}
