/* SPDX-License-Identifier: MIT */
/* The directory of results: whose it is, what is continued in it, and what is left in it. */
#include <errno.h>
#include <signal.h>
#include <sys/prctl.h>

#include "guest/tinybench/measure/claim.h"
#include "tests/unit/tinybench_fixture.h"
#include "vmm/core/array.h"

#define RUN  "tinybench run --build DIR --out DIR/out --arms native,exec:DIR/arm --bench cpu.noploop"
#define MORE "tinybench run --build DIR --out DIR/out"

/* Prints the lines of whatever benchmark it is asked for; these are there. */
#define TWO_BENCHES                                                                        \
	"[ $1 = run ] || {\n" LIST                                                         \
	"echo '{\"bench\":\"mem.fault\",\"unit\":\"us\",\"better\":\"lower\"}'; exit; }\n" \
	"unit=ms; [ $2 = cpu.noploop ] || unit=us\n"                                       \
	"echo '{\"event\":\"begin\"}'\n"                                                   \
	"echo \"{\\\"event\\\":\\\"sample\\\",\\\"bench\\\":\\\"$2\\\","                   \
	"\\\"unit\\\":\\\"$unit\\\",\\\"value\\\":2.5,\\\"warmup\\\":false}\"\n"           \
	"echo '{\"event\":\"end\"}'\n"

/* A process that has the directory until `let_go` is closed, and then dies without giving it back.
 */
static pid_t hold(const struct fixture *fixture, int *let_go)
{
	int has_it[2], go[2];
	char path[160], byte;
	struct claim claim;
	struct err err;
	pid_t pid;

	snprintf(path, sizeof(path), "%s/out", fixture->dir.path);
	assert_int_equal(pipe(has_it), 0);
	assert_int_equal(pipe(go), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		close(go[1]);
		if (claim_take(&claim, path, &err) < 0 || write(has_it[1], "x", 1) != 1)
			_exit(1);
		(void)!read(go[0], &byte, 1);
		_exit(0);
	}
	close(go[0]);
	assert_int_equal(read(has_it[0], &byte, 1), 1);
	close(has_it[0]);
	close(has_it[1]);
	*let_go = go[1];
	return pid;
}

static void a_directory_belongs_to_one_run_at_a_time(void **state)
{
	static const char *const lines[] = {
		RUN " --rounds 1",
		"tinybench aa --build DIR --out DIR/out --arms native --comparisons 1",
		"tinybench report DIR/out",
	};
	struct fixture *fixture = *state;
	char text[64];
	int let_go, status;
	pid_t pid;
	size_t i;

	write_program(fixture, "arm", GOOD);
	assert_status(fixture, RUN " --rounds 1", BENCH_STATUS_OK);
	pid = hold(fixture, &let_go);
	snprintf(text, sizeof(text), "out: process %d measures into it; ", (int)pid);
	for (i = 0; i < NR_OF(lines); i++) {
		assert_status(fixture, lines[i], BENCH_STATUS_USAGE);
		assert_said(fixture, text);
	}
	/* What only reads needs no lock. */
	assert_status(fixture, "tinybench report --json DIR/out", BENCH_STATUS_OK);
	close(let_go);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_status(fixture, RUN " --rounds 2", BENCH_STATUS_OK);
	assert_false(has_file(fixture, "out/.tinybench"));
}

/* Its own scratch files, for the lock says so, and nothing else. */
static void what_a_killed_run_has_left_is_removed_by_the_next(void **state)
{
	struct fixture *fixture = *state;
	int status;

	tempdir_write(&fixture->dir, "out/notes", "the user's own");
	write_program(fixture, "arm",
		      "mkdir \"$(dirname \"$0\")/out/.tinybench/arm-1\"\n"
		      ">\"$(dirname \"$0\")/out/.tinybench/arm-1/disk.img\"\nkill -9 $PPID\n");
	status = tinybench(fixture, RUN " --rounds 1");
	assert_true(WIFSIGNALED(status));
	assert_true(has_file(fixture, "out/.tinybench/arm-1/disk.img"));
	write_program(fixture, "arm", GOOD);
	assert_status(fixture, RUN " --rounds 1", BENCH_STATUS_OK);
	assert_false(has_file(fixture, "out/.tinybench"));
	assert_true(has_file(fixture, "out/notes"));
}

