/* SPDX-License-Identifier: MIT */
/* What tinybench keeps, reads and says: names, results on the disk, summaries. */
#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "guest/tinybench/arms/arm.h"
#include "guest/tinybench/data/dataset.h"
#include "guest/tinybench/diff.h"
#include "guest/tinybench/base/file.h"
#include "guest/tinybench/base/names.h"
#include "guest/tinybench/base/settings.h"
#include "guest/tinybench/data/summary.h"
#include "tests/unit/tempdir.h"
#include "vmm/core/array.h"

/* ---- names ---- */

static void patterns_are_globs_in_a_list(void **state)
{
	static const struct {
		const char *patterns, *name;
		bool match;
	} cases[] = {
		{"*", "cpu.noploop", true},
		{"cpu.*", "cpu.noploop", true},
		{"cpu.*", "mem.fault", false},
		{"mem.*,cpu.n*", "cpu.noploop", true},
		{"blk.*_qd3?", "blk.randread_qd32", true},
		{"blk.*_qd3?", "blk.randread_qd3", false},
		{"cpu", "cpu.noploop", false},
		{"", "cpu.noploop", false},
		{",,cpu.noploop,", "cpu.noploop", true},
	};
	size_t i;

	(void)state;
	for (i = 0; i < NR_OF(cases); i++)
		assert_int_equal(names_match(cases[i].patterns, cases[i].name), cases[i].match);
}

static void nearest_names_come_by_edit_distance_or_by_part(void **state)
{
	static const struct {
		const char *typed, *nearest;
	} cases[] = {
		{"cpu.noplop", "cpu.noploop or cpu.hash"},
		{"linpack", "cpu.linpack or cpu.hash"},
		{"mem.stream_copi", "mem.stream_copy or cpu.noploop"},
	};
	struct names known = {0};
	char text[128];
	size_t i;

	(void)state;
	names_split(&known, "cpu.noploop,cpu.linpack,cpu.hash,mem.stream_copy");
	for (i = 0; i < NR_OF(cases); i++) {
		names_nearest(&known, cases[i].typed, 2, text, sizeof(text));
		assert_memory_equal(text, cases[i].nearest, strcspn(cases[i].nearest, " "));
	}
	names_free(&known);
}

static void unknown_arms_and_variants_are_refused_with_what_there_is(void **state)
{
	static const struct {
		const char *name, *message;
	} cases[] = {
		{"vn", "there is no arm \"vn\"; the nearest are vm"},
		{"contaner", "container"},
		{"native:pin", "there is no variant \"pin\"; native takes pages=4k"},
		{"vm:pages=3m", "there is no variant \"pages=3m\""},
		{"vm:runc", "vm takes pin, nopin"},
		{"exec", "which program? Write exec:PROGRAM"},
	};
	struct arm_context context = {0};
	struct reason reason;
	struct arm arm;
	size_t i;

	(void)state;
	for (i = 0; i < NR_OF(cases); i++) {
		assert_int_equal(arm_parse(&arm, cases[i].name, &context, &reason), -EINVAL);
		if (!strstr(reason.text, cases[i].message))
			fail_msg("%s: \"%s\"", cases[i].name, reason.text);
		arm_release(&arm);
	}
}

static void variants_combine(void **state)
{
	struct arm_context context = {0};
	struct reason reason;
	struct arm arm;

	(void)state;
	assert_int_equal(arm_parse(&arm, "vm:nopin:pages=2m", &context, &reason), 0);
	assert_true(arm.nopin);
	assert_string_equal(arm.pages, "2m");
	arm_release(&arm);
	assert_int_equal(arm_parse(&arm, "container:bwrap", &context, &reason), 0);
	assert_string_equal(arm.program, "bwrap");
	arm_release(&arm);
}

/* ---- the command line ---- */

static int parse(struct settings *settings, const char *line, struct reason *reason)
{
	char *copy = strdup(line), *cursor = copy, *argv[16] = {NULL};
	int argc = 0, error;

	while (cursor && argc < 15)
		argv[argc++] = strsep(&cursor, " ");
	error = settings_parse(settings, argc, argv, reason);
	settings_free(settings);
	free(copy); /* what settings point to is gone: the caller looks at numbers only */
	return error;
}

