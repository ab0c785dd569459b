/* SPDX-License-Identifier: MIT */
/*
 * mem.stream_*: McCalpin's STREAM: copy, scale, add and triad over three arrays that no cache
 * holds. Bandwidth counts, as there, the bytes that the program names, not what a cache reads in
 * order to write; and as there it is that of the best of ten turns, because memory is shared with
 * all that runs beside. Each CPU has arrays of its own and touches them first; all begin a turn
 * together, and it lasts as long as the slowest takes. Arrays begin at multiples of 2 MiB in all
 * arms, so that none has luckier distances between them.
 */
#include "guest/bench/bench.h"

/* Of each array; STREAM wants four times the last-level cache. The option size= changes it. */
#define ARRAY_BYTES (128ull << 20)
#define SCALAR	    3.0
#define TURNS	    10

/* Values that make every kernel idempotent, so that any number of turns can be checked. */
#define A 1.0
#define B 2.0
#define C 1.5

enum kernel {
	COPY,
	SCALE,
	ADD,
	TRIAD,
};

struct state {
	double *a, *b, *c;
	size_t n;
	uint64_t ticks[TURNS];
	bool filled;
};

static const char *setup(struct run *run, unsigned int cpu)
{
	size_t bytes = run->options->size ? run->options->size : ARRAY_BYTES;
	const char *reason = NULL;
	struct state *state = bench_alloc(run, sizeof(*state), &reason);

	if (!state)
		return reason;
	*state = (struct state){.n = bytes / run->cpus / sizeof(double)};
	bytes = state->n * sizeof(double);
	state->a = bench_alloc(run, bytes, &reason);
	state->b = bench_alloc(run, bytes, &reason);
	state->c = bench_alloc(run, bytes, &reason);
	run->state[cpu] = state;
	return state->a && state->b && state->c ? NULL : reason;
}

static void fill(struct state *state)
{
	for (size_t i = 0; i < state->n; i++) {
		state->a[i] = A;
		state->b[i] = B;
		state->c[i] = C;
	}
	state->filled = true;
}

static void turn(enum kernel kernel, double *restrict a, double *restrict b, double *restrict c,
		 size_t n)
{
	size_t i;

	switch (kernel) {
	case COPY:
		for (i = 0; i < n; i++)
			c[i] = a[i];
		break;
	case SCALE:
		for (i = 0; i < n; i++)
			b[i] = SCALAR * c[i];
		break;
	case ADD:
		for (i = 0; i < n; i++)
			c[i] = a[i] + b[i];
		break;
	case TRIAD:
		for (i = 0; i < n; i++)
			a[i] = b[i] + SCALAR * c[i];
		break;
	}
}

/* Of the best turn. */
static uint64_t least_ticks(const struct run *run)
{
	uint64_t least = UINT64_MAX;

	for (unsigned int i = 0; i < TURNS; i++) {
		uint64_t slowest = 0;

		for (unsigned int cpu = 0; cpu < run->cpus; cpu++) {
			const struct state *state = run->state[cpu];

			if (state->ticks[i] > slowest)
				slowest = state->ticks[i];
		}
		if (slowest < least)
			least = slowest;
	}
	return least;
}

static void pass(struct run *run, struct pass *pass)
{
	struct state *state = pass->state;
	enum kernel kernel = (enum kernel)run->bench->size;
	size_t arrays = kernel == COPY || kernel == SCALE ? 2 : 3;

	if (!state->filled)
		fill(state);
	for (unsigned int i = 0; i < TURNS; i++) {
		uint64_t start;

		bench_meet(run);
		start = env_ticks();
		turn(kernel, state->a, state->b, state->c, state->n);
		state->ticks[i] = env_ticks() - start;
	}
	bench_meet(run);
	pass->ticks = least_ticks(run);
	pass->work = (double)(arrays * state->n * sizeof(double));
}

static bool all_are(const double *array, size_t n, double value)
{
	for (size_t i = 0; i < n; i++)
		if (array[i] != value)
			return false;
	return true;
}

static const char *check(struct run *run, unsigned int cpu, char *text)
{
	const struct state *state = run->state[cpu];
	enum kernel kernel = (enum kernel)run->bench->size;
	bool ok = all_are(state->a, state->n, kernel == TRIAD ? B + SCALAR * C : A) &&
		  all_are(state->b, state->n, kernel == SCALE ? SCALAR * C : B) &&
		  all_are(state->c, state->n,
			  kernel == COPY  ? A
			  : kernel == ADD ? A + B
					  : C);

	(void)text;
	return ok ? NULL : "an array holds wrong values";
}

#define STREAM(kernel, lower, what)                                                               \
	{                                                                                         \
		.name = "mem.stream_" lower, .unit = "GB/s", .text = "STREAM " lower ": " what,   \
		.higher = true, .scale = 1e-9, .parallel = true, .size = kernel, .iterations = 1, \
		.setup = setup, .pass = pass, .check = check,                                     \
	}

const struct bench bench_mem_stream[] = {
	STREAM(COPY, "copy", "c[i] = a[i]"),
	STREAM(SCALE, "scale", "b[i] = 3 * c[i]"),
	STREAM(ADD, "add", "c[i] = a[i] + b[i]"),
	STREAM(TRIAD, "triad", "a[i] = b[i] + 3 * c[i]"),
};