/* It would hold what is being removed, and disturb what is measured next. */
static void an_arm_does_not_outlive_a_run_that_is_killed(void **state)
{
	struct fixture *fixture = *state;
	char path[160], text[32];
	int status;
	pid_t arm;

	assert_int_equal(prctl(PR_SET_CHILD_SUBREAPER, 1), 0); /* orphans are ours to wait for */
	write_program(fixture, "arm",
		      "echo $$ >\"$(dirname \"$0\")/pid\"; kill -9 $PPID; exec sleep 100\n");
	status = tinybench(fixture, RUN " --rounds 1");
	assert_true(WIFSIGNALED(status));
	snprintf(path, sizeof(path), "%s/pid", fixture->dir.path);
	arm = (pid_t)atoi(file_read_line(path, text, sizeof(text)));
	assert_true(arm > 1);
	assert_int_equal(waitpid(arm, &status, 0), arm);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	assert_int_equal(prctl(PR_SET_CHILD_SUBREAPER, 0), 0);
}

/* A link to elsewhere would have the files there removed. */
static void a_scratch_directory_that_is_a_link_is_refused(void **state)
{
	struct fixture *fixture = *state;
	char path[160];

	tempdir_write(&fixture->dir, "elsewhere/file", "");
	tempdir_write(&fixture->dir, "out/notes", "");
	snprintf(path, sizeof(path), "%s/out/.tinybench", fixture->dir.path);
	assert_int_equal(symlink("../elsewhere", path), 0);
	assert_status(fixture, RUN " --rounds 1", BENCH_STATUS_FAILED);
	assert_said(fixture, "out/.tinybench: is not a directory of this user");
	assert_true(has_file(fixture, "elsewhere/file"));
}

/* The last run's arms and settings, as it recorded them. */
static json_t *last_run(const struct dataset *data)
{
	return json_array_get(data->runs, json_array_size(data->runs) - 1);
}

static size_t count(const struct dataset *data, const char *bench, const char *arm)
{
	size_t i, nr = 0;

	for (i = 0; i < data->nr_samples; i++)
		nr += strcmp(data->samples[i].bench->name, bench) == 0 &&
		      strcmp(data->samples[i].arm, arm) == 0;
	return nr;
}

static void what_is_not_said_is_continued_as_it_was(void **state)
{
	struct fixture *fixture = *state;
	struct dataset data;
	json_t *settings;

	write_program(fixture, "guest/bench.elf", TWO_BENCHES);
	assert_status(fixture,
		      MORE " --arms native --bench mem.fault --rounds 1 --samples 3 --min-ms 7 "
			   "--arg size=1",
		      BENCH_STATUS_OK);
	assert_status(fixture, MORE " --rounds 2 --min-ms 8", BENCH_STATUS_OK);
	load(fixture, &data);
	assert_int_equal(json_object_size(json_object_get(last_run(&data), "arms")), 1);
	assert_int_equal(json_array_size(json_object_get(last_run(&data), "benches")), 1);
	settings = json_object_get(last_run(&data), "settings");
	assert_int_equal(json_integer_value(json_object_get(settings, "samples")), 3);
	assert_int_equal(json_integer_value(json_object_get(settings, "min_ms")), 8);
	assert_string_equal(json_string_value(json_array_get(json_object_get(settings, "args"), 0)),
			    "size=1");
	assert_int_equal(count(&data, "mem.fault", "native"), 3); /* the warm-up and two rounds */
	assert_int_equal(data.nr_samples, 3);
	dataset_free(&data);
}

