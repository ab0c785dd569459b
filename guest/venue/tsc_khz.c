/* SPDX-License-Identifier: MIT */
/*
 * Prints the frequency of this machine's TSC in kHz, for the kernel parameter tsc_early_khz.
 *
 * QEMU's emulated CPU shows its guests the host's TSC. A kernel that calibrates it against emulated
 * timers while the host is busy errs by factors, and then all its timeouts do.
 */
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <time.h>

#include <x86intrin.h>

#define MEASURE_NS 100000000

struct moment {
	int64_t ns;
	uint64_t ticks;
};

/* The closest of some pairs of readings: in the others, something came between the two. */
static struct moment now(void)
{
	struct moment best = {0};
	uint64_t least = UINT64_MAX;

	for (int i = 0; i < 16; i++) {
		struct timespec ts;
		uint64_t before = __rdtsc();
		uint64_t took;

		clock_gettime(CLOCK_MONOTONIC_RAW, &ts);
		took = __rdtsc() - before;
		if (took < least) {
			least = took;
			best.ns = ts.tv_sec * 1000000000ll + ts.tv_nsec;
			best.ticks = before + took / 2;
		}
	}
	return best;
}

int main(void)
{
	struct timespec pause = {.tv_nsec = MEASURE_NS};
	struct moment from = now();
	struct moment to;

	nanosleep(&pause, NULL);
	to = now();
	printf("%" PRIu64 "\n", (to.ticks - from.ticks) * 1000000 / (uint64_t)(to.ns - from.ns));
	return 0;
}
