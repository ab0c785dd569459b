/* SPDX-License-Identifier: MIT */
/* The summary as a table for the terminal. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "guest/tinybench/base/text.h"
#include "guest/tinybench/host/host.h"
#include "guest/tinybench/report/paging.h"
#include "guest/tinybench/report/table.h"

void table_format_number(double value, char *text, size_t size)
{
	double magnitude = fabs(value);
	int decimals = 0;

	if (magnitude > 0 && magnitude < 1000)
		decimals = 3 - (int)floor(log10(magnitude));
	if (decimals > 9)
		(void)snprintf(text, size, "%.3e", value);
	else
		(void)snprintf(text, size, "%.*f", decimals, value);
}

static void print_line(FILE *file, const struct result *result, bool first, int arm_width)
{
	char median[32], lo[32], hi[32], interval[80], ratio[80] = "", text[300];

	summary_say(result, text, sizeof(text));
	if (result->value.nr == 0) {
		fprintf(file, "%-22s %-9s %-*s %s\n", first ? result->bench->name : "",
			first ? result->bench->unit : "", arm_width, result->arm, text);
		return;
	}
	table_format_number(result->value.median, median, sizeof(median));
	table_format_number(result->value.lo, lo, sizeof(lo));
	table_format_number(result->value.hi, hi, sizeof(hi));
	(void)snprintf(interval, sizeof(interval), "%s .. %s", lo, hi);
	if (result->ratio.nr)
		(void)snprintf(ratio, sizeof(ratio), "%.4f (%.4f .. %.4f)", result->ratio.median,
			       result->ratio.lo, result->ratio.hi);
	fprintf(file, "%-22s %-9s %-*s %10s  %-22s %-26s %s\n", first ? result->bench->name : "",
		first ? result->bench->unit : "", arm_width, result->arm, median, interval, ratio,
		text);
}

/* Facts come from a file, and that from anywhere: a terminal would obey what is in them. */
static void print_fact(FILE *file, const char *what, const char *text)
{
	char *shown = text_shown(text ? text : "?");

	fprintf(file, "%s: %s\n", what, shown);
	free(shown);
}

static void print_run_facts(FILE *file, const struct dataset *data)
{
	json_t *run = json_array_get(data->runs, json_array_size(data->runs) - 1);
	json_t *host = json_object_get(run, "host");
	json_t *warnings = dataset_run_warnings(data);
	char text[512];
	size_t i;

	if (host) {
		host_describe(host, text, sizeof(text));
		print_fact(file, "host", text);
	}
	for (i = 0; i < json_array_size(warnings); i++)
		print_fact(file, "warning", json_string_value(json_array_get(warnings, i)));
	json_decref(warnings);
}

static void print_paging(FILE *file, const struct dataset *data)
{
	struct paging paging;
	char text[400];

	for (size_t i = 0; i < data->benches.nr; i++) {
		if (!paging_concerns(data->benches.at[i]) ||
		    !paging_make(&paging, data, data->benches.at[i]))
			continue;
		paging_say(&paging, text, sizeof(text));
		fprintf(file, "%-22s paging: %s\n", data->benches.at[i]->name, text);
	}
}

/* Variants have long names: native:pages=thp. */
static int longest_arm(const struct dataset *data)
{
	size_t longest = strlen("container");

	for (size_t i = 0; i < data->arms.nr; i++)
		if (strlen(data->arms.at[i]) > longest)
			longest = strlen(data->arms.at[i]);
	return (int)longest;
}

void table_print(FILE *file, const struct summary *summary, const struct dataset *data)
{
	const int arm_width = longest_arm(data);
	const struct bench *last = NULL;
	const struct note *note;
	size_t i;

	fprintf(file, "%-22s %-9s %-*s %10s  %-22s %-26s\n", "benchmark", "unit", arm_width, "arm",
		"median", "95 % interval", "ratio to native");
	for (i = 0; i < summary->nr; i++) {
		print_line(file, &summary->at[i], summary->at[i].bench != last, arm_width);
		last = summary->at[i].bench;
	}
	for (i = 0; i < data->arms.nr; i++) {
		note = dataset_note(data, NULL, data->arms.at[i]);
		if (note)
			fprintf(file, "%-22s %-9s %-*s not measured: %s\n", "(all)", "", arm_width,
				note->arm, note->text);
	}
	print_paging(file, data);
	print_run_facts(file, data);
}