/* A file of results may come from anywhere, and what is in it becomes arguments of programs. */
static void settings_that_a_user_could_not_have_said_are_not_continued(void **state)
{
	static const struct {
		const char *settings, *message;
	} cases[] = {
		{"\"samples\":-1", "the results have -1 as \"samples\" of their last run"},
		{"\"min_ms\":60001", "have 60001 as \"min_ms\""},
		{"\"cpus\":255", "have 255 as \"cpus\""},
		{"\"pin\":\"0;x\"", "--pin 0;x: give a list of CPUs"},
		{"\"args\":[\"a b=c\"]", "--arg a b=c: give KEY=VALUE"},
		{"\"args\":[\"a\\u001b=c\"]", "--arg a?=c: give KEY=VALUE"},
		{"\"args\":[7]", "--arg : give KEY=VALUE"},
	};
	struct fixture *fixture = *state;
	char line[256];

	for (size_t i = 0; i < NR_OF(cases); i++) {
		snprintf(line, sizeof(line), "{\"type\":\"run\",\"settings\":{%s}}\n",
			 cases[i].settings);
		tempdir_write(&fixture->dir, "out/samples.jsonl", line);
		assert_status(fixture, MORE " --arms native --rounds 1", BENCH_STATUS_USAGE);
		assert_said(fixture, cases[i].message);
	}
}

/* One benchmark in one arm, another in two: no pair is new. */
static void each_benchmark_is_continued_in_the_arms_that_it_has(void **state)
{
	struct fixture *fixture = *state;
	char arm[160];
	struct dataset data;

	write_program(fixture, "guest/bench.elf", TWO_BENCHES);
	write_program(fixture, "arm", TWO_BENCHES);
	snprintf(arm, sizeof(arm), "exec:%s/arm", fixture->dir.path);
	assert_status(fixture, MORE " --arms native --bench mem.fault --rounds 1", BENCH_STATUS_OK);
	assert_status(fixture, RUN " --rounds 2", BENCH_STATUS_OK);
	assert_status(fixture, MORE " --rounds 3", BENCH_STATUS_OK);
	load(fixture, &data);
	assert_int_equal(count(&data, "mem.fault", "native"), 3); /* rounds 0, 1 and 3 */
	assert_int_equal(count(&data, "mem.fault", arm), 0);
	assert_int_equal(count(&data, "cpu.noploop", "native"), 2);
	assert_int_equal(count(&data, "cpu.noploop", arm), 2);
	dataset_free(&data);
	assert_status(fixture, MORE " --bench cpu.noploop --rounds 4", BENCH_STATUS_OK);
	load(fixture, &data);
	assert_int_equal(count(&data, "cpu.noploop", arm), 3);
	assert_int_equal(count(&data, "mem.fault", "native"), 3);
	dataset_free(&data);
	assert_status(fixture, MORE " --arms native --rounds 5", BENCH_STATUS_OK);
	load(fixture, &data);
	assert_int_equal(count(&data, "cpu.noploop", arm), 3);
	assert_int_equal(count(&data, "mem.fault", "native"), 4);
	dataset_free(&data);
}

/* A pair that is left out has no interval, and none to wait for. */
static void until_ci_waits_for_the_pairs_that_are_continued(void **state)
{
	struct fixture *fixture = *state;
	struct dataset data;

	write_program(fixture, "guest/bench.elf", TWO_BENCHES);
	write_program(fixture, "arm", TWO_BENCHES);
	assert_status(fixture, MORE " --arms native --bench mem.fault --rounds 1", BENCH_STATUS_OK);
	assert_status(fixture, RUN " --rounds 2", BENCH_STATUS_OK);
	assert_status(fixture, MORE " --until-ci 1", BENCH_STATUS_OK);
	load(fixture, &data);
	assert_in_range(dataset_next_round(&data), 7, 10);
	dataset_free(&data);
}

/* With the same number of rounds as without the interruption: what is not kept does not count. */
static void the_same_command_continues_what_was_interrupted(void **state)
{
#define ALONE "tinybench run --build DIR --out DIR/out --arms exec:DIR/arm --bench cpu.noploop"
	struct fixture *fixture = *state;
	struct dataset data;

	write_program(fixture, "arm", GOOD);
	assert_status(fixture, ALONE " --rounds 1", BENCH_STATUS_OK);
	write_program(fixture, "arm", "kill -INT $PPID; exec sleep 100\n");
	assert_status(fixture, ALONE " --rounds 3", BENCH_STATUS_INTERRUPTED);
	assert_said(fixture, "interrupted; what was measured is in ");
	assert_said(fixture, "/out, and the same command continues it\n");
	assert_false(has_file(fixture, "out/.tinybench"));
	write_program(fixture, "arm", GOOD);
	assert_status(fixture, ALONE " --rounds 3", BENCH_STATUS_OK);
	load(fixture, &data);
	assert_int_equal(data.nr_samples, 4); /* the warm-up and three rounds */
	assert_int_equal(data.nr_notes, 0);
	dataset_free(&data);
}

