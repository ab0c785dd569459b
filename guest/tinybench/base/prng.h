/* SPDX-License-Identifier: MIT */
/*
 * Random numbers that a recorded seed reproduces: SplitMix64 (Steele, Lea and Flood, "Fast
 * splittable pseudorandom number generators", OOPSLA 2014). One 64-bit word of state, every seed is
 * good, and seeds that are neighbours give unrelated sequences.
 */
#ifndef GUEST_TINYBENCH_BASE_PRNG_H
#define GUEST_TINYBENCH_BASE_PRNG_H

#include <stddef.h>
#include <stdint.h>

struct prng {
	uint64_t state;
};

uint64_t prng_next(struct prng *prng);

/* Uniform in [0, bound); bound is not 0. */
size_t prng_below(struct prng *prng, size_t bound);

/* Fills order[0 .. nr) with 0 .. nr-1 in random order (Fisher and Yates). */
void prng_shuffle(struct prng *prng, size_t *order, size_t nr);

#endif
