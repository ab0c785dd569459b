/* SPDX-License-Identifier: MIT */
/* What is made of samples: ratios, what they say, and the summary for other programs. */
#include <errno.h>
#include <math.h>
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

static void ratios_are_of_paired_rounds_without_the_warm_up(void **state)
{
	struct dataset data;
	struct summary summary;
	const struct result *result;
	char text[256];

	(void)state;
	make_data(&data);
	summary_make(&summary, &data);
	result = summary_find(&summary, "cpu.noploop", "vm");
	assert_non_null(result);
	assert_int_equal(result->value.nr, 9);
	assert_true(result->value.median == 7); /* twice the median of 3 2 5 4 1.5 2.5 3.5 8 6 */
	assert_true(result->ratio.median == 2 && result->ratio.lo == 2 && result->ratio.hi == 2);
	summary_say(result, text, sizeof(text));
	assert_string_equal(text, "+100 %: worse");
	result = summary_find(&summary, "mem.stream_copy", "vm");
	assert_non_null(result);
	assert_int_equal(result->value.nr, 0);
	summary_say(result, text, sizeof(text));
	assert_string_equal(text, "failed: the payload faulted, \"vector\" 14");
	assert_null(summary_find(&summary, "cpu.noploop", "linux-vm"));
	summary_free(&summary);
	dataset_free(&data);
}

/* Figures that do not vary show no difference, and nothing of how small a one they could. */
static void constant_figures_claim_no_resolution(void **state)
{
	struct result result = {.value = {.nr = 6, .median = 84},
				.ratio = {.nr = 6, .median = 1, .lo = 1, .hi = 1}};
	char text[256];

	(void)state;
	summary_say(&result, text, sizeof(text));
	assert_string_equal(text, "no difference seen: the same figure in all 6 rounds");
}

/* A machine that sleeps without a wake-up has 0 of them, and nothing is so many times 0. */
static void a_native_figure_of_zero_is_why_there_is_no_ratio(void **state)
{
	struct dataset data;
	struct summary summary;
	const struct bench *bench;
	char text[256];

	(void)state;
	dataset_init(&data);
	bench = catalog_add(&data.benches, "life.idle_wakeups", "1/s", false, "wake-ups");
	add_rounds(&data, bench, "native", 0, 8);
	add_rounds(&data, bench, "vm", 2, 8);
	summary_make(&summary, &data);
	summary_say(summary_find(&summary, "life.idle_wakeups", "vm"), text, sizeof(text));
	assert_string_equal(text, "no ratio: native has 0");
	summary_say(summary_find(&summary, "life.idle_wakeups", "native"), text, sizeof(text));
	assert_string_equal(text, "");
	summary_free(&summary);
	dataset_free(&data);
}

/* Results that were continued elsewhere have their rounds from two machines. */
static void runs_on_different_hosts_are_a_warning(void **state)
{
	struct dataset data;
	json_t *warnings;

	(void)state;
	dataset_init(&data);
	json_array_append_new(data.runs, json_loads("{\"host\":{\"cpu\":\"A\",\"kernel\":\"6.1\"},"
						    "\"warnings\":[\"w\"]}",
						    0, NULL));
	json_array_append_new(data.runs, json_loads("{\"host\":{\"cpu\":\"A\",\"kernel\":\"6.2\"},"
						    "\"warnings\":[\"w\"]}",
						    0, NULL));
	warnings = dataset_run_warnings(&data);
	assert_int_equal(json_array_size(warnings), 2);
	assert_string_equal(json_string_value(json_array_get(warnings, 0)), "w");
	assert_string_equal(json_string_value(json_array_get(warnings, 1)),
			    "the rounds are of runs that differ in kernel: \"6.1\", then \"6.2\"");
	json_decref(warnings);
	dataset_free(&data);
}

