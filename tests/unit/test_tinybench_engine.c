/* SPDX-License-Identifier: MIT */
/*
 * How tinybench drives a container engine. For Docker and Podman shell scripts of these names,
 * first in PATH, write down what they were asked for and answer as told; runc reads a bundle.
 */
#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "guest/tinybench/arms/arm.h"
#include "guest/tinybench/arms/oci.h"
#include "tests/unit/tempdir.h"
#include "vmm/core/array.h"

struct fixture {
	struct tempdir dir;
	struct arm_context context;
	struct arm arm;
	char *path; /* the PATH of before */
	char bench[128];
	char log[4096];
};

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	char path[512];

	assert_non_null(f);
	tempdir_create(&f->dir);
	tempdir_write(&f->dir, "bench.elf", "the benchmark file");
	tempdir_write(&f->dir, "scratch/here", "");
	snprintf(f->bench, sizeof(f->bench), "%s/bench.elf", f->dir.path);
	f->context = (struct arm_context){.bench_file = f->bench, .scratch = f->dir.path};
	f->path = strdup(getenv("PATH"));
	assert_non_null(f->path);
	snprintf(path, sizeof(path), "%s:%s", f->dir.path, f->path);
	setenv("PATH", path, 1);
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	setenv("PATH", f->path, 1);
	free(f->path);
	tempdir_remove(&f->dir);
	free(f);
	return 0;
}

/* An engine that logs its arguments, then does as `answer`, a part of a shell script, says. */
static void install(struct fixture *f, const char *engine, const char *answer)
{
	char script[1024], path[128];

	snprintf(script, sizeof(script), "#!/bin/sh\necho \"$*\" >>%s/log\n%s\n", f->dir.path,
		 answer);
	tempdir_write(&f->dir, engine, script);
	snprintf(path, sizeof(path), "%s/%s", f->dir.path, engine);
	assert_int_equal(chmod(path, 0755), 0);
}

static const char *read_log(struct fixture *f)
{
	char path[128];
	FILE *file;
	size_t len;

	snprintf(path, sizeof(path), "%s/log", f->dir.path);
	file = fopen(path, "r");
	assert_non_null(file);
	len = fread(f->log, 1, sizeof(f->log) - 1, file);
	f->log[len] = '\0';
	fclose(file);
	return f->log;
}

static void prepare(struct fixture *f, const char *name)
{
	struct err err;

	assert_int_equal(arm_parse(&f->arm, name, &f->context, &err), 0);
	arm_prepare(&f->arm);
}

static bool log_has(struct fixture *f, const char *format)
{
	char line[128];

	snprintf(line, sizeof(line), format, (int)getpid());
	return strstr(read_log(f), line) != NULL;
}

#define ANSWERS "case $1 in info) echo the-engine 1.2;; import) cat >/dev/null;; esac"

static void an_engine_gets_an_image_a_trial_and_in_the_end_its_removal(void **state)
{
	static const char *const arms[] = {"container:docker", "container:podman"};
	struct fixture *f = *state;

	install(f, "docker", ANSWERS);
	install(f, "podman", ANSWERS);
	for (size_t i = 0; i < NR_OF(arms); i++) {
		prepare(f, arms[i]);
		assert_true(f->arm.ready);
		assert_string_equal(f->arm.detail, "the-engine 1.2");
		assert_true(log_has(f, "import - tinybench-%d\n"));
		assert_true(log_has(f, " tinybench-%d /bench idle seconds=0\n"));
		assert_false(log_has(f, "rmi"));
		arm_release(&f->arm);
		assert_true(log_has(f, "rmi --force tinybench-%d\n"));
		tempdir_write(&f->dir, "log", "");
	}
}

/* Without CAP_SYS_RESOURCE it cannot have the million that it asks for of its own. */
static void podman_is_given_limits_that_any_host_allows(void **state)
{
	struct fixture *f = *state;

	install(f, "docker", ANSWERS);
	install(f, "podman", ANSWERS);
	prepare(f, "container:docker");
	arm_release(&f->arm);
	assert_false(log_has(f, "--ulimit"));
	prepare(f, "container:podman");
	arm_release(&f->arm);
	assert_true(log_has(f, "--ulimit=nofile=1024:1024 --ulimit=nproc=1024:1024"));
}

