/* SPDX-License-Identifier: MIT */
/*
 * Whole command lines of tinybench. Shell scripts stand in for the benchmark file and for an arm,
 * so that what they measure is known, and what goes wrong goes wrong on purpose. Each command is a
 * process of its own, for it blocks signals and may end by one.
 */
#ifndef TESTS_UNIT_TINYBENCH_FIXTURE_H
#define TESTS_UNIT_TINYBENCH_FIXTURE_H

#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "guest/tinybench/base/file.h"
#include "guest/tinybench/base/status.h"
#include "guest/tinybench/command.h"
#include "guest/tinybench/data/dataset.h"
#include "tests/unit/tempdir.h"

#define LIST \
	"echo '{\"bench\":\"cpu.noploop\",\"unit\":\"ms\",\"better\":\"lower\",\"text\":\"t\"}'\n"
#define GOOD                                                                     \
	"echo '{\"event\":\"begin\"}'\n"                                         \
	"echo '{\"event\":\"sample\",\"bench\":\"cpu.noploop\",\"unit\":\"ms\"," \
	"\"value\":2.5,\"warmup\":false}'\n"                                     \
	"echo '{\"event\":\"end\"}'\n"

/* Where standard output leads. */
enum output {
	OUTPUT_KEPT, /* into `said` */
	OUTPUT_FULL,
	OUTPUT_BROKEN,
	OUTPUT_CLOSED,
};

struct fixture {
	struct tempdir dir;
	enum output output;
	bool one_cpu; /* as after taskset(1) */
	char *said;   /* what the last run printed, on both outputs */
};

static inline void write_program(struct fixture *fixture, const char *name, const char *script)
{
	char path[160], text[2048];

	snprintf(text, sizeof(text), "#!/bin/sh\n%s", script);
	tempdir_write(&fixture->dir, name, text);
	snprintf(path, sizeof(path), "%s/%s", fixture->dir.path, name);
	assert_int_equal(chmod(path, 0755), 0);
}

static inline int set_up(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));

	assert_non_null(fixture);
	tempdir_create(&fixture->dir);
	write_program(fixture, "guest/bench.elf", "[ $1 = run ] || {\n" LIST "exit; }\n" GOOD);
	*state = fixture;
	return 0;
}

static inline int tear_down(void **state)
{
	struct fixture *fixture = *state;

	tempdir_remove(&fixture->dir);
	free(fixture->said);
	free(fixture);
	return 0;
}

/* In the child. DIR in a word stands for the fixture's directory. */
static inline void run_command_line(const struct fixture *fixture, const char *line)
{
	char words[24][256], *argv[25] = {NULL}, *copy = strdup(line), *cursor = copy, *word, *dir;
	struct err err;
	int argc = 0, status;

	while (argc < 24 && (word = strsep(&cursor, " "))) {
		dir = strstr(word, "DIR");
		snprintf(words[argc], sizeof(words[argc]), "%.*s%s%s",
			 (int)(dir ? dir - word : (long)strlen(word)), word,
			 dir ? fixture->dir.path : "", dir ? dir + 3 : "");
		argv[argc] = words[argc];
		argc++;
	}
	status = command_line(argc, argv, &err);
	if (err.text[0] != '\0')
		fprintf(stderr, "tinybench: %s\n", err.text);
	fflush(NULL);
	_exit(status);
}

static inline bool use_one_cpu(void)
{
	cpu_set_t allowed, one;
	size_t cpu = 0;

	if (sched_getaffinity(0, sizeof(allowed), &allowed) < 0)
		return false;
	while (!CPU_ISSET(cpu, &allowed))
		cpu++;
	CPU_ZERO(&one);
	CPU_SET(cpu, &one);
	return sched_setaffinity(0, sizeof(one), &one) == 0;
}

static inline bool open_outputs(const struct fixture *fixture, const char *said)
{
	int fds[2];

	if (!freopen(said, "a", stderr) ||
	    !freopen(fixture->output == OUTPUT_FULL ? "/dev/full" : said, "a", stdout))
		return false;
	if (fixture->output == OUTPUT_CLOSED)
		close(STDOUT_FILENO);
	if (fixture->output != OUTPUT_BROKEN)
		return true;
	return pipe(fds) == 0 && dup2(fds[1], STDOUT_FILENO) >= 0 && close(fds[0]) == 0 &&
	       close(fds[1]) == 0;
}

/* What waitpid(2) says of `tinybench LINE`. */
static inline int tinybench(struct fixture *fixture, const char *line)
{
	char path[160];
	int status;
	pid_t pid;

	tempdir_write(&fixture->dir, "said", "");
	snprintf(path, sizeof(path), "%s/said", fixture->dir.path);
	fflush(NULL);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		if (!open_outputs(fixture, path) || (fixture->one_cpu && !use_one_cpu()))
			_exit(99);
		run_command_line(fixture, line);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	free(fixture->said);
	fixture->said = file_read(path);
	assert_non_null(fixture->said);
	return status;
}

static inline void assert_status(struct fixture *fixture, const char *line, int expected)
{
	int status = tinybench(fixture, line);

	if (!WIFEXITED(status) || WEXITSTATUS(status) != expected)
		fail_msg("%s: wait status %#x instead of exit %d, said: %s", line,
			 (unsigned int)status, expected, fixture->said);
}

static inline void assert_said(const struct fixture *fixture, const char *text)
{
	if (!strstr(fixture->said, text))
		fail_msg("\"%s\" is missing in: %s", text, fixture->said);
}

static inline bool has_file(const struct fixture *fixture, const char *name)
{
	char path[256];

	snprintf(path, sizeof(path), "%s/%s", fixture->dir.path, name);
	return access(path, F_OK) == 0;
}

static inline void load(const struct fixture *fixture, struct dataset *data)
{
	char path[160];
	struct err err;

	snprintf(path, sizeof(path), "%s/out", fixture->dir.path);
	dataset_init(data);
	if (dataset_load(data, path, &err) < 0)
		fail_msg("%s", err.text);
}

#endif