static void bad_command_lines_name_option_value_and_remedy(void **state)
{
	static const struct {
		const char *line, *message;
	} cases[] = {
		{"tinybench rnu", "the nearest are run"},
		{"tinybench run --rounds 0", "--rounds 0: give a number from 1"},
		{"tinybench run --budget 0", "--budget 0: give a number from 1"},
		{"tinybench run --rounds 5x", "--rounds 5x"},
		{"tinybench run --until-ci 0", "--until-ci 0: give percent"},
		{"tinybench run --seed -1",
		 "--seed -1: give a number from 0 to 9223372036854775807"},
		{"tinybench run --seed 9223372036854775808", "--seed 9223372036854775808: give"},
		{"tinybench run --pin a", "--pin a: give a list of CPUs"},
		{"tinybench run --arg pages", "give KEY=VALUE"},
		{"tinybench run --frobnicate", "--frobnicate: no such option"},
		{"tinybench run --rounds", "--rounds needs a value"},
		{"tinybench run somewhere", "\"somewhere\": run takes options only"},
		{"tinybench report", "which directory?"},
		{"tinybench diff one", "which directories?"},
		{"tinybench diff a b c", "\"c\": diff takes no more directories"},
	};
	struct settings settings;
	struct reason reason;
	size_t i;

	(void)state;
	for (i = 0; i < NR_OF(cases); i++) {
		assert_int_equal(parse(&settings, cases[i].line, &reason), -EINVAL);
		if (!strstr(reason.text, cases[i].message))
			fail_msg("%s: \"%s\"", cases[i].line, reason.text);
	}
}

static void quick_changes_defaults_and_not_what_is_said(void **state)
{
	struct settings settings;
	struct reason reason;

	(void)state;
	assert_int_equal(parse(&settings, "tinybench run", &reason), 0);
	assert_int_equal(settings.rounds, 10);
	assert_int_equal(parse(&settings, "tinybench run --quick --samples 7", &reason), 0);
	assert_int_equal(settings.rounds, 6);
	assert_int_equal(settings.samples, 7);
	assert_int_equal(parse(&settings, "tinybench run --until-ci 0.5%", &reason), 0);
	assert_int_equal(settings.rounds, 100);
}

/* ---- results ---- */

static void add_rounds(struct dataset *data, const struct bench *bench, const char *arm,
		       double factor, unsigned int nr)
{
	static const double drift[] = {1, 3, 2, 5, 4, 1.5, 2.5, 3.5, 8, 6};
	struct sample sample = {.bench = bench, .arm = dataset_arm(data, arm)};
	unsigned int round;

	for (round = 0; round < nr; round++) {
		sample.round = round;
		sample.warmup = round == 0;
		sample.value = factor * (round == 0 ? 1000 : drift[round]);
		dataset_add_sample(data, &sample);
	}
}

static void make_data(struct dataset *data)
{
	const struct bench *loop, *copy;

	dataset_init(data);
	loop = catalog_add(&data->benches, "cpu.noploop", "ms", false, "empty loop");
	copy = catalog_add(&data->benches, "mem.stream_copy", "GB/s", true, "copy");
	add_rounds(data, loop, "native", 1, 10);
	add_rounds(data, loop, "vm", 2, 10);
	add_rounds(data, copy, "native", 40, 3);
	dataset_add_note(data, copy, dataset_arm(data, "vm"), 2, true,
			 "the payload faulted, \"vector\" 14");
	dataset_add_note(data, NULL, dataset_arm(data, "linux-vm"), 0, false, "no kernel");
	json_array_append_new(data->runs,
			      json_pack("{s:s, s:s, s:i, s:{s:s}, s:{s:s}}", "type", "run",
					"schema", DATASET_SCHEMA, "seed", 7, "host", "cpu", "a CPU",
					"bench_file", "sha256", "abcd"));
	json_array_append_new(data->series,
			      json_pack("{s:s, s:s}", "type", "series", "kind", "power"));
}

static void results_come_back_from_the_disk_as_they_were(void **state)
{
	struct dataset data, back;
	struct tempdir dir;
	struct reason reason;
	size_t i;

	(void)state;
	tempdir_create(&dir);
	make_data(&data);
	data.samples[3].value = 0.1; /* has no exact form in binary */
	assert_int_equal(dataset_save(&data, dir.path, &reason), 0);
	dataset_init(&back);
	assert_int_equal(dataset_load(&back, dir.path, &reason), 0);
	assert_int_equal(back.nr_samples, data.nr_samples);
	for (i = 0; i < data.nr_samples; i++) {
		assert_string_equal(back.samples[i].bench->name, data.samples[i].bench->name);
		assert_string_equal(back.samples[i].bench->unit, data.samples[i].bench->unit);
		assert_string_equal(back.samples[i].arm, data.samples[i].arm);
		assert_int_equal(back.samples[i].round, data.samples[i].round);
		assert_int_equal(back.samples[i].warmup, data.samples[i].warmup);
		assert_true(back.samples[i].value == data.samples[i].value);
	}
	assert_int_equal(back.nr_notes, 2);
	assert_string_equal(back.notes[0].text, "the payload faulted, \"vector\" 14");
	assert_true(back.notes[0].error);
	assert_null(back.notes[1].bench);
	assert_true(json_equal(back.runs, data.runs));
	assert_true(json_equal(back.series, data.series));
	assert_int_equal(dataset_next_round(&back), 10);
	dataset_free(&back);
	dataset_free(&data);
	tempdir_remove(&dir);
}

