/* SPDX-License-Identifier: MIT */
/*
 * The rounds of `tinybench run`. In each of them every benchmark runs once in every arm: benchmarks
 * in random order, and for each of them the arms in random order, one right after the other, so
 * that what drifts (temperature, neighbours) meets all arms alike and a round's ratio is one of
 * equals. Round 0 is a warm-up.
 */
#ifndef GUEST_TINYBENCH_MEASURE_ROUNDS_H
#define GUEST_TINYBENCH_MEASURE_ROUNDS_H

#include "guest/tinybench/base/settings.h"
#include "guest/tinybench/data/summary.h"
#include "guest/tinybench/host/host.h"
#include "guest/tinybench/measure/budget.h"
#include "guest/tinybench/measure/own.h"
#include "guest/tinybench/measure/progress.h"
#include "guest/tinybench/measure/session.h"

/* One call of `tinybench run`. */
struct run {
	struct settings settings; /* with what they continue, and with defaults */
	struct session session;
	struct progress progress;
	struct budget budget;
	json_t *record;		 /* the {"type":"run"} object; borrowed from the dataset */
	struct host_load before; /* when the record was started */
	uint64_t seed;
	unsigned int first_round, rounds; /* of this call, with a warm-up */
	bool *done;			  /* by benchmark: known well enough (--until-ci) */
	unsigned char *failures;	  /* by benchmark and arm, in a row; at a limit: no more */
	size_t nr_ran;			  /* benchmarks, in the current round */
	bool interrupted;
};

/*
 * Which rounds are made: `settings.rounds` measured ones in all, and as many more as were
 * interrupted. Needs the arms and what the directory has. 0, or -EINVAL if it has all of them.
 * rounds_free() after either.
 */
int rounds_plan(struct run *run, struct err *err);
void rounds_free_plan(struct run *run);

/*
 * Makes them, and saves after each. A full disk does not end the run: space may come back, and the
 * data is kept in memory. 0, or -errno if at the end not all could be saved. `interrupted` and
 * `budget.cut` say what is missing.
 */
int rounds_run(struct run *run, struct err *err);

/* record.c: what the run is made with goes into the dataset, and what the machine did meanwhile. */
void record_start(struct run *run);
void record_update(struct run *run);

/* until_ci.c: marks the benchmarks that need no more rounds; true if all are. */
bool until_ci_reached(struct run *run, unsigned int round);

/* Whether no more rounds of this benchmark will be made in this arm. */
bool rounds_given_up(const struct run *run, size_t bench_index, size_t arm_index);

/* Of some benchmarks a few rounds after the warm-up will do. */
bool rounds_enough(const struct run *run, const struct own_bench *own, unsigned int round);

#endif
