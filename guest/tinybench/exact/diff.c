/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "guest/tinybench/base/alloc.h"
#include "guest/tinybench/base/file.h"
#include "guest/tinybench/base/names.h"
#include "guest/tinybench/base/status.h"
#include "guest/tinybench/exact/diff.h"
#include "guest/tinybench/exact/places.h"
#include "guest/tinybench/exact/result.h"
#include "guest/tinybench/exact/show.h"

/* A function in either result. */
struct change {
	const char *label, *column;
	double before, after;
	bool was, is;
};

struct changes {
	struct change *at;
	size_t nr, capacity;
};

static const char *text_of(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text ? text : "";
}

/* ---- versions
 * ------------------------------------------------------------------------------------ */

/* Counts of two kernels may be compared: that is a question. But not silently. */
static void warn_of_versions(FILE *file, const json_t *before, const json_t *after)
{
	const json_t *other = json_object_get(after, "versions");
	const char *key;
	json_t *value;

	json_object_foreach(json_object_get(before, "versions"), key, value)
	{
		if (strcmp(json_string_value(value), text_of(other, key)) != 0)
			fprintf(file, "! %s differs: \"%s\" and \"%s\"\n", key,
				json_string_value(value), text_of(other, key));
	}
	if (strcmp(text_of(before, "kernel_words"), text_of(after, "kernel_words")) != 0)
		fprintf(file, "! kernel words differ: \"%s\" and \"%s\"\n",
			text_of(before, "kernel_words"), text_of(after, "kernel_words"));
}

/* ---- one result
 * ---------------------------------------------------------------------------------- */

static void show_line(FILE *file, const char *what, double before, double after)
{
	json_t *numbers[3] = {json_real(before), json_real(after), json_real(after - before)};
	char text[3][32];

	for (size_t i = 0; i < 3; i++) {
		double value = json_number_value(numbers[i]);

		if (value == round(value)) {
			json_decref(numbers[i]);
			numbers[i] = json_integer((json_int_t)value);
		}
		show_count(text[i], numbers[i]);
		json_decref(numbers[i]);
	}
	fprintf(file, "  %12s %12s %c%-10s %s\n", text[0], text[1], after > before ? '+' : ' ',
		text[2], what);
}

static void show_numbers(FILE *file, const json_t *before, const json_t *after, const char *key)
{
	const json_t *old = json_object_get(before, key), *new = json_object_get(after, key);
	const char *name;
	json_t *value;

	json_object_foreach(json_object_get(before, key), name, value)
	{
		double was = json_number_value(value);
		double is = json_number_value(json_object_get(new, name));

		if (was != is)
			show_line(file, name, was, is);
	}
	json_object_foreach(json_object_get(after, key), name,
			    value) if (!json_object_get(old, name) && json_number_value(value) != 0)
		show_line(file, name, 0, json_number_value(value));
}

static struct change *find_change(struct changes *changes, const char *label, const char *column)
{
	for (size_t i = 0; i < changes->nr; i++)
		if (strcmp(changes->at[i].label, label) == 0)
			return &changes->at[i];
	changes->at = xgrow(changes->at, changes->nr, &changes->capacity, sizeof(changes->at[0]));
	changes->at[changes->nr] = (struct change){.label = label, .column = column};
	return &changes->at[changes->nr++];
}

static void add_functions(struct changes *changes, const json_t *result, bool is_after)
{
	const json_t *row;
	size_t i;

	json_array_foreach(json_object_get(result, "functions"), i, row)
	{
		struct change *change =
			find_change(changes, json_string_value(json_array_get(row, 0)),
				    json_string_value(json_array_get(row, 1)));
		double self = json_number_value(json_array_get(row, 2));

		*(is_after ? &change->after : &change->before) += self;
		*(is_after ? &change->is : &change->was) = true;
	}
}

static int by_weight(const void *a, const void *b)
{
	const struct change *x = a, *y = b;
	double left = fabs(x->after - x->before), right = fabs(y->after - y->before);

	if (left != right)
		return left > right ? -1 : 1;
	return strcmp(x->label, y->label);
}

static void show_changes(FILE *file, const json_t *before, const json_t *after)
{
	struct changes changes = {0};

	add_functions(&changes, before, false);
	add_functions(&changes, after, true);
	if (changes.nr)
		qsort(changes.at, changes.nr, sizeof(changes.at[0]), by_weight);
	for (size_t i = 0; i < changes.nr; i++) {
		const struct change *change = &changes.at[i];
		char *what;

		if (change->before == change->after)
			continue;
		what = xasprintf("%-10s %s%s", change->column, change->label,
				 !change->was  ? "  (only after)"
				 : !change->is ? "  (only before)"
					       : "");
		show_line(file, what, change->before, change->after);
		free(what);
	}
	free(changes.at);
}

