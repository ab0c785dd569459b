/* SPDX-License-Identifier: MIT */
/* The reading side of log-linear histograms. */
#include "vmm/stats/histogram.h"

static uint64_t get(const _Atomic uint64_t *number)
{
	return atomic_load_explicit(number, memory_order_relaxed);
}

void histogram_merge(struct histogram *to, const struct histogram *from)
{
	unsigned int i;

	for (i = 0; i < HISTOGRAM_BUCKETS; i++)
		histogram_increase(&to->bucket[i], get(&from->bucket[i]));
	histogram_increase(&to->sum, get(&from->sum));
	if (get(&from->max) > get(&to->max))
		atomic_store_explicit(&to->max, get(&from->max), memory_order_relaxed);
}

uint64_t histogram_count(const struct histogram *histogram)
{
	uint64_t count = 0;
	unsigned int i;

	for (i = 0; i < HISTOGRAM_BUCKETS; i++)
		count += get(&histogram->bucket[i]);
	return count;
}

/* The middle of a bucket: half a step at most from any value in it. */
static uint64_t bucket_middle(unsigned int bucket)
{
	unsigned int octave = bucket >> HISTOGRAM_STEP_BITS;
	uint64_t first;

	if (octave <= 1) /* a bucket for each value */
		return bucket;
	octave--;
	first = (uint64_t)(bucket - (octave << HISTOGRAM_STEP_BITS)) << octave;
	return first + (1ull << octave) / 2;
}

uint64_t histogram_quantile(const struct histogram *histogram, unsigned int permille)
{
	uint64_t count = histogram_count(histogram);
	uint64_t max = get(&histogram->max);
	uint64_t rank, seen = 0;
	unsigned int i;

	/* count * permille / 1000, rounded up, without overflow. */
	rank = count / 1000 * permille + (count % 1000 * permille + 999) / 1000;
	if (rank == 0)
		rank = 1;
	if (rank >= count)
		return max; /* the last one is known exactly */
	for (i = 0; i < HISTOGRAM_BUCKETS - 1; i++) {
		seen += get(&histogram->bucket[i]);
		if (seen >= rank)
			return bucket_middle(i) < max ? bucket_middle(i) : max;
	}
	return max; /* beyond 2^40 */
}
