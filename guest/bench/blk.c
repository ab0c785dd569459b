/* SPDX-License-Identifier: MIT */
/*
 * blk.*: requests to a raw file or disk, without a cache in between where the arm can choose. Those
 * that write destroy what the file held. Each keeps `depth` requests under way: what is done is
 * replaced at once, all replacements of one look together.
 */
#include "guest/bench/blk_io.h"

#define BLOCK_BYTES	 4096u
#define SEQUENTIAL_BYTES (1u << 20)
#define SEQUENTIAL_DEPTH 4u
#define SEED		 0x2545f4914f6cdd1dull

enum kind {
	READ,
	WRITE,
	MIX, /* 70 % reads */
	FLUSH,
};

/* What struct bench has in `size`. */
#define PARAMETER(kind, sequential, depth) \
	((uint64_t)(kind) << 16 | (uint64_t)(sequential) << 8 | (depth))

struct state {
	struct blk_io io;
	enum kind kind;
	bool sequential;
	uint32_t request_bytes;
	uint64_t nr_places; /* where a request may go: multiples of its size */
	uint64_t next;	    /* sequential */
	uint64_t random;
	uint8_t *buffers;
};

static const char *take_buffers(struct run *run, struct state *state)
{
	const char *reason = NULL;
	size_t bytes = (size_t)state->request_bytes * state->io.depth;

	/*
	 * In the payload one to one, which a device needs. Below that are the pages of --mem, and
	 * elsewhere those that were asked for: a request of 1 MiB is one piece of a huge page or
	 * 256 small ones, and three times as fast.
	 */
	state->buffers = run->env->ops->alloc(
		run->env, bytes, run->env->payload ? ENV_PAGES_2M : run->options->pages, &reason);
	for (size_t i = 0; state->buffers && i < bytes; i++)
		state->buffers[i] = (uint8_t)i;
	return reason;
}

static const char *setup(struct run *run, unsigned int cpu)
{
	uint64_t parameter = run->bench->size;
	const char *reason = NULL;
	struct state *state = bench_alloc(run, sizeof(*state), &reason);

	if (!state)
		return reason;
	*state = (struct state){.kind = (enum kind)(parameter >> 16),
				.sequential = parameter >> 8 & 1,
				.random = SEED};
	state->request_bytes = state->sequential ? SEQUENTIAL_BYTES : BLOCK_BYTES;
	reason = blk_open(&state->io, run->env, parameter & 0xff, run->options);
	if (reason)
		return reason;
	run->state[cpu] = state; /* from here on finish() closes */
	if (state->io.read_only && state->kind != READ)
		return "the file or disk is read-only";
	if (run->options->size && run->options->size < state->io.size)
		state->io.size = run->options->size;
	state->nr_places = state->io.size / state->request_bytes;
	if (state->nr_places == 0)
		return "the file or disk is too small";
	reason = take_buffers(run, state);
	return reason ? reason : state->kind == FLUSH ? blk_flush(&state->io) : NULL;
}

static void queue_next(struct state *state, unsigned int slot)
{
	uint64_t random = bench_random(&state->random) >> 11;
	uint64_t place = random % state->nr_places;
	bool is_write = state->kind == WRITE || state->kind == FLUSH ||
			(state->kind == MIX && (random >> 32) % 10 >= 7);

	if (state->sequential)
		place = state->next++ % state->nr_places;
	blk_queue(&state->io, slot, is_write, place * state->request_bytes,
		  state->buffers + (size_t)slot * state->request_bytes, state->request_bytes);
}

/*
 * At least `wanted` requests, with `depth` under way until the last of these is done, which is what
 * is timed: a tail in which the depth falls would be another benchmark, and all there is on a disk
 * that does not do `depth` requests in a sample. NULL, or what went wrong.
 */
static const char *run_requests(struct state *state, uint64_t wanted, struct pass *pass)
{
	unsigned int slots[BLK_MAX_DEPTH], under_way = state->io.depth;
	uint64_t start = env_ticks(), done = 0;
	int nr;

	for (unsigned int slot = 0; slot < under_way; slot++)
		queue_next(state, slot);
	pass->operations = under_way;
	for (;;) {
		nr = blk_push(&state->io) ? blk_wait(&state->io, slots) : -1;
		if (nr < 0)
			return "a request failed";
		done += (unsigned int)nr;
		if (done >= wanted)
			break;
		for (int i = 0; i < nr; i++)
			queue_next(state, slots[i]);
		pass->operations += (unsigned int)nr;
	}
	pass->ticks = env_ticks() - start;
	pass->work = (double)done;
	while ((under_way -= (unsigned int)nr) > 0) {
		nr = blk_wait(&state->io, slots);
		if (nr < 0)
			return "a request failed";
	}
	return NULL;
}

/* An iteration is as many requests as are under way: those that begin a sample are done in it. */
static void pass(struct run *run, struct pass *pass)
{
	struct state *state = pass->state;

	(void)run;
	pass->wrong = run_requests(state, pass->iterations * state->io.depth, pass);
	pass->work *= state->sequential ? state->request_bytes : 1;
}

/* The flush alone is timed, each after a write that it has to make durable. */
static void flush_pass(struct run *run, struct pass *pass)
{
	struct state *state = pass->state;

	(void)run;
	for (uint64_t i = 0; i < pass->iterations && !pass->wrong; i++) {
		struct pass write;
		uint64_t start;

		pass->wrong = run_requests(state, 1, &write);
		start = env_ticks();
		if (!pass->wrong)
			pass->wrong = blk_flush(&state->io);
		pass->ticks += env_ticks() - start;
	}
	pass->work = (double)pass->iterations;
}

static void finish(struct run *run)
{
	struct state *state = run->state[0];

	if (state)
		blk_close(&state->io);
}

#define BLK(label, what, unit_text, is_rate, factor, parameter, pass_function)             \
	{                                                                                  \
		.name = "blk." label, .text = what, .unit = unit_text, .higher = is_rate,  \
		.scale = factor, .size = parameter, .setup = setup, .pass = pass_function, \
		.finish = finish,                                                          \
	}
#define SEQUENTIAL(label, what, kind)                                                  \
	BLK(label, "sequential " what " of 1 MiB, four at a time", "MB/s", true, 1e-6, \
	    PARAMETER(kind, 1, SEQUENTIAL_DEPTH), pass)
#define RANDOM(label, what, kind, depth)                                                           \
	BLK(label "_qd" #depth, "random " what " of 4 KiB, " #depth " at a time", "IO/s", true, 1, \
	    PARAMETER(kind, 0, depth), pass)
#define DEPTHS(label, what, kind)                                                                 \
	RANDOM(label, what, kind, 1), RANDOM(label, what, kind, 2), RANDOM(label, what, kind, 4), \
		RANDOM(label, what, kind, 8), RANDOM(label, what, kind, 16),                      \
		RANDOM(label, what, kind, 32), RANDOM(label, what, kind, 64)

const struct bench bench_blk[] = {
	SEQUENTIAL("seqread", "reads", READ),
	SEQUENTIAL("seqwrite", "writes", WRITE),
	DEPTHS("randread", "reads", READ),
	DEPTHS("randwrite", "writes", WRITE),
	DEPTHS("randmix", "requests, 70 % of them reads,", MIX),
	BLK("flush", "a flush after a write of 4 KiB", "us", false, 1e6, PARAMETER(FLUSH, 0, 1),
	    flush_pass),
};