/* Each side has rounds that the other lacks, before, between and after the common ones. */
static void a_ratio_takes_the_rounds_that_both_have(void **state)
{
	static const double native[] = {1, 2, 4, 8, 16, 32, 64}, vm[] = {3, 20, 5, 7, 9};
	struct dataset data;
	struct summary summary;
	const struct result *result;
	const struct bench *bench;

	(void)state;
	dataset_init(&data);
	bench = catalog_add(&data.benches, "a.b", "ms", false, "");
	add(&data, bench, "native", 2, 2, native, 7); /* 2 4 6 8 10 12 14 */
	add(&data, bench, "vm", 1, 3, vm, 5);	      /* 1 4 7 10 13 */
	summary_make(&summary, &data);
	result = summary_find(&summary, "a.b", "vm");
	assert_int_equal(result->value.nr, 5);
	assert_int_equal(result->ratio.nr, 2); /* 20 / 2 and 7 / 16 */
	assert_true(result->ratio.median == (10 + 0.4375) / 2);
	assert_null(result->no_ratio);
	summary_free(&summary);
	dataset_free(&data);
}

/* What is behind the last round is not taken for one more. */
static void one_round_gives_one_ratio(void **state)
{
	static const double native[] = {2}, vm[] = {6};
	struct dataset data;
	struct summary summary;
	const struct bench *bench;

	(void)state;
	dataset_init(&data);
	bench = catalog_add(&data.benches, "a.b", "ms", false, "");
	add(&data, bench, "native", 0, 1, native, 1);
	add(&data, bench, "vm", 0, 1, vm, 1);
	summary_make(&summary, &data);
	assert_int_equal(summary.nr, 2);
	assert_int_equal(summary.at[1].ratio.nr, 1);
	assert_true(summary.at[1].ratio.median == 3);
	summary_free(&summary);
	assert_true(summary.nr == 0 && summary.capacity == 0 && summary.at == NULL);
	dataset_free(&data);
}

/* So many that the array has room for none more: the sanitizer sees a step behind it. */
static void each_arm_has_its_line_and_none_comes_after_the_last(void **state)
{
	static const double one[] = {1};
	struct dataset data;
	struct summary summary;
	const struct bench *bench;
	json_t *object, *missing;
	char name[16];

	(void)state;
	dataset_init(&data);
	bench = catalog_add(&data.benches, "a.b", "ms", false, "");
	dataset_add_note(&data, NULL, dataset_arm(&data, "first"), 0, false, "none");
	for (unsigned int i = 1; i < data.arms.capacity; i++) {
		snprintf(name, sizeof(name), "arm%u", i);
		add(&data, bench, name, 0, 1, one, 1);
	}
	assert_int_equal(data.arms.nr, data.arms.capacity);
	summary_make(&summary, &data);
	assert_int_equal(summary.nr, data.arms.nr - 1);
	object = summary_json(&summary, &data);
	missing = json_object_get(object, "missing");
	assert_int_equal(json_array_size(missing), 1);
	assert_string_equal(json_string_value(json_object_get(json_array_get(missing, 0), "arm")),
			    "first");
	json_decref(object);
	summary_free(&summary);
	dataset_free(&data);
}

