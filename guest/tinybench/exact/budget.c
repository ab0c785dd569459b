/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "guest/tinybench/base/alloc.h"
#include "guest/tinybench/base/file.h"
#include "guest/tinybench/base/status.h"
#include "guest/tinybench/exact/budget.h"
#include "guest/tinybench/exact/result.h"

static double column(const json_t *result, const char *name)
{
	return json_number_value(json_object_get(json_object_get(result, "columns"), name));
}

static double part_of_vmm(const json_t *result)
{
	return column(result, "vmm") + column(result, "libraries");
}

static const char *text_of(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text ? text : "";
}

static bool is_of_vmm(const json_t *function)
{
	const char *whose = json_string_value(json_array_get(function, 1));

	return strcmp(whose, "vmm") == 0 || strcmp(whose, "libraries") == 0;
}

static double self_of(const json_t *result, const char *label)
{
	const json_t *row;
	size_t i;

	json_array_foreach(
		json_object_get(result, "functions"), i,
		row) if (strcmp(json_string_value(json_array_get(row, 0)), label) == 0 &&
			 is_of_vmm(row)) return json_number_value(json_array_get(row, 2));
	return 0;
}

/* ---- a check
 * ------------------------------------------------------------------------------------- */

struct check {
	FILE *file;
	const json_t *results;
	const json_t *result; /* of the row that was read last, where it is over its budget */
	json_t *known;	      /* functions below that row */
	unsigned int nr, failed, better;
};

/* A function with a smaller share of a row has no line below it. */
static bool is_of_weight(double self, double whole)
{
	return self * 500 >= whole;
}

/* A function that the row does not name is new. */
static void show_new_functions(struct check *check)
{
	const json_t *row;
	size_t i;

	if (!check->result || json_object_size(check->known) == 0)
		return;
	json_array_foreach(json_object_get(check->result, "functions"), i, row)
	{
		const char *label = json_string_value(json_array_get(row, 0));
		double self = json_number_value(json_array_get(row, 2));

		if (is_of_vmm(row) && is_of_weight(self, part_of_vmm(check->result)) &&
		    !json_object_get(check->known, label))
			fprintf(check->file, "      %s: 0 -> %.0f\n", label, self);
	}
}

static void end_row(struct check *check)
{
	show_new_functions(check);
	check->result = NULL;
	json_object_clear(check->known);
}

static void check_function(struct check *check, double budget, const char *label)
{
	double self;

	if (!check->result)
		return;
	self = self_of(check->result, label);
	json_object_set_new(check->known, label, json_true());
	if (self > budget)
		fprintf(check->file, "      %s: %.0f -> %.0f\n", label, budget, self);
}

static void check_row(struct check *check, const char *arm, const char *bench, double budget,
		      double slack)
{
	const json_t *result = results_find(check->results, arm, bench);
	double counted;

	if (!result)
		return;
	check->nr++;
	if (json_object_get(result, "reason")) {
		fprintf(check->file, "FAIL  %s, %s: not counted: %s\n", bench, arm,
			text_of(result, "reason"));
		check->failed++;
		return;
	}
	counted = part_of_vmm(result);
	/* A mean is known to what its fraction says; the table has whole instructions. */
	if (floor(counted) > budget * (1 + slack / 100)) {
		fprintf(check->file, "FAIL  %s, %s: %.0f instructions of the VMM, budget %.0f\n",
			bench, arm, counted, budget);
		check->failed++;
		check->result = result;
	} else if (ceil(counted) < budget * (1 - slack / 100)) {
		fprintf(check->file,
			"ok    %s, %s: %.0f instructions of the VMM, budget %.0f: "
			"please make the budget smaller\n",
			bench, arm, counted, budget);
		check->better++;
	} else {
		fprintf(check->file, "ok    %s, %s: %.0f instructions of the VMM\n", bench, arm,
			counted);
	}
}

/* False if the line is none of a budget's. */
static bool check_line(struct check *check, const char *line)
{
	char arm[128], bench[128], label[256];
	double budget, slack;

	if (line[0] == '#' || line[0] == '\0')
		return true;
	if (line[0] == ' ') {
		if (sscanf(line, "%lf %255s", &budget, label) != 2)
			return false;
		check_function(check, budget, label);
		return true;
	}
	end_row(check);
	if (sscanf(line, "%127s %127s %lf %lf%%", arm, bench, &budget, &slack) != 4)
		return false;
	check_row(check, arm, bench, budget, slack);
	return true;
}

static bool is_of_versions(const char *line, const json_t *results)
{
	const json_t *versions = json_object_get(results, "versions");
	char *own = xasprintf("built with %s %s", text_of(versions, "libc"),
			      text_of(versions, "compiler"));
	bool same = strcmp(own, line) == 0;

	free(own);
	return same;
}

int budget_check_text(FILE *file, const char *text, const json_t *results, struct err *err)
{
	struct check check = {.file = file, .results = results, .known = json_object()};
	char *copy = xstrdup(text), *rest = copy, *line;
	int status = BENCH_STATUS_OK;
	bool skipped = false;

	fputc('\n', file);
	while (!skipped && status == BENCH_STATUS_OK && (line = strsep(&rest, "\n"))) {
		if (strncmp(line, "built with ", 11) == 0) {
			skipped = !is_of_versions(line, results);
			if (skipped)
				fprintf(file, "SKIP  budget: it holds for tinyvmm %s\n", line);
		} else if (!check_line(&check, line)) {
			(void)err_set(err, -EINVAL, "--budget: no row of a budget: \"%s\"", line);
			status = BENCH_STATUS_USAGE;
		}
	}
	end_row(&check);
	if (status == BENCH_STATUS_OK && !skipped)
		fprintf(file, "%u of %u within the budget\n", check.nr - check.failed, check.nr);
	if (status == BENCH_STATUS_OK && check.failed)
		status = BENCH_STATUS_FAILED;
	json_decref(check.known);
	free(copy);
	return status;
}

int budget_check(FILE *file, const char *path, const json_t *results, struct err *err)
{
	char *text = file_read(path);
	int status;

	if (!text) {
		(void)err_set(err, -EINVAL, "--budget %s: %s", path, strerror(errno));
		return BENCH_STATUS_USAGE;
	}
	status = budget_check_text(file, text, results, err);
	free(text);
	return status;
}

void budget_print(FILE *file, const json_t *results)
{
	const json_t *versions = json_object_get(results, "versions"), *result, *row;
	size_t i, j;

	fprintf(file, "built with %s %s\n", text_of(versions, "libc"),
		text_of(versions, "compiler"));
	json_array_foreach(json_object_get(results, "results"), i, result)
	{
		const char *bench = text_of(result, "bench");

		if (json_object_get(result, "reason"))
			continue;
		fprintf(file, "\n%s %s %.0f %d%%\n", text_of(result, "arm"), bench,
			part_of_vmm(result), strncmp(bench, "trap.", 5) == 0 ? 0 : 1);
		json_array_foreach(json_object_get(result, "functions"), j, row)
		{
			double self = json_number_value(json_array_get(row, 2));

			if (is_of_vmm(row) && is_of_weight(self, part_of_vmm(result)))
				fprintf(file, "  %.0f %s\n", ceil(self),
					json_string_value(json_array_get(row, 0)));
		}
	}
}
