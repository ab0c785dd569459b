/* SPDX-License-Identifier: MIT */
/*
 * Cuts a trace into operations. The benchmark's loop has an instruction that is executed once a
 * round: the first one of those that come exactly as often as the loop has rounds. From one to the
 * next is an operation. Operations that took exactly the same instructions are equal; what most of
 * them took is what an operation takes, and the others were disturbed.
 */
#ifndef GUEST_TINYBENCH_EXACT_SPLIT_H
#define GUEST_TINYBENCH_EXACT_SPLIT_H

#include "guest/tinybench/exact/places.h"
#include "guest/tinybench/exact/trace_file.h"

struct operation {
	size_t start, length; /* instructions of the trace */
	uint64_t hash;
	bool is_usual;
};

struct split {
	struct operation *at;
	size_t nr, nr_usual;
	size_t usual; /* the last of those */
};

/*
 * Marks the operations of the most frequent kind, and counts them: none if they are less than two
 * thirds of all, or have less than half of the instructions. Requests that are sent together are
 * many short rounds and a long one, in which the work is.
 */
void split_choose(struct split *split);

/*
 * `rounds` is how often the loop was passed. With less than two thirds of equal operations, or
 * where no instruction tells the rounds apart, nr_usual is 0: the operations overlap, and only
 * their sum has a meaning.
 */
void split_make(struct split *split, const struct trace *trace, const struct insns *insns,
		struct places *places, uint64_t rounds);

void split_free(struct split *split);

#endif
