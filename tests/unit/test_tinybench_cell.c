/* SPDX-License-Identifier: MIT */
/*
 * What tinybench makes of a program that stands in for the benchmark file: one that works, and ones
 * that are killed, hang, print garbage, lie or fall silent. Each is a shell script run as arm
 * "exec:PROGRAM"; whatever it does, its samples count only if all of it was well, and else a note
 * says why there are none.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "guest/tinybench/measure/cell.h"
#include "guest/tinybench/measure/own.h"
#include "guest/tinybench/measure/session.h"
#include "tests/unit/tempdir.h"
#include "vmm/core/array.h"

#define BEGIN "echo '{\"event\":\"begin\",\"env\":\"linux\",\"cpus\":1,\"tsc_hz\":1}'\n"
#define END   "echo '{\"event\":\"end\"}'\n"
#define SAMPLE                                                                   \
	"echo '{\"event\":\"sample\",\"bench\":\"cpu.noploop\",\"unit\":\"ms\"," \
	"\"better\":\"lower\",\"i\":1,\"value\":2.5,\"warmup\":false}'\n"
#define WARMUP                                                                   \
	"echo '{\"event\":\"sample\",\"bench\":\"cpu.noploop\",\"unit\":\"ms\"," \
	"\"better\":\"lower\",\"i\":0,\"value\":9,\"warmup\":true}'\n"

struct fixture {
	struct tempdir dir;
	struct dataset data;
	char program[128];
	struct spawn_result result;
};

static int set_up(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));

	assert_non_null(fixture);
	tempdir_create(&fixture->dir);
	dataset_init(&fixture->data);
	*state = fixture;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *fixture = *state;

	dataset_free(&fixture->data);
	tempdir_remove(&fixture->dir);
	free(fixture);
	return 0;
}

/* Runs the script as an arm of its own would be. */
static void run_script(struct fixture *fixture, const char *script, int timeout_ms, int signal_fd)
{
	struct dataset *data = &fixture->data;
	struct arm_context context = {0};
	struct arm arm;
	struct cell cell = {.data = data,
			    .bench =
				    catalog_add(&data->benches, "cpu.noploop", "ms", false, "text"),
			    .arm = dataset_arm(data, "fake"),
			    .round = 1};
	char text[4096], name[160];
	char *argv[] = {fixture->program, NULL};
	struct spawn_request request = {.argv = argv,
					.timeout_ms = timeout_ms,
					.signal_fd = signal_fd,
					.on_line = cell_take_line,
					.opaque = &cell};
	struct err err;

	snprintf(text, sizeof(text), "#!/bin/sh\n%s", script);
	tempdir_write(&fixture->dir, "arm", text);
	snprintf(fixture->program, sizeof(fixture->program), "%s/arm", fixture->dir.path);
	assert_int_equal(chmod(fixture->program, 0755), 0);
	snprintf(name, sizeof(name), "exec:%s", fixture->program);
	assert_int_equal(arm_parse(&arm, name, &context, &err), 0);
	arm_prepare(&arm);
	assert_true(arm.ready);
	assert_int_equal(spawn_run(&request, &fixture->result, &err), 0);
	cell_program_ended(&cell, &arm, &fixture->result);
	cell_commit(&cell);
	arm_release(&arm);
}

static void a_good_run_gives_its_samples_and_marks_the_warm_up(void **state)
{
	struct fixture *fixture = *state;

	run_script(fixture, BEGIN WARMUP SAMPLE SAMPLE END, 5000, -1);
	assert_int_equal(fixture->data.nr_notes, 0);
	assert_int_equal(fixture->data.nr_samples, 3);
	assert_true(fixture->data.samples[0].warmup);
	assert_false(fixture->data.samples[2].warmup);
	assert_true(fixture->data.samples[2].value == 2.5);
	assert_true(fixture->result.first_output_ns > fixture->result.start_ns);
	assert_true(fixture->result.end_ns >= fixture->result.first_output_ns);
}

static void carriage_returns_of_a_serial_port_are_no_garbage(void **state)
{
	struct fixture *fixture = *state;

	run_script(fixture, "(" BEGIN SAMPLE END ") | sed 's/$/\\r/'", 5000, -1);
	assert_int_equal(fixture->data.nr_notes, 0);
	assert_int_equal(fixture->data.nr_samples, 1);
}

