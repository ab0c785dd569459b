/* SPDX-License-Identifier: MIT */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "guest/tinybench/base/alloc.h"
#include "guest/tinybench/base/names.h"
#include "guest/tinybench/exact/places.h"
#include "guest/tinybench/exact/show.h"
#include "vmm/core/array.h"

static const char *text_of(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text ? text : "";
}

char *show_count(char *text, const json_t *count)
{
	double value = json_number_value(count);
	long long whole = (long long)fabs(value);
	const char *sign = value < 0 ? "-" : "";
	int at = 0;

	/* A share of a few is of interest to its tenth, one of thousands is not. */
	if (!json_is_integer(count) && fabs(value) < 1000) {
		(void)snprintf(text, 32, "%.2f", value);
		return text;
	}
	if (!json_is_integer(count))
		whole = llround(fabs(value));
	if (whole >= 1000000000)
		at = snprintf(text, 32, "%s%lld,%03lld,%03lld,%03lld", sign, whole / 1000000000,
			      whole / 1000000 % 1000, whole / 1000 % 1000, whole % 1000);
	else if (whole >= 1000000)
		at = snprintf(text, 32, "%s%lld,%03lld,%03lld", sign, whole / 1000000,
			      whole / 1000 % 1000, whole % 1000);
	else if (whole >= 1000)
		at = snprintf(text, 32, "%s%lld,%03lld", sign, whole / 1000, whole % 1000);
	else
		at = snprintf(text, 32, "%s%lld", sign, whole);
	(void)at;
	return text;
}

/* ---- accounts
 * ------------------------------------------------------------------------------------ */

static const struct event_column {
	const char *key, *head;
} event_columns[] = {
	{"vmrun", "vmrun"},	  {"context_switches", "switches"}, {"interrupts", "irqs"},
	{"injected", "injected"}, {"page_faults", "faults"},
};

static void show_head(FILE *file, const char *bench, int arm_width)
{
	fprintf(file, "\n%s\n  %-*s %11s", bench, arm_width, "arm", "total");
	for (size_t i = 0; i < NR_COLUMNS; i++)
		fprintf(file, " %10s", column_names[i]);
	fprintf(file, " |");
	for (size_t i = 0; i < NR_OF(event_columns); i++)
		fprintf(file, " %8s", event_columns[i].head);
	fprintf(file, " | system calls\n");
}

static void show_syscalls(FILE *file, const json_t *result)
{
	const char *name, *comma = " ";
	json_t *count;
	char text[32];

	json_object_foreach(json_object_get(result, "syscalls"), name, count)
	{
		fprintf(file, "%s%s", comma, name);
		if (json_number_value(count) != 1)
			fprintf(file, " %s", show_count(text, count));
		comma = ", ";
	}
	fputc('\n', file);
}

/* How many operations stand behind a row, and what is not in it. */
static void show_evidence(FILE *file, const json_t *result)
{
	long long operations = json_integer_value(json_object_get(result, "operations"));
	long long equal = json_integer_value(json_object_get(result, "equal"));
	const json_t *before = json_object_get(result, "before"), *entry;
	char text[32];
	size_t i;

	if (operations > 1 && equal == 0)
		fprintf(file, "      mean of %lld operations that overlap or differ\n", operations);
	if (before && !json_is_true(json_object_get(result, "repeated")))
		fprintf(file, "      the pass before: %s\n", show_count(text, before));
	json_array_foreach(json_object_get(result, "left_out"), i, entry)
	{
		long long nr = json_integer_value(json_object_get(entry, "operations"));

		show_count(text, json_object_get(entry, "instructions"));
		if (nr)
			fprintf(file,
				"      left out: %lld of %lld operations, %s instructions more "
				"(%s)\n",
				nr, operations, text, text_of(entry, "why"));
		else
			fprintf(file, "      left out: %s instructions (%s)\n", text,
				text_of(entry, "why"));
	}
}

