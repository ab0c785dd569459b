/* SPDX-License-Identifier: MIT */
/*
 * mem.fault: the first touch of memory. Natively it is a page fault of the process; in a payload,
 * whose own page tables are complete, it is the host that has to find a page, and to map it a
 * second time for the guest. Memory cannot be untouched, so a sample has a fixed size.
 */
#include "guest/bench/bench.h"

#define PAGE_BYTES     4096u
#define PAGES_A_SAMPLE 1024u

struct state {
	uint8_t *fresh;
};

static const char *setup(struct run *run, unsigned int cpu)
{
	size_t bytes = (size_t)(run->options->samples + 1) * PAGES_A_SAMPLE * PAGE_BYTES;
	const char *reason = NULL;
	struct state *state = bench_alloc(run, sizeof(*state), &reason);

	if (!state)
		return reason;
	state->fresh = run->env->ops->alloc_fresh(run->env, bytes, run->options->pages, &reason);
	run->state[cpu] = state;
	return state->fresh ? NULL : reason;
}

static void pass(struct run *run, struct pass *pass)
{
	struct state *state = pass->state;

	(void)run;
	for (unsigned int i = 0; i < PAGES_A_SAMPLE; i++, state->fresh += PAGE_BYTES)
		*(volatile uint8_t *)state->fresh = 1;
	pass->work = PAGES_A_SAMPLE;
}

const struct bench bench_mem_fault = {
	.name = "mem.fault",
	.unit = "ns",
	.text = "first touch of 4 KiB of memory, whatever pages back it",
	.scale = 1e9,
	.parallel = true,
	.iterations = 1,
	.setup = setup,
	.pass = pass,
};
