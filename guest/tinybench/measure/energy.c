/* SPDX-License-Identifier: MIT */
/*
 * energy.*: what the CPU packages take, by RAPL. The counters are the machine's and not the arm's:
 * whatever else runs is in the figure, so the power of the idle machine, measured right before, is
 * taken off. The readings become a series, which is the plot of power over time.
 */
#include <string.h>
#include <time.h>

#include "guest/tinybench/host/rapl.h"
#include "guest/tinybench/measure/job_run.h"
#include "guest/tinybench/measure/own.h"
#include "guest/tinybench/measure/session.h"

#define IDLE_MS 1000

/* Power over time while a program runs. */
struct power {
	struct rapl first, last;
	int64_t start_ns, last_ns;
	json_t *points; /* [[seconds, watts], ...] */
};

static void look(void *opaque, pid_t pid)
{
	struct power *power = opaque;
	struct err why;
	struct rapl now;
	int64_t now_ns = spawn_now_ns();

	(void)pid;
	if (rapl_read(RAPL_POWERCAP, &now, &why) < 0)
		return;
	if (power->last_ns && now_ns > power->last_ns)
		json_array_append_new(power->points,
				      json_pack("[f, f]", (double)(now_ns - power->start_ns) / 1e9,
						rapl_joules(&power->last, &now) * 1e9 /
							(double)(now_ns - power->last_ns)));
	power->last = now;
	power->last_ns = now_ns;
}

/* Watts of the machine while nothing of ours runs. */
static double idle_watts(void)
{
	struct timespec pause = {IDLE_MS / 1000, IDLE_MS % 1000 * 1000000};
	struct rapl before, after;
	struct err why;
	int64_t start = spawn_now_ns();

	if (rapl_read(RAPL_POWERCAP, &before, &why) < 0)
		return 0;
	nanosleep(&pause, NULL);
	if (rapl_read(RAPL_POWERCAP, &after, &why) < 0)
		return 0;
	return rapl_joules(&before, &after) * 1e9 / (double)(spawn_now_ns() - start);
}

static void keep_points(const struct cell *cell, const struct power *power)
{
	json_array_append_new(cell->data->series,
			      json_pack("{s:s, s:s, s:s, s:s, s:i, s:O}", "type", "series", "kind",
					"power", "bench", cell->bench->name, "arm", cell->arm,
					"round", (int)cell->round, "points", power->points));
}

/*
 * Runs the job and says what the packages took meanwhile; nothing if the cell is skipped or failed
 * then. False if interrupted.
 */
static bool measure(struct session *session, struct arm *arm, struct cell *cell,
		    const struct job *job, double *joules, double *seconds)
{
	struct power power = {.points = json_array(), .start_ns = spawn_now_ns()};
	struct job_watch watch = {.on_tick = look, .tick_ms = 50, .opaque = &power};
	struct spawn_result result;
	struct err why;
	bool continues = true;

	if (rapl_read(RAPL_POWERCAP, &power.first, &why) < 0) {
		cell_skip(cell, why.text);
		goto out;
	}
	continues = job_run(session, arm, cell, job, &watch, &result);
	if (!continues || cell->skipped || cell->failed)
		goto out;
	look(&power, 0);
	*joules = rapl_joules(&power.first, &power.last);
	*seconds = (double)(result.end_ns - result.start_ns) / 1e9;
	keep_points(cell, &power);
out:
	json_decref(power.points);
	return continues;
}

bool energy_idle(struct session *session, struct arm *arm, struct cell *cell)
{
	struct job job = {.idle_s = 2, .cpus = 1};
	double joules = 0, seconds = 1;
	bool continues = measure(session, arm, cell, &job, &joules, &seconds);

	if (continues && !cell->skipped && !cell->failed)
		cell_add(cell, joules / seconds);
	return continues;
}

double energy_beyond_idle(double joules, double idle_watts, double seconds)
{
	return joules - idle_watts * seconds;
}

bool energy_work(struct session *session, struct arm *arm, struct cell *cell)
{
	struct job job = {.bench = "cpu.noploop", .samples = 10, .min_ms = 100, .cpus = 1};
	double joules = 0, seconds = 1, idle = idle_watts();
	bool continues = measure(session, arm, cell, &job, &joules, &seconds);

	if (continues && !cell->skipped && !cell->failed)
		cell_add(cell, energy_beyond_idle(joules, idle, seconds));
	return continues;
}