static void why_there_is_no_ratio_is_said(void **state)
{
	static const double one[] = {1, 1, 1}, with_zero[] = {1, 0, 1};
	struct dataset data;
	struct summary summary;
	const struct bench *apart, *zero, *lonely;
	const char *vm;

	(void)state;
	dataset_init(&data);
	apart = catalog_add(&data.benches, "a.apart", "ms", false, "");
	zero = catalog_add(&data.benches, "a.zero", "ms", false, "");
	lonely = catalog_add(&data.benches, "a.lonely", "ms", false, "");
	add(&data, apart, "native", 0, 2, one, 3);
	add(&data, apart, "vm", 1, 2, one, 3);
	add(&data, zero, "native", 0, 1, with_zero, 3);
	add(&data, zero, "vm", 0, 1, one, 3);
	add(&data, lonely, "vm", 0, 1, one, 3);
	vm = dataset_arm(&data, "vm");
	summary_make(&summary, &data);
	assert_string_equal(summary_find(&summary, "a.apart", vm)->no_ratio,
			    "native ran in other rounds");
	assert_string_equal(summary_find(&summary, "a.zero", vm)->no_ratio, "native has 0");
	assert_null(summary_find(&summary, "a.lonely", vm)->no_ratio);
	assert_int_equal(summary_find(&summary, "a.zero", vm)->ratio.nr, 0);
	assert_int_equal(summary_find(&summary, "a.lonely", vm)->ratio.nr, 0);
	assert_null(summary_find(&summary, "a.zero", SUMMARY_BASE)->no_ratio);
	summary_free(&summary);
	dataset_free(&data);
}

/* Without native there is nothing to compare with, and native is not compared with itself. */
static void ratios_are_to_native_and_of_the_others(void **state)
{
	static const double values[] = {1, 2, 3, 4, 5, 6};
	struct dataset data;
	struct summary summary;
	const struct bench *bench;

	(void)state;
	dataset_init(&data);
	bench = catalog_add(&data.benches, "a.b", "ms", false, "");
	add(&data, bench, "vm", 0, 1, values, 6);
	add(&data, bench, "other", 0, 1, values, 6);
	summary_make(&summary, &data);
	assert_int_equal(summary.nr, 2);
	assert_int_equal(summary.at[0].ratio.nr, 0);
	assert_null(summary.at[0].no_ratio);
	summary_free(&summary);
	add(&data, bench, "native", 0, 1, values, 6);
	summary_make(&summary, &data);
	assert_int_equal(summary.nr, 3);
	assert_int_equal(summary_find(&summary, "a.b", "native")->ratio.nr, 0);
	assert_int_equal(summary_find(&summary, "a.b", "vm")->ratio.nr, 6);
	assert_true(summary_find(&summary, "a.b", "vm")->ratio.lo == 1);
	assert_null(summary_find(&summary, "a.c", "vm"));
	assert_null(summary_find(&summary, "a.b", "no"));
	summary_free(&summary);
	dataset_free(&data);
}

static void failures_are_counted_by_benchmark_and_arm(void **state)
{
	static const double one[] = {1};
	struct dataset data;
	struct summary summary;
	const struct bench *bench, *other;
	const struct result *result;
	char text[256];

	(void)state;
	dataset_init(&data);
	bench = catalog_add(&data.benches, "a.b", "ms", false, "");
	other = catalog_add(&data.benches, "a.c", "ms", false, "");
	add(&data, bench, "native", 0, 1, one, 1);
	dataset_add_note(&data, bench, dataset_arm(&data, "native"), 1, true, "first");
	dataset_add_note(&data, bench, dataset_arm(&data, "native"), 2, true, "second");
	dataset_add_note(&data, bench, dataset_arm(&data, "vm"), 1, true, "elsewhere");
	dataset_add_note(&data, other, dataset_arm(&data, "native"), 1, true, "another");
	dataset_add_note(&data, other, dataset_arm(&data, "vm"), 1, false, "cannot");
	summary_make(&summary, &data);
	assert_int_equal(summary.nr, 4);
	result = summary_find(&summary, "a.b", "native");
	assert_true(result->failed && result->nr_failed == 2);
	summary_say(result, text, sizeof(text));
	assert_string_equal(text, "2 other runs failed: second");
	result = summary_find(&summary, "a.c", "native");
	assert_true(result->failed && result->nr_failed == 1);
	result = summary_find(&summary, "a.c", "vm");
	assert_true(!result->failed && result->nr_failed == 0);
	summary_say(result, text, sizeof(text));
	assert_string_equal(text, "not measured: cannot");
	summary_free(&summary);
	dataset_free(&data);
}