static void a_server_that_does_not_answer_is_the_reason(void **state)
{
	struct fixture *f = *state;

	install(f, "docker", "echo Is the daemon running? >&2; exit 1");
	prepare(f, "container:docker");
	assert_false(f->arm.ready);
	assert_non_null(strstr(f->arm.why_not.text, "docker does not answer"));
	assert_non_null(strstr(f->arm.why_not.text, "Is the daemon running?"));
	arm_release(&f->arm);
	assert_false(log_has(f, "rmi")); /* there is no image, and no server to ask */
}

static void an_engine_that_cannot_start_leaves_no_image(void **state)
{
	struct fixture *f = *state;

	install(f, "podman", ANSWERS "\n[ $1 != run ] || { echo no cgroup >&2; exit 126; }");
	prepare(f, "container:podman");
	assert_false(f->arm.ready);
	assert_non_null(strstr(f->arm.why_not.text, "podman cannot start a container"));
	assert_non_null(strstr(f->arm.why_not.text, "no cgroup"));
	arm_release(&f->arm);
	assert_true(log_has(f, "rmi --force tinybench-%d\n"));
}

/* A number that no process has: of one that has just ended, and is not reused that soon. */
static pid_t dead_process(void)
{
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0)
		_exit(0);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	return pid;
}

/* Names have the number of the process; one that is alive keeps what is its own. */
static void what_a_killed_process_has_left_in_an_engine_is_removed(void **state)
{
	struct fixture *f = *state;
	pid_t dead = dead_process();
	char answer[512], line[64];

	snprintf(answer, sizeof(answer),
		 ANSWERS "\n[ $1 != ps ] || printf 'other\\ntinybench-%d-3\\ntinybench-%d7-1\\n'",
		 (int)dead, (int)dead);
	install(f, "podman", answer);
	f->context.dead = dead;
	prepare(f, "container:podman");
	assert_true(f->arm.ready);
	snprintf(line, sizeof(line), "rm --force tinybench-%d-3\n", (int)dead);
	assert_non_null(strstr(read_log(f), line));
	snprintf(line, sizeof(line), "rmi --force tinybench-%d\n", (int)dead);
	assert_non_null(strstr(read_log(f), line));
	assert_null(strstr(read_log(f), "rm --force other"));
	snprintf(line, sizeof(line), "tinybench-%d7-1", (int)dead);
	assert_null(strstr(read_log(f), line));
	arm_release(&f->arm);
	tempdir_write(&f->dir, "log", "");
	f->context.dead = getpid();
	prepare(f, "container:podman");
	assert_false(log_has(f, "ps --all"));
	arm_release(&f->arm);
}

static void runc_gets_a_bundle_with_no_more_than_it_needs(void **state)
{
	char program[] = "/bench", word[] = "run";
	struct argv argv = {.at = {program, word}, .nr = 2};
	struct oci_process process = {.argv = &argv, .cgroup = "/x", .cpus = "0-1", .disk = "/d"};
	json_t *config = oci_config(&process), *back;
	const char *cpus, *arg, *target;
	char *text;
	int readonly;

	(void)state;
	assert_non_null(config);
	text = json_dumps(config, 0);
	back = json_loads(text, 0, NULL);
	assert_true(json_equal(config, back));
	assert_int_equal(json_unpack(back, "{s:{s:[s, s]}, s:{s:b}, s:{s:{s:{s:s}}}}", "process",
				     "args", &arg, &arg, "root", "readonly", &readonly, "linux",
				     "resources", "cpu", "cpus", &cpus),
			 0);
	assert_string_equal(arg, "run");
	assert_string_equal(cpus, "0-1");
	assert_true(readonly);
	assert_int_equal(
		json_array_size(json_object_get(json_object_get(back, "linux"), "namespaces")), 5);
	assert_int_equal(json_unpack(json_array_get(json_object_get(back, "mounts"), 2), "{s:s}",
				     "destination", &target),
			 0);
	assert_string_equal(target, "/disk");
	free(text);
	json_decref(back);
	json_decref(config);
}

int main(void)
{
#define engine_test(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		engine_test(an_engine_gets_an_image_a_trial_and_in_the_end_its_removal),
		engine_test(podman_is_given_limits_that_any_host_allows),
		engine_test(a_server_that_does_not_answer_is_the_reason),
		engine_test(an_engine_that_cannot_start_leaves_no_image),
		engine_test(what_a_killed_process_has_left_in_an_engine_is_removed),
		cmocka_unit_test(runc_gets_a_bundle_with_no_more_than_it_needs),
	};

	return cmocka_run_group_tests_name("tinybench_engine", tests, NULL, NULL);
}
