/* SPDX-License-Identifier: MIT */
/* The summary for other programs: JSON and CSV. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "guest/tinybench/data/summary.h"
#include "tests/unit/tinybench_rounds.h"
#include "vmm/core/array.h"

static void summary_json_has_what_it_promises(void **state)
{
	const char *bench, *arm, *unit, *better, *cpu, *reason;
	double median, lo, hi, ratio, ratio_lo, ratio_hi;
	struct summary summary;
	struct dataset data;
	json_t *object, *result;

	(void)state;
	make_data(&data);
	summary_make(&summary, &data);
	object = summary_json(&summary, &data);
	assert_int_equal(json_unpack(object, "{s:{s:s}}", "host", "cpu", &cpu), 0);
	assert_string_equal(cpu, "a CPU");
	result = json_array_get(json_object_get(object, "results"), 1);
	assert_int_equal(json_unpack(result, "{s:s, s:s, s:s, s:F, s:[F, F], s:F, s:[F, F], s:s}",
				     "bench", &bench, "arm", &arm, "unit", &unit, "median", &median,
				     "ci95", &lo, &hi, "ratio", &ratio, "ratio_ci95", &ratio_lo,
				     &ratio_hi, "better", &better),
			 0);
	assert_string_equal(bench, "cpu.noploop");
	assert_string_equal(arm, "vm");
	assert_string_equal(better, "lower");
	assert_true(lo <= median && median <= hi && ratio == 2);
	assert_int_equal(json_array_size(json_object_get(object, "missing")), 2);
	result = json_array_get(json_object_get(object, "missing"), 1);
	assert_int_equal(
		json_unpack(result, "{s:n, s:s, s:s}", "bench", "arm", &arm, "reason", &reason), 0);
	assert_string_equal(reason, "no kernel");
	json_decref(object);
	summary_free(&summary);
	dataset_free(&data);
}

/* Two ratios, one of a single round and one that is known to 0.1; native has none. */
static void make_ratios(struct dataset *data)
{
	static const double native[] = {1, 1, 1, 1, 1, 1, 1}, vm[] = {1, 2, 1, 2, 1, 2, 1};
	const struct bench *many, *one;

	dataset_init(data);
	many = catalog_add(&data->benches, "a.many", "ms", false, "");
	one = catalog_add(&data->benches, "a.one", "ms", false, "");
	add(data, many, "native", 1, 1, native, 7);
	add(data, many, "vm", 1, 1, vm, 7);
	add(data, one, "native", 1, 1, native, 1);
	add(data, one, "vm", 1, 1, vm + 1, 1);
	json_array_append_new(data->runs, json_pack("{s:i}", "seed", 1));
}

static void a_summary_in_json_has_null_where_there_is_nothing(void **state)
{
	static const struct {
		const char *ratio, *detectable, *verdict;
	} cases[] = {{"null", "null", "null"},
		     {"1.0", NULL, "\"no difference seen\""},
		     {"null", "null", "null"},
		     {"2.0", "null", "\"too few rounds\""}};
	struct dataset data;
	struct summary summary;
	json_t *object, *result;
	char *text;

	(void)state;
	make_ratios(&data);
	summary_make(&summary, &data);
	object = summary_json(&summary, &data);
	assert_true(json_is_null(json_object_get(object, "host")));
	assert_true(json_is_null(json_object_get(object, "bench_file")));
	for (size_t i = 0; i < NR_OF(cases); i++) {
		const char *const expected[] = {cases[i].ratio, cases[i].detectable,
						cases[i].verdict};
		static const char *const keys[] = {"ratio", "detectable_percent", "verdict"};

		result = json_array_get(json_object_get(object, "results"), i);
		for (size_t key = 0; key < NR_OF(keys); key++) {
			text = json_dumps(json_object_get(result, keys[key]), JSON_ENCODE_ANY);
			if (expected[key])
				assert_string_equal(text, expected[key]);
			free(text);
		}
		assert_int_equal(json_is_array(json_object_get(result, "ratio_ci95")), i % 2);
	}
	result = json_array_get(json_object_get(object, "results"), 1);
	assert_true(json_number_value(json_object_get(result, "detectable_percent")) ==
		    100 * summary.at[1].ratio.detectable);
	json_decref(object);
	summary_free(&summary);
	dataset_free(&data);
}

