/* SPDX-License-Identifier: MIT */
/* DIR/samples.jsonl: reading and writing what was measured. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "guest/tinybench/base/alloc.h"
#include "guest/tinybench/data/dataset.h"
#include "guest/tinybench/base/file.h"

/* 12 significant digits: no clock is better, and 0.1 stays 0.1. */
#define JSON_FORMAT (JSON_COMPACT | JSON_REAL_PRECISION(12))

static void write_object(FILE *file, json_t *object)
{
	json_dumpf(object, file, JSON_FORMAT);
	fputc('\n', file);
}

static void write_sample(FILE *file, const struct sample *sample)
{
	json_t *object = json_pack("{s:s, s:s, s:s, s:i, s:i, s:f, s:s, s:s, s:b}", "type",
				   "sample", "bench", sample->bench->name, "arm", sample->arm,
				   "round", (int)sample->round, "i", (int)sample->index, "value",
				   sample->value, "unit", sample->bench->unit, "better",
				   sample->bench->higher_is_better ? "higher" : "lower", "warmup",
				   (int)sample->warmup);

	write_object(file, object);
	json_decref(object);
}

static void write_note(FILE *file, const struct note *note)
{
	json_t *object =
		json_pack("{s:s, s:s, s:i, s:s}", "type", note->error ? "error" : "skip", "arm",
			  note->arm, "round", (int)note->round, "reason", note->text);

	if (note->bench)
		json_object_set_new(object, "bench", json_string(note->bench->name));
	write_object(file, object);
	json_decref(object);
}

static void write_objects(FILE *file, const json_t *array)
{
	size_t i;

	for (i = 0; i < json_array_size(array); i++)
		write_object(file, json_array_get(array, i));
}

static void write_all(FILE *file, const void *opaque)
{
	const struct dataset *data = opaque;
	size_t i;

	write_objects(file, data->runs);
	for (i = 0; i < data->nr_samples; i++)
		write_sample(file, &data->samples[i]);
	for (i = 0; i < data->nr_notes; i++)
		write_note(file, &data->notes[i]);
	write_objects(file, data->series);
}

int dataset_save(const struct dataset *data, const char *dir, struct reason *reason)
{
	return file_replace(dir, DATASET_FILE, write_all, data, reason);
}

/* ---- reading ---- */

static int take_sample(struct dataset *data, json_t *object)
{
	const char *bench, *arm, *unit, *better;
	struct sample sample = {0};
	int round, index, warmup;
	double value;

	if (json_unpack(object, "{s:s, s:s, s:i, s:i, s:F, s:s, s:s, s:b}", "bench", &bench, "arm",
			&arm, "round", &round, "i", &index, "value", &value, "unit", &unit,
			"better", &better, "warmup", &warmup) < 0 ||
	    round < 0 || round > 1000000 || index < 0 || !isfinite(value))
		return -EPROTO;
	sample.bench = catalog_add(&data->benches, bench, unit, strcmp(better, "higher") == 0, "");
	sample.arm = dataset_arm(data, arm);
	sample.round = (unsigned int)round;
	sample.index = (unsigned int)index;
	sample.warmup = warmup;
	sample.value = value;
	dataset_add_sample(data, &sample);
	return 0;
}

static int take_note(struct dataset *data, json_t *object, bool error)
{
	const char *name = NULL, *arm, *text;
	const struct bench *bench = NULL;
	int round;

	if (json_unpack(object, "{s?s, s:s, s:i, s:s}", "bench", &name, "arm", &arm, "round",
			&round, "reason", &text) < 0 ||
	    round < 0 || round > 1000000)
		return -EPROTO;
	if (name)
		bench = catalog_add(&data->benches, name, "", false, "");
	dataset_add_note(data, bench, dataset_arm(data, arm), (unsigned int)round, error, text);
	return 0;
}

/* The benchmarks that a run lists, with unit and sentence, whether they have samples or not. */
static void take_catalog(struct dataset *data, json_t *run)
{
	json_t *benches = json_object_get(run, "benches");
	const char *name, *unit, *better, *text;
	size_t i;

	for (i = 0; i < json_array_size(benches); i++)
		if (json_unpack(json_array_get(benches, i), "{s:s, s:s, s:s, s:s}", "bench", &name,
				"unit", &unit, "better", &better, "text", &text) == 0)
			catalog_add(&data->benches, name, unit, strcmp(better, "higher") == 0,
				    text);
}

/* In the order in which they were asked for, and not in that of chance. */
static void take_arms(struct dataset *data, json_t *run)
{
	json_t *arms = json_object_get(run, "arms");
	void *at;

	for (at = json_object_iter(arms); at; at = json_object_iter_next(arms, at))
		dataset_arm(data, json_object_iter_key(at));
}

static int take_line(struct dataset *data, const char *line)
{
	json_t *object = json_loads(line, 0, NULL);
	const char *type = json_string_value(json_object_get(object, "type"));
	int error = 0;

	if (!type) {
		error = -EPROTO;
	} else if (strcmp(type, "run") == 0) {
		json_array_append(data->runs, object);
		take_catalog(data, object);
		take_arms(data, object);
	} else if (strcmp(type, "sample") == 0) {
		error = take_sample(data, object);
	} else if (strcmp(type, "skip") == 0 || strcmp(type, "error") == 0) {
		error = take_note(data, object, type[0] == 'e');
	} else if (strcmp(type, "series") == 0) {
		json_array_append(data->series, object);
	} else {
		error = -EPROTO;
	}
	json_decref(object);
	return error;
}

int dataset_load(struct dataset *data, const char *dir, struct reason *reason)
{
	char *path = xasprintf("%s/" DATASET_FILE, dir), *line = NULL;
	size_t size = 0, number = 0;
	FILE *file = fopen(path, "re");
	int error = 0;

	if (!file) {
		if (errno != ENOENT)
			error = reason_set(reason, -errno, "%s: cannot open: %s", path,
					   strerror(errno));
		goto out;
	}
	while (!error && getline(&line, &size, file) > 0) {
		number++;
		if (take_line(data, line) < 0)
			error = reason_set(reason, -EPROTO,
					   "%s:%zu: not a line of tinybench; repair or remove it",
					   path, number);
	}
	free(line);
	fclose(file);
out:
	free(path);
	return error;
}
