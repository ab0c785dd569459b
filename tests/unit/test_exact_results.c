/* SPDX-License-Identifier: MIT */
/* What is to be counted, and what is shown of it. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "guest/tinybench/exact/budget.h"
#include "guest/tinybench/exact/diff.h"
#include "guest/tinybench/exact/flame.h"
#include "guest/tinybench/exact/options.h"
#include "guest/tinybench/exact/show.h"
#include "guest/tinybench/exact/plan.h"
#include "guest/tinybench/exact/result.h"
#include "tests/unit/tempdir.h"
#include "vmm/core/array.h"

/* ---- options -----------------------------------------------------------------------------------
 */

static void wrong_options_say_what_is_right(void **state)
{
	static const struct {
		const char *words[4], *said;
	} cases[] = {
		{{"exact", "--jobs", "0"}, "from 1 to 64"},
		{{"exact", "--jobs"}, "needs a value"},
		{{"exact", "--nonsense"}, "no such option"},
		{{"exact", "--diff", "one"}, "two directories"},
		{{"exact", "word"}, "options only"},
	};

	(void)state;
	for (size_t i = 0; i < NR_OF(cases); i++) {
		struct exact_options options;
		struct err err;
		int argc = 0;

		while (argc < 4 && cases[i].words[argc])
			argc++;
		assert_int_equal(exact_options_parse(&options, argc, (char **)cases[i].words, &err),
				 -EINVAL);
		assert_non_null(strstr(err.text, cases[i].said));
	}
}

/* ---- plans -------------------------------------------------------------------------------------
 */

static void make_plan(struct plan *plan, const char *arm, const char *bench)
{
	struct catalog catalog = {0};
	struct err err;

	catalog_add(&catalog, bench, "ns", false, "");
	assert_int_equal(plan_add_arm(plan, arm, &catalog, "*", "/nonexistent", &err), 0);
	catalog_free(&catalog);
}

static void what_has_no_meaning_says_so(void **state)
{
	static const struct {
		const char *arm, *bench, *said;
	} cases[] = {
		{"vm", "cpu.hash", "no meaning in instructions"},
		{"native", "mem.random", "no meaning in instructions"},
		{"vm", "trap.pio_out_way_out", "part of a time"},
		{"vm", "life.pss", "life.start is what is counted"},
		{"linux-vm", "life.start", "longer than a trace may be"},
		{"floor", "blk.flush", "no devices"},
	};

	(void)state;
	for (size_t i = 0; i < NR_OF(cases); i++) {
		struct plan plan = {0};

		make_plan(&plan, cases[i].arm, cases[i].bench);
		for (size_t j = 0; j < plan.nr; j++) {
			assert_non_null(plan.jobs[j].why_not);
			assert_non_null(strstr(plan.jobs[j].why_not, cases[i].said));
			assert_int_equal(plan.jobs[j].argv.nr, 0);
		}
		assert_true(plan.nr > 0);
		plan_free(&plan);
	}
}

static void disks_are_counted_on_both_kinds(void **state)
{
	struct plan plan = {0};

	(void)state;
	make_plan(&plan, "native", "blk.randread_qd32");
	assert_int_equal(plan.nr, 2);
	assert_string_equal(plan.jobs[0].bench, "blk.randread_qd32@null_blk");
	assert_string_equal(plan.jobs[1].bench, "blk.randread_qd32@brd");
	assert_string_equal(plan.jobs[0].argv.at[plan.jobs[0].argv.nr - 1], "file=/dev/nullb0");
	plan_free(&plan);
}

static void what_follows_a_plus_is_an_option_of_the_vmm(void **state)
{
	struct plan plan = {0};

	(void)state;
	make_plan(&plan, "vm+--stats+--rng", "trap.pio_out");
	assert_string_equal(plan.jobs[0].arm, "vm+--stats+--rng");
	assert_string_equal(plan.jobs[0].argv.at[0], "/b/tinyvmm");
	assert_string_equal(plan.jobs[0].argv.at[1], "--stats");
	assert_string_equal(plan.jobs[0].argv.at[2], "--rng");
	assert_string_equal(plan.jobs[0].argv.at[3], "--cpus");
	plan_free(&plan);
}

static void an_unknown_arm_is_refused(void **state)
{
	struct catalog catalog = {0};
	struct plan plan = {0};
	struct err err;

	(void)state;
	assert_int_equal(plan_add_arm(&plan, "vn", &catalog, "*", "/", &err), -EINVAL);
	assert_non_null(strstr(err.text, "vm"));
	assert_int_equal(plan_add_arm(&plan, "container", &catalog, "*", "/", &err), -EINVAL);
	plan_free(&plan);
}

