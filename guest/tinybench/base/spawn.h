/* SPDX-License-Identifier: MIT */
/*
 * Runs one program to its end: in a process group of its own, its standard output cut into lines,
 * with a time limit, interruptible. Whatever it does, it is gone afterwards, or when this process
 * ends in another way.
 */
#ifndef GUEST_TINYBENCH_BASE_SPAWN_H
#define GUEST_TINYBENCH_BASE_SPAWN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "vmm/core/err.h"

#define SPAWN_LINE_MAX	 65536
#define SPAWN_OUTPUT_MAX (16 << 20) /* what a benchmark could have to say, many times over */

/* An argument vector that is built piece by piece. */
struct argv {
	char *at[96];
	size_t nr;
};

void argv_add(struct argv *argv, const char *format, ...) __attribute__((format(printf, 2, 3)));
void argv_free(struct argv *argv);

enum spawn_end {
	SPAWN_EXITED, /* by itself: `status` is what waitpid(2) says */
	SPAWN_TIMED_OUT,
	SPAWN_INTERRUPTED, /* a signal was waiting in signal_fd */
	SPAWN_FLOODED,	   /* more output than SPAWN_OUTPUT_MAX, or a line that has no end */
};

struct spawn_request {
	char *const *argv;
	int timeout_ms;
	int signal_fd; /* a signalfd that ends the run when it becomes readable, or -1 */
	/*
	 * Each line of standard output without its end; not terminated inside. NULL: the time of
	 * the first byte is all that matters, and the rest is read when the program has ended, so
	 * that no reader wakes up beside it at each write.
	 */
	void (*on_line)(void *opaque, const char *line, size_t length);
	/* Called about every tick_ms while the program runs; 0: never. */
	void (*on_tick)(void *opaque, pid_t pid);
	int tick_ms;
	void *opaque;
};

struct spawn_result {
	enum spawn_end end;
	int status;
	int64_t start_ns, first_output_ns, end_ns; /* CLOCK_MONOTONIC; first is 0 if none came */
	int64_t cpu_ns;				   /* user and system time of all its processes */
	int64_t switches;			   /* voluntary context switches of them */
	char complaint[256];			   /* the last line of standard error */
};

/* 0, or -errno with a reason if the program could not be started. */
int spawn_run(const struct spawn_request *request, struct spawn_result *result, struct err *err);

/* Says in words how a run ended that was not a success: "killed by signal 9 (Killed)", ... */
void spawn_explain(const struct spawn_result *result, struct err *err);

int64_t spawn_now_ns(void);

/* Whether there is no such process, or nothing of it but a status that its parent does not want. */
bool spawn_is_gone(pid_t pid);

/*
 * Runs a program and returns its standard output (up to 1 MiB), which the caller frees, or NULL
 * with a reason if it did not succeed.
 */
char *spawn_capture(char *const *argv, struct err *err);

#endif