static void diff_one(FILE *file, const json_t *before, const json_t *after)
{
	double was = json_number_value(json_object_get(before, "total"));
	double is = json_number_value(json_object_get(after, "total"));
	const json_t *old_reason = json_object_get(before, "reason");
	const json_t *new_reason = json_object_get(after, "reason");

	if (old_reason && new_reason)
		return;
	if (strcmp(text_of(before, "arm"), text_of(after, "arm")) == 0)
		fprintf(file, "\n%s, %s\n", text_of(before, "bench"), text_of(before, "arm"));
	else
		fprintf(file, "\n%s, %s and %s\n", text_of(before, "bench"), text_of(before, "arm"),
			text_of(after, "arm"));
	if (old_reason || new_reason) {
		fprintf(file, "  not counted %s: %s\n", old_reason ? "before" : "after",
			json_string_value(old_reason ? old_reason : new_reason));
		return;
	}
	show_line(file, "total", was, is);
	if (json_equal(json_object_get(before, "functions"), json_object_get(after, "functions")) &&
	    json_equal(json_object_get(before, "events"), json_object_get(after, "events"))) {
		fprintf(file, "  equal, function by function\n");
		return;
	}
	show_numbers(file, before, after, "columns");
	show_numbers(file, before, after, "events");
	show_numbers(file, before, after, "syscalls");
	fprintf(file, "  functions:\n");
	show_changes(file, before, after);
}

/* The only arm of the results, or NULL. */
static const char *only_arm(const json_t *results)
{
	const char *arm = NULL;
	const json_t *result;
	size_t i;

	json_array_foreach(json_object_get(results, "results"), i, result)
	{
		if (arm && strcmp(arm, text_of(result, "arm")) != 0)
			return NULL;
		arm = text_of(result, "arm");
	}
	return arm;
}

size_t diff_results(FILE *file, const json_t *before, const json_t *after)
{
	const char *only = only_arm(before) ? only_arm(after) : NULL;
	const json_t *result;
	size_t nr = 0, i;

	warn_of_versions(file, before, after);
	json_array_foreach(json_object_get(before, "results"), i, result)
	{
		const json_t *other = results_find(after, only ? only : text_of(result, "arm"),
						   text_of(result, "bench"));

		if (!other)
			continue;
		diff_one(file, result, other);
		nr++;
	}
	return nr;
}

/* Leaves the results of one arm, whose directory has that name (output.h). */
static void keep_arm(json_t *results, const char *name)
{
	json_t *list = json_object_get(results, "results");

	for (size_t i = json_array_size(list); i-- > 0;) {
		char *arm = xstrdup(text_of(json_array_get(list, i), "arm"));

		for (char *c = arm; *c; c++)
			if (*c == '/')
				*c = '_';
		if (strcmp(arm, name) != 0)
			json_array_remove(list, i);
		free(arm);
	}
}

/* Of a directory of results, or of one arm's in it. */
static json_t *load_side(const char *path, struct err *err)
{
	char *file = xasprintf("%s/" RESULT_FILE, path), *copy, *slash;
	bool is_whole = file_exists(file);
	json_t *results;

	free(file);
	if (is_whole)
		return results_load(path, err);
	copy = xstrdup(path);
	while ((slash = strrchr(copy, '/')) && slash[1] == '\0')
		*slash = '\0';
	if (!slash) {
		free(copy);
		return results_load(path, err);
	}
	*slash = '\0';
	results = results_load(copy, err);
	if (results)
		keep_arm(results, slash + 1);
	free(copy);
	return results;
}

int diff_directories(FILE *file, const char *before, const char *after, struct err *err)
{
	json_t *old = load_side(before, err);
	json_t *new = old ? load_side(after, err) : NULL;
	int status = BENCH_STATUS_OK;

	if (!new) {
		(void)err_prefix(err, -EINVAL, "--diff");
		status = BENCH_STATUS_USAGE;
	} else if (diff_results(file, old, new) == 0) {
		(void)err_set(err, -ENOENT,
			      "--diff: %s and %s have no benchmark of one arm in common", before,
			      after);
		status = BENCH_STATUS_FAILED;
	}
	json_decref(old);
	json_decref(new);
	return status;
}