/* Each ends without samples and with a note that has this in it. */
static void what_goes_wrong_ends_the_run_with_its_reason(void **state)
{
	static const struct {
		const char *script, *reason;
	} cases[] = {
		{BEGIN SAMPLE "kill -9 $$\n", "killed by signal 9"},
		{BEGIN SAMPLE "kill -SEGV $$\n", "killed by signal 11"},
		{BEGIN SAMPLE "echo no such device >&2; exit 7\n",
		 "ended with status 7: no such device"},
		{BEGIN SAMPLE "echo 'fault: vector 14'; exit 5\n", "(\"fault: vector 14\")"},
		{BEGIN "echo garbage\n" SAMPLE END, "not a benchmark's line: \"garbage\""},
		{BEGIN "printf '\\033\\001\\377\\n'\n" SAMPLE END, "\"???\""},
		{BEGIN "echo '{\"event\":\"sample\"'\n" SAMPLE END, "not a benchmark's line"},
		{"exit 0\n", "without saying \"begin\""},
		{BEGIN SAMPLE, "without saying \"end\""},
		{BEGIN END, "without a sample"},
		{BEGIN
		 "echo '{\"event\":\"sample\",\"bench\":\"cpu.noploop\",\"unit\":\"ms\"}'\n" END,
		 "without bench, unit or value"},
		{BEGIN "echo '{\"event\":\"sample\",\"bench\":\"cpu.noploop\",\"unit\":\"ms\","
		       "\"value\":1e999}'\n" END,
		 "not a benchmark's line"},
		{BEGIN "echo '{\"event\":\"sample\",\"bench\":\"cpu.noploop\",\"unit\":\"s\","
		       "\"value\":1}'\n" END,
		 "in \"s\" instead of \"ms\""},
		{BEGIN "echo '{\"event\":\"sample\",\"bench\":\"cpu.noploop\",\"unit\":\"ms\","
		       "\"value\":-5.7}'\n" END,
		 "its figure is negative: -5.7 ms"},
		{BEGIN "echo '{\"event\":\"sample\",\"bench\":\"mem.fault\",\"unit\":\"ms\","
		       "\"value\":1}'\n" END,
		 "\"mem.fault\", which tinybench did not ask for"},
		{BEGIN SAMPLE "echo '{\"event\":\"check\",\"bench\":\"cpu.noploop\",\"ok\":false,"
			      "\"text\":\"residual 1e9\"}'\n" END,
		 "its result is wrong: residual 1e9"},
		{BEGIN "echo '{\"event\":\"error\",\"bench\":\"cpu.noploop\",\"reason\":\"no "
		       "RAM\"}'\n" END "exit 1\n",
		 "no RAM"},
	};
	struct fixture *fixture = *state;
	const struct note *note;
	size_t i;

	for (i = 0; i < NR_OF(cases); i++) {
		run_script(fixture, cases[i].script, 5000, -1);
		assert_int_equal(fixture->data.nr_samples, 0);
		assert_int_equal(fixture->data.nr_notes, i + 1);
		note = &fixture->data.notes[i];
		assert_true(note->error);
		if (!strstr(note->text, cases[i].reason))
			fail_msg("case %zu: \"%s\" does not say \"%s\"", i, note->text,
				 cases[i].reason);
	}
}

static void a_skip_is_a_reason_and_no_error(void **state)
{
	struct fixture *fixture = *state;

	run_script(fixture,
		   BEGIN "echo '{\"event\":\"skip\",\"bench\":\"cpu.noploop\",\"reason\":\"no "
			 "disk\"}'\n" END,
		   5000, -1);
	assert_int_equal(fixture->data.nr_notes, 1);
	assert_false(fixture->data.notes[0].error);
	assert_string_equal(fixture->data.notes[0].text, "no disk");
}

static bool is_gone(pid_t pid)
{
	int tries;

	for (tries = 0; tries < 200; tries++) {
		if (spawn_is_gone(pid))
			return true;
		usleep(10000); /* its new parent waits for it */
	}
	return false;
}

static void a_process_is_gone_when_it_runs_no_more(void **state)
{
	int fds[2];
	char byte;
	pid_t pid;

	(void)state;
	assert_false(spawn_is_gone(getpid()));
	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0)
		_exit(0); /* its end of the pipe is closed with it */
	close(fds[1]);
	assert_int_equal(read(fds[0], &byte, 1), 0);
	close(fds[0]);
	assert_true(is_gone(pid)); /* and has a status for its parent still */
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	assert_true(spawn_is_gone(pid));
}

/* Huge pages that are not reserved are no more a failure than a host without RAPL. */
static void what_cannot_run_here_is_skipped_and_what_went_wrong_failed(void **state)
{
	static const struct {
		int ret;
		bool skipped, failed;
	} cases[] = {{-EOPNOTSUPP, true, false}, {-EIO, false, true}, {-ENOENT, false, true}};

	(void)state;
	for (size_t i = 0; i < NR_OF(cases); i++) {
		struct cell cell = {0};
		struct err err;

		err_set(&err, 0, "because");
		cell_cannot_run(&cell, cases[i].ret, &err);
		assert_int_equal(cell.skipped, cases[i].skipped);
		assert_int_equal(cell.failed, cases[i].failed);
		assert_string_equal(cell.reason.text, "because");
	}
}