/* ---- what is shown -----------------------------------------------------------------------------
 */

static void counts_are_written_as_people_do(void **state)
{
	static const struct {
		json_int_t count;
		const char *text;
	} cases[] = {{0, "0"},
		     {999, "999"},
		     {1000, "1,000"},
		     {3270, "3,270"},
		     {-3270, "-3,270"},
		     {13353751, "13,353,751"},
		     {1002003004, "1,002,003,004"}};
	char text[32];
	json_t *real = json_real(4.125);

	(void)state;
	for (size_t i = 0; i < NR_OF(cases); i++) {
		json_t *count = json_integer(cases[i].count);

		assert_string_equal(show_count(text, count), cases[i].text);
		json_decref(count);
	}
	assert_string_equal(show_count(text, real), "4.12");
	json_decref(real);
}

static const char before_text[] =
	"{\"type\": \"tinybench-exact-1\", \"versions\": {\"qemu\": \"7.2\"}, \"kernel_words\": "
	"\"\","
	" \"results\": [{\"arm\": \"vm\", \"bench\": \"trap.x\", \"total\": 30,"
	" \"columns\": {\"vmm\": 10, \"kernel\": 20}, \"events\": {\"vmrun\": 1}, \"syscalls\": {},"
	" \"functions\": [[\"same\", \"kernel\", 20, 1], [\"t!gone\", \"vmm\", 10, 1]],"
	" \"stacks\": [[\"same\", 20, 1], [\"same;t!gone\", 10, 1]]}]}";
static const char after_text[] =
	"{\"type\": \"tinybench-exact-1\", \"versions\": {\"qemu\": \"8.0\"}, \"kernel_words\": "
	"\"\","
	" \"results\": [{\"arm\": \"floor\", \"bench\": \"trap.x\", \"total\": 27,"
	" \"columns\": {\"vmm\": 7, \"kernel\": 20}, \"events\": {\"vmrun\": 1}, \"syscalls\": {},"
	" \"functions\": [[\"same\", \"kernel\", 20, 1], [\"t!new<\", \"vmm\", 7, 1]],"
	" \"stacks\": [[\"same\", 20, 1], [\"same;t!new<\", 7, 1]]}]}";

/* What a function prints, for the caller to free. */
static char *printed(void (*print)(FILE *file, const json_t *result), const json_t *result)
{
	char *text = NULL;
	size_t size;
	FILE *file = open_memstream(&text, &size);

	print(file, result);
	fclose(file);
	return text;
}

static void a_difference_names_what_only_one_has(void **state)
{
	json_t *before = json_loads(before_text, 0, NULL), *after = json_loads(after_text, 0, NULL);
	char *text = NULL;
	size_t size;
	FILE *file = open_memstream(&text, &size);

	(void)state;
	assert_int_equal(diff_results(file, before, after), 1);
	fclose(file);
	assert_non_null(strstr(text, "! qemu differs"));
	assert_non_null(strstr(text, "trap.x, vm and floor"));
	assert_non_null(strstr(text, "t!gone  (only before)"));
	assert_non_null(strstr(text, "t!new<  (only after)"));
	assert_null(strstr(text, " same"));
	free(text);
	json_decref(before);
	json_decref(after);
}

/* DIR, or one arm of it. */
static void two_arms_of_one_result_can_be_compared(void **state)
{
	static const struct {
		const char *before, *after;
		int status;
		const char *said;
	} cases[] = {
		{"vm", "exec:_bin_x", 0, "trap.x, vm and exec:/bin/x"},
		{"", "", 0, "equal, function by function"},
		{"nowhere/vm", "", 2, "nowhere"},
	};
	struct tempdir dir;

	(void)state;
	tempdir_create(&dir);
	tempdir_write(&dir, RESULT_FILE,
		      "{\"type\": \"tinybench-exact-1\", \"results\": ["
		      "{\"arm\": \"vm\", \"bench\": \"trap.x\", \"total\": 1, \"functions\": [], "
		      "\"events\": {}},"
		      "{\"arm\": \"exec:/bin/x\", \"bench\": \"trap.x\", \"total\": 2, "
		      "\"functions\": [[\"f\", \"vmm\", 2, 1]], \"events\": {}}]}");
	for (size_t i = 0; i < NR_OF(cases); i++) {
		char before[128], after[128], *text = NULL;
		struct err err = {0};
		size_t size;
		FILE *file = open_memstream(&text, &size);

		(void)snprintf(before, sizeof(before), "%s/%s", dir.path, cases[i].before);
		(void)snprintf(after, sizeof(after), "%s/%s", dir.path, cases[i].after);
		assert_int_equal(diff_directories(file, before, after, &err), cases[i].status);
		fclose(file);
		assert_true(strstr(text, cases[i].said) || strstr(err.text, cases[i].said));
		free(text);
	}
	tempdir_remove(&dir);
}

