/* SPDX-License-Identifier: MIT */
/*
 * Benchmarks that tinybench measures itself, from outside of the benchmark file: life.* and
 * energy.*. Each is a row of a table.
 */
#ifndef GUEST_TINYBENCH_MEASURE_OWN_H
#define GUEST_TINYBENCH_MEASURE_OWN_H

#include "guest/tinybench/measure/cell.h"

struct session;

struct own_bench {
	const char *name, *unit, *text;
	bool higher_is_better;
	/* What hardly changes, or takes long: so many rounds are enough, without a warm-up. 0: all.
	 */
	unsigned int rounds;
	/*
	 * Adds samples to the cell, or marks it as skipped or failed. False if the user interrupted
	 * it.
	 */
	bool (*measure)(struct session *session, struct arm *arm, struct cell *cell);
};

/* The one with this name, or NULL. */
const struct own_bench *own_find(const char *name);

/* Adds all of them. */
void own_add_to_catalog(struct catalog *catalog);

bool life_first_output(struct session *session, struct arm *arm, struct cell *cell);
bool life_total(struct session *session, struct arm *arm, struct cell *cell);
bool life_pss(struct session *session, struct arm *arm, struct cell *cell);
bool life_image(struct session *session, struct arm *arm, struct cell *cell);
bool life_idle_cpu(struct session *session, struct arm *arm, struct cell *cell);
bool life_idle_wakeups(struct session *session, struct arm *arm, struct cell *cell);

bool energy_idle(struct session *session, struct arm *arm, struct cell *cell);
/* What work took of `joules` in so many seconds, if the machine would have taken `idle_watts`. */
double energy_beyond_idle(double joules, double idle_watts, double seconds);
bool energy_work(struct session *session, struct arm *arm, struct cell *cell);

#endif