static void show_row(FILE *file, const json_t *result, int arm_width)
{
	const json_t *columns = json_object_get(result, "columns");
	const json_t *events = json_object_get(result, "events");
	char text[32];

	fprintf(file, "  %-*s", arm_width, text_of(result, "arm"));
	fprintf(file, " %11s", show_count(text, json_object_get(result, "total")));
	for (size_t i = 0; i < NR_COLUMNS; i++)
		fprintf(file, " %10s", show_count(text, json_object_get(columns, column_names[i])));
	fprintf(file, " |");
	for (size_t i = 0; i < NR_OF(event_columns); i++)
		fprintf(file, " %8s",
			show_count(text, json_object_get(events, event_columns[i].key)));
	fprintf(file, " |");
	show_syscalls(file, result);
	show_evidence(file, result);
}

static bool is_of(const json_t *result, const char *bench)
{
	return strcmp(text_of(result, "bench"), bench) == 0;
}

/* The arms that have this reason, once for all of them. */
static void show_reason(FILE *file, const json_t *list, const char *bench, size_t first)
{
	const char *reason = text_of(json_array_get(list, first), "reason"), *comma = "  ";
	const json_t *result;
	size_t i;

	json_array_foreach(list, i, result)
	{
		if (!is_of(result, bench) || strcmp(text_of(result, "reason"), reason) != 0)
			continue;
		if (i < first)
			return;
		fprintf(file, "%s%s", comma, text_of(result, "arm"));
		comma = ", ";
	}
	fprintf(file, ": not counted: %s\n", reason);
}

static void show_bench(FILE *file, const json_t *list, const char *bench, int arm_width)
{
	const json_t *result;
	bool has_head = false;
	size_t i;

	json_array_foreach(list, i, result)
	{
		if (!is_of(result, bench) || json_object_get(result, "reason"))
			continue;
		if (!has_head)
			show_head(file, bench, arm_width);
		has_head = true;
		show_row(file, result, arm_width);
	}
	if (!has_head)
		fprintf(file, "\n%s\n", bench);
	json_array_foreach(list, i,
			   result) if (is_of(result, bench) && json_object_get(result, "reason"))
		show_reason(file, list, bench, i);
}

void show_accounts(FILE *file, const json_t *results)
{
	const json_t *list = json_object_get(results, "results"), *result;
	struct names shown = {0};
	int arm_width = 6;
	size_t i;

	json_array_foreach(list, i, result) if ((int)strlen(text_of(result, "arm")) > arm_width)
		arm_width = (int)strlen(text_of(result, "arm"));
	json_array_foreach(list, i, result)
	{
		if (names_have(&shown, text_of(result, "bench")))
			continue;
		names_add(&shown, text_of(result, "bench"));
		show_bench(file, list, text_of(result, "bench"), arm_width);
	}
	names_free(&shown);
}

/* ---- one result
 * ---------------------------------------------------------------------------------- */

void show_functions(FILE *file, const json_t *result)
{
	const json_t *row;
	char self[32], calls[32];
	size_t i;

	fprintf(file, "\n%s, %s: %s instructions an operation\n%12s %8s  %-10s function\n",
		text_of(result, "bench"), text_of(result, "arm"),
		show_count(self, json_object_get(result, "total")), "instructions", "calls",
		"whose");
	json_array_foreach(json_object_get(result, "functions"), i, row)
		fprintf(file, "%12s %8s  %-10s %s\n", show_count(self, json_array_get(row, 2)),
			show_count(calls, json_array_get(row, 3)),
			json_string_value(json_array_get(row, 1)),
			json_string_value(json_array_get(row, 0)));
}

/* Whole numbers, as both readers want them: of many operations, thousandths. */
void show_folded(FILE *file, const json_t *result)
{
	const json_t *row;
	bool all_whole = true;
	size_t i;

	json_array_foreach(json_object_get(result, "stacks"), i, row) all_whole =
		all_whole && json_is_integer(json_array_get(row, 1));
	json_array_foreach(json_object_get(result, "stacks"), i, row) fprintf(
		file, "%s %lld\n", json_string_value(json_array_get(row, 0)),
		llround(json_number_value(json_array_get(row, 1)) * (all_whole ? 1 : 1000)));
}