static void a_summary_is_printed_whole_or_with_an_error(void **state)
{
	char *printed = NULL;
	struct summary summary;
	struct dataset data;
	struct err err;
	json_t *object, *back;
	size_t size;
	FILE *file = open_memstream(&printed, &size);

	(void)state;
	make_data(&data);
	summary_make(&summary, &data);
	object = summary_json(&summary, &data);
	assert_int_equal(summary_print_json(file, &summary, &data, &err), 0);
	fclose(file);
	assert_ptr_equal(strstr(printed, "{\n \"schema\": \"tinybench-summary-1\",\n"), printed);
	assert_true(printed[size - 1] == '\n' && printed[size - 2] == '}');
	back = json_loads(printed, 0, NULL);
	assert_true(json_object_size(back) == 5 && json_object_size(object) == 5);
	assert_string_equal(
		json_string_value(json_object_get(json_object_get(back, "bench_file"), "sha256")),
		"abcd");
	assert_non_null(strstr(printed, "\"median\": 7.0,"));
	json_decref(back);
	json_decref(object);
	free(printed);
	file = fopen("/dev/full", "w");
	assert_non_null(file);
	setvbuf(file, NULL, _IONBF, 0);
	assert_int_equal(summary_print_json(file, &summary, &data, &err), -EIO);
	assert_string_equal(err.text, "cannot write the summary as JSON");
	fclose(file);
	summary_free(&summary);
	dataset_free(&data);
}

/* RFC 4180: what has a comma or a quote is quoted, and a figure that is not there is empty. */
static void a_csv_line_has_all_its_fields(void **state)
{
	char *printed = NULL, *line, *cursor;
	size_t size, lines = 0, commas;
	struct dataset data;
	struct summary summary;
	bool quoted;
	FILE *file = open_memstream(&printed, &size);

	(void)state;
	make_data(&data);
	summary_make(&summary, &data);
	summary_print_csv(file, &summary, &data);
	assert_int_equal(fclose(file), 0);
	assert_non_null(strstr(printed, "\ncpu.noploop,vm,ms,lower,9,7,4,12,2,2,2,0,"));
	assert_non_null(strstr(printed, ",2,2,2,0,abcd,+100 %: worse\n"));
	assert_non_null(strstr(printed,
			       "\nmem.stream_copy,vm,GB/s,higher,0,,,,,,,,abcd,\"failed: the "
			       "payload faulted, \"\"vector\"\" 14\"\n"));
	for (cursor = printed; (line = strsep(&cursor, "\n")) && *line; lines++) {
		for (commas = 0, quoted = false; *line; line++) {
			quoted = quoted != (*line == '"');
			commas += *line == ',' && !quoted;
		}
		assert_int_equal(commas, 13);
	}
	assert_int_equal(lines, 1 + summary.nr);
	summary_free(&summary);
	dataset_free(&data);
	free(printed);
}

static void a_csv_line_has_the_percent_that_could_have_been_seen(void **state)
{
	struct dataset data;
	struct summary summary;
	char *printed = NULL, expected[128];
	size_t size;
	FILE *file = open_memstream(&printed, &size);

	(void)state;
	make_ratios(&data);
	summary_make(&summary, &data);
	summary_print_csv(file, &summary, &data);
	fclose(file);
	snprintf(expected, sizeof(expected), "\na.many,vm,ms,lower,7,1,1,2,1,1,2,%.9g,,",
		 100 * summary.at[1].ratio.detectable);
	assert_non_null(strstr(printed, expected));
	assert_non_null(strstr(printed, "\na.one,vm,ms,lower,1,2,2,2,2,2,2,,,1 round is too few"));
	summary_free(&summary);
	dataset_free(&data);
	free(printed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(summary_json_has_what_it_promises),
		cmocka_unit_test(a_summary_in_json_has_null_where_there_is_nothing),
		cmocka_unit_test(a_summary_is_printed_whole_or_with_an_error),
		cmocka_unit_test(a_csv_line_has_all_its_fields),
		cmocka_unit_test(a_csv_line_has_the_percent_that_could_have_been_seen),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
