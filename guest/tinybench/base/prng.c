/* SPDX-License-Identifier: MIT */
/* SplitMix64. */
#include "guest/tinybench/base/prng.h"

uint64_t prng_next(struct prng *prng)
{
	uint64_t z;

	prng->state += 0x9e3779b97f4a7c15; /* 2^64 divided by the golden ratio */
	z = prng->state;
	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
	z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
	return z ^ (z >> 31);
}

size_t prng_below(struct prng *prng, size_t bound)
{
	uint64_t limit = UINT64_MAX - UINT64_MAX % bound;
	uint64_t number;

	do /* a modulo of the numbers past the last multiple would favour small results */
		number = prng_next(prng);
	while (number >= limit);
	return (size_t)(number % bound);
}

void prng_shuffle(struct prng *prng, size_t *order, size_t nr)
{
	size_t i, other, swap;

	for (i = 0; i < nr; i++)
		order[i] = i;
	for (i = nr; i > 1; i--) {
		other = prng_below(prng, i);
		swap = order[i - 1];
		order[i - 1] = order[other];
		order[other] = swap;
	}
}
