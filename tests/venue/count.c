/* SPDX-License-Identifier: MIT */
/*
 * Prints how far the TSC goes in ten thousand turns of a loop of two instructions: the least of
 * many tries, because a timer tick may come between. Where the clock counts instructions, that is
 * always the same.
 */
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>

#include <x86intrin.h>

int main(void)
{
	uint64_t least = UINT64_MAX;

	for (int i = 0; i < 50; i++) {
		uint64_t turns = 10000;
		uint64_t from = __rdtsc();
		uint64_t took;

		__asm__ volatile("1: dec %0; jnz 1b" : "+r"(turns) : : "cc");
		took = __rdtsc() - from;
		if (took < least)
			least = took;
	}
	printf("%" PRIu64 "\n", least);
	return 0;
}
