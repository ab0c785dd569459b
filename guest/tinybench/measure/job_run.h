/* SPDX-License-Identifier: MIT */
/* One job in one arm: its command line, the process, what its end means, what is left of it. */
#ifndef GUEST_TINYBENCH_MEASURE_JOB_RUN_H
#define GUEST_TINYBENCH_MEASURE_JOB_RUN_H

#include "guest/tinybench/arms/arm.h"
#include "guest/tinybench/measure/cell.h"
#include "guest/tinybench/measure/session.h"

/* What is done while it runs. */
struct job_watch {
	/* The cell takes the lines, and is well only if they are; else the end alone counts. */
	bool takes_lines;
	void (*on_tick)(void *opaque, pid_t pid); /* every tick_ms; NULL: nothing */
	int tick_ms;
	void *opaque;
	unsigned int timeout_s; /* 0: --timeout */
};

/*
 * Runs the job to its end. A job that has no command in this arm, cannot start or does not end well
 * marks the cell. *result is all zeros if it did not start. False if the user interrupted it.
 */
bool job_run(struct session *session, struct arm *arm, struct cell *cell, const struct job *job,
	     const struct job_watch *watch, struct spawn_result *result);

#endif
