/* SPDX-License-Identifier: MIT */
/* Whole runs of tinybench: what is measured, what fails, and what is said of it. */
#include <errno.h>

#include "guest/tinybench/measure/own.h"
#include "guest/tinybench/measure/session.h"
#include "tests/unit/tinybench_fixture.h"
#include "vmm/core/array.h"

#define RUN "tinybench run --build DIR --out DIR/out --arms native,exec:DIR/arm --bench cpu.noploop"

/* Six rounds are the fewest that say anything; the warm-up says nothing. */
static void until_ci_goes_on_until_the_ratio_is_known(void **state)
{
	struct fixture *fixture = *state;
	struct dataset data;

	write_program(fixture, "arm", GOOD);
	assert_status(fixture, RUN " --until-ci 1", BENCH_STATUS_OK);
	assert_said(fixture, "1.0000 (1.0000 .. 1.0000)");
	load(fixture, &data);
	assert_int_equal(dataset_next_round(&data), 7);
	dataset_free(&data);
}

/* An arm that cannot run keeps no other one waiting, and its failures are not precision. */
static void until_ci_does_not_wait_for_what_always_fails(void **state)
{
	struct fixture *fixture = *state;
	struct dataset data;

	write_program(fixture, "arm", "exit 3\n");
	assert_status(fixture, RUN " --until-ci 1", BENCH_STATUS_FAILED);
	load(fixture, &data);
	assert_int_equal(dataset_next_round(&data), 7);
	dataset_free(&data);
}

/* The rounds that life.image asks for say all there is to know of it. */
static void until_ci_does_not_wait_for_what_is_measured_in_few_rounds(void **state)
{
	struct fixture *fixture = *state;
	struct dataset data;

	write_program(fixture, "arm", GOOD);
	assert_status(fixture, RUN ",life.image --until-ci 1", BENCH_STATUS_OK);
	load(fixture, &data);
	assert_int_equal(dataset_next_round(&data), 7);
	dataset_free(&data);
}

/* What an arm says is anything; the results stay UTF-8 and readable, and terminals sane. */
static void what_an_arm_says_does_not_spoil_the_results(void **state)
{
	struct fixture *fixture = *state;
	struct dataset data;

	write_program(fixture, "arm", "printf 'no \\377\\033[2J r\\303\\251seau\\n' >&2; exit 3\n");
	assert_status(fixture, RUN " --rounds 1", BENCH_STATUS_FAILED);
	assert_said(fixture, "status 3: no ??[2J r??seau");
	load(fixture, &data);
	assert_int_equal(data.nr_notes, 2);
	assert_string_equal(data.notes[0].text, "ended with status 3: no ??[2J r??seau");
	dataset_free(&data);
}

/* A result that others have to be subtracted from is not quietly one of fewer rounds. */
static void failed_rounds_are_told_beside_the_figures_of_the_others(void **state)
{
	struct fixture *fixture = *state;

	/* Every second run fails. */
	write_program(fixture, "arm",
		      "cd \"$(dirname \"$0\")\"\n"
		      "mkdir odd 2>/dev/null || { rmdir odd; kill -9 $$; }\n" GOOD);
	assert_status(fixture, RUN " --rounds 4", BENCH_STATUS_FAILED);
	assert_said(fixture, "2 rounds are too few to say; 2 other runs failed: killed by signal "
			     "9 (Killed)");
}

/* What an arm lacked the last time is no news when it has it. */
static void an_arm_that_could_not_run_may_the_next_time(void **state)
{
	struct fixture *fixture = *state;
	struct dataset data;

	assert_status(fixture, RUN " --rounds 1", BENCH_STATUS_OK);
	assert_said(fixture, "arm is not a program");
	assert_status(fixture, RUN " --rounds 2", BENCH_STATUS_OK);
	load(fixture, &data);
	assert_int_equal(data.nr_notes, 1); /* and not once for each call */
	dataset_free(&data);
	write_program(fixture, "arm", GOOD);
	assert_status(fixture, RUN " --rounds 3", BENCH_STATUS_OK);
	assert_null(strstr(fixture->said, "not measured"));
}