/* Half of the interval's width, of the ratio where there is one. */
static void the_widest_interval_is_in_percent_of_its_median(void **state)
{
	static const struct {
		struct result result;
		double widest;
	} cases[] = {
		{{.value = {.nr = 6, .median = 50, .lo = 49, .hi = 52}}, 3},
		{{.value = {.nr = 6, .median = -50, .lo = -52, .hi = -49}}, 3},
		{{.value = {.nr = 6, .median = 50, .lo = 49, .hi = 52},
		  .ratio = {.nr = 6, .median = 2, .lo = 1.9, .hi = 2.1}},
		 5},
		{{.value = {.nr = 6, .median = 0}}, 0},
		{{.value = {.nr = 6, .median = 3, .lo = 3, .hi = 3}}, 0},
		{{.value = {.nr = 5, .median = 50, .lo = 50, .hi = 50}}, INFINITY},
		{{.value = {.nr = 6, .median = 50, .lo = 49, .hi = 52},
		  .ratio = {.nr = 5, .median = 2, .lo = 2, .hi = 2}},
		 INFINITY},
		{{.value = {.nr = 6, .median = 0, .lo = 0, .hi = 1}}, INFINITY},
	};

	(void)state;
	for (size_t i = 0; i < NR_OF(cases); i++) {
		double widest = summary_widest(&cases[i].result);

		if (!(widest == cases[i].widest || fabs(widest - cases[i].widest) < 1e-9))
			fail_msg("case %zu: %g", i, widest);
	}
}

static void percents_have_two_digits_or_all_before_the_point(void **state)
{
	static const struct {
		double percent;
		const char *text;
	} cases[] = {{0.254, "+0.25"}, {-18.4, "-18"},	   {1234.4, "+1234"}, {-1234.4, "-1234"},
		     {99.4, "+99"},    {99.6, "+100"},	   {-99.6, "-100"},   {0, "+0"},
		     {5.55, "+5.5"},   {0.0123, "+0.012"}, {99.5, "+100"},    {101.6, "+102"}};
	char text[32];

	(void)state;
	for (size_t i = 0; i < NR_OF(cases); i++) {
		summary_format_percent(cases[i].percent, text, sizeof(text));
		assert_string_equal(text, cases[i].text);
	}
}

/* Worse or better depends on the unit; from three times as much on, percents say too little. */
static void what_a_ratio_says(void **state)
{
	static const struct {
		struct estimate ratio;
		bool higher_is_better;
		const char *text;
	} cases[] = {
		{{.nr = 1, .median = 2, .lo = 2, .hi = 2}, false, "1 round is too few to say"},
		{{.nr = 5, .median = 2, .lo = 2, .hi = 2}, false, "5 rounds are too few to say"},
		{{.nr = 6, .median = 1.5, .lo = 1.4, .hi = 1.6}, false, "+50 %: worse"},
		{{.nr = 6, .median = 1.5, .lo = 1.4, .hi = 1.6}, true, "+50 %: better"},
		{{.nr = 6, .median = 0.75, .lo = 0.7, .hi = 0.8}, false, "-25 %: better"},
		{{.nr = 6, .median = 0.75, .lo = 0.7, .hi = 0.8}, true, "-25 %: worse"},
		{{.nr = 6, .median = 2.99, .lo = 2, .hi = 4}, false, "+199 %: worse"},
		{{.nr = 6, .median = 3, .lo = 2, .hi = 4}, false, "3 times as much: worse"},
		{{.nr = 6, .median = 12.345, .lo = 2, .hi = 40},
		 true,
		 "12.3 times as much: better"},
		{{.nr = 6, .median = 1.005, .lo = 1.001, .hi = 1.01}, false, "+0.5 %: worse"},
		{{.nr = 6, .median = 1, .lo = 0.9, .hi = 1.1, .detectable = 0.1251},
		 false,
		 "no difference seen, down to 13 %"},
		{{.nr = 6, .median = 1, .lo = 0.9, .hi = 1.1, .detectable = 0.1249},
		 false,
		 "no difference seen, down to 12 %"},
		{{.nr = 7, .median = 1, .lo = 1, .hi = 1, .detectable = 0},
		 false,
		 "no difference seen: the same figure in all 7 rounds"},
	};
	char text[256];

	(void)state;
	for (size_t i = 0; i < NR_OF(cases); i++) {
		struct bench bench = {.higher_is_better = cases[i].higher_is_better};
		struct result result = {
			.bench = &bench, .value = {.nr = 6, .median = 1}, .ratio = cases[i].ratio};

		summary_say(&result, text, sizeof(text));
		assert_string_equal(text, cases[i].text);
		result.failed = true;
		result.nr_failed = 1;
		result.why_not = "killed";
		summary_say(&result, text, sizeof(text));
		assert_non_null(strstr(text, cases[i].text));
		assert_non_null(strstr(text, "; 1 other run failed: killed"));
	}
}

