/* SPDX-License-Identifier: MIT */
/* What a run decides without running anything: --budget, idle power, the KVM that an arm needs. */
#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "guest/tinybench/arms/arm.h"
#include "guest/tinybench/measure/budget.h"
#include "guest/tinybench/measure/own.h"
#include "tests/unit/tempdir.h"
#include "vmm/core/array.h"

#define SECOND 1000000000ll

/* Two benchmarks, a budget of ten seconds from 100 s on, a made-up clock. */
static void a_benchmark_starts_if_it_would_end_in_time_as_the_last_time(void **state)
{
	struct budget budget = {0};

	(void)state;
	budget_start(&budget, 10, 2, 100 * SECOND);
	/* What has not run yet starts as long as there is time. */
	assert_true(budget_allows(&budget, 0, 100 * SECOND));
	assert_true(budget_allows(&budget, 1, 110 * SECOND));
	assert_false(budget.cut);
	budget_took(&budget, 0, 4 * SECOND);
	assert_true(budget_allows(&budget, 0, 106 * SECOND)); /* to the end exactly */
	assert_false(budget.cut);
	assert_false(budget_allows(&budget, 0, 106 * SECOND + 1));
	assert_true(budget.cut);
	/* Of each benchmark its own time, and the last one. */
	assert_true(budget_allows(&budget, 1, 106 * SECOND + 1));
	budget_took(&budget, 0, 1 * SECOND);
	assert_true(budget_allows(&budget, 0, 109 * SECOND));
	budget_took(&budget, 1, 8 * SECOND);
	assert_false(budget_allows(&budget, 1, 103 * SECOND));
	assert_true(budget.cut); /* and it stays */
	budget_free(&budget);
}

static void what_has_not_run_yet_does_not_start_after_the_end(void **state)
{
	struct budget budget = {0};

	(void)state;
	budget_start(&budget, 10, 1, 100 * SECOND);
	assert_false(budget_allows(&budget, 0, 110 * SECOND + 1));
	assert_true(budget.cut);
	budget_free(&budget);
}

static void without_a_budget_there_is_always_time(void **state)
{
	struct budget budget = {0};

	(void)state;
	budget_start(&budget, 0, 1, 100 * SECOND);
	budget_took(&budget, 0, INT64_MAX / 2);
	assert_true(budget_allows(&budget, 0, INT64_MAX / 2));
	assert_false(budget.cut);
	budget_free(&budget);
}

/* What the machine would have taken anyway is taken off. */
static void energy_is_what_is_beyond_an_idle_machine(void **state)
{
	static const struct {
		double joules, idle_watts, seconds, beyond;
	} cases[] = {
		{30, 10, 2, 10}, {30, 0, 2, 30}, {30, 10, 0, 30}, {20, 10, 2, 0}, {15, 10, 2, -5}};

	(void)state;
	for (size_t i = 0; i < NR_OF(cases); i++)
		assert_true(energy_beyond_idle(cases[i].joules, cases[i].idle_watts,
					       cases[i].seconds) == cases[i].beyond);
}

/* An idle machine that took more than a busy one was not idle: no figure can come of that. */
static void a_negative_figure_is_a_failure_with_its_value(void **state)
{
	struct bench bench = {.name = (char[]){"energy.noploop"}, .unit = (char[]){"J"}};
	struct cell cell = {.bench = &bench};

	(void)state;
	cell_add(&cell, 0);
	assert_false(cell.failed);
	assert_int_equal(cell.nr_staged, 1);
	cell_add(&cell, -5.7);
	assert_true(cell.failed);
	assert_int_equal(cell.nr_staged, 1);
	assert_string_equal(cell.reason.text, "its figure is negative: -5.7 J");
	free(cell.staged);
}

static void an_arm_without_kvm_says_where_there_is_one(void **state)
{
	struct arm_context context = {0};
	struct arm arm = {.context = &context};
	char path[128];
	struct tempdir dir;
	struct err err;

	(void)state;
	tempdir_create(&dir);
	snprintf(path, sizeof(path), "%s/kvm", dir.path);
	context.kvm_device = path;
	assert_int_equal(arm_need_kvm(&arm, &err), -ENOENT);
	assert_non_null(
		strstr(err.text, "/kvm; build/venue tinybench run ... measures where there"));
	assert_int_equal(symlink("kvm", path), 0); /* to itself: it is there and does not open */
	assert_int_equal(arm_need_kvm(&arm, &err), -ELOOP);
	assert_non_null(strstr(err.text, "Too many levels of symbolic links; build/venue"));
	assert_int_equal(unlink(path), 0);
	tempdir_write(&dir, "kvm", "");
	assert_int_equal(arm_need_kvm(&arm, &err), 0);
	tempdir_remove(&dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_benchmark_starts_if_it_would_end_in_time_as_the_last_time),
		cmocka_unit_test(what_has_not_run_yet_does_not_start_after_the_end),
		cmocka_unit_test(without_a_budget_there_is_always_time),
		cmocka_unit_test(energy_is_what_is_beyond_an_idle_machine),
		cmocka_unit_test(a_negative_figure_is_a_failure_with_its_value),
		cmocka_unit_test(an_arm_without_kvm_says_where_there_is_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