static void a_list_without_a_benchmark_is_refused(void **state)
{
	static const char *const lines[] = {
		"tinybench run --build DIR --out DIR/out --bench ,",
		"tinybench aa --build DIR --out DIR/out --bench ,",
	};
	struct fixture *fixture = *state;
	size_t i;

	for (i = 0; i < NR_OF(lines); i++) {
		assert_status(fixture, lines[i], BENCH_STATUS_USAGE);
		assert_said(fixture, "--bench \",\": name at least one benchmark");
	}
}

/* Docker's containers descend from its daemon: what `docker run` takes is not the container. */
static void an_engine_of_processes_elsewhere_has_no_memory_to_read(void **state)
{
	static bool (*const measure[])(struct session *, struct arm *, struct cell *) = {
		life_pss, life_idle_cpu, life_idle_wakeups};
	struct settings settings = {.timeout_s = 1};
	struct session session = {.settings = &settings, .signal_fd = -1};
	struct arm_context context = {0};
	struct idle_reading idle = {0};
	struct err err;
	struct arm arm;
	size_t i;

	(void)state;
	assert_int_equal(arm_parse(&arm, "container:docker", &context, &err), 0);
	session.arms = &arm;
	session.idle = &idle;
	for (i = 0; i < NR_OF(measure); i++) {
		struct cell cell = {0};

		assert_true(measure[i](&session, &arm, &cell));
		assert_true(cell.skipped);
		assert_int_equal(cell.nr_staged, 0);
		assert_non_null(strstr(cell.reason.text, "docker"));
	}
	arm_release(&arm);
}

/* The output names all that is in one of two results, compared or not. */
static void a_diff_leaves_nothing_out(void **state)
{
	struct fixture *fixture = *state;

	write_program(fixture, "arm", GOOD);
	assert_status(fixture, RUN " --rounds 6", BENCH_STATUS_OK);
	assert_status(fixture,
		      "tinybench run --build DIR --out DIR/other --arms native --bench "
		      "cpu.noploop,life.image --rounds 6",
		      BENCH_STATUS_OK);
	assert_status(fixture, "tinybench diff DIR/out DIR/other", BENCH_STATUS_OK);
	assert_said(fixture, "no difference seen: the same figure in all 6 rounds");
	assert_said(fixture, "arm before only");
	assert_said(fixture, "native         after only");
}

/* What is left of a full disk here: a directory where the file belongs. */
static void results_that_cannot_be_kept_are_not_said_to_be(void **state)
{
	struct fixture *fixture = *state;

	write_program(fixture, "arm", GOOD);
	tempdir_write(&fixture->dir, "out/samples.jsonl.gz.new/x", "");
	tempdir_write(&fixture->dir, "out/report.html.new/x", "");
	assert_status(fixture, RUN " --rounds 1", BENCH_STATUS_FAILED);
	assert_said(fixture, "out/samples.jsonl.gz.new: cannot create: Is a directory");
	assert_null(strstr(fixture->said, "report.html has plots"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
		CASE(until_ci_goes_on_until_the_ratio_is_known),
		CASE(until_ci_does_not_wait_for_what_always_fails),
		CASE(until_ci_does_not_wait_for_what_is_measured_in_few_rounds),
		CASE(what_an_arm_says_does_not_spoil_the_results),
		CASE(failed_rounds_are_told_beside_the_figures_of_the_others),
		CASE(an_arm_that_could_not_run_may_the_next_time),
		CASE(a_list_without_a_benchmark_is_refused),
		CASE(a_diff_leaves_nothing_out),
		CASE(an_engine_of_processes_elsewhere_has_no_memory_to_read),
		CASE(results_that_cannot_be_kept_are_not_said_to_be),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