static void folded_stacks_have_a_line_each(void **state)
{
	json_t *results = json_loads(before_text, 0, NULL);
	char *text = printed(show_folded, results_find(results, "vm", "trap.x"));

	(void)state;
	assert_string_equal(text, "same 20\nsame;t!gone 10\n");
	free(text);
	json_decref(results);
}

static void a_flame_graph_is_one_well_formed_file(void **state)
{
	json_t *results = json_loads(after_text, 0, NULL);
	char *text = printed(flame_write, results_find(results, "floor", "trap.x"));

	(void)state;
	assert_int_equal(strncmp(text, "<svg ", 5), 0);
	assert_non_null(strstr(text, "t!new&#60; (vmm): 7 instructions, 25.9 %"));
	assert_null(strstr(text, "new<"));
	assert_string_equal(text + strlen(text) - 7, "</svg>\n");
	free(text);
	json_decref(results);
}

static void a_common_reason_is_said_once(void **state)
{
	json_t *results = json_loads(
		"{\"results\": [{\"arm\": \"vm\", \"bench\": \"cpu.x\", \"reason\": \"no "
		"meaning\"},"
		" {\"arm\": \"native\", \"bench\": \"cpu.x\", \"reason\": \"no meaning\"}]}",
		0, NULL);
	char *text = printed(show_accounts, results);

	(void)state;
	assert_string_equal(text, "\ncpu.x\n  vm, native: not counted: no meaning\n");
	free(text);
	json_decref(results);
}

/* ---- budgets -----------------------------------------------------------------------------------
 */

static void a_budget_fails_for_growth_alone(void **state)
{
	static const struct {
		const char *text;
		int status;
		const char *said;
	} cases[] = {
		{"# a comment\n\nvm trap.x 10 0%\n", 0, "1 of 1 within"},
		{"vm trap.x 9 0%\n  9 t!gone\n", 1, "t!gone: 9 -> 10"},
		{"vm trap.x 9 0%\n  3 t!other\n", 1, "t!gone: 0 -> 10"},
		{"vm trap.x 9 20%\n", 0, "1 of 1 within"},
		{"vm trap.x 12 1%\n", 0, "make the budget smaller"},
		{"vm trap.unknown 1 0%\n", 0, "0 of 0 within"},
		{"built with 2.36 gcc 99\nvm trap.x 1 0%\n", 0, "SKIP"},
		{"vm trap.x many\n", 2, NULL},
		{"  x\n", 2, NULL},
	};
	json_t *results = json_loads(before_text, 0, NULL);

	(void)state;
	for (size_t i = 0; i < NR_OF(cases); i++) {
		char *text = NULL;
		size_t size;
		FILE *file = open_memstream(&text, &size);
		struct err err;

		assert_int_equal(budget_check_text(file, cases[i].text, results, &err),
				 cases[i].status);
		fclose(file);
		if (cases[i].said)
			assert_non_null(strstr(text, cases[i].said));
		free(text);
	}
	json_decref(results);
}

static void the_budget_that_is_printed_is_kept(void **state)
{
	json_t *results = json_loads(before_text, 0, NULL);
	char *table = printed(budget_print, results), *text = NULL;
	size_t size;
	FILE *file = open_memstream(&text, &size);
	struct err err;

	(void)state;
	assert_non_null(strstr(table, "vm trap.x 10 0%\n  10 t!gone\n"));
	assert_int_equal(budget_check_text(file, table, results, &err), 0);
	fclose(file);
	free(text);
	free(table);
	json_decref(results);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_budget_fails_for_growth_alone),
		cmocka_unit_test(the_budget_that_is_printed_is_kept),
		cmocka_unit_test(wrong_options_say_what_is_right),
		cmocka_unit_test(what_has_no_meaning_says_so),
		cmocka_unit_test(disks_are_counted_on_both_kinds),
		cmocka_unit_test(what_follows_a_plus_is_an_option_of_the_vmm),
		cmocka_unit_test(an_unknown_arm_is_refused),
		cmocka_unit_test(counts_are_written_as_people_do),
		cmocka_unit_test(a_difference_names_what_only_one_has),
		cmocka_unit_test(two_arms_of_one_result_can_be_compared),
		cmocka_unit_test(folded_stacks_have_a_line_each),
		cmocka_unit_test(a_flame_graph_is_one_well_formed_file),
		cmocka_unit_test(a_common_reason_is_said_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
