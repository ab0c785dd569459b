/* SPDX-License-Identifier: MIT */
/*
 * Follows a trace: whose each instruction is, and which calls led to it. Calls and returns say
 * which place in the stack they use, so stacks are exact, also across tail calls, coroutines,
 * interrupts and a change of threads: a return ends the call that used the same place.
 *
 * What was called before the trace began is learned when it is returned to.
 */
#ifndef GUEST_TINYBENCH_EXACT_WALK_H
#define GUEST_TINYBENCH_EXACT_WALK_H

#include "guest/tinybench/exact/places.h"
#include "guest/tinybench/exact/trace_file.h"

/* The tree of calls. */
struct node {
	struct function *function;	    /* NULL of the root */
	struct node *parent, *first, *next; /* its first child, and the next one of its parent */
	uint64_t self, calls;
	bool in_tick; /* the timer's interrupt, or called by it */
};

struct frame {
	struct node *node; /* NULL until its first instruction */
	enum world world;
	uint32_t slot;
	bool has_slot;
	bool is_interrupt; /* of the kernel, from the kernel: ends with iret */
};

#define WALK_MAX_DEPTH 256

struct thread {
	uint32_t stack; /* which kernel stack, or 0: not known yet */
	struct frame frames[WALK_MAX_DEPTH];
	size_t depth;
	struct frame guest[WALK_MAX_DEPTH]; /* what it was doing when it left */
	size_t guest_depth;
};

struct walk {
	const struct insns *insns;
	struct places *places;
	struct node root;
	struct function *
		*known[2]; /* by instruction, of the host and of a guest: those with symbols */
	struct thread **threads, *thread;
	size_t nr_threads, threads_capacity;
	bool in_guest;
	uint64_t behind_vmrun;
	uint32_t kernel_slot; /* the latest */
	enum world world;     /* of the instruction before */
	bool has_world;
	/* Of the current instruction: */
	const struct insn *insn;
	struct node *node;
	bool enters; /* the function's first instruction */
};

void walk_start(struct walk *walk, const struct insns *insns, struct places *places,
		const struct trace *trace);

/* One more instruction; walk->insn, node and enters tell of it. */
void walk_step(struct walk *walk, const struct step *step);

void walk_free(struct walk *walk);

#endif