/* sha256sum(1) puts a mark before the sum then. */
static void a_backslash_in_the_path_is_not_part_of_the_sum(void **state)
{
	struct fixture *fixture = *state;
	struct dataset data;
	const char *sum;

	write_program(fixture, "b\\s/guest/bench.elf", TWO_BENCHES);
	assert_status(fixture,
		      "tinybench run --build DIR/b\\s --out DIR/out --arms native --bench "
		      "cpu.noploop --rounds 1",
		      BENCH_STATUS_OK);
	load(fixture, &data);
	sum = json_string_value(
		json_object_get(json_object_get(last_run(&data), "bench_file"), "sha256"));
	assert_int_equal(strspn(sum, "0123456789abcdef"), 64);
	dataset_free(&data);
}

static void an_arm_whose_name_cannot_be_kept_is_refused_before_anything_is_made(void **state)
{
	static const char *const names[] = {"\377", "a\302", "a\033[2J", "a\302\233", "\177"};
	struct fixture *fixture = *state;
	char line[256];
	size_t i;

	for (i = 0; i < NR_OF(names); i++) {
		write_program(fixture, names[i], GOOD);
		snprintf(line, sizeof(line), MORE " --arms exec:DIR/%s --rounds 1", names[i]);
		assert_status(fixture, line, BENCH_STATUS_USAGE);
		assert_said(fixture, "cannot keep this name");
		assert_null(strpbrk(fixture->said, "\377\033\302\177"));
	}
	assert_false(has_file(fixture, "out"));
}

static void a_directory_keeps_its_samples_and_its_page(void **state)
{
	struct fixture *fixture = *state;

	write_program(fixture, "arm", GOOD);
	assert_status(fixture, RUN " --rounds 6", BENCH_STATUS_OK);
	assert_true(has_file(fixture, "out/samples.jsonl.gz"));
	assert_true(has_file(fixture, "out/report.html"));
	assert_false(has_file(fixture, "out/samples.jsonl"));
	assert_false(has_file(fixture, "out/summary.json"));
	assert_false(has_file(fixture, "out/summary.csv"));
}

static void a_summary_is_printed_on_request_and_nothing_is_written_then(void **state)
{
	struct fixture *fixture = *state;
	char path[160];
	json_t *object;

	write_program(fixture, "arm", GOOD);
	assert_status(fixture, RUN " --rounds 6", BENCH_STATUS_OK);
	snprintf(path, sizeof(path), "%s/out/report.html", fixture->dir.path);
	assert_int_equal(unlink(path), 0);
	assert_status(fixture, "tinybench report --csv DIR/out", BENCH_STATUS_OK);
	assert_int_equal(strncmp(fixture->said, "bench,arm,unit,", 15), 0);
	assert_said(fixture, "\ncpu.noploop,native,ms,lower,6,2.5,2.5,2.5,,,,,");
	assert_status(fixture, "tinybench report --json DIR/out", BENCH_STATUS_OK);
	object = json_loads(fixture->said, 0, NULL);
	assert_int_equal(json_array_size(json_object_get(object, "results")), 2);
	json_decref(object);
	assert_false(has_file(fixture, "out/report.html"));
	assert_status(fixture, "tinybench report DIR/out", BENCH_STATUS_OK);
	assert_true(has_file(fixture, "out/report.html"));
}

static void what_does_not_arrive_at_standard_output_is_no_success(void **state)
{
	static const char *const lines[] = {RUN " --rounds 6",
					    "tinybench list --build DIR",
					    "tinybench --help",
					    "tinybench --version",
					    "tinybench report DIR/out",
					    "tinybench report --json DIR/out",
					    "tinybench diff DIR/out DIR/out"};
	struct fixture *fixture = *state;
	size_t i;

	write_program(fixture, "arm", GOOD);
	fixture->output = OUTPUT_FULL;
	for (i = 0; i < NR_OF(lines); i++) {
		assert_status(fixture, lines[i], BENCH_STATUS_FAILED);
		assert_said(fixture, "standard output: cannot write: No space left on device");
	}
}

