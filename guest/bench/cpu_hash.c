/* SPDX-License-Identifier: MIT */
/*
 * cpu.hash: FNV-1a of 64 bits (draft-eastlake-fnv) over a buffer that fits the first or second
 * level of cache: a chain of dependent integer multiplications.
 */
#include "guest/bench/bench.h"

#define BUFFER_BYTES 16384u
#define FNV_BASIS    0xcbf29ce484222325ull
#define FNV_PRIME    0x100000001b3ull
#define SEED	     0x9e3779b97f4a7c15ull

/* The draft's test vector: FNV-1a of "foobar". */
#define FOOBAR_HASH 0x85944171f73967e8ull

struct state {
	uint8_t buffer[BUFFER_BYTES];
	uint64_t first; /* what the first pass made of the buffer */
	bool differed;
};

static uint64_t hash(const void *data, size_t len)
{
	const uint8_t *byte = data;
	uint64_t value = FNV_BASIS;

	for (size_t i = 0; i < len; i++)
		value = (value ^ byte[i]) * FNV_PRIME;
	return value;
}

static const char *setup(struct run *run, unsigned int cpu)
{
	const char *reason = NULL;
	struct state *state = bench_alloc(run, sizeof(*state), &reason);
	uint64_t random = SEED;

	if (!state)
		return reason;
	for (unsigned int i = 0; i < BUFFER_BYTES; i++)
		state->buffer[i] = (uint8_t)(bench_random(&random) >> 56);
	state->first = hash(state->buffer, BUFFER_BYTES);
	state->differed = false;
	run->state[cpu] = state;
	return NULL;
}

static void pass(struct run *run, struct pass *pass)
{
	struct state *state = pass->state;

	(void)run;
	for (uint64_t i = 0; i < pass->iterations; i++) {
		/* The compiler may not know that the buffer is the same each time. */
		__asm__ volatile("" ::: "memory");
		if (hash(state->buffer, BUFFER_BYTES) != state->first)
			state->differed = true;
	}
	pass->work = (double)pass->iterations * BUFFER_BYTES;
}

static const char *check(struct run *run, unsigned int cpu, char *text)
{
	const struct state *state = run->state[cpu];

	(void)text;
	if (hash("foobar", 6) != FOOBAR_HASH)
		return "FNV-1a of the test vector is wrong";
	return state->differed ? "the hash of the same buffer differed" : NULL;
}

const struct bench bench_cpu_hash = {
	.name = "cpu.hash",
	.unit = "MB/s",
	.text = "FNV-1a hash of a buffer in cache: dependent integer multiplications",
	.higher = true,
	.scale = 1e-6,
	.parallel = true,
	.setup = setup,
	.pass = pass,
	.check = check,
};
