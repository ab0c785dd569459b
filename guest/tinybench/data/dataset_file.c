/* SPDX-License-Identifier: MIT */
/* DIR/samples.jsonl.gz: reading and writing what was measured. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "guest/tinybench/base/alloc.h"
#include "guest/tinybench/base/file.h"
#include "guest/tinybench/base/gzip.h"
#include "guest/tinybench/base/text.h"
#include "guest/tinybench/data/dataset.h"

/* 12 significant digits: no clock is better, and 0.1 stays 0.1. */
#define JSON_FORMAT (JSON_COMPACT | JSON_REAL_PRECISION(12))

/* Takes the reference. NULL is what has no form in JSON: a number that is none, or no UTF-8. */
static int write_object(FILE *file, json_t *object)
{
	int ret = object && json_dumpf(object, file, JSON_FORMAT) == 0 && fputc('\n', file) != EOF
			  ? 0
			  : -EILSEQ;

	json_decref(object);
	return ret;
}

static int write_sample(FILE *file, const struct sample *sample)
{
	return write_object(file,
			    json_pack("{s:s, s:s, s:s, s:i, s:i, s:f, s:s, s:s, s:b}", "type",
				      "sample", "bench", sample->bench->name, "arm", sample->arm,
				      "round", (int)sample->round, "i", (int)sample->index, "value",
				      sample->value, "unit", sample->bench->unit, "better",
				      sample->bench->higher_is_better ? "higher" : "lower",
				      "warmup", (int)sample->warmup));
}

static int write_note(FILE *file, const struct note *note)
{
	json_t *object =
		json_pack("{s:s, s:s, s:i, s:s}", "type", note->error ? "error" : "skip", "arm",
			  note->arm, "round", (int)note->round, "reason", note->text);

	if (note->bench)
		json_object_set_new(object, "bench", json_string(note->bench->name));
	return write_object(file, object);
}

static int write_objects(FILE *file, const json_t *array)
{
	size_t i;
	int ret = 0;

	for (i = 0; !ret && i < json_array_size(array); i++)
		ret = write_object(file, json_incref(json_array_get(array, i)));
	return ret;
}

static int write_lines(FILE *file, const struct dataset *data)
{
	int ret = write_objects(file, data->runs);
	size_t i;

	for (i = 0; !ret && i < data->nr_samples; i++)
		ret = write_sample(file, &data->samples[i]);
	for (i = 0; !ret && i < data->nr_notes; i++)
		ret = write_note(file, &data->notes[i]);
	return ret ? ret : write_objects(file, data->series);
}

static int write_compressed(FILE *file, const void *opaque)
{
	char *text = NULL;
	size_t length = 0;
	FILE *lines = open_memstream(&text, &length);
	int ret;

	if (!lines)
		return -errno;
	ret = write_lines(lines, opaque);
	if (fclose(lines) != 0 && !ret)
		ret = -ENOMEM;
	if (!ret)
		ret = gzip_write(file, text, length);
	free(text);
	return ret;
}

int dataset_save(struct dataset *data, const char *dir, struct err *err)
{
	int ret = file_replace(dir, DATASET_FILE, write_compressed, data, err);
	char *plain;

	if (ret || !data->from_plain)
		return ret;
	plain = xasprintf("%s/" DATASET_PLAIN, dir);
	unlink(plain); /* what it had is in the other now */
	free(plain);
	data->from_plain = false;
	return 0;
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
	    round < 0 || round > 1000000 || index < 0 || !isfinite(value) ||
	    !text_is_plain(bench) || !text_is_plain(arm) || !text_is_plain(unit))
		return -EPROTO;
	if (value < 0)
		return -ERANGE;
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
	    round < 0 || round > 1000000 || (name && !text_is_plain(name)) || !text_is_plain(arm))
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
				"unit", &unit, "better", &better, "text", &text) == 0 &&
		    text_is_plain(name) && text_is_plain(unit))
			catalog_add(&data->benches, name, unit, strcmp(better, "higher") == 0,
				    text);
}

/* In the order in which they were asked for, and not in that of chance. */
static int take_arms(struct dataset *data, json_t *run)
{
	json_t *arms = json_object_get(run, "arms");
	void *at;

	for (at = json_object_iter(arms); at; at = json_object_iter_next(arms, at)) {
		if (!text_is_plain(json_object_iter_key(at)))
			return -EPROTO;
		dataset_arm(data, json_object_iter_key(at));
	}
	return 0;
}

static int take_line(struct dataset *data, const char *line)
{
	json_t *object = json_loads(line, 0, NULL);
	const char *type = json_string_value(json_object_get(object, "type"));
	int ret = 0;

	if (!type) {
		ret = -EPROTO;
	} else if (strcmp(type, "run") == 0) {
		json_array_append(data->runs, object);
		take_catalog(data, object);
		ret = take_arms(data, object);
	} else if (strcmp(type, "sample") == 0) {
		ret = take_sample(data, object);
	} else if (strcmp(type, "skip") == 0 || strcmp(type, "error") == 0) {
		ret = take_note(data, object, type[0] == 'e');
	} else if (strcmp(type, "series") == 0) {
		json_array_append(data->series, object);
	} else {
		ret = -EPROTO;
	}
	json_decref(object);
	return ret;
}

static int take_lines(struct dataset *data, char *text, const char *path, struct err *err)
{
	char *cursor = text, *line;
	size_t number = 0;
	int ret = 0;

	while (!ret && (line = strsep(&cursor, "\n"))) {
		number++;
		if (!cursor && *line == '\0') /* behind the last one */
			break;
		ret = take_line(data, line);
	}
	if (ret)
		err_set(err, ret, "%s:%zu: %s; repair or remove it", path, number,
			ret == -ERANGE ? "the value is below 0, which no benchmark measures"
				       : "not a line of tinybench");
	return ret;
}

/* *found: there is such a file. */
static int load_file(struct dataset *data, const char *path, bool *found, struct err *err)
{
	int ret;
	char *text = gzip_read(path, &ret, err);

	*found = text != NULL;
	if (!text)
		return ret;
	ret = take_lines(data, text, path, err);
	free(text);
	return ret;
}

int dataset_load(struct dataset *data, const char *dir, struct err *err)
{
	char *compressed = xasprintf("%s/" DATASET_FILE, dir);
	char *plain = xasprintf("%s/" DATASET_PLAIN, dir);
	bool found;
	int ret = load_file(data, compressed, &found, err);

	if (!ret && !found)
		ret = load_file(data, plain, &data->from_plain, err);
	free(compressed);
	free(plain);
	return ret;
}

int dataset_load_result(struct dataset *data, const char *dir, struct err *err)
{
	int ret = dataset_load(data, dir, err);

	if (!ret && json_array_size(data->runs) == 0)
		ret = err_set(err, -EINVAL, "%s has no results (" DATASET_FILE ")", dir);
	return ret;
}