static int cannot_run(struct arm *arm, const struct job *job, struct argv *argv, struct err *err)
{
	(void)arm;
	(void)job;
	(void)argv;
	return err_set(err, -EOPNOTSUPP, "not on this host");
}

/* From outside too: neither a figure of 0 nor a failure comes after the reason. */
static void an_arm_that_cannot_run_is_skipped_in_what_tinybench_measures_itself(void **state)
{
	static const struct arm_class class = {.name = "none", .command = cannot_run};
	static const char *const benches[] = {"life.first_output", "life.total", "life.pss",
					      "life.idle_cpu", "life.idle_wakeups"};
	struct settings settings = {.samples = 2, .timeout_s = 1};
	struct idle_reading idle = {0};
	struct arm arm = {.class = &class, .name = "none"};
	struct session session = {
		.settings = &settings, .arms = &arm, .idle = &idle, .signal_fd = -1};

	(void)state;
	for (size_t i = 0; i < NR_OF(benches); i++) {
		struct cell cell = {0};

		assert_true(own_find(benches[i])->measure(&session, &arm, &cell));
		assert_true(cell.skipped);
		assert_false(cell.failed);
		assert_int_equal(cell.nr_staged, 0);
		assert_string_equal(cell.reason.text, "not on this host");
	}
}

static void a_hanging_program_is_killed_with_its_children(void **state)
{
	struct fixture *fixture = *state;
	char path[128], text[32] = "";
	FILE *file;
	pid_t child;

	snprintf(path, sizeof(path), "%s/child", fixture->dir.path);
	run_script(fixture, BEGIN SAMPLE "sleep 100 & echo $! >\"$(dirname \"$0\")/child\"; wait\n",
		   1500, -1);
	assert_int_equal(fixture->result.end, SPAWN_TIMED_OUT);
	assert_int_equal(fixture->data.nr_samples, 0);
	assert_non_null(strstr(fixture->data.notes[0].text, "killed"));
	file = fopen(path, "r");
	assert_non_null(file);
	assert_non_null(fgets(text, sizeof(text), file));
	fclose(file);
	child = (pid_t)atoi(text);
	assert_true(child > 1);
	assert_true(is_gone(child));
}

static void what_a_program_leaves_running_does_not_outlive_it(void **state)
{
	struct fixture *fixture = *state;
	int64_t took_ms;

	/* It holds the pipe open, too: waiting for its end would take 100 s. */
	run_script(fixture, BEGIN SAMPLE END "sleep 100 &\n", 20000, -1);
	took_ms = (fixture->result.end_ns - fixture->result.start_ns) / 1000000;
	assert_true(took_ms < 15000);
	assert_int_equal(fixture->data.nr_samples, 1);
}

static void a_flood_of_output_is_stopped(void **state)
{
	struct fixture *fixture = *state;

	run_script(fixture, "tr '\\0' x </dev/zero\n", 20000, -1);
	assert_int_equal(fixture->result.end, SPAWN_FLOODED);
	assert_non_null(strstr(fixture->data.notes[0].text, "flooded"));
}

static void a_readable_signal_descriptor_ends_the_run(void **state)
{
	struct fixture *fixture = *state;
	int fds[2];

	assert_int_equal(pipe(fds), 0);
	assert_int_equal(write(fds[1], "x", 1), 1);
	run_script(fixture, "sleep 100\n", 20000, fds[0]);
	assert_int_equal(fixture->result.end, SPAWN_INTERRUPTED);
	close(fds[0]);
	close(fds[1]);
}

static void a_program_that_is_not_there_is_an_error_of_the_start(void **state)
{
	char name[] = "/nonexistent/arm";
	char *argv[] = {name, NULL};
	struct spawn_request request = {.argv = argv, .timeout_ms = 1000, .signal_fd = -1};
	struct spawn_result result;
	struct err err;

	(void)state;
	assert_true(spawn_run(&request, &result, &err) < 0);
	assert_non_null(strstr(err.text, "/nonexistent/arm: cannot start: No such file"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
		CASE(a_good_run_gives_its_samples_and_marks_the_warm_up),
		CASE(carriage_returns_of_a_serial_port_are_no_garbage),
		CASE(what_goes_wrong_ends_the_run_with_its_reason),
		CASE(a_skip_is_a_reason_and_no_error),
		cmocka_unit_test(what_cannot_run_here_is_skipped_and_what_went_wrong_failed),
		cmocka_unit_test(
			an_arm_that_cannot_run_is_skipped_in_what_tinybench_measures_itself),
		cmocka_unit_test(a_process_is_gone_when_it_runs_no_more),
		CASE(a_hanging_program_is_killed_with_its_children),
		CASE(what_a_program_leaves_running_does_not_outlive_it),
		CASE(a_flood_of_output_is_stopped),
		CASE(a_readable_signal_descriptor_ends_the_run),
		CASE(a_program_that_is_not_there_is_an_error_of_the_start),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
