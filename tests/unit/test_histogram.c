/* SPDX-License-Identifier: MIT */
/* Log-linear histograms: their buckets, and how far off a quantile may be. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "vmm/core/array.h"
#include "vmm/stats/histogram.h"

static void buckets_are_sixteen_an_octave_and_leave_no_gap(void **state)
{
	static const struct {
		uint64_t value;
		unsigned int bucket;
	} cases[] = {
		{0, 0},
		{15, 15},
		{16, 16},
		{31, 31},
		{32, 32},
		{33, 32},
		{34, 33},
		{63, 47},
		{64, 48},
		{67, 48},
		{68, 49},
		{(1ull << 40) - 1, HISTOGRAM_BUCKETS - 1},
		{1ull << 40, HISTOGRAM_BUCKETS - 1},
		{UINT64_MAX, HISTOGRAM_BUCKETS - 1},
	};
	unsigned int shift, bucket;
	size_t i;

	(void)state;
	for (i = 0; i < NR_OF(cases); i++)
		assert_int_equal(histogram_bucket(cases[i].value), cases[i].bucket);
	/* At each power of two the next octave begins where the last one ended. */
	for (shift = HISTOGRAM_STEP_BITS; shift < HISTOGRAM_MAX_BITS; shift++) {
		bucket = histogram_bucket(1ull << shift);
		assert_int_equal(bucket, (shift - HISTOGRAM_STEP_BITS + 1) * 16);
		assert_int_equal(histogram_bucket((1ull << shift) - 1), bucket - 1);
	}
}

/* xorshift64: the same values on every run. */
static uint64_t next_random(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

static int compare_u64(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a;
	uint64_t y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

/* Values spread evenly over the logarithm, between 2^min_bits and 2^max_bits. */
static uint64_t random_latency(uint64_t *state, unsigned int min_bits, unsigned int max_bits)
{
	unsigned int bits = min_bits + (unsigned int)(next_random(state) % (max_bits - min_bits));

	return (1ull << bits) + next_random(state) % (1ull << bits);
}

#define NR_SAMPLES 5000

static void quantiles_are_at_most_a_sixteenth_off(void **state)
{
	static const unsigned int permilles[] = {0, 1, 500, 900, 990, 999, 1000};
	static const struct {
		unsigned int min_bits, max_bits, nr;
	} cases[] = {
		{0, 4, NR_SAMPLES},   {4, 12, NR_SAMPLES},  {6, 20, NR_SAMPLES},
		{10, 11, NR_SAMPLES}, {20, 40, NR_SAMPLES}, {8, 9, 1},
		{8, 12, 2},	      {8, 12, 99},	    {8, 12, 101},
	};
	static uint64_t samples[NR_SAMPLES];
	uint64_t random = 88172645463325252ull;
	size_t i, j;

	(void)state;
	for (i = 0; i < NR_OF(cases); i++) {
		struct histogram *histogram = calloc(1, sizeof(*histogram));
		unsigned int nr = cases[i].nr;

		assert_non_null(histogram);
		for (j = 0; j < nr; j++) {
			samples[j] = random_latency(&random, cases[i].min_bits, cases[i].max_bits);
			histogram_add(histogram, samples[j]);
		}
		assert_int_equal(histogram_count(histogram), nr);
		qsort(samples, nr, sizeof(samples[0]), compare_u64);
		for (j = 0; j < NR_OF(permilles); j++) {
			unsigned int rank = (nr * permilles[j] + 999) / 1000;
			uint64_t exact = samples[rank > 0 ? rank - 1 : 0];
			uint64_t got = histogram_quantile(histogram, permilles[j]);
			uint64_t off = got > exact ? got - exact : exact - got;

			assert_true(off * 32 <= exact);
			assert_true(got <= samples[nr - 1]);
		}
		free(histogram);
	}
}

static void small_values_are_exact(void **state)
{
	uint64_t value;

	(void)state;
	for (value = 0; value < 32; value++) {
		struct histogram histogram = {0};

		histogram_add(&histogram, value);
		histogram_add(&histogram, 1000);
		assert_int_equal(histogram_quantile(&histogram, 500), value);
	}
}

static void an_empty_histogram_is_all_zero(void **state)
{
	struct histogram histogram = {0};

	(void)state;
	assert_int_equal(histogram_count(&histogram), 0);
	assert_int_equal(histogram_quantile(&histogram, 0), 0);
	assert_int_equal(histogram_quantile(&histogram, 500), 0);
	assert_int_equal(histogram_quantile(&histogram, 1000), 0);
}

static void what_lies_beyond_the_last_octave_is_the_maximum(void **state)
{
	struct histogram histogram = {0};

	(void)state;
	histogram_add(&histogram, UINT64_MAX - 1);
	histogram_add(&histogram, 1ull << 41);
	assert_int_equal(histogram_count(&histogram), 2);
	assert_true(histogram_quantile(&histogram, 500) == UINT64_MAX - 1);
}

static void merging_adds_and_keeps_the_larger_maximum(void **state)
{
	struct histogram a = {0}, b = {0};

	(void)state;
	histogram_add(&a, 100);
	histogram_add(&a, 7);
	histogram_add(&b, 100);
	histogram_add(&b, 20);
	histogram_merge(&b, &a);
	assert_int_equal(histogram_count(&b), 4);
	assert_int_equal(b.sum, 227);
	assert_int_equal(b.max, 100);
	assert_int_equal(b.bucket[histogram_bucket(100)], 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(buckets_are_sixteen_an_octave_and_leave_no_gap),
		cmocka_unit_test(quantiles_are_at_most_a_sixteenth_off),
		cmocka_unit_test(small_values_are_exact),
		cmocka_unit_test(an_empty_histogram_is_all_zero),
		cmocka_unit_test(what_lies_beyond_the_last_octave_is_the_maximum),
		cmocka_unit_test(merging_adds_and_keeps_the_larger_maximum),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
