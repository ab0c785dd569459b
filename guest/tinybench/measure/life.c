/* SPDX-License-Identifier: MIT */
/* life.*: what an arm costs before, after and besides the work in it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "guest/tinybench/host/process_tree.h"
#include "guest/tinybench/measure/job_run.h"
#include "guest/tinybench/measure/own.h"
#include "guest/tinybench/measure/session.h"

#define IDLE_SECONDS	   10
#define IDLE_SECONDS_QUICK 2

/* How a figure is taken while and after the program runs. */
struct probe {
	struct tree_usage usage; /* the last reading */
	uint64_t peak_pss_kib;
};

static void look(void *opaque, pid_t pid)
{
	struct probe *probe = opaque;

	process_tree_read(pid, &probe->usage);
	if (probe->usage.pss_kib > probe->peak_pss_kib)
		probe->peak_pss_kib = probe->usage.pss_kib;
}

/* Starts the arm several times with nothing to do; the first start is a warm-up. */
static bool time_starts(struct session *session, struct arm *arm, struct cell *cell,
			bool to_first_output)
{
	struct job job = {.cpus = 1};
	struct job_watch watch = {0};
	struct spawn_result result;
	bool warmup = cell->warmup, continues = true;
	unsigned int i;
	int64_t end_ns;

	for (i = 0; continues && i <= session->settings->samples; i++) {
		continues = job_run(session, arm, cell, &job, &watch, &result);
		end_ns = to_first_output ? result.first_output_ns : result.end_ns;
		if (!continues || cell->failed || cell->skipped)
			break;
		if (!end_ns) {
			cell_fail(cell, "ended without any output");
			break;
		}
		cell->warmup = warmup || i == 0;
		cell_add(cell, (double)(end_ns - result.start_ns) / 1e6);
	}
	cell->warmup = warmup;
	return continues;
}

bool life_first_output(struct session *session, struct arm *arm, struct cell *cell)
{
	return time_starts(session, arm, cell, true);
}

bool life_total(struct session *session, struct arm *arm, struct cell *cell)
{
	return time_starts(session, arm, cell, false);
}

/* The figures of what was started would not be the arm's. */
static bool is_out_of_sight(const struct arm *arm, struct cell *cell)
{
	struct err why;

	if (!arm->class->out_of_sight || !arm->class->out_of_sight(arm))
		return false;
	err_set(&why, 0, "%s's processes are not tinybench's to look at", arm->program);
	cell_skip(cell, why.text);
	return true;
}

bool life_pss(struct session *session, struct arm *arm, struct cell *cell)
{
	struct job job = {.bench = "cpu.noploop", .samples = 3, .min_ms = 100, .cpus = 1};
	struct probe probe = {0};
	struct job_watch watch = {.on_tick = look, .tick_ms = 50, .opaque = &probe};
	struct spawn_result result;
	bool continues;

	if (is_out_of_sight(arm, cell))
		return true;
	continues = job_run(session, arm, cell, &job, &watch, &result);
	if (!continues || cell->failed || cell->skipped)
		return continues;
	if (probe.peak_pss_kib == 0)
		cell_fail(cell, "ended before its memory could be read");
	else
		cell_add(cell, (double)probe.peak_pss_kib);
	return continues;
}

bool life_image(struct session *session, struct arm *arm, struct cell *cell)
{
	long long bytes = arm->class->image_bytes ? arm->class->image_bytes(arm) : -1;

	(void)session;
	cell->warmup = false; /* it is the same in every round */
	if (bytes < 0) {
		cell_skip(cell, "this arm has no files of its own");
		return true;
	}
	cell_add(cell, (double)bytes / 1024);
	return true;
}

/* ---- idle ---- */

/* Two readings of the processes of an arm in which the program sleeps, some seconds apart. */
struct idle {
	int64_t first_ns, last_ns;
	struct tree_usage first, last;
};

static void look_at_idle(void *opaque, pid_t pid)
{
	struct idle *idle = opaque;

	/* The first half second is the start of the arm and no idleness. */
	if (!idle->first_ns) {
		idle->first_ns = spawn_now_ns();
		process_tree_read(pid, &idle->first);
		return;
	}
	process_tree_read(pid, &idle->last);
	if (idle->last.processes)
		idle->last_ns = spawn_now_ns();
}

/* False if interrupted. */
static bool watch_idle(struct session *session, struct arm *arm, struct cell *cell,
		       struct idle *idle)
{
	unsigned int seconds = session->settings->quick ? IDLE_SECONDS_QUICK : IDLE_SECONDS;
	struct job job = {.idle_s = seconds, .cpus = 1};
	struct job_watch watch = {
		.on_tick = look_at_idle, .tick_ms = 500, .opaque = idle, .timeout_s = seconds + 60};
	struct spawn_result result;
	bool continues = job_run(session, arm, cell, &job, &watch, &result);

	if (continues && !cell->failed && !cell->skipped && !idle->last_ns)
		cell_fail(cell, "ended before it could be watched");
	return continues;
}

/*
 * One run gives both figures of a round: whichever benchmark comes second takes what the first has
 * left. False if interrupted.
 */
static bool read_idle(struct session *session, struct arm *arm, struct cell *cell,
		      enum idle_figure figure)
{
	struct idle_reading *reading = &session->idle[arm - session->arms];
	struct idle idle = {0};
	double seconds;

	if (is_out_of_sight(arm, cell))
		return true;
	if (!reading->left[figure] || reading->round != cell->round) {
		if (!watch_idle(session, arm, cell, &idle))
			return false;
		if (cell->failed || cell->skipped)
			return true;
		seconds = (double)(idle.last_ns - idle.first_ns) / 1e9;
		*reading = (struct idle_reading){
			.round = cell->round,
			.left = {true, true},
			.value = {[IDLE_CPU] = (double)(idle.last.cpu_ns - idle.first.cpu_ns) /
					       1e6 / seconds,
				  [IDLE_WAKEUPS] =
					  (double)(idle.last.switches - idle.first.switches) /
					  seconds}};
	}
	reading->left[figure] = false;
	cell_add(cell, reading->value[figure]);
	return true;
}

bool life_idle_cpu(struct session *session, struct arm *arm, struct cell *cell)
{
	return read_idle(session, arm, cell, IDLE_CPU);
}

bool life_idle_wakeups(struct session *session, struct arm *arm, struct cell *cell)
{
	return read_idle(session, arm, cell, IDLE_WAKEUPS);
}
