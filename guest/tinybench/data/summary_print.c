/* SPDX-License-Identifier: MIT */
/* The summary for other programs. */
#include <errno.h>
#include <math.h>
#include <string.h>

#include "guest/tinybench/data/summary.h"

/* ---- as JSON ---- */

static json_t *real_or_null(double value)
{
	return isfinite(value) ? json_real(value) : json_null();
}

static json_t *interval(const struct estimate *estimate)
{
	return json_pack("[o, o]", real_or_null(estimate->lo), real_or_null(estimate->hi));
}

static json_t *result_json(const struct result *result)
{
	static const char *const verdicts[] = {[VERDICT_TOO_FEW] = "too few rounds",
					       [VERDICT_SAME] = "no difference seen",
					       [VERDICT_HIGHER] = "higher",
					       [VERDICT_LOWER] = "lower"};
	bool has_ratio = result->ratio.nr > 0;
	char text[256];

	summary_say(result, text, sizeof(text));
	return json_pack(
		"{s:s, s:s, s:s, s:f, s:o, s:o, s:o, s:s, s:i, s:o, s:o, s:s}", "bench",
		result->bench->name, "arm", result->arm, "unit", result->bench->unit, "median",
		result->value.median, "ci95", interval(&result->value), "ratio",
		has_ratio ? json_real(result->ratio.median) : json_null(), "ratio_ci95",
		has_ratio ? interval(&result->ratio) : json_null(), "better",
		result->bench->higher_is_better ? "higher" : "lower", "rounds",
		(int)result->value.nr, "detectable_percent",
		has_ratio ? real_or_null(100 * result->ratio.detectable) : json_null(), "verdict",
		has_ratio ? json_string(verdicts[stats_verdict(&result->ratio)]) : json_null(),
		"text", text);
}

/* Arms that could not run at all. */
static void add_missing_arms(json_t *missing, const struct dataset *data)
{
	const struct note *note;
	size_t i;

	for (i = 0; i < data->arms.nr; i++) {
		note = dataset_note(data, NULL, data->arms.at[i]);
		if (note)
			json_array_append_new(missing,
					      json_pack("{s:n, s:s, s:s, s:b}", "bench", "arm",
							note->arm, "reason", note->text, "failed",
							(int)note->error));
	}
}

json_t *summary_json(const struct summary *summary, const struct dataset *data)
{
	json_t *results = json_array(), *missing = json_array();
	json_t *run = json_array_get(data->runs, json_array_size(data->runs) - 1);
	json_t *host = json_object_get(run, "host"), *file = json_object_get(run, "bench_file");
	const struct result *result;
	size_t i;

	for (i = 0; i < summary->nr; i++) {
		result = &summary->at[i];
		if (result->value.nr)
			json_array_append_new(results, result_json(result));
		else
			json_array_append_new(missing,
					      json_pack("{s:s, s:s, s:s, s:b}", "bench",
							result->bench->name, "arm", result->arm,
							"reason", result->why_not, "failed",
							(int)result->failed));
	}
	add_missing_arms(missing, data);
	return json_pack("{s:s, s:O, s:O, s:o, s:o}", "schema", "tinybench-summary-1", "host",
			 host ? host : json_null(), "bench_file", file ? file : json_null(),
			 "results", results, "missing", missing);
}

int summary_print_json(FILE *file, const struct summary *summary, const struct dataset *data,
		       struct err *err)
{
	json_t *object = summary_json(summary, data);
	int ret = object && json_dumpf(object, file, JSON_INDENT(1) | JSON_REAL_PRECISION(9)) == 0
			  ? 0
			  : err_set(err, -EIO, "cannot write the summary as JSON");

	fputc('\n', file);
	json_decref(object);
	return ret;
}

/* ---- as CSV ---- */

static void csv_number(FILE *file, double value, bool there)
{
	if (there && isfinite(value))
		fprintf(file, ",%.9g", value);
	else
		fputc(',', file);
}

/* RFC 4180: a field with a quote or a comma is quoted, and quotes in it are doubled. */
static void csv_text(FILE *file, const char *text)
{
	if (!strpbrk(text, "\",\r\n")) {
		fputs(text, file);
		return;
	}
	fputc('"', file);
	for (; *text; text++) {
		if (*text == '"')
			fputc('"', file);
		fputc(*text, file);
	}
	fputc('"', file);
}

static void csv_line(FILE *file, const struct result *result, const char *sha256)
{
	char text[300];

	csv_text(file, result->bench->name);
	fputc(',', file);
	csv_text(file, result->arm);
	fputc(',', file);
	csv_text(file, result->bench->unit);
	fprintf(file, ",%s,%zu", result->bench->higher_is_better ? "higher" : "lower",
		result->value.nr);
	csv_number(file, result->value.median, result->value.nr);
	csv_number(file, result->value.lo, result->value.nr);
	csv_number(file, result->value.hi, result->value.nr);
	csv_number(file, result->ratio.median, result->ratio.nr);
	csv_number(file, result->ratio.lo, result->ratio.nr);
	csv_number(file, result->ratio.hi, result->ratio.nr);
	csv_number(file, 100 * result->ratio.detectable, result->ratio.nr);
	fputc(',', file);
	csv_text(file, sha256);
	fputc(',', file);
	summary_say(result, text, sizeof(text));
	csv_text(file, text);
	fputc('\n', file);
}

void summary_print_csv(FILE *file, const struct summary *summary, const struct dataset *data)
{
	json_t *run = json_array_get(data->runs, json_array_size(data->runs) - 1);
	const char *sha256 =
		json_string_value(json_object_get(json_object_get(run, "bench_file"), "sha256"));
	size_t i;

	fputs("bench,arm,unit,better,rounds,median,ci95_lo,ci95_hi,ratio,ratio_ci95_lo,"
	      "ratio_ci95_hi,detectable_percent,bench_file_sha256,text\n",
	      file);
	for (i = 0; i < summary->nr; i++)
		csv_line(file, &summary->at[i], sha256 ? sha256 : "");
}