/* The same data gives the same figures: the seed is that of the first run. */
static void intervals_are_drawn_with_the_recorded_seed(void **state)
{
	static const double values[] = {3, 2, 5, 4, 1.5, 2.5, 3.5, 8, 6};
	struct estimate expected;
	struct dataset data;
	struct summary summary;
	const struct bench *bench;

	(void)state;
	dataset_init(&data);
	bench = catalog_add(&data.benches, "a.b", "ms", false, "");
	add(&data, bench, "vm", 0, 1, values, NR_OF(values));
	summary_make(&summary, &data);
	stats_estimate(values, NR_OF(values), 1, &expected);
	assert_true(summary.at[0].value.std_error == expected.std_error);
	summary_free(&summary);
	json_array_append_new(data.runs, json_pack("{s:i}", "seed", 7));
	json_array_append_new(data.runs, json_pack("{s:i}", "seed", 8));
	summary_make(&summary, &data);
	stats_estimate(values, NR_OF(values), 7, &expected);
	assert_true(summary.at[0].value.std_error == expected.std_error);
	summary_free(&summary);
	dataset_free(&data);
}

/* A text that does not fit is cut, also where it is put together from two. */
static void what_is_said_stays_in_its_buffer(void **state)
{
	struct result result = {.value = {.nr = 6},
				.no_ratio = "native has 0",
				.failed = true,
				.nr_failed = 1,
				.why_not = "killed by signal 9 (Killed)"};
	char text[64];

	(void)state;
	for (size_t size = 1; size < 60; size++) {
		memset(text, '#', sizeof(text));
		summary_say(&result, text, size);
		assert_int_equal(strlen(text), size - 1);
		assert_true(text[size] == '#');
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ratios_are_of_paired_rounds_without_the_warm_up),
		cmocka_unit_test(constant_figures_claim_no_resolution),
		cmocka_unit_test(a_native_figure_of_zero_is_why_there_is_no_ratio),
		cmocka_unit_test(runs_on_different_hosts_are_a_warning),
		cmocka_unit_test(a_ratio_takes_the_rounds_that_both_have),
		cmocka_unit_test(one_round_gives_one_ratio),
		cmocka_unit_test(each_arm_has_its_line_and_none_comes_after_the_last),
		cmocka_unit_test(why_there_is_no_ratio_is_said),
		cmocka_unit_test(ratios_are_to_native_and_of_the_others),
		cmocka_unit_test(failures_are_counted_by_benchmark_and_arm),
		cmocka_unit_test(the_widest_interval_is_in_percent_of_its_median),
		cmocka_unit_test(percents_have_two_digits_or_all_before_the_point),
		cmocka_unit_test(what_a_ratio_says),
		cmocka_unit_test(intervals_are_drawn_with_the_recorded_seed),
		cmocka_unit_test(what_is_said_stays_in_its_buffer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
