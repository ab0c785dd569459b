/* SPDX-License-Identifier: MIT */
/*
 * A log-linear histogram, as HDR histograms are: each power of two is cut into 16 equal steps, so a
 * value read back, the middle of its step, is at most 1/32 off, whatever its size, and adding one
 *is a count-leading-zeros and an increment.
 *
 *	value	  0 .. 15	16 .. 31	32 .. 63	...	2^39 .. 2^40 - 1    more
 *	buckets	  one each	one each	16 of 2		...	16 of 2^35	    the last
 *
 * One thread writes; others may read at any time and see each number whole, though not all of them
 * of one instant.
 */
#ifndef VMM_STATS_HISTOGRAM_H
#define VMM_STATS_HISTOGRAM_H

#include <stdatomic.h>
#include <stdint.h>

#define HISTOGRAM_STEP_BITS 4 /* 16 steps an octave */
#define HISTOGRAM_MAX_BITS  40
#define HISTOGRAM_BUCKETS   ((HISTOGRAM_MAX_BITS - HISTOGRAM_STEP_BITS + 1) << HISTOGRAM_STEP_BITS)

/* All zero: empty. The count is the sum of the buckets, which spares the writer an increment. */
struct histogram {
	_Atomic uint64_t sum;
	_Atomic uint64_t max;
	_Atomic uint64_t bucket[HISTOGRAM_BUCKETS];
};

static inline unsigned int histogram_bucket(uint64_t value)
{
	unsigned int octave;

	if (value < 1u << HISTOGRAM_STEP_BITS)
		return (unsigned int)value;
	if (value >> HISTOGRAM_MAX_BITS != 0)
		return HISTOGRAM_BUCKETS - 1;
	octave = 63 - (unsigned int)__builtin_clzll(value) - HISTOGRAM_STEP_BITS;
	/* The value's leading one carries into the octave number. */
	return (octave << HISTOGRAM_STEP_BITS) + (unsigned int)(value >> octave);
}

/* A plain increment for the one writer: no locked instruction. */
static inline void histogram_increase(_Atomic uint64_t *number, uint64_t by)
{
	atomic_store_explicit(number, atomic_load_explicit(number, memory_order_relaxed) + by,
			      memory_order_relaxed);
}

static inline void histogram_add(struct histogram *histogram, uint64_t value)
{
	histogram_increase(&histogram->bucket[histogram_bucket(value)], 1);
	histogram_increase(&histogram->sum, value);
	if (value > atomic_load_explicit(&histogram->max, memory_order_relaxed))
		atomic_store_explicit(&histogram->max, value, memory_order_relaxed);
}

/* Adds what is in `from`, which another thread may be writing to. */
void histogram_merge(struct histogram *to, const struct histogram *from);

uint64_t histogram_count(const struct histogram *histogram);

/*
 * The value that `permille` thousandths of all values do not exceed (nearest rank), at most 1/32
 * off, and never above the maximum. 0 of an empty histogram.
 */
uint64_t histogram_quantile(const struct histogram *histogram, unsigned int permille);

#endif