/* As with `tinybench run | head`, and with `tinybench run >&-`. */
static void a_reader_that_is_gone_ends_no_run(void **state)
{
	static const struct {
		enum output output;
		const char *message;
	} cases[] = {{OUTPUT_BROKEN, "standard output: cannot write: Broken pipe"},
		     {OUTPUT_CLOSED, "standard output: cannot write: Bad file descriptor"}};
	struct fixture *fixture = *state;

	for (size_t i = 0; i < NR_OF(cases); i++) {
		write_program(fixture, "arm", GOOD);
		fixture->output = cases[i].output;
		assert_status(fixture, i ? RUN " --rounds 7" : RUN " --rounds 6",
			      BENCH_STATUS_FAILED);
		assert_said(fixture, cases[i].message);
		assert_true(has_file(fixture, "out/report.html"));
		assert_false(has_file(fixture, "out/.tinybench"));
	}
}

/* A file of results may come from anywhere, and a terminal obeys control characters. */
static void what_is_said_of_a_host_does_not_reach_the_terminal_raw(void **state)
{
	struct fixture *fixture = *state;

	tempdir_write(&fixture->dir, "out/samples.jsonl",
		      "{\"type\":\"run\",\"host\":{\"cpu\":\"a\\u001b[2Jb\",\"kernel\":\"k\"},"
		      "\"warnings\":[\"w\\u001b[2J\"]}\n");
	tempdir_write(&fixture->dir, "other/samples.jsonl", "{\"type\":\"run\"}\n");
	assert_status(fixture, "tinybench report DIR/out", BENCH_STATUS_OK);
	assert_said(fixture, "host: a?[2Jb");
	assert_said(fixture, "warning: w?[2J");
	assert_status(fixture, "tinybench diff DIR/out DIR/other", BENCH_STATUS_OK);
	assert_said(fixture, "differs: cpu: a?[2Jb, then unknown");
	assert_null(strchr(fixture->said, '\033'));
}

static void a_run_on_one_cpu_leaves_out_what_needs_two(void **state)
{
	struct fixture *fixture = *state;

	write_program(fixture, "guest/bench.elf",
		      "[ $1 = run ] || echo "
		      "'{\"bench\":\"trap.futex_wake\",\"unit\":\"us\",\"better\":\"lower\"}'\n");
	fixture->one_cpu = true;
	assert_status(fixture, MORE " --arms native --rounds 1 --bench trap.futex_wake",
		      BENCH_STATUS_OK);
	assert_said(fixture, "not measured: it needs two CPUs, and this run may use one");
	assert_status(fixture, MORE " --arms native --rounds 2 --cpus 2", BENCH_STATUS_USAGE);
	assert_said(fixture, "--cpus 2: this run may use 1 (");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
		CASE(a_directory_belongs_to_one_run_at_a_time),
		CASE(what_a_killed_run_has_left_is_removed_by_the_next),
		CASE(an_arm_does_not_outlive_a_run_that_is_killed),
		CASE(a_scratch_directory_that_is_a_link_is_refused),
		CASE(what_is_not_said_is_continued_as_it_was),
		CASE(settings_that_a_user_could_not_have_said_are_not_continued),
		CASE(each_benchmark_is_continued_in_the_arms_that_it_has),
		CASE(until_ci_waits_for_the_pairs_that_are_continued),
		CASE(the_same_command_continues_what_was_interrupted),
		CASE(a_backslash_in_the_path_is_not_part_of_the_sum),
		CASE(an_arm_whose_name_cannot_be_kept_is_refused_before_anything_is_made),
		CASE(a_directory_keeps_its_samples_and_its_page),
		CASE(a_summary_is_printed_on_request_and_nothing_is_written_then),
		CASE(what_does_not_arrive_at_standard_output_is_no_success),
		CASE(a_reader_that_is_gone_ends_no_run),
		CASE(what_is_said_of_a_host_does_not_reach_the_terminal_raw),
		CASE(a_run_on_one_cpu_leaves_out_what_needs_two),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
