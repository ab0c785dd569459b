/* SPDX-License-Identifier: MIT */
/*
 * mem.chase_*, mem.random_*: reads of cache lines in random order, over working sets from the first
 * level of cache to far beyond what the TLBs reach. In a chase each address comes from the line
 * before, so it shows latency; in random reads addresses are independent, so misses overlap. The
 * difference between a VM and native execution over the size is what nested paging costs.
 */
#include "guest/bench/bench.h"

#define LINE_BYTES   64u
#define READS_A_TURN 1024u
#define SEED	     0x853c49e6748fea9bull

struct line {
	struct line *next;
	uint64_t payload[LINE_BYTES / 8 - 1];
};

struct state {
	struct line *lines;
	size_t nr; /* a power of two */
	struct line *at;
	uint64_t random;
	uint64_t sum; /* so that reads have a purpose */
};

/*
 * The line that a chase visits as its i-th. Products with odd numbers modulo a power of two, and
 * exclusive ors with oneself shifted, can be undone, so each line comes up once; after three of
 * both a page comes up again as seldom as by chance. A shuffle, whose steps wait for memory one
 * after the other, takes ten times as long for a gibibyte.
 */
static struct line *visited(const struct state *state, size_t i)
{
	unsigned int half = (unsigned int)(__builtin_ctzll(state->nr) + 1) / 2;
	uint64_t mask = state->nr - 1, x = i & mask;

	x = x * 0x9e3779b97f4a7c15ull & mask;
	x ^= x >> half;
	x = x * 0xd6e8feb86659fd93ull & mask;
	x ^= x >> half;
	x = x * 0xbf58476d1ce4e5b9ull & mask;
	x ^= x >> half;
	return &state->lines[x];
}

/* One cycle through all lines. Each is touched in order before, as a program would that fills them.
 */
static void link_lines(struct state *state)
{
	struct line *line = visited(state, 0);

	for (size_t i = 0; i < state->nr; i++)
		state->lines[i].next = NULL;
	for (size_t i = 1; i <= state->nr; i++) {
		line->next = visited(state, i);
		line = line->next;
	}
}

static const char *setup(struct run *run, unsigned int cpu)
{
	const char *reason = NULL;
	struct state *state = bench_alloc(run, sizeof(*state), &reason);

	if (!state)
		return reason;
	*state = (struct state){.nr = run->bench->size / LINE_BYTES, .random = SEED};
	state->lines = bench_alloc(run, run->bench->size, &reason);
	if (!state->lines)
		return reason;
	link_lines(state);
	state->at = state->lines;
	run->state[cpu] = state;
	return NULL;
}

static void chase(struct run *run, struct pass *pass)
{
	struct state *state = pass->state;
	const struct line *at = state->at;

	(void)run;
	for (uint64_t i = 0; i < pass->iterations * READS_A_TURN; i++)
		at = at->next;
	state->at = (struct line *)at;
	pass->work = (double)(pass->iterations * READS_A_TURN);
}

static void read_random(struct run *run, struct pass *pass)
{
	struct state *state = pass->state;
	uint64_t random = state->random, sum = 0;
	size_t mask = state->nr - 1;

	(void)run;
	for (uint64_t i = 0; i < pass->iterations * READS_A_TURN; i++) {
		/* Knuth's MMIX generator: one multiplication, not to be what is measured. */
		random = random * 6364136223846793005ull + 1442695040888963407ull;
		sum += (uint64_t)(uintptr_t)state->lines[(random >> 33) & mask].next;
	}
	state->random = random;
	state->sum += sum;
	__asm__ volatile("" ::"r"(state->sum));
	pass->work = (double)(pass->iterations * READS_A_TURN);
}

/* The chain still is one cycle through all lines. */
static const char *check(struct run *run, unsigned int cpu, char *text)
{
	const struct state *state = run->state[cpu];

	(void)text;
	for (size_t i = 0; i < state->nr; i++)
		if (visited(state, i)->next != visited(state, i + 1))
			return "the chain of lines is broken";
	return NULL;
}

#define LATENCY(kind, pass_function, label, bytes, what)                                    \
	{                                                                                   \
		.name = "mem." kind "_" label, .unit = "ns",                                \
		.text = what " in a working set of " label, .scale = 1e9, .parallel = true, \
		.size = (bytes), .setup = setup, .pass = pass_function, .check = check,     \
	}
#define CHASE(label, bytes)  LATENCY("chase", chase, label, bytes, "one dependent read")
#define RANDOM(label, bytes) LATENCY("random", read_random, label, bytes, "one random read")

const struct bench bench_mem_latency[] = {
	CHASE("16k", 16ull << 10),  CHASE("64k", 64ull << 10),	  CHASE("256k", 256ull << 10),
	CHASE("1m", 1ull << 20),    CHASE("4m", 4ull << 20),	  CHASE("16m", 16ull << 20),
	CHASE("64m", 64ull << 20),  CHASE("256m", 256ull << 20),  CHASE("1g", 1ull << 30),
	RANDOM("16k", 16ull << 10), RANDOM("64k", 64ull << 10),	  RANDOM("256k", 256ull << 10),
	RANDOM("1m", 1ull << 20),   RANDOM("4m", 4ull << 20),	  RANDOM("16m", 16ull << 20),
	RANDOM("64m", 64ull << 20), RANDOM("256m", 256ull << 20), RANDOM("1g", 1ull << 30),
};
