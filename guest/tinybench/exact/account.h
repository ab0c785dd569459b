/* SPDX-License-Identifier: MIT */
/*
 * The account of one operation: instructions by whose they are, world switches, system calls and
 * the rest, and the tree of calls with the instructions of each function. Everything is counted;
 * where operations overlap, sums are divided by their number.
 */
#ifndef GUEST_TINYBENCH_EXACT_ACCOUNT_H
#define GUEST_TINYBENCH_EXACT_ACCOUNT_H

#include "guest/tinybench/exact/split.h"
#include "guest/tinybench/exact/walk.h"

struct tally {
	char *name;
	uint64_t count;
};

struct tallies {
	struct tally *at; /* by name */
	size_t nr, capacity;
};

/* What was recorded and is not part of the operation. */
struct left_out {
	char *why;
	uint64_t operations;  /* that were disturbed so; 0: it was cut out of them */
	int64_t instructions; /* more than the usual operation has, or those cut out */
};

struct account {
	/* Sums over `divisor` operations: 1 where all are equal but those left out. */
	uint64_t divisor;
	uint64_t operations, equal; /* recorded, and how many of them took the same instructions */
	uint64_t columns[NR_COLUMNS];
	uint64_t total;
	uint64_t vmruns, context_switches, page_faults, interrupts, injections;
	struct tallies syscalls;
	struct left_out *left_out;
	size_t nr_left_out, left_out_capacity;
	uint64_t hash;	      /* of the instructions that were counted, in order */
	size_t first, length; /* where in the trace the operation is */
	struct walk walk;     /* has the tree: walk.root */
};

/*
 * `rounds`: of the benchmark's loop; 1: the whole trace is one operation. `places` outlives the
 * account, which account_free() frees.
 */
void account_make(struct account *account, const struct trace *trace, const struct insns *insns,
		  struct places *places, uint64_t rounds);
void account_free(struct account *account);

void tallies_add(struct tallies *tallies, const char *name, uint64_t count);

#endif
