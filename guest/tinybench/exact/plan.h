/* SPDX-License-Identifier: MIT */
/*
 * What is to be counted: which program, with which arguments, in level 1, for each benchmark and
 * arm; and what has no meaning, with its reason.
 */
#ifndef GUEST_TINYBENCH_EXACT_PLAN_H
#define GUEST_TINYBENCH_EXACT_PLAN_H

#include "guest/tinybench/arms/arm.h"

/* Where level 1 has the build directory. */
#define PLAN_BUILD "/b"

/* A loop has so many rounds; fewer where operations are long or many are under way at once. */
#define PLAN_ROUNDS 100u

/* A file that level 1 needs: "PATH_INSIDE=FILE". */
struct plan_job {
	unsigned int number; /* from 1; the same job has the same in each run */
	char *arm, *bench;   /* as in results: the bench with what it is on, "blk.flush@brd" */
	bool is_life;
	bool is_benchmark;   /* the program is the benchmark file */
	struct argv argv;    /* empty where why_not says why */
	struct names setup;  /* commands of a shell in level 1, before the job */
	struct argv peer;    /* a program beside it, if any */
	struct names guests; /* ELF files that the guest executes */
	char *why_not;
};

struct plan {
	struct plan_job *jobs;
	size_t nr, capacity;
};

/*
 * Adds the jobs of an arm. `build_dir` is on this machine, for what has to be looked up. 0, or
 * -EINVAL with a reason if there is no such arm.
 */
int plan_add_arm(struct plan *plan, const char *arm, const struct catalog *catalog,
		 const char *patterns, const char *build_dir, struct err *err);

/* The benchmarks that exist only here: starts. */
void plan_add_to_catalog(struct catalog *catalog);

/* The arms that exist only here. */
bool plan_is_own_arm(const char *name);

/* Program of an arm on this machine that level 1 gets a copy of, beside tinyvmm; or NULL. */
char *plan_program(const char *arm);

void plan_free(struct plan *plan);

#endif
