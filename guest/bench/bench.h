/* SPDX-License-Identifier: MIT */
/* What a benchmark is to the runner (run.c), one C file each; list.c names them all. */
#ifndef BENCH_BENCH_H
#define BENCH_BENCH_H

#include "guest/bench/env.h"

/* The command line's words of the form key=value. */
struct options {
	unsigned int samples;	 /* besides the warm-up */
	unsigned int min_ms;	 /* a sample lasts at least so long */
	unsigned int iterations; /* of a sample, instead; 0: as many as min_ms asks for */
	unsigned int cpus;
	unsigned int seconds; /* of `bench idle` */
	enum env_pages pages;
	bool pin;
	const char *file;    /* blk.*, under Linux */
	const char *peer;    /* net.* */
	const char *address; /* net.*, our own, where we have to bring one */
	uint64_t size;	     /* bytes of the file or device that blk.* use; 0: all */
};

/* What one CPU does in one sample. */
struct pass {
	uint64_t iterations; /* how often to do it */
	unsigned int cpu;
	void *state;
	/* Filled in by the benchmark: */
	double work;	/* how much was done, in the numerator of the unit: bytes, accesses, ... */
	uint64_t ticks; /* how long that took, if not from beginning to end of the pass */
	uint64_t operations; /* begun and ended in the pass, if not `iterations` */
	const char *wrong;   /* why it could not be done, which ends the benchmark */
};

struct bench;

struct run {
	struct env *env;
	const struct options *options;
	const struct bench *bench;
	unsigned int cpus;	   /* that take part */
	void *state[ENV_MAX_CPUS]; /* what setup made for each */
	uint64_t met;		   /* bench_meet() */
};

struct bench {
	const char *name, *unit, *text;
	/*
	 * Higher is better: work per second, times `scale`. Lower is better: seconds per work,
	 * times `scale`.
	 */
	bool higher;
	double scale;
	bool parallel;	     /* can run on several CPUs at once; `work` then adds up */
	uint64_t size;	     /* a parameter of the benchmark, often a working set in bytes */
	uint64_t iterations; /* of each sample, instead of as many as min_ms asks for; 0: those */
	/* Makes the state of one CPU. NULL, or the reason why the benchmark is skipped. */
	const char *(*setup)(struct run *run, unsigned int cpu);
	void (*pass)(struct run *run, struct pass *pass);
	/*
	 * Whether the results are right, after all samples: NULL if they are, or what is wrong.
	 * `text` may be filled with what was found (128 bytes).
	 */
	const char *(*check)(struct run *run, unsigned int cpu, char *text);
	void (*finish)(struct run *run);
};

/* The benchmarks, in the order in which `list` prints them; ends with NULL. */
extern const struct bench *const bench_list[];

/* Runs one and prints its lines; false if it failed. */
bool bench_run(struct env *env, const struct options *options, const struct bench *bench);

/* Memory for a benchmark's state, of the default pages. */
void *bench_alloc(struct run *run, size_t size, const char **reason);

/* Returns once all CPUs that take part have called it as often as this one. */
void bench_meet(struct run *run);

/* A generator of pseudo-random numbers: Marsaglia's xorshift64*; the state is not 0. */
static inline uint64_t bench_random(uint64_t *state)
{
	*state ^= *state >> 12;
	*state ^= *state << 25;
	*state ^= *state >> 27;
	return *state * 0x2545f4914f6cdd1dull;
}

#endif