static void an_empty_directory_is_an_empty_result(void **state)
{
	struct tempdir dir;
	struct dataset data;
	struct reason reason;

	(void)state;
	tempdir_create(&dir);
	dataset_init(&data);
	assert_int_equal(dataset_load(&data, dir.path, &reason), 0);
	assert_int_equal(dataset_next_round(&data), 0);
	dataset_free(&data);
	tempdir_remove(&dir);
}

static void a_line_that_is_not_ours_is_named_and_nothing_is_guessed(void **state)
{
	static const char *const lines[] = {
		"garbage\n",
		"{\"type\":\"sample\"}\n",
		"{\"type\":\"unheard\"}\n",
		"[1]\n",
		"{\"type\":\"sample\",\"bench\":\"a.b\",\"arm\":\"vm\",\"round\":-1,\"i\":0,"
		"\"value\":1,\"unit\":\"ms\",\"better\":\"lower\",\"warmup\":false}\n",
		"{\"type\":\"skip\",\"arm\":\"vm\",\"round\":1}\n",
	};
	struct tempdir dir;
	struct dataset data;
	struct reason reason;
	size_t i;

	(void)state;
	tempdir_create(&dir);
	for (i = 0; i < NR_OF(lines); i++) {
		tempdir_write(&dir, DATASET_FILE, lines[i]);
		dataset_init(&data);
		assert_int_equal(dataset_load(&data, dir.path, &reason), -EPROTO);
		assert_non_null(strstr(reason.text, DATASET_FILE ":1: not a line"));
		dataset_free(&data);
	}
	tempdir_remove(&dir);
}

static void write_to_full_disk(FILE *file, const void *opaque)
{
	size_t i;

	(void)opaque;
	for (i = 0; i < 100000; i++)
		fputs("more than any buffer holds\n", file);
}

/* The temporary file beside the result is a link to /dev/full, on which each write fails. */
static void a_full_disk_leaves_the_old_file_and_says_so(void **state)
{
	struct tempdir dir;
	struct reason reason;
	char link_name[128], *text;

	(void)state;
	tempdir_create(&dir);
	tempdir_write(&dir, "result", "old");
	snprintf(link_name, sizeof(link_name), "%s/result.new", dir.path);
	assert_int_equal(symlink("/dev/full", link_name), 0);
	assert_int_equal(file_replace(dir.path, "result", write_to_full_disk, NULL, &reason),
			 -ENOSPC);
	assert_non_null(strstr(reason.text, "No space left on device"));
	snprintf(link_name, sizeof(link_name), "%s/result", dir.path);
	text = file_read(link_name);
	assert_string_equal(text, "old");
	free(text);
	tempdir_remove(&dir);
}

/* ---- summaries ---- */

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

static void a_diff_is_wider_than_either_side(void **state)
{
	struct estimate before = {.nr = 10, .median = 100, .std_error = 1};
	struct estimate after = {.nr = 10, .median = 110, .std_error = 1.1}, ratio;

	(void)state;
	diff_estimate(&before, &after, &ratio);
	assert_true(fabs(ratio.median - 1.1) < 1e-12);
	/* 1.1 * sqrt(0.01^2 + 0.01^2) */
	assert_true(fabs(ratio.std_error - 0.0155563) < 1e-6);
	/* 2.262157 standard errors */
	assert_true(fabs(ratio.hi - 1.1351908) < 1e-6);
	before.nr = 0;
	diff_estimate(&before, &after, &ratio);
	assert_int_equal(ratio.nr, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(patterns_are_globs_in_a_list),
		cmocka_unit_test(nearest_names_come_by_edit_distance_or_by_part),
		cmocka_unit_test(unknown_arms_and_variants_are_refused_with_what_there_is),
		cmocka_unit_test(variants_combine),
		cmocka_unit_test(bad_command_lines_name_option_value_and_remedy),
		cmocka_unit_test(quick_changes_defaults_and_not_what_is_said),
		cmocka_unit_test(results_come_back_from_the_disk_as_they_were),
		cmocka_unit_test(an_empty_directory_is_an_empty_result),
		cmocka_unit_test(a_line_that_is_not_ours_is_named_and_nothing_is_guessed),
		cmocka_unit_test(a_full_disk_leaves_the_old_file_and_says_so),
		cmocka_unit_test(ratios_are_of_paired_rounds_without_the_warm_up),
		cmocka_unit_test(constant_figures_claim_no_resolution),
		cmocka_unit_test(a_native_figure_of_zero_is_why_there_is_no_ratio),
		cmocka_unit_test(runs_on_different_hosts_are_a_warning),
		cmocka_unit_test(summary_json_has_what_it_promises),
		cmocka_unit_test(a_diff_is_wider_than_either_side),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
